//! The kinds of sensitive text, and sets of them.

use fapilog_plugin::{data_class::DataClass, named_enum};

named_enum! {
    /// A kind of sensitive text.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum ContentRule {
        /// Private keys in PEM: the whole block, also with `\n` as two characters, and also without its `END` line.
        PrivateKey = "private_key",
        /// JSON web tokens: signed ones (three parts) and encrypted ones (five parts).
        Jwt = "jwt",
        /// Access key IDs of AWS, and secret keys after them.
        AwsKey = "aws_key",
        /// Tokens of GitHub.
        GithubToken = "github_token",
        /// Tokens of GitLab.
        GitlabToken = "gitlab_token",
        /// Tokens of Slack.
        SlackToken = "slack_token",
        /// Secret keys and webhook secrets of Stripe.
        StripeKey = "stripe_key",
        /// API keys, OAuth tokens and client secrets of Google.
        GoogleKey = "google_key",
        /// Tokens of other services that mark theirs with a prefix, such as npm, PyPI, Vault and `SendGrid`.
        ServiceToken = "service_token",
        /// Values of the header `Authorization`, and `Bearer` and `Basic` with their value.
        AuthorizationValue = "authorization_value",
        /// Values of the headers `Cookie` and `Set-Cookie`.
        CookieValue = "cookie_value",
        /// User and password of a URL.
        UrlCredentials = "url_credentials",
        /// Secret parameters of a URL.
        UrlToken = "url_token",
        /// Values beside a keyword: `password=...`, `"token": "..."`, `--secret ...`.
        KeywordSecret = "keyword_secret",
        /// Numbers of payment cards.
        CardNumber = "card_number",
        /// Security codes of payment cards, and PINs, beside a card number or a keyword.
        CardSecurityCode = "card_security_code",
        /// Social security numbers of the United States.
        SocialSecurityNumber = "social_security_number",
        /// International bank account numbers.
        Iban = "iban",
        /// E-mail addresses.
        Email = "email",
        /// Telephone numbers: international ones, and national ones beside a keyword.
        Phone = "phone",
        /// Addresses of IPv4.
        Ipv4 = "ipv4",
        /// Addresses of IPv6.
        Ipv6 = "ipv6",
        /// Long random texts within 48 bytes after a keyword: `the token of job 7: 9f86d081884c7d65...`. The least certain rule: any other stands before it.
        HighEntropySecret = "high_entropy_secret",
    }
}

impl ContentRule {
    /// The class of data that the rule finds.
    #[must_use]
    pub const fn class(self) -> DataClass {
        match self {
            Self::CardNumber => DataClass::CardNumber,
            Self::CardSecurityCode => DataClass::CardSecurityCode,
            Self::SocialSecurityNumber => DataClass::NationalId,
            Self::Iban => DataClass::BankAccount,
            Self::Email => DataClass::Email,
            Self::Phone => DataClass::Phone,
            Self::Ipv4 | Self::Ipv6 => DataClass::NetworkAddress,
            _ => DataClass::Credential,
        }
    }

    /// The rules for a class of data. Empty for a class that only names of fields reveal, such as names of persons.
    pub fn of_class(class: DataClass) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |rule| rule.class() == class)
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RuleSet(u32);

impl RuleSet {
    pub(super) fn of(rules: impl IntoIterator<Item = ContentRule>) -> Self {
        rules.into_iter().fold(Self::default(), |set, rule| Self(set.0 | 1 << rule as u32))
    }

    #[inline]
    pub(super) const fn has(self, rule: ContentRule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }

    pub(super) fn has_any(self, rules: &[ContentRule]) -> bool {
        rules.iter().any(|rule| self.has(*rule))
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_rules_that_it_was_made_of() {
        let set = RuleSet::of([ContentRule::PrivateKey, ContentRule::Ipv6]);
        let has: Vec<_> = ContentRule::ALL.iter().filter(|rule| set.has(**rule)).collect();
        assert_eq!(has, [&ContentRule::PrivateKey, &ContentRule::Ipv6]);
    }

    #[test]
    fn an_address_of_either_version_is_a_network_address() {
        let rules: Vec<_> = ContentRule::of_class(DataClass::NetworkAddress).collect();
        assert_eq!(rules, [ContentRule::Ipv4, ContentRule::Ipv6]);
    }
}
