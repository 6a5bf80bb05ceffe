//! Values in the place of texts, in lines.

use memchr::memmem;

use super::{
    text::{BEGINNINGS_END, SEALED_BEGINS, TOKEN_BEGINS, longest_at},
    unsealer::{UnsealError, Unsealer},
};
use crate::{DecryptExit, error::KeyStoreError};

/// How often a text that does not open is shortened: a text may stand directly in front of `-` or `_`, which are digits of its Base64.
const SHORTENED_MAX: usize = 4;

/// The texts of lines that stood for values.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct UnsealSummary {
    /// Texts in the place of which their values stand.
    pub unsealed: u64,
    /// Texts that stay because their keys were erased.
    pub shredded: u64,
    /// Texts that stay because no key at hand opens them.
    pub no_key: u64,
    /// Texts that stay because they were changed, or a part of them is absent.
    pub damaged: u64,
    /// Texts that stay because a key store could not be read.
    pub not_readable: u64,
    /// The last reason of those.
    pub store_error: Option<KeyStoreError>,
}

impl UnsealSummary {
    /// The exit code that a command should have: that of the gravest reason why a text stays, or success.
    #[must_use]
    pub fn exit(&self) -> DecryptExit {
        let codes = [
            (self.not_readable, DecryptExit::NotReadable),
            (self.damaged, DecryptExit::Damaged),
            (self.no_key, DecryptExit::NoKey),
            (self.shredded, DecryptExit::Shredded),
        ];
        codes.into_iter().find(|(count, _)| *count > 0).map_or(DecryptExit::Success, |(_, exit)| exit)
    }

    /// Adds the counts of other lines.
    pub fn add(&mut self, other: Self) {
        self.unsealed += other.unsealed;
        self.shredded += other.shredded;
        self.no_key += other.no_key;
        self.damaged += other.damaged;
        self.not_readable += other.not_readable;
        self.store_error = other.store_error.or(self.store_error.take());
    }

    fn count(&mut self, error: UnsealError) {
        match error {
            UnsealError::NotSealed => {}
            UnsealError::Shredded => self.shredded += 1,
            UnsealError::NoKey => self.no_key += 1,
            UnsealError::Damaged => self.damaged += 1,
            UnsealError::KeyStore(error) => {
                self.not_readable += 1;
                self.store_error = Some(error);
            }
        }
    }
}

impl Unsealer {
    /// Appends lines with values in the place of texts. All else stays as it is, and so do texts that cannot be opened, which the
    /// result counts.
    ///
    /// A value between quotes is escaped as in JSON, so that JSON stays JSON, and logfmt logfmt. Elsewhere its control characters are
    /// escaped: a line stays a line. Behind `=`, it gets quotes if it needs them.
    pub fn unseal_line(&mut self, line: &[u8], out: &mut Vec<u8>) -> UnsealSummary {
        let mut summary = UnsealSummary::default();
        let (mut place, mut quotes) = (0, QuoteState::default());
        for end in memmem::find_iter(line, BEGINNINGS_END) {
            let Some(start) = start_of(line, end).filter(|start| *start >= place) else { continue };
            let text = longest_at(line.get(start..).unwrap_or_default());
            let (length, unsealed) = self.unseal_shortened(text);
            match unsealed {
                Ok(value) => {
                    let before = line.get(place..start).unwrap_or_default();
                    quotes.pass(before);
                    out.extend_from_slice(before);
                    put_value(&value, quotes.is_inside, before.ends_with(b"="), out);
                    place = start + length;
                    summary.unsealed += 1;
                }
                Err(error) => summary.count(error),
            }
        }
        out.extend_from_slice(line.get(place..).unwrap_or_default());
        summary
    }

    /// The value of the text, or of its front up to a `-` or `_`, with the length of that.
    fn unseal_shortened(&mut self, text: &str) -> (usize, Result<String, UnsealError>) {
        let first = self.unseal(text);
        if matches!(first, Err(UnsealError::Damaged | UnsealError::NotSealed)) {
            for (length, _) in text.rmatch_indices(['-', '_']).take(SHORTENED_MAX) {
                if let Ok(value) = self.unseal(text.get(..length).unwrap_or_default()) {
                    return (length, Ok(value));
                }
            }
        }
        (text.len(), first)
    }
}

/// The start of the text whose beginning has its last two characters at `end`.
fn start_of(line: &[u8], end: usize) -> Option<usize> {
    [SEALED_BEGINS, TOKEN_BEGINS].iter().find_map(|begins| {
        let start = (end + BEGINNINGS_END.len()).checked_sub(begins.len())?;
        line.get(start..)?.starts_with(begins.as_bytes()).then_some(start)
    })
}

/// Whether a place of a line is between quotes.
#[derive(Debug, Clone, Copy, Default)]
struct QuoteState {
    is_inside: bool,
    is_escaped: bool,
}

impl QuoteState {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => *self = Self::default(),
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.is_inside,
                b'"' => self.is_inside = !self.is_inside,
                _ => {}
            }
        }
    }
}

fn put_value(value: &str, is_quoted: bool, is_behind_equals: bool, out: &mut Vec<u8>) {
    let needs_quotes =
        value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control() || "\"=".contains(c));
    if is_quoted {
        put_escaped(value, true, out);
    } else if is_behind_equals && needs_quotes {
        out.push(b'"');
        put_escaped(value, true, out);
        out.push(b'"');
    } else {
        put_escaped(value, false, out);
    }
}

