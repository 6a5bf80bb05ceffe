//! Secrets in texts: in URLs, in headers, in pairs of a name and a value, and private keys.
//!
//! A part that may be a secret counts as such: too much is hidden, rather than too little.

use std::{borrow::Cow, ops::Range};

use super::{
    REDACTED,
    names::{is_secret_parameter, is_secret_path},
};

/// The front of a block of PEM, and the name of those that are secret.
const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";
const PEM_SECRET: &str = "PRIVATE KEY";

/// The schemes of `Authorization`, in lower case.
const AUTHORIZATION_SCHEMES: [&str; 4] = ["bearer ", "basic ", "digest ", "splunk "];
/// The least characters of credentials in the middle of a text. A shorter word is prose: "basic use".
const CREDENTIALS_CHARS_MIN: usize = 6;

/// The text with `[redacted]` in place of the secrets in it: the user and password of a URL, its secret parameters, credentials behind
/// `Bearer` and `Basic`, private keys in PEM, keys as `fapilog-key-1...`, and values of secret names as in `password = "..."`.
///
/// ```
/// use fapilog_plugin::settings::redact_text;
///
/// assert_eq!(redact_text("https://user:pass@host/push?token=abc&db=1"), "https://[redacted]@host/push?token=[redacted]&db=1");
/// assert_eq!(redact_text("level = \"info\""), "level = \"info\"");
/// ```
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let mut secret = secrets_of_prose(text);
    secret.extend(assigned_values(text));
    without(text, secret)
}

/// As [`redact_text`], without pairs of a name and a value: a sentence has a colon behind a word, too.
pub(super) fn redact_prose(text: &str) -> Cow<'_, str> {
    without(text, secrets_of_prose(text))
}

fn secrets_of_prose(text: &str) -> Vec<Range<usize>> {
    let mut secret: Vec<_> = private_keys(text).collect();
    secret.extend(userinfo(text));
    secret.extend(parameters(text));
    secret.extend(credentials(text));
    secret.extend(secret_keys(text));
    secret
}

fn without(text: &str, mut secret: Vec<Range<usize>>) -> Cow<'_, str> {
    secret.retain(|range| !is_shown(text.get(range.clone()).unwrap_or_default()));
    if secret.is_empty() {
        return Cow::Borrowed(text);
    }
    secret.sort_by_key(|range| range.start);
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for range in secret {
        if range.start >= end {
            shown.push_str(text.get(end..range.start).unwrap_or_default());
            shown.push_str(REDACTED);
        }
        end = end.max(range.end);
    }
    shown.push_str(text.get(end..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Whether it is no secret, but stands in its place: nothing, `[redacted]`, a reference to a variable.
fn is_shown(text: &str) -> bool {
    text.is_empty() || text == REDACTED || is_variable_reference(text)
}

/// Whether the whole text is `${NAME}`.
pub(super) fn is_variable_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    name.is_some_and(super::reference::is_variable_name)
}

/// The offsets of a pattern, and of the text behind each.
fn behind<'t>(text: &'t str, pattern: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    text.match_indices(pattern).map(move |(at, _)| (at, text.get(at + pattern.len()..).unwrap_or_default()))
}

fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    behind(text, PEM_BEGIN).filter_map(|(at, behind)| {
        let title = behind.split("-----").next().unwrap_or_default();
        let end = behind.find(PEM_END).and_then(|end| {
            let title = end + PEM_END.len();
            behind.get(title..)?.find("-----").map(|dashes| at + PEM_BEGIN.len() + title + dashes + "-----".len())
        });
        title.contains(PEM_SECRET).then(|| at..end.unwrap_or(text.len()))
    })
}

/// Whether a URL ends there.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || "\"'<>`".contains(c)
}

/// User and password in front of the host. A password that is not encoded as it must be may have `/` or a space.
fn userinfo(text: &str) -> impl Iterator<Item = Range<usize>> {
    behind(text, "://").filter_map(|(at, behind)| {
        let start = at + "://".len();
        let url = behind.split(ends_url).next().unwrap_or_default();
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some(end) = authority.rfind('@') {
            return Some(start..start + end);
        }
        let (_, port) = authority.split_once(':').filter(|_| !authority.starts_with('['))?;
        if let Some(end) = url.rfind('@') {
            return Some(start..start + end);
        }
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let end = || behind.find('@').unwrap_or(url.len());
        (!is_port).then(|| start..start + end())
    })
}

