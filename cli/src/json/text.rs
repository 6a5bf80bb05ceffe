//! The text of JSON strings.

use std::borrow::Cow;

use crate::json::scan::code_unit;

/// The text of a string's inside, which is valid.
pub(crate) fn unescaped(inside: &str, has_escapes: bool) -> Cow<'_, str> {
    if has_escapes { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) }
}

fn unescape(mut inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    while let Some(at) = inside.find('\\') {
        let (copied, escape) = inside.split_at(at);
        text.push_str(copied);
        let (c, length) = escaped_char(escape);
        text.push(c);
        inside = escape.get(length..).unwrap_or_default();
    }
    text.push_str(inside);
    text
}

/// The character of an escape, and the escape's length.
fn escaped_char(escape: &str) -> (char, usize) {
    let c = match escape.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return coded_char(escape),
        Some(&byte) => char::from(byte),
        None => char::REPLACEMENT_CHARACTER,
    };
    (c, 2)
}

fn coded_char(escape: &str) -> (char, usize) {
    let units = [code_unit(escape.as_bytes(), 0), code_unit(escape.as_bytes(), 6)];
    let first = char::decode_utf16(units.into_iter().map_while(|unit| unit)).next();
    let c = first.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
    (c, c.len_utf16() * 6)
}

/// Appends a text as a JSON string.
pub(crate) fn put_json_string(out: &mut Vec<u8>, text: &str) {
    // A text has no part that cannot be serialized, and a vector takes everything.
    let _ = serde_json::to_writer(out, text);
}
