//! Values as text. The forms are on the page of [`format::text`](super).

use std::net::SocketAddr;

use fapilog_record::{
    text::{
        duration::put_duration_for_people,
        hex::hex,
        number::{put_f32, put_f64, put_i64, put_u64},
        scalar::{put_duration, put_ip, put_socket, put_time, put_uuid},
    },
    value::{MapRef, SequenceRef, ValueRef},
};

use crate::text::{
    Dialect,
    escape::{is_atom, is_prose, put_escaped, put_quoted},
};

/// The text of `None`. Text that reads the same stands between quotes.
const NONE: &str = "null";

/// Names of numbers that are none need no quotes.
const NO_QUOTE: &str = "";

/// Appends values. Keeps the memory that it needs for that.
#[derive(Debug)]
pub(super) struct ValueWriter {
    dialect: Dialect,
    flat: Vec<u8>,
}

impl ValueWriter {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, flat: Vec::new() }
    }

    /// Appends the value of a field. Returns `false` if it is bytes that had to be marked.
    #[inline]
    pub(super) fn put(&mut self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Bytes(bytes) => return self.put_bytes(out, bytes, put_text),
            ValueRef::Sequence(_) | ValueRef::Map(_) if matches!(self.dialect, Dialect::Logfmt) => {
                self.put_flat(out, value);
            }
            other => put_element(out, self.dialect, other),
        }
        true
    }

    /// Appends a message. Returns `false` if it is bytes that had to be marked.
    pub(super) fn put_message(&mut self, out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
        let put_text = if matches!(self.dialect, Dialect::Logfmt) { put_text } else { put_prose };
        match value {
            ValueRef::Text(text) => put_text(out, text),
            ValueRef::Bytes(bytes) => return self.put_bytes(out, bytes, put_text),
            // The first quote or `=` ends a message.
            ValueRef::Sequence(_) | ValueRef::Map(_) => self.put_flat(out, value),
            other => put_element(out, self.dialect, other),
        }
        true
    }

    fn put_bytes(&self, out: &mut Vec<u8>, bytes: &[u8], put_text: fn(&mut Vec<u8>, &str)) -> bool {
        match (std::str::from_utf8(bytes), self.dialect) {
            (Ok(text), _) => put_text(out, text),
            (Err(_), Dialect::People | Dialect::Terminal) => put_not_utf8(out, bytes),
            (Err(_), Dialect::Logfmt) => {
                put_marked(out, bytes);
                return false;
            }
        }
        true
    }

    /// A list or a map as one text: between quotes, if one of its parts is.
    fn put_flat(&mut self, out: &mut Vec<u8>, value: ValueRef<'_>) {
        self.flat.clear();
        put_element(&mut self.flat, self.dialect, value);
        if self.flat.contains(&b'"') {
            // All parts are UTF-8 by now.
            put_quoted(out, std::str::from_utf8(&self.flat).unwrap_or_default());
        } else {
            out.extend_from_slice(&self.flat);
        }
    }
}

/// Appends any value in a form that can stand in a list.
#[inline]
fn put_element(out: &mut Vec<u8>, dialect: Dialect, value: ValueRef<'_>) {
    match value {
        ValueRef::U64(n) => put_u64(out, n),
        ValueRef::I64(n) => put_i64(out, n),
        ValueRef::F64(x) => put_f64(out, x, NO_QUOTE),
        ValueRef::Text(text) => put_text(out, text),
        other => put_rare(out, dialect, other),
    }
}

fn put_rare(out: &mut Vec<u8>, dialect: Dialect, value: ValueRef<'_>) {
    match value {
        ValueRef::None => out.extend_from_slice(NONE.as_bytes()),
        ValueRef::Bool(true) => out.extend_from_slice(b"true"),
        ValueRef::Bool(false) => out.extend_from_slice(b"false"),
        ValueRef::Char(c) => put_text(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::I128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::U128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::F32(x) => put_f32(out, x, NO_QUOTE),
        ValueRef::Duration(span) if dialect == Dialect::Terminal => put_duration_for_people(out, span),
        ValueRef::Duration(span) => {
            put_duration(out, span);
            out.push(b's');
        }
        ValueRef::Time { seconds, nanos } => put_time(out, seconds, nanos),
        ValueRef::Ip(ip) => put_ip(out, ip),
        ValueRef::Socket(SocketAddr::V4(socket)) => put_socket(out, socket.into()),
        // It has brackets.
        ValueRef::Socket(socket) => {
            out.push(b'"');
            put_socket(out, socket);
            out.push(b'"');
        }
        ValueRef::Uuid(uuid) => put_uuid(out, uuid),
        ValueRef::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => put_text(out, text),
            Err(_) => put_not_utf8(out, bytes),
        },
        ValueRef::Sequence(sequence) => put_list(out, dialect, sequence),
        ValueRef::Map(map) => put_map(out, dialect, map),
        ValueRef::U64(_) | ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => {
            put_element(out, dialect, value);
        }
        // A type that this formatter does not know is text.
        other => put_text(out, &other.to_string()),
    }
}

/// How deep sequences nest, `DynamicFields` bounds.
fn put_list(out: &mut Vec<u8>, dialect: Dialect, sequence: SequenceRef<'_>) {
    out.push(b'[');
    for (index, element) in sequence.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put_element(out, dialect, element);
    }
    out.push(b']');
}

/// In logfmt without spaces: a value that has none needs no quotes.
fn put_map(out: &mut Vec<u8>, dialect: Dialect, map: MapRef<'_>) {
    let (comma, colon) = if dialect == Dialect::Logfmt { (",", ":") } else { (", ", ": ") };
    out.push(b'{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(comma.as_bytes());
        }
        if is_atom(key) && !key.contains(':') {
            out.extend_from_slice(key.as_bytes());
        } else {
            put_quoted(out, key);
        }
        out.extend_from_slice(colon.as_bytes());
        put_element(out, dialect, value);
    }
    out.push(b'}');
}

/// Appends text as a value: as it is, if it is an [atom](is_atom), else between quotes.
#[inline]
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    if is_atom(text) && text != NONE {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_quoted(out, text);
    }
}

/// Appends text as a message: as it is, if it is [prose](is_prose), else between quotes.
fn put_prose(out: &mut Vec<u8>, text: &str) {
    if is_prose(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_quoted(out, text);
    }
}

/// Between quotes, and each byte that is not UTF-8 as `\xNN`.
fn put_not_utf8(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        put_escaped(out, chunk.valid());
        put_bytes_in_hex(out, "\\x", chunk.invalid());
    }
    out.push(b'"');
}

/// Between quotes, in a form that parsers of JSON strings take and `decode_marked_text` reads: each byte that is not
/// UTF-8 as `\xNN`, each backslash as two, and then the backslashes of both escaped.
fn put_marked(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for (index, piece) in chunk.valid().split('\\').enumerate() {
            if index > 0 {
                out.extend_from_slice(br"\\\\");
            }
            put_escaped(out, piece);
        }
        put_bytes_in_hex(out, r"\\x", chunk.invalid());
    }
    out.push(b'"');
}

fn put_bytes_in_hex(out: &mut Vec<u8>, lead: &str, bytes: &[u8]) {
    for &byte in bytes {
        out.extend_from_slice(lead.as_bytes());
        out.extend_from_slice(&hex(byte));
    }
}
