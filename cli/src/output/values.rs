//! Values in lines of text: by the rules of `docs/text-formats.md`, and the escapes of the library.

use fapilog::format::text::{self, is_atom, is_prose, put_quoted};

use crate::json::{JsonKind, JsonValue};

/// The text of nothing. Text that reads the same stands between quotes.
const NULL: &str = "null";

/// The notation of lists and maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextDialect {
    /// With spaces in maps.
    People,
    /// Without spaces, and between quotes as a whole if a part is.
    Logfmt,
}

/// Appends text with its control characters escaped: it stands between no quotes. Tabs stay.
pub(super) fn put_harmless(out: &mut Vec<u8>, text: &str) {
    for (index, part) in text.split('\t').enumerate() {
        out.extend_from_slice(if index > 0 { b"\t" } else { b"" });
        text::put_harmless(out, part);
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    if is_atom(text) && text != NULL {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_quoted(out, text);
    }
}

/// Appends the value of a field.
pub(super) fn put_value(out: &mut Vec<u8>, value: JsonValue<'_>, dialect: TextDialect) {
    if dialect == TextDialect::Logfmt {
        put_flat(out, value, dialect);
    } else {
        put_element(out, value, dialect);
    }
}

/// Appends a message.
pub(super) fn put_message(out: &mut Vec<u8>, value: JsonValue<'_>, dialect: TextDialect) {
    match (value.kind(), dialect) {
        (JsonKind::Text, TextDialect::People) => put_prose(out, &value.text()),
        _ => put_flat(out, value, dialect),
    }
}

fn put_prose(out: &mut Vec<u8>, text: &str) {
    if is_prose(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_quoted(out, text);
    }
}

/// A list or a map is one text: between quotes, if a part of it is.
fn put_flat(out: &mut Vec<u8>, value: JsonValue<'_>, dialect: TextDialect) {
    let start = out.len();
    put_element(out, value, dialect);
    let is_compound = matches!(value.kind(), JsonKind::Array | JsonKind::Object);
    if is_compound && out.get(start..).is_some_and(|flat| flat.contains(&b'"')) {
        let flat = out.split_off(start);
        put_quoted(out, &String::from_utf8_lossy(&flat));
    }
}

/// Values nest as deep as the tape allows.
fn put_element(out: &mut Vec<u8>, value: JsonValue<'_>, dialect: TextDialect) {
    let (comma, colon) = if dialect == TextDialect::Logfmt { (",", ":") } else { (", ", ": ") };
    match value.kind() {
        JsonKind::Text => put_text(out, &value.text()),
        JsonKind::Array => {
            out.push(b'[');
            for (index, element) in value.elements().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                put_element(out, element, dialect);
            }
            out.push(b']');
        }
        JsonKind::Object => {
            out.push(b'{');
            for (index, (key, member)) in value.members().enumerate() {
                out.extend_from_slice(if index > 0 { comma.as_bytes() } else { b"" });
                put_map_key(out, &key.text());
                out.extend_from_slice(colon.as_bytes());
                put_element(out, member, dialect);
            }
            out.push(b'}');
        }
        _ => out.extend_from_slice(value.raw().as_bytes()),
    }
}

fn put_map_key(out: &mut Vec<u8>, key: &str) {
    if is_atom(key) && !key.contains(':') {
        out.extend_from_slice(key.as_bytes());
    } else {
        put_quoted(out, key);
    }
}