/// The values of secret parameters in the query of a URL.
fn parameters(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(['?', '&']).filter_map(|(at, _)| {
        let parameter = text.get(at + 1..)?.split(|c| ends_url(c) || "&#;".contains(c)).next()?;
        let (name, value) = parameter.split_once('=')?;
        let start = at + 1 + name.len() + 1;
        is_secret_parameter(name).then(|| start..start + value.len())
    })
}

/// The credentials behind the scheme of an `Authorization`.
fn credentials(text: &str) -> impl Iterator<Item = Range<usize>> {
    let low = text.to_ascii_lowercase();
    let of_scheme = |scheme: &'static str| {
        let ranges = low.match_indices(scheme).filter_map(|(at, _)| {
            let front = text.get(..at)?.trim_end();
            let start = at + scheme.len();
            let word = text.get(start..)?.split(|c: char| ends_url(c) || c == ',').next()?;
            let is_word = !front.len().lt(&at) && front.ends_with(char::is_alphanumeric);
            let is_whole = front.is_empty() || front.ends_with([':', '=', '"', '\'']);
            (!is_word && (is_whole || looks_random(word))).then(|| start..start + word.len())
        });
        ranges.collect::<Vec<_>>()
    };
    AUTHORIZATION_SCHEMES.into_iter().flat_map(of_scheme).collect::<Vec<_>>().into_iter()
}

/// Whether it is no word of a sentence.
fn looks_random(word: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_digit() || "=._+/".contains(c);
    word.len() >= CREDENTIALS_CHARS_MIN && word.trim_end_matches(['.', ';', ':']).contains(is_sign)
}

/// Whether the text may be a key: all but a text that can be the name of a field, as `context.user_id` or `X-Request-Id`. Such a name is made
/// of words, which have letters in front and few digits, and are in small letters or begin with a capital.
pub(super) fn may_be_key(text: &str) -> bool {
    let is_between = |c: char| "._-[]*".contains(c);
    let has_words = text.contains(|c: char| c.is_ascii_alphabetic());
    !has_words || text.split(is_between).any(|word| !word.is_empty() && !is_word_of_name(word))
}

/// Whether a word may stand in the name of a field: `user`, `userId`, `HTTP2`, and a number alone, as an index.
fn is_word_of_name(word: &str) -> bool {
    const CHARS_MAX: usize = 24;
    const DIGITS_MAX: usize = 3;
    const CHANGES_MAX: usize = 6;
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    // Digits are at the end. Random letters change between small and capital ones all the time.
    let changes = letters
        .as_bytes()
        .windows(2)
        .filter(|two| matches!(two, [a, b] if a.is_ascii_uppercase() != b.is_ascii_uppercase()));
    word.len() <= CHARS_MAX
        && digits <= DIGITS_MAX
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && changes.count() <= CHANGES_MAX
}

/// The fronts of secret keys as text, and the characters that the keys have beside letters and digits: of `fapilog-encryption`, of age, and of
/// those that sign notes and audit trails.
const SECRET_KEY_FRONTS: [(&str, &str); 4] =
    [("fapilog-identity-1", ""), ("fapilog-key-1", ""), ("age-secret-key-1", ""), ("private+key+", "+/._-=")];

/// Secret keys that show by their fronts what they are, in lower or upper case.
fn secret_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    let low = text.to_ascii_lowercase();
    let of_front = |(front, others): (&'static str, &'static str)| {
        let keys = behind(&low, front).filter_map(|(at, behind)| {
            let is_other = |c: char| !c.is_ascii_alphanumeric() && !others.contains(c);
            let key = behind.find(is_other).unwrap_or(behind.len());
            (key >= CREDENTIALS_CHARS_MIN).then(|| at..at + front.len() + key)
        });
        keys.collect::<Vec<_>>()
    };
    SECRET_KEY_FRONTS.into_iter().flat_map(of_front).collect::<Vec<_>>().into_iter()
}

