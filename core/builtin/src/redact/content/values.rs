//! Values beside a keyword: their place, and whether they are secret.

use fapilog_record::value::ValueRef;

use super::{
    keywords::KeywordFamily,
    search::Search,
    text::{ScannedText, is_high_entropy},
};

/// The place of a value, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretPlace {
    pub(super) start: usize,
    pub(super) end: usize,
    is_quoted: bool,
}

/// A value that is longer is a secret without a further look.
const LONGEST_WORD_BYTES: usize = 64;

/// Values that mean that there is none.
const ABSENT: &[&[u8]] = &[
    b"null",
    b"none",
    b"nil",
    b"true",
    b"false",
    b"undefined",
    b"(null)",
    b"<nil>",
    b"<none>",
    b"(none)",
    b"empty",
    b"unset",
    b"n/a",
];

/// Words that follow a keyword in a sentence about it.
#[rustfmt::skip]
const WORDS_OF_SENTENCES: &[&[u8]] = &[
    b"a", b"an", b"and", b"at", b"authentication", b"by", b"be", b"cannot", b"changed", b"check", b"correct", b"could", b"denied", b"did",
    b"does", b"error", b"expired", b"failed", b"for", b"found", b"from", b"has", b"in", b"incorrect", b"invalid", b"is", b"it", b"login", b"mandatory", b"missing",
    b"must", b"no", b"not", b"of", b"ok", b"on", b"optional", b"or", b"please", b"rejected", b"required", b"reset", b"set", b"should", b"stored", b"that",
    b"the", b"this", b"to", b"too", b"unknown", b"update", b"updated", b"use", b"user", b"using", b"valid", b"was", b"weak", b"when", b"will", b"with",
    b"wrong", b"your",
];

impl SecretPlace {
    /// A value without quotes.
    pub(super) const fn bare(start: usize, end: usize) -> Self {
        Self { start, end, is_quoted: false }
    }

    /// Whether this is no value but a place for one: `${PASSWORD}`, `{{ password }}`, `%s`, `***`.
    pub(super) fn is_placeholder(&self, text: ScannedText<'_>) -> bool {
        let value = text.part(self.start, self.end);
        if is_substituted(value) {
            return true;
        }
        if value.len() > LONGEST_WORD_BYTES {
            return false;
        }
        let encloses = |open: &[u8], close: &[u8]| value.starts_with(open) && value.ends_with(close);
        ABSENT.iter().any(|absent| value.eq_ignore_ascii_case(absent))
            || value
                .iter()
                .all(|byte| matches!(byte, b'*' | b'.' | b'-' | b'?' | b'{' | b'}' | b'[' | b']' | b'(' | b')'))
            || encloses(b"${", b"}")
            || encloses(b"{{", b"}}")
            || encloses(b"[", b"]")
                && value.len() > 2
                && value.get(1..value.len() - 1).is_some_and(|inner| inner.iter().all(u8::is_ascii_alphabetic))
            || encloses(b"<", b">")
            || matches!(value, b"%s" | b"%d" | b"%v" | b"%q")
    }

    /// Whether the value of `keyword: value` or `keyword=value` is a secret.
    pub(super) fn is_secret(&self, text: ScannedText<'_>, family: KeywordFamily, is_assigned: bool) -> bool {
        let value = text.part(self.start, self.end);
        if value.is_empty() || self.is_placeholder(text) {
            return false;
        }
        if family == KeywordFamily::Token && !self.is_quoted && is_object(value) {
            return false;
        }
        is_assigned || self.is_quoted || self.is_secret_in_prose(text, family)
    }

    /// Whether a value in a sentence is a secret, and not a word of the sentence.
    pub(super) fn is_secret_in_prose(&self, text: ScannedText<'_>, family: KeywordFamily) -> bool {
        let value = text.part(self.start, self.end);
        if value.len() > LONGEST_WORD_BYTES {
            return !is_substituted(value);
        }
        let word = value.trim_ascii_end();
        if word.is_empty()
            || self.is_placeholder(text)
            || WORDS_OF_SENTENCES.iter().any(|known| word.eq_ignore_ascii_case(known))
        {
            return false;
        }
        family.allows_words() && !word.contains(&b' ') || looks_made_up(word)
    }
}

/// Whether an earlier redactor has put this in the place of a value: a keyed hash, a sealed value or a token.
pub(super) fn is_substituted(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or_default();
    ValueRef::Text(text).is_redaction() || ["sealed1:", "tok1:"].iter().any(|front| text.starts_with(front))
}

/// Whether this is the text of an object of Java: `android.os.Binder@2bd79ce`, `Token{a64f992`.
fn is_object(value: &[u8]) -> bool {
    let Some(mark) = value.iter().position(|byte| matches!(byte, b'@' | b'{')) else { return false };
    let (class, identity) = value.split_at(mark);
    let identity = identity.get(1..).unwrap_or_default();
    let is_class = class.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'$' | b'_'))
        && class.iter().any(u8::is_ascii_uppercase);
    is_class && identity.len() <= 8 && identity.iter().all(u8::is_ascii_hexdigit)
}

