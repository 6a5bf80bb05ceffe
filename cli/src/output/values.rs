//! Keys and values in lines of text: by the rules of `docs/text-formats.md`.

use fapilog::format::{RESERVED_KEYS, is_control};

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

/// Whether text stands without quotes as a key, a value or an element.
fn is_atom(text: &str) -> bool {
    let is_syntax = |c: char| matches!(c, '=' | '[' | ']' | '{' | '}' | ',');
    !text.is_empty() && !text.contains(|c: char| must_escape(c) || c.is_whitespace() || is_syntax(c))
}

/// Whether text stands without quotes as a message.
fn is_prose(text: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(char::is_whitespace);
    !text.contains(|c: char| must_escape(c) || c == '=')
        && !is_edge(text.chars().next())
        && !is_edge(text.chars().next_back())
}

fn must_escape(c: char) -> bool {
    is_control(c) || matches!(c, '"' | '\\')
}

/// Appends text between quotes.
pub(super) fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    put_escaping(out, text, must_escape);
    out.push(b'"');
}

/// Appends text with its control characters escaped: it stands between no quotes. Tabs stay.
pub(super) fn put_harmless(out: &mut Vec<u8>, text: &str) {
    put_escaping(out, text, |c| is_control(c) && c != '\t');
}

fn put_escaping(out: &mut Vec<u8>, text: &str, must_escape: impl Fn(char) -> bool) {
    let mut tail = text;
    while let Some(at) = tail.find(&must_escape) {
        let (clean, escaped) = tail.split_at(at);
        out.extend_from_slice(clean.as_bytes());
        let mut chars = escaped.chars();
        if let Some(c) = chars.next() {
            put_escape(out, c);
        }
        tail = chars.as_str();
    }
    out.extend_from_slice(tail.as_bytes());
}

fn put_escape(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
            return;
        }
    };
    out.extend_from_slice(short.as_bytes());
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

pub(super) fn put_prose(out: &mut Vec<u8>, text: &str) {
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

/// Appends the key of a field: `prefix` is that of its group.
pub(super) fn put_key(out: &mut Vec<u8>, prefix: &str, name: &str, dialect: TextDialect) {
    let is_taken =
        || RESERVED_KEYS.contains(&name) || ["tags.", "metrics.", "field."].iter().any(|taken| name.starts_with(taken));
    let prefix = if prefix.is_empty() && is_taken() { "field." } else { prefix };
    match dialect {
        TextDialect::Logfmt => put_logfmt_key(out, prefix, name),
        TextDialect::People if is_atom(name) || name.is_empty() && !prefix.is_empty() => {
            out.extend_from_slice(prefix.as_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        TextDialect::People => put_quoted(out, &format!("{prefix}{name}")),
    }
}

/// A byte that an atom cannot have, and `%`, is `%NN`; `%` alone is the empty key.
fn put_logfmt_key(out: &mut Vec<u8>, prefix: &str, name: &str) {
    out.extend_from_slice(prefix.as_bytes());
    if name.is_empty() {
        out.push(b'%');
    }
    for c in name.chars() {
        let mut utf8 = [0; 4];
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        if c != '%' && is_atom(c.encode_utf8(&mut [0; 4])) {
            out.extend_from_slice(bytes);
        } else {
            out.extend(bytes.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()));
        }
    }
}