/// The values in pairs as settings, headers and connection strings have them: `password = "x"`, `"password": "x"`, `Authorization: x`,
/// `host=x password=y`.
fn assigned_values(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(['=', ':']).filter_map(|(at, sign)| {
        let before = text.get(..at)?;
        let name = name_at_end(before.trim_end())?;
        let behind = text.get(at + sign.len()..)?;
        if behind.starts_with("//") || !is_secret_path(name) {
            return None;
        }
        let value = behind.trim_start_matches([' ', '\t']);
        let start = text.len() - value.len();
        let is_spaced = sign == ":" || value.len() < behind.len() || before.ends_with(' ');
        let range = value_range(value, is_spaced)?;
        Some(start + range.start..start + range.end)
    })
}

/// The name at the end of a text, which may be quoted.
fn name_at_end(before: &str) -> Option<&str> {
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let is_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let start = before.trim_end_matches(is_of_name).len();
    before.get(start..).filter(|name| !name.is_empty())
}

/// The part of a value that is secret; `None` for a reference to a secret. A value that is not quoted ends with its line if the notation has
/// spaces, as in YAML, and else at the next space, as in a connection string.
fn value_range(value: &str, is_spaced: bool) -> Option<Range<usize>> {
    let first = value.chars().next()?;
    if value.starts_with(REDACTED) {
        return None;
    }
    match first {
        '"' | '\'' => {
            let start = value.len() - value.trim_start_matches(first).len();
            Some(start..start + quoted_bytes(value.get(start..)?, first))
        }
        '{' | '[' if is_table_of_reference(value) => None,
        _ if is_spaced => Some(0..value.split(['\n', '\r']).next()?.trim_end().len()),
        _ => Some(0..value.split(|c| ends_url(c) || "&;".contains(c)).next()?.len()),
    }
}

/// The bytes in front of the quote at the end, or of all if there is none.
fn quoted_bytes(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().find(|(_, c)| {
        let is_end = *c == quote && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped && quote == '"';
        is_end
    });
    end.map_or(text.len(), |(end, _)| end)
}

