//! Classes of sensitive data: what redactors remove and what compliance standards ask for.

use crate::named_enum;

named_enum! {
    /// A class of sensitive data. Redactors state which they remove ([`Factory::protecting`](crate::factory::Factory::protecting)), and
    /// compliance standards which have to be removed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum DataClass {
        /// Passwords, tokens, keys and cookies: whoever has one can act in another's name.
        Credential = "credential",
        /// Numbers of payment cards (PAN).
        CardNumber = "card_number",
        /// Security codes of payment cards, and PINs.
        CardSecurityCode = "card_security_code",
        /// Social security numbers, passports, tax numbers.
        NationalId = "national_id",
        /// Bank accounts: IBAN and account numbers.
        BankAccount = "bank_account",
        /// E-mail addresses.
        Email = "email",
        /// Telephone numbers.
        Phone = "phone",
        /// Postal addresses and places.
        PostalAddress = "postal_address",
        /// Dates of birth.
        BirthDate = "birth_date",
        /// Names of persons.
        PersonName = "person_name",
        /// IP addresses.
        NetworkAddress = "network_address",
        /// Medical facts and record numbers.
        Health = "health",
    }
}
