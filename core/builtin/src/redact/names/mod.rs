//! Names of fields that hold sensitive data.
//!
//! A name is split into words; separators, case, prefixes and suffixes do not count: `password`, `userPassword`, `db.PASSWORD` and
//! `X-Api-Key` are all found. A name that ends in the word of a fact about the value, such as `password_length` or `token_expiry`, is not.

mod list;
mod words;

use fapilog_plugin::data_class::DataClass;
use fapilog_record::value::ValueRef;

use crate::redact::names::{
    list::{FACTS, QUESTIONS, SensitiveName, TERMS, Taken},
    words::NameWords,
};

/// The longest run of words that is a term.
const TERM_WORDS_MAX: usize = 3;

/// What a name says about the value under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedData {
    pub(super) class: DataClass,
    taken: Taken,
}

impl NamedData {
    /// Whether a value of this type can be such data: `token_count = 3` is no token, and a `bool` is never sensitive.
    pub(super) fn can_be(self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::None | ValueRef::Bool(_) => false,
            ValueRef::Text(text) => !text.is_empty(),
            ValueRef::Bytes(bytes) => !bytes.is_empty(),
            ValueRef::Map(map) => !map.is_empty(),
            ValueRef::Sequence(sequence) => sequence.iter().any(|element| self.can_be(element)),
            ValueRef::Char(_) | ValueRef::Uuid(_) => true,
            ValueRef::Ip(_) | ValueRef::Socket(_) => self.class == DataClass::NetworkAddress,
            ValueRef::Time { .. } => self.class == DataClass::BirthDate,
            _ => self.taken == Taken::NumbersToo,
        }
    }
}

/// The sensitive data under a name, if there are any.
pub(super) fn sensitive(name: &str) -> Option<NamedData> {
    let words = NameWords::of(name);
    if words.len() == 0 || is_fact(&words) {
        return None;
    }
    let runs = (0..words.len()).flat_map(|from| (1..=TERM_WORDS_MAX).map(move |len| (from, from + len)));
    let mut found = runs.filter(|(_, until)| *until <= words.len()).filter_map(|(from, until)| {
        let term = TERMS.get(TERMS.binary_search_by_key(&words.joined(from, until), |term| term.term).ok()?)?;
        applies(term, &words, from, until).then_some((until - from, term))
    });
    // The longest run decides: `email_address` is an e-mail address.
    let first = found.next()?;
    let (_, term) = found.fold(first, |longest, other| if other.0 > longest.0 { other } else { longest });
    Some(NamedData { class: term.class, taken: term.taken })
}

fn applies(term: &SensitiveName, words: &NameWords, from: usize, until: usize) -> bool {
    let before = words.joined(from.saturating_sub(1), from);
    let is_alone = from == 0 && until == words.len();
    match term.alone {
        true => is_alone,
        false => !term.not_behind.contains(&before),
    }
}

/// Whether the name is that of a fact about the value: `has_password`, `token_count`.
fn is_fact(words: &NameWords) -> bool {
    words.len() > 1 && (FACTS.binary_search(&words.last()).is_ok() || QUESTIONS.contains(&words.first()))
}

/// Whether two names are the same for a person: separators and case do not count.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    NameWords::of(one).all() == NameWords::of(other).all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> Option<DataClass> {
        sensitive(name).map(|named| named.class)
    }

    #[test]
    fn separators_case_prefixes_and_suffixes_do_not_count() {
        for name in
            ["password", "PASSWORD", "userPassword", "db.password", "password_old", "X-Password", "passwordHash"]
        {
            assert_eq!(class(name), Some(DataClass::Credential), "{name}");
        }
        for (name, expected) in [
            ("api_key", DataClass::Credential),
            ("X-API-Key", DataClass::Credential),
            ("authorization", DataClass::Credential),
            ("Set-Cookie", DataClass::Credential),
            ("clientSecret", DataClass::Credential),
            ("aws_secret_access_key", DataClass::Credential),
            ("access_token", DataClass::Credential),
            ("card_number", DataClass::CardNumber),
            ("pan", DataClass::CardNumber),
            ("creditCard", DataClass::CardNumber),
            ("cvv", DataClass::CardSecurityCode),
            ("card_cvc", DataClass::CardSecurityCode),
            ("pin", DataClass::CardSecurityCode),
            ("ssn", DataClass::NationalId),
            ("iban", DataClass::BankAccount),
            ("account_number", DataClass::BankAccount),
            ("email", DataClass::Email),
            ("email_address", DataClass::Email),
            ("e-mail", DataClass::Email),
            ("phone", DataClass::Phone),
            ("mobileNumber", DataClass::Phone),
            ("address", DataClass::PostalAddress),
            ("shipping_address", DataClass::PostalAddress),
            ("date_of_birth", DataClass::BirthDate),
            ("birth_date", DataClass::BirthDate),
            ("dob", DataClass::BirthDate),
            ("last_name", DataClass::PersonName),
            ("client_ip", DataClass::NetworkAddress),
            ("diagnosis", DataClass::Health),
        ] {
            assert_eq!(class(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn names_of_facts_and_of_other_things_are_not_sensitive() {
        for name in [
            "password_length",
            "has_password",
            "is_token_valid",
            "token_count",
            "max_tokens",
            "secret_version",
            "card_type",
            "email_count",
            "phone_verified",
            "ip_address_family",
            "memory_address",
            "bind_address",
            "listen_address",
            "span",
            "spin",
            "pinned",
            "japan",
            "company",
            "user_id",
            "status",
            "file_name",
            "host",
            "order_id",
            "primary_key",
            "key",
            "shopping_cart",
            "discard",
            "keyboard",
            "cookie_policy",
            "author",
            "authority",
            "",
        ] {
            assert_eq!(class(name), None, "{name}");
        }
    }

    #[test]
    fn the_type_of_the_value_decides_too() {
        let can_be = |name, value| sensitive(name).is_some_and(|named| named.can_be(value));
        assert!(can_be("pin", ValueRef::U64(1234)) && can_be("password", ValueRef::I64(7)));
        assert!(!can_be("token", ValueRef::U64(3)) && can_be("token", ValueRef::Text("x")));
        assert!(!can_be("password", ValueRef::Bool(true)) && !can_be("password", ValueRef::None));
        assert!(!can_be("password", ValueRef::Text("")));
        assert!(!can_be("address", ValueRef::U64(0x7fff_0000)));
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(TERMS.windows(2).all(|pair| pair[0].term < pair[1].term));
        assert!(FACTS.windows(2).all(|pair| pair[0] < pair[1]));
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(TERMS.iter().all(|term| is_plain(term.term)));
    }
}