/// Whether it begins as a table that names a variable or a file.
fn is_table_of_reference(value: &str) -> bool {
    let inside = value.trim_start_matches(['{', ' ', '"']);
    let is_name = |name: &str| inside.strip_prefix(name).is_some_and(|behind| behind.starts_with(['"', ' ', '=', ':']));
    value.starts_with('{') && (is_name("env") || is_name("file"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_user_and_the_password_of_a_url_are_hidden() {
        let cases = [
            ("https://user:hunter2@host/path", "https://[redacted]@host/path"),
            ("https://hunter2@host", "https://[redacted]@host"),
            ("https://user:hun/ter2@host/x", "https://[redacted]@host/x"),
            ("https://user:hun?ter2@host", "https://[redacted]@host"),
            ("https://user:hun@ter2@host", "https://[redacted]@host"),
            ("https://user:hun ter2@host", "https://[redacted]@host"),
            ("https://user:hunter2", "https://[redacted]"),
            ("see amqps://u:hunter2@a:5671/v and http://b:80/", "see amqps://[redacted]@a:5671/v and http://b:80/"),
            ("\"postgres://u:hunter2@db/x\"", "\"postgres://[redacted]@db/x\""),
        ];
        for (text, expected) in cases {
            assert_eq!(redact_text(text), expected);
        }
    }

    #[test]
    fn secret_parameters_of_a_url_are_hidden() {
        let text = "https://host/push?db=logs&token=hunter2&key=hunter2#x https://h/?X-Amz-Signature=hunter2";
        let expected =
            "https://host/push?db=logs&token=[redacted]&key=[redacted]#x https://h/?X-Amz-Signature=[redacted]";
        assert_eq!(redact_text(text), expected);
    }

    #[test]
    fn credentials_behind_a_scheme_are_hidden() {
        assert_eq!(redact_text("Bearer hunter"), "Bearer [redacted]");
        assert_eq!(redact_text("Authorization: Basic aHVudGVyMg=="), "Authorization: [redacted]");
        assert_eq!(redact_prose("it begins with Bearer hunter2.x, which"), "it begins with Bearer [redacted], which");
        assert_eq!(
            redact_text("basic settings for a bearer of names"),
            "basic settings for a bearer of names".replace("settings", REDACTED)
        );
        assert_eq!(redact_text("the basic settings of a program"), "the basic settings of a program");
    }

    #[test]
    fn a_private_key_is_hidden_and_a_certificate_is_not() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----\nmore";
        assert_eq!(redact_text(key), "[redacted]\nmore");
        assert_eq!(redact_text("x -----BEGIN PRIVATE KEY-----\nhunter2"), "x [redacted]");
        let certificate = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----";
        assert_eq!(redact_text(certificate), certificate);
    }

    #[test]
    fn a_secret_key_that_shows_by_its_front_is_hidden_and_a_recipient_is_not() {
        let text = "recipients = [\"fapilog-identity-1qpzry9\"], FAPILOG-KEY-1QPZRY9 (age-secret-key-1qpzry9)";
        assert_eq!(redact_text(text), "recipients = [\"[redacted]\"], [redacted] ([redacted])");
        let signing = "PRIVATE+KEY+example.com/shop/audit+0a1b2c3d+AQ/p+8rZ=";
        assert_eq!(redact_text(&format!("the line {signing}, of a file")), "the line [redacted], of a file");
        let recipient = "recipients = [\"fapilog1qpzry9\"]";
        assert_eq!(redact_text(recipient), recipient);
        assert_eq!(redact_text("it must begin with \"fapilog-key-1\""), "it must begin with \"fapilog-key-1\"");
    }

    #[test]
    fn a_key_is_what_no_field_is_called() {
        let names = [
            "logger",
            "context.user.id",
            "user_id",
            "X-Request-Id",
            "data.order.lines[0].sku",
            "requestId",
            "http2_stream",
            "context.*",
            "tenantIDForBilling",
        ];
        for name in names {
            assert!(!may_be_key(name), "{name}");
        }
        let keys = [
            "correct horse battery staple",
            "p@ssw0rd",
            "c2VjcmV0IGtleSBvZiB0aGlz",
            "4711",
            "0a1b2c3d4e5f",
            "hunter2hunter2",
            "dGhpcyBpcyBubyBuYW1l",
            "abcdefabcdefabcdefabcdefabcdefabcdef",
            "süß",
            "a=b",
        ];
        for key in keys {
            assert!(may_be_key(key), "{key}");
        }
    }

    #[test]
    fn values_of_secret_names_are_hidden_in_every_notation() {
        let cases = [
            ("password = \"hunter2\" # x", "password = \"[redacted]\" # x"),
            ("a = { token = 'hunter2', b = 1 }", "a = { token = '[redacted]', b = 1 }"),
            ("{ \"api_key\": \"hun\\\"ter2\", \"b\": 1 }", "{ \"api_key\": \"[redacted]\", \"b\": 1 }"),
            ("  password: hunter 2, and more", "  password: [redacted]"),
            ("password = hunter 2", "password = [redacted]"),
            ("password = \"\"\"hunter2", "password = \"\"\"[redacted]"),
            ("host=db password=hunter2 port=5", "host=db password=[redacted] port=5"),
            ("Authorization: hunter2 x", "Authorization: [redacted]"),
            ("a.password.value = 4711", "a.password.value = [redacted]"),
            ("token = { value = \"hunter2\" }", "token = [redacted]"),
            ("token = [\"hunter2\"]", "token = [redacted]"),
            ("password = \"hunter2", "password = \"[redacted]"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact_text(text), expected);
        }
    }

    #[test]
    fn references_and_other_values_are_shown() {
        let shown = [
            "password = \"${DB_PASSWORD}\"",
            "token = { env = \"TOKEN\" }",
            "\"token\": {\"file\": \"/run/secrets/token\"}",
            "token = \"\"",
            "password: [redacted]",
            "key = \"user_id\"",
            "url = \"https://host:443/a?b=c\"",
            "http://[::1]:80/x@y",
            "the level of a target: info",
        ];
        for text in shown {
            assert_eq!(redact_text(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_redacted_without_a_panic_and_once_is_enough(text in "[ -~äß€]{0,40}((://|password|token|=|:|@|\\?|\"|Bearer |-----BEGIN ){0,6}[ -~]{0,20}){0,3}") {
            let once = redact_text(&text).into_owned();
            let _ = redact_text(&once);
            let _ = redact_prose(&text);
        }

        #[test]
        fn a_password_in_a_url_is_never_shown(password in "[!-~]{1,12}") {
            let secret = format!("Q{password}Q");
            let text = redact_text(&format!("url is \"https://user:{secret}@host/x\"")).into_owned();
            prop_assert!(!text.contains(&secret), "{}", text);
        }
    }
}
