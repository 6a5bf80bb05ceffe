//! Values in XML: the end of a start tag with the type, and the content.

use fapilog_record::{
    text::{
        number::{put_f32, put_f64, put_i64, put_u64},
        scalar::{put_duration, put_ip, put_socket, put_time, put_uuid},
    },
    value::{MapRef, SequenceRef, ValueRef},
};

use crate::xml::text::{put_attribute, put_bytes_content, put_content};

/// Appends ` type="...">` and the content; of a text, which has no type, `>` and the text. Returns `false` if it held bytes that are
/// not UTF-8.
#[inline(always)]
pub(super) fn put(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::U64(n) => {
            out.extend_from_slice(INTEGER);
            put_u64(out, n);
        }
        ValueRef::I64(n) => {
            out.extend_from_slice(INTEGER);
            put_i64(out, n);
        }
        ValueRef::F64(x) => put_float(out, x, |out| put_f64(out, x, "")),
        ValueRef::Text(text) => put_content(out, text),
        other => return put_rare(out, other),
    }
    true
}

const INTEGER: &[u8] = b" type=\"integer\">";

fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::None => put_typed(out, "null", |_| ()),
        ValueRef::Bool(is) => {
            put_typed(out, "boolean", |out| out.extend_from_slice(if is { &b"true"[..] } else { b"false" }));
        }
        ValueRef::Char(c) => put_content(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::I128(n) => {
            put_typed(out, "integer", |out| out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()))
        }
        ValueRef::U128(n) => {
            put_typed(out, "integer", |out| out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()))
        }
        ValueRef::F32(x) => put_float(out, x.into(), |out| put_f32(out, x, "")),
        ValueRef::Duration(span) => put_typed(out, "duration", |out| put_duration(out, span)),
        ValueRef::Time { seconds, nanos } => put_typed(out, "time", |out| put_time(out, seconds, nanos)),
        ValueRef::Ip(ip) => put_typed(out, "ip", |out| put_ip(out, ip)),
        ValueRef::Socket(socket) => put_typed(out, "socket", |out| put_socket(out, socket)),
        ValueRef::Uuid(uuid) => put_typed(out, "uuid", |out| put_uuid(out, uuid)),
        ValueRef::Bytes(bytes) => return put_bytes_content(out, bytes),
        ValueRef::Sequence(sequence) => return put_typed(out, "sequence", |out| put_items(out, sequence)),
        ValueRef::Map(map) => return put_typed(out, "map", |out| put_entries(out, map)),
        ValueRef::U64(_) | ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => return put(out, value),
        // A type that this formatter does not know is text.
        other => put_content(out, &other.to_string()),
    }
    true
}

#[inline]
fn put_typed<R>(out: &mut Vec<u8>, name: &str, put: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    for text in [" type=\"", name, "\">"] {
        out.extend_from_slice(text.as_bytes());
    }
    put(out)
}

/// The names of floats that are no numbers are those of XML Schema.
#[inline(always)]
fn put_float(out: &mut Vec<u8>, x: f64, put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b" type=\"double\">");
    if x.is_finite() {
        put(out);
    } else {
        let name = if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "INF"
        } else {
            "-INF"
        };
        out.extend_from_slice(name.as_bytes());
    }
}

/// How deep sequences and maps nest, `DynamicFields` bounds.
fn put_items(out: &mut Vec<u8>, sequence: SequenceRef<'_>) -> bool {
    let mut is_utf8 = true;
    for element in sequence.iter() {
        out.extend_from_slice(b"<item");
        is_utf8 &= put(out, element);
        out.extend_from_slice(b"</item>");
    }
    is_utf8
}

fn put_entries(out: &mut Vec<u8>, map: MapRef<'_>) -> bool {
    let mut is_utf8 = true;
    for (key, value) in map.iter() {
        put_field_start(out, key);
        is_utf8 &= put(out, value);
        out.extend_from_slice(FIELD_END);
    }
    is_utf8
}

/// The start tag of a field, up to its type.
pub(super) fn put_field_start(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b"<field name=\"");
    put_attribute(out, key);
    out.push(b'"');
}

/// The end tag of a field.
pub(super) const FIELD_END: &[u8] = b"</field>";
