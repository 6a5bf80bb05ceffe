//! Values in the JSON of OTLP: `AnyValue` and `KeyValue`.

use data_encoding::BASE64;
use fapilog_record::{
    text::number::{put_i64, put_u64},
    value::ValueRef,
};

use crate::json::{put_string, put_value};

/// Appends a `KeyValue`.
pub(super) fn put_key_value(out: &mut Vec<u8>, name: &str, value: ValueRef<'_>) {
    out.extend_from_slice(b"{\"key\":");
    put_string(out, name);
    out.extend_from_slice(b",\"value\":");
    put_any_value(out, value);
    out.push(b'}');
}

/// Appends an `AnyValue`. Integers are strings, as in the JSON of protobuf; those beyond 64 bits with a sign are texts. Bytes that are not
/// UTF-8 are `bytesValue`, in base64.
#[inline(always)]
pub(super) fn put_any_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::U64(n) if n <= i64::MAX as u64 => {
            out.extend_from_slice(b"{\"intValue\":\"");
            put_u64(out, n);
            out.extend_from_slice(b"\"}");
        }
        ValueRef::I64(n) => {
            out.extend_from_slice(b"{\"intValue\":\"");
            put_i64(out, n);
            out.extend_from_slice(b"\"}");
        }
        ValueRef::F64(_) => put_member(out, "{\"doubleValue\":", value),
        ValueRef::Text(_) => put_member(out, "{\"stringValue\":", value),
        other => put_rare(out, other),
    }
}

/// Appends a value whose JSON is that of its member.
#[inline]
fn put_member(out: &mut Vec<u8>, start: &str, value: ValueRef<'_>) {
    out.extend_from_slice(start.as_bytes());
    put_value(out, value);
    out.push(b'}');
}

fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::None => out.extend_from_slice(b"{}"),
        ValueRef::Bool(_) => put_member(out, "{\"boolValue\":", value),
        ValueRef::F32(_) | ValueRef::Duration(_) => put_member(out, "{\"doubleValue\":", value),
        ValueRef::I128(n) => put_integer(out, value, i64::try_from(n).is_ok()),
        ValueRef::U128(n) => put_integer(out, value, i64::try_from(n).is_ok()),
        ValueRef::U64(_) => put_integer(out, value, false),
        ValueRef::Bytes(bytes) if std::str::from_utf8(bytes).is_err() => put_bytes(out, bytes),
        ValueRef::Sequence(elements) => {
            out.extend_from_slice(b"{\"arrayValue\":{\"values\":[");
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_any_value(out, element);
            }
            out.extend_from_slice(b"]}}");
        }
        ValueRef::Map(map) => {
            out.extend_from_slice(b"{\"kvlistValue\":{\"values\":[");
            for (index, (name, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_key_value(out, name, value);
            }
            out.extend_from_slice(b"]}}");
        }
        // Texts in JSON.
        other => put_member(out, "{\"stringValue\":", other),
    }
}

/// Appends an integer as a number of 64 bits, or else as a text.
fn put_integer(out: &mut Vec<u8>, value: ValueRef<'_>, is_short: bool) {
    out.extend_from_slice(if is_short { b"{\"intValue\":\"" } else { b"{\"stringValue\":\"" });
    put_value(out, value);
    out.extend_from_slice(b"\"}");
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"bytesValue\":\"");
    let start = out.len();
    out.resize(start + BASE64.encode_len(bytes.len()), b'=');
    if let Some(room) = out.get_mut(start..) {
        BASE64.encode_mut(bytes, room);
    }
    out.extend_from_slice(b"\"}");
}
