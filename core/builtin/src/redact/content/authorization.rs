//! Values of HTTP headers: `Authorization`, `Cookie`, `Set-Cookie`.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    rule::ContentRule::{AuthorizationValue, CookieValue},
    search::Search,
    text::{ScannedText, is_high_entropy},
};

/// Schemes with a single value after them.
const SCHEMES_WITH_VALUE: &[&[u8]] = &[
    b"bearer",
    b"basic",
    b"token",
    b"apikey",
    b"negotiate",
    b"ntlm",
    b"bot",
    b"key",
    b"jwt",
    b"dpop",
    b"privatetoken",
];
/// Schemes with parameters after them, up to the end of the header.
const SCHEMES_WITH_PARAMETERS: &[&[u8]] = &[
    b"digest",
    b"hawk",
    b"oauth",
    b"mac",
    b"signature",
    b"aws4-hmac-sha256",
    b"goog4-hmac-sha256",
    b"sharedkey",
    b"sharedkeylite",
    b"gnap",
];

/// Words that stand in the place of a value in a sentence.
const ABSENT: &[&[u8]] = &[
    b"null",
    b"none",
    b"nil",
    b"required",
    b"missing",
    b"failed",
    b"denied",
    b"header",
    b"error",
    b"invalid",
    b"undefined",
    b"true",
    b"false",
];

impl Search<'_> {
    /// The value of `Authorization`, without its scheme.
    pub(super) fn authorization(&mut self, start: usize) {
        let text = self.text;
        let start = text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'['));
        let scheme_end = text.run(start, 24, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let scheme = text.part(start, scheme_end);
        let is = |schemes: &[&[u8]]| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let value = text.run(scheme_end, 4, |byte| byte == b' ');
        let end = if value > scheme_end && is(SCHEMES_WITH_VALUE) {
            value_end(text, value)
        } else if value > scheme_end && is(SCHEMES_WITH_PARAMETERS) {
            header_end(text, value, start)
        } else {
            let end = value_end(text, start);
            if !ABSENT.iter().any(|absent| text.part(start, end).eq_ignore_ascii_case(absent)) {
                self.value_found(AuthorizationValue, start, end);
            }
            return;
        };
        self.value_found(AuthorizationValue, value, end);
    }

    /// `Bearer` or `Basic` with a value, without the name of the header.
    pub(super) fn bare_authorization(&mut self, at: usize) {
        let text = self.text;
        let is_bearer = text.has_in_any_case(at, b"bearer ");
        if self.value.contains(&at) || !is_bearer && !text.has_in_any_case(at, b"basic ") {
            return;
        }
        let name_end = at + if is_bearer { b"bearer ".len() } else { b"basic ".len() };
        let value = text.run(name_end, 3, |byte| byte == b' ');
        let end = text
            .run(value, usize::MAX, |byte| super::text::is_base64(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~'));
        let found = text.part(value, end);
        let is_secret =
            if is_bearer { found.len() > 64 || is_high_entropy(found) } else { is_user_and_password(found) };
        if is_secret {
            self.value_found(AuthorizationValue, value, end);
        }
    }

    /// All cookies of a request.
    pub(super) fn cookies(&mut self, start: usize) {
        let text = self.text;
        let start = text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'['));
        if has_cookie(text, start) {
            self.value_found(CookieValue, start, header_end(text, start, start));
        }
    }

    /// The value of a cookie of a response, without its name and its attributes.
    pub(super) fn set_cookie(&mut self, start: usize) {
        let text = self.text;
        let start = text.run(start, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'['));
        if has_cookie(text, start) {
            let value = text.run(start, 65, |byte| byte != b'=') + 1;
            let end = text.run(value, usize::MAX, |byte| {
                !byte.is_ascii_whitespace() && !matches!(byte, b';' | b'"' | b'\'' | b'\\' | b',')
            });
            self.value_found(CookieValue, value, end);
        }
    }
}

/// Whether `name=` stands at this place.
fn has_cookie(text: ScannedText<'_>, start: usize) -> bool {
    let end =
        text.run(start, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%' | b'$'));
    end > start && text.at(end) == b'='
}

fn value_end(text: ScannedText<'_>, start: usize) -> usize {
    let end = text.run(start, usize::MAX, |byte| {
        !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'\\' | b',' | b';' | b'`' | b'<')
    });
    text.run_back(end, end - start, |byte| matches!(byte, b')' | b']' | b'}' | b'.'))
}

/// The end of a header: a new line (also as `\n`), or the quote that encloses it.
fn header_end(text: ScannedText<'_>, start: usize, header: usize) -> usize {
    let quote = text.before(header);
    let is_quoted = matches!(quote, b'"' | b'\'');
    let mut at = start;
    loop {
        at = text.run(at, usize::MAX, |byte| !(matches!(byte, b'\r' | b'\n' | b'\\') || is_quoted && byte == quote));
        let is_end = text.at(at) != b'\\'
            || matches!(text.at(at + 1), b'n' | b'r')
            || is_quoted && text.nth_before(header, 2) == b'\\' && text.at(at + 1) == quote;
        if is_end || at >= text.len() {
            return at.min(text.len());
        }
        at += 1;
    }
}

/// Whether this is `user:password` in base64.
fn is_user_and_password(encoded: &[u8]) -> bool {
    let mut decoded = [0; 192];
    if encoded.len() > 256 {
        return true;
    }
    let Ok(length) = STANDARD.decode_slice(encoded, &mut decoded) else { return false };
    let pair = decoded.get(..length).unwrap_or_default();
    pair.contains(&b':') && pair.iter().all(|byte| *byte >= b' ')
}
