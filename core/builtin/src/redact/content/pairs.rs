//! A `:` or `=`: the value beside a keyword, a parameter of a URL, or a URL itself.

use super::{
    keywords::{KeywordFamily, NameTail, may_end_keyword},
    rule::ContentRule::{KeywordSecret, UrlToken},
    search::Search,
    text::ScannedText,
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

/// The default mark of a redaction. Any other text in brackets may be a secret.
const MARK: &[u8] = b"[redacted]";

/// The shortest value of such a parameter: `code=404` and `key=name` are no secrets.
const SHORTEST_PARAMETER_BYTES: usize = 8;

/// The meaning of a parameter's name for its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameSecrecy {
    /// Any value is a secret.
    Keyword,
    /// A long value is one.
    SecretParameter,
}

impl NameSecrecy {
    /// `None` if the name is that of no secret.
    fn of(name: &NameTail, is_parameter: bool) -> Option<Self> {
        let family = name.keyword().map(|keyword| keyword.family);
        if matches!(family, Some(KeywordFamily::Password | KeywordFamily::Token)) {
            return Some(Self::Keyword);
        }
        let is_secret = is_parameter && SECRET_PARAMETERS.iter().any(|parameter| name.ends_with_word(parameter));
        is_secret.then_some(Self::SecretParameter)
    }

    fn is_secret(self, value: SecretPlace, text: ScannedText<'_>) -> bool {
        let is_long = value.end - value.start >= SHORTEST_PARAMETER_BYTES;
        (self == Self::Keyword || is_long) && !value.is_placeholder(text)
    }
}

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

    /// The `%` of a `%3D`: `next=%2Fcallback%3Ftoken%3D9f86d081`. A `%253D`, which is escaped again, counts, too.
    #[cold]
    pub(super) fn escaped_separator(&mut self, at: usize) {
        let text = self.text;
        let code = escaped_code(text, at);
        if !text.has_in_any_case(code, b"3d") || !may_end_keyword(text, at) {
            return;
        }
        let rule = if self.rules.has(UrlToken) { UrlToken } else { KeywordSecret };
        let start = text.run_back(at, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        let is_parameter = matches!(text.before(start), b'%' | b'?' | b'&' | b'#');
        // A value is looked for behind a secret name only, and then passed over: the scan stays linear.
        let Some(secrecy) = NameSecrecy::of(&NameTail::before(text, at), is_parameter) else { return };
        let value = if self.rules.has(rule) { self.escaped_value(code + 2) } else { return };
        if secrecy.is_secret(value, text) {
            self.value_found(rule, value.start, value.end);
        } else {
            self.pass_over(value.start, value.end);
        }
    }

    /// The value behind an escaped separator: up to a sign that ends a parameter, escaped or not.
    fn escaped_value(&self, start: usize) -> SecretPlace {
        const ENDS: [&[u8]; 5] = [b"20", b"22", b"23", b"26", b"27"];
        let text = self.text;
        let is_end = |at| ENDS.iter().any(|end| text.has(escaped_code(text, at), end));
        let start = if text.at(start) == b'%' && is_end(start) { escaped_code(text, start) + 2 } else { start };
        let mut end = start;
        loop {
            end = text.run(end, usize::MAX, |byte| byte != b'%' && !ends_parameter(byte));
            if text.at(end) != b'%' || is_end(end) {
                return SecretPlace::bare(start, end);
            }
            end += 1;
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
        let Some(secrecy) = NameSecrecy::of(name, true) else { return false };
        let value = self.parameter_value(at + 1);
        let is_found = secrecy.is_secret(value, text);
        if is_found {
            self.value_found(UrlToken, value.start, value.end);
        }
        is_found
    }

    /// The end of the mark of an earlier redaction, if it is all of the parameter's value.
    fn mark_end(&self, start: usize) -> Option<usize> {
        let end = start + MARK.len();
        let is_whole = end >= self.text.len() || ends_parameter(self.text.at(end));
        (self.text.has(start, MARK) && is_whole).then_some(end)
    }

    fn parameter_value(&self, start: usize) -> SecretPlace {
        if let Some(end) = self.mark_end(start) {
            return SecretPlace::bare(start, end);
        }
        let end = self.text.run(start, usize::MAX, |byte| !ends_parameter(byte));
        // Punctuation of the sentence that the URL is in.
        let end = self.text.run_back(end, end - start, |byte| matches!(byte, b',' | b';' | b'.'));
        SecretPlace::bare(start, end)
    }
}

/// Whether no value of a parameter has this byte as it is.
const fn ends_parameter(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b')' | b']' | b'}' | b'|')
}

/// The place of the code behind a `%`, which may itself be escaped: `%3D`, `%253D`.
fn escaped_code(text: ScannedText<'_>, percent: usize) -> usize {
    let mut at = percent + 1;
    while at < percent + 7 && text.has(at, b"25") {
        at += 2;
    }
    at
}
