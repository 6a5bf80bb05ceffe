//! Values of the extension.

use fapilog_record::{
    text::{
        hex::hex,
        number::{put_f32, put_f64, put_i64, put_u64},
        scalar::{put_duration, put_ip, put_socket, put_time, put_uuid},
    },
    value::ValueRef,
};

use crate::{
    cef::escape::{put_extension, put_header},
    json,
};

/// Numbers that are none have no quotes.
const NO_QUOTE: &str = "";

/// Appends a value: texts escaped, numbers in decimal, a `Duration` in seconds, lists and maps as their JSON. Returns `false` for bytes that
/// are not UTF-8: those bytes are `\xNN` and each backslash is two, before the format's own escapes. The memory of `scratch` is used.
#[inline(always)]
pub(super) fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>, scratch: &mut Vec<u8>) -> bool {
    match value {
        ValueRef::U64(n) => put_u64(out, n),
        ValueRef::I64(n) => put_i64(out, n),
        ValueRef::F64(x) => put_f64(out, x, NO_QUOTE),
        ValueRef::Text(text) => put_extension(out, text),
        other => return put_rare(out, other, scratch),
    }
    true
}

fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>, scratch: &mut Vec<u8>) -> bool {
    match value {
        ValueRef::Char(c) => put_extension(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::F32(x) => put_f32(out, x, NO_QUOTE),
        ValueRef::Duration(span) => put_duration(out, span),
        ValueRef::Time { seconds, nanos } => put_time(out, seconds, nanos),
        ValueRef::Ip(ip) => put_ip(out, ip),
        ValueRef::Socket(socket) => put_socket(out, socket),
        ValueRef::Uuid(uuid) => put_uuid(out, uuid),
        ValueRef::Bytes(bytes) => return put_bytes(out, bytes),
        // Their JSON has no quotes, or is that of a list or a map.
        other => {
            scratch.clear();
            let is_utf8 = json::put_value(scratch, other);
            // JSON is UTF-8.
            put_extension(out, std::str::from_utf8(scratch).unwrap_or_default());
            return is_utf8;
        }
    }
    true
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(bytes) {
        put_extension(out, text);
        return true;
    }
    for chunk in bytes.utf8_chunks() {
        for (index, piece) in chunk.valid().split('\\').enumerate() {
            if index > 0 {
                // Two backslashes, each escaped.
                out.extend_from_slice(br"\\\\");
            }
            put_extension(out, piece);
        }
        for &byte in chunk.invalid() {
            out.extend_from_slice(br"\\x");
            out.extend_from_slice(&hex(byte));
        }
    }
    false
}

/// Appends a message as the name of the header.
pub(super) fn put_title(out: &mut Vec<u8>, message: ValueRef<'_>, scratch: &mut Vec<u8>) {
    if let ValueRef::Text(text) = message {
        return put_header(out, text);
    }
    scratch.clear();
    fapilog_record::text::plain::put_plain(scratch, message);
    // Plain text is UTF-8.
    put_header(out, std::str::from_utf8(scratch).unwrap_or_default());
}