/// Control characters are escaped as in JSON, and between quotes also those that have a meaning there.
fn put_escaped(value: &str, is_quoted: bool, out: &mut Vec<u8>) {
    for character in value.chars() {
        match character {
            '"' | '\\' if is_quoted => out.extend([b'\\', character as u8]),
            '\n' => out.extend(b"\\n"),
            '\r' => out.extend(b"\\r"),
            '\t' => out.extend(b"\\t"),
            // They have four digits at most.
            control if control.is_control() => out.extend(format!("\\u{:04x}", u32::from(control)).bytes()),
            other => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        data_class::DataClass,
        substitute::{SensitiveValue, Substitute},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{DecryptionKeys, KeyEncryptionKey, substitute::Tokenize};

    fn pair() -> (Tokenize, Unsealer) {
        let key: KeyEncryptionKey = "ab".repeat(32).parse().unwrap();
        (Tokenize::with(&key).unwrap(), Unsealer::new(DecryptionKeys::new().key(key)).unwrap())
    }

    fn token(tokenize: &Tokenize, value: &str) -> String {
        let mut out = String::new();
        tokenize.substitute(&SensitiveValue::new(DataClass::Email, "context.email", value), &mut out).unwrap();
        out
    }

    /// The line with the value in the place of `{}`, after it had a token there.
    fn unsealed(line: &str, value: &str) -> String {
        let (tokenize, mut unsealer) = pair();
        let mut out = Vec::new();
        let summary = unsealer.unseal_line(line.replace("{}", &token(&tokenize, value)).as_bytes(), &mut out);
        assert_eq!((summary.unsealed, summary.exit()), (1, DecryptExit::Success));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_value_is_written_as_its_place_demands() {
        for (line, expected) in [
            (r#"{"a":"{}","b":1}"#, r#"{"a":"x \"y\" \\ \n","b":1}"#),
            (r#"{"a":"to \"{}\""}"#, r#"{"a":"to \"x \"y\" \\ \n\""}"#),
            (r#"{"\\":"{}"}"#, r#"{"\\":"x \"y\" \\ \n"}"#),
            (r#"msg="mail to {} failed" n=1"#, r#"msg="mail to x \"y\" \\ \n failed" n=1"#),
            ("email={} n=1", r#"email="x \"y\" \\ \n" n=1"#),
            ("INFO mail to {}", "INFO mail to x \"y\" \\ \\n"),
            // An odd number of quotes in a line does not change the next.
            ("5\" pipes\nINFO {}", "5\" pipes\nINFO x \"y\" \\ \\n"),
        ] {
            assert_eq!(unsealed(line, "x \"y\" \\ \n"), expected, "{line}");
        }
        assert_eq!(unsealed("email={}", "ada@example.com"), "email=ada@example.com");
        assert_eq!(unsealed("email={}", ""), "email=\"\"");
    }

    #[test]
    fn text_directly_around_a_token_stays() {
        for line in ["order_{}_eur", "https://{}@host/", "{}-a_b", "({}): refused", "tok1:{}", "x{}.", "sealed1:{}"] {
            assert_eq!(unsealed(line, "4111"), line.replace("{}", "4111"), "{line}");
        }
    }

    #[test]
    fn texts_that_are_none_stay_and_are_not_counted() {
        let (_, mut unsealer) = pair();
        for line in ["tok1:", "a sealed1: b", "tok1:AAAA:BBBB", "tok1:0011223344556677:AA", "1:", "", "sealed1:?"] {
            let mut out = Vec::new();
            let summary = unsealer.unseal_line(line.as_bytes(), &mut out);
            assert_eq!((&*out, summary.exit(), summary.unsealed), (line.as_bytes(), DecryptExit::Success, 0));
        }
    }

    #[test]
    fn a_line_of_nothing_but_beginnings_takes_linear_time() {
        let (_, mut unsealer) = pair();
        for begins in ["tok1:", "sealed1:", "sealed1:AAAAAAAAAAAAAAAAAAAAAA:", "tok1:0011223344556677:"] {
            // In quadratic time, it would be minutes.
            let line = begins.repeat(20_000);
            let mut out = Vec::new();
            assert_eq!(unsealer.unseal_line(line.as_bytes(), &mut out).unsealed, 0);
            assert!(out == line.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn json_stays_json_and_has_the_value(value in any::<String>(), other in any::<String>()) {
            let (tokenize, mut unsealer) = pair();
            let line = |value: &str| serde_json::json!({ &other: [&other, value] }).to_string();
            let mut out = Vec::new();
            unsealer.unseal_line(line(&token(&tokenize, &value)).as_bytes(), &mut out);
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, serde_json::from_str::<serde_json::Value>(&line(&value)).unwrap());
        }

        #[test]
        fn bytes_without_a_genuine_text_stay(
            mut bytes in prop::collection::vec(any::<u8>(), 0..60), place in 0_usize..60, body in "(sealed1:|tok1:)[A-Za-z0-9:_-]{0,90}",
        ) {
            let (_, mut unsealer) = pair();
            let place = place.min(bytes.len());
            bytes.splice(place..place, body.bytes());
            let mut out = Vec::new();
            prop_assert_eq!(unsealer.unseal_line(&bytes, &mut out).unsealed, 0);
            prop_assert_eq!(out, bytes);
        }
    }
}