/// Whether a text is no word of a language: it has a digit among letters, or capitals within.
fn looks_made_up(word: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| word.iter().any(is);
    let inner = word.get(1..).unwrap_or_default();
    let is_mixed = has(u8::is_ascii_lowercase) && inner.iter().any(u8::is_ascii_uppercase);
    !word.contains(&b' ')
        && (word.len() >= 6 && has(u8::is_ascii_digit) || word.len() >= 8 && is_mixed || is_high_entropy(word))
}

impl Search<'_> {
    /// The value that begins at this place, after its separator and spaces.
    pub(super) fn value_at(&self, start: usize) -> Option<SecretPlace> {
        let text = self.text;
        if start >= text.len() {
            return None;
        }
        let quote_at = text.run(start, 8, |byte| byte == b'\\');
        let is_prefixed = matches!(text.at(start), b'b' | b'u' | b'r') && matches!(text.at(start + 1), b'"' | b'\'');
        let (escapes, quote_at) = if is_prefixed { (0, start + 1) } else { (quote_at - start, quote_at) };
        match text.at(quote_at) {
            quote @ (b'"' | b'\'' | b'`') => Some(self.quoted_value(quote_at + 1, quote, escapes)),
            b'[' if escapes == 0 => Some(self.list_value(start)),
            _ => Some(self.bare_value(start)),
        }
    }

    /// A value up to the quote that has as many escapes as the first; up to the end of a text that was cut.
    fn quoted_value(&self, start: usize, quote: u8, escapes: usize) -> SecretPlace {
        let ScannedText(text) = self.text;
        let mut at = start;
        let mut found = None;
        while found.is_none() {
            let Some(offset) = text.get(at..).and_then(|tail| memchr::memchr(quote, tail)) else { break };
            let place = at + offset;
            let before = place - self.text.run_back(place, place - start, |byte| byte == b'\\').min(place);
            // `'it''s'`: in SQL, two quotes are a quote.
            let is_doubled = quote == b'\'' && self.text.at(place + 1) == quote && place > start;
            found = (before <= escapes && !is_doubled).then(|| place - before.min(escapes));
            at = place + 1 + usize::from(is_doubled);
        }
        SecretPlace { start, end: found.unwrap_or(text.len()), is_quoted: true }
    }

    fn list_value(&self, start: usize) -> SecretPlace {
        let end = self.text.run(start, usize::MAX, |byte| !matches!(byte, b']' | b'\n'));
        let end = if self.text.at(end) == b']' { end + 1 } else { end };
        SecretPlace { start, end, is_quoted: false }
    }

    /// A value without quotes. A `,`, `;` or `&` is a part of it, unless another pair or a space follows.
    fn bare_value(&self, start: usize) -> SecretPlace {
        let text = self.text;
        let mut end = start;
        let mut opened = false;
        loop {
            end = text.run(end, usize::MAX, |byte| {
                !byte.is_ascii_whitespace()
                    && !matches!(byte, b',' | b';' | b'&' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'(')
            });
            match text.at(end) {
                b'(' => opened = true,
                b',' | b';' | b'&' if !self.ends_value(end) => {}
                // `Some("x")`
                b'"' | b'\'' if opened && text.before(end) == b'(' => {
                    end = self.quoted_value(end + 1, text.at(end), 0).end.min(text.len().saturating_sub(1));
                }
                b'<' if end == start => {}
                b'>' if text.at(start) == b'<' => {}
                _ => break,
            }
            if end >= text.len() {
                break;
            }
            end += 1;
        }
        let end = end.min(text.len());
        SecretPlace { start, end: self.without_closing(start, end, opened), is_quoted: false }
    }

    /// Whether a `,`, `;` or `&` ends the value: a space, a quote, the end of the text, or another pair follows.
    fn ends_value(&self, at: usize) -> bool {
        let text = self.text;
        let next = at + 1;
        if next >= text.len()
            || text.at(next).is_ascii_whitespace()
            || matches!(text.at(next), b'"' | b'\'' | b'\\' | b'{')
        {
            return true;
        }
        let name = text.run(next, 40, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        // A name of a connection string may have a space: `User Id=`.
        let name =
            if text.at(name) == b' ' { text.run(name + 1, 40, |byte| byte.is_ascii_alphanumeric()) } else { name };
        name > next && matches!(text.at(name), b'=' | b':')
    }

    /// Without the brackets and the punctuation of the sentence around it.
    fn without_closing(&self, start: usize, end: usize, opened: bool) -> usize {
        let text = self.text;
        if text.at(start) == b'{' && text.at(start + 1) == b'{' || text.has(start, b"${") {
            return end;
        }
        let trimmed =
            text.run_back(end, end - start, |byte| matches!(byte, b')' | b']' | b'}' | b'\\') || byte == b',');
        let trimmed = if opened && text.at(trimmed) == b')' { trimmed + 1 } else { trimmed };
        if trimmed > start { trimmed } else { end }
    }
}

#[cfg(test)]
mod tests {
    use super::looks_made_up;

    #[test]
    fn words_of_a_language_do_not_look_made_up() {
        for word in ["expected", "Unexpected", "authentication", "v2", "not found"] {
            assert!(!looks_made_up(word.as_bytes()), "{word}");
        }
        for word in ["abc123", "hunter2", "kJhGfDsAqW", "9f86d081"] {
            assert!(looks_made_up(word.as_bytes()), "{word}");
        }
    }
}
