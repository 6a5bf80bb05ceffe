//! A `:` or `=`: the value beside a keyword, a parameter of a URL, or a URL itself.

use super::{
    keywords::{KeywordFamily, NameTail, may_end_keyword},
    rule::ContentRule::{KeywordSecret, UrlToken},
    search::Search,
    values::SecretPlace,
};

/// Parameters of URLs whose values are secret although no keyword is in their names.
const SECRET_PARAMETERS: &[&str] = &[
    "sig",
    "signature",
    "code",
    "key",
    "auth",
    "ticket",
    "session",
    "sid",
    "jwt",
    "assertion",
    "samlresponse",
    "hmac",
];

/// The shortest value of such a parameter: `code=404` and `key=name` are no secrets.
const SHORTEST_PARAMETER_BYTES: usize = 8;

impl Search<'_> {
    /// A `:` or `=`.
    #[inline]
    pub(super) fn separator(&mut self, at: usize) {
        let text = self.text;
        // Nothing, or a quote, stands between most names and their separators.
        let end = match text.before(at) {
            byte if byte.is_ascii_alphanumeric() => at,
            b'"' if text.nth_before(at, 2).is_ascii_alphanumeric() => at - 1,
            _ => self.name_end(at),
        };
        if text.at(at + 1) == b'/' && text.at(at) == b':' && text.at(at + 2) == b'/' {
            self.url(at);
        } else if may_end_keyword(text, end) {
            self.pair(at, end);
        }
    }

    /// The end of a name with `']`, ` ` or `\"` behind it.
    fn name_end(&self, at: usize) -> usize {
        self.text.run_back(at, 8, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'\\' | b']'))
    }

    #[cold]
    fn pair(&mut self, at: usize, name_end: usize) {
        let name = NameTail::before(self.text, name_end);
        if self.parameter(at, name_end, &name) {
            return;
        }
        let Some(keyword) = name.keyword() else { return };
        let separator_end = self.separator_end(at);
        let start = self.text.run(separator_end, 16, |byte| matches!(byte, b' ' | b'\t'));
        match keyword.family {
            KeywordFamily::Authorization => self.authorization(start),
            KeywordFamily::Cookie => self.cookies(start),
            KeywordFamily::SetCookie => self.set_cookie(start),
            KeywordFamily::SecurityCode => self.security_code_at(start),
            KeywordFamily::SocialSecurityNumber => self.social_security_number_at(start),
            KeywordFamily::Phone => self.national_phone_at(start),
            family @ (KeywordFamily::Password | KeywordFamily::Token) => self.keyword_value(at, start, family),
        }
    }

    /// After `=`, `:`, `==`, `=>`, `:=`.
    fn separator_end(&self, at: usize) -> usize {
        self.text.run(at + 1, 1, |byte| matches!(byte, b'=' | b'>'))
    }

    fn keyword_value(&mut self, at: usize, start: usize, family: KeywordFamily) {
        let text = self.text;
        // A keyword within JSON has its value beside it; so has `key=value`. After `: `, a sentence may go on.
        let is_assigned = text.at(at) == b'=' || start == at + 1 || matches!(text.before(at), b'"' | b'\'');
        let Some(value) = self.value_at(start) else { return };
        let is_object = text.at(value.start) == b'{' && !text.has(value.start, b"{{");
        if !is_object && value.is_secret(text, family, is_assigned) {
            self.value_found(KeywordSecret, value.start, value.end);
        }
    }

    /// A parameter of a URL, after `?`, `&` or `#`. Returns whether it is a secret one.
    fn parameter(&mut self, at: usize, name_end: usize, name: &NameTail) -> bool {
        let text = self.text;
        if text.at(at) != b'=' || name_end != at || !self.rules.has(UrlToken) {
            return false;
        }
        let start = text.run_back(at, 64, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%' | b'[' | b']')
        });
        if !matches!(text.before(start), b'?' | b'&' | b'#') {
            return false;
        }
        let is_keyword = name
            .keyword()
            .is_some_and(|keyword| matches!(keyword.family, KeywordFamily::Password | KeywordFamily::Token));
        let is_secret_parameter = SECRET_PARAMETERS.iter().any(|parameter| name.ends_with_word(parameter));
        let value = self.parameter_value(at + 1);
        let is_long = value.end - value.start >= SHORTEST_PARAMETER_BYTES;
        let is_found = (is_keyword || is_secret_parameter && is_long) && !value.is_placeholder(text);
        if is_found {
            self.value_found(UrlToken, value.start, value.end);
        }
        is_found
    }

    fn parameter_value(&self, start: usize) -> SecretPlace {
        let end = self.text.run(start, usize::MAX, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b')' | b']' | b'}' | b'|')
        });
        // Punctuation of the sentence that the URL is in.
        let end = self.text.run_back(end, end - start, |byte| matches!(byte, b',' | b';' | b'.'));
        SecretPlace::bare(start, end)
    }
}
