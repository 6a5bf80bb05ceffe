//! Values as plain text, for messages.

use crate::{
    text::{duration::put_duration_for_people, hex::hex, number, scalar},
    value::ValueRef,
};

/// Appends a value as a person would write it: text as it is, numbers in decimal, durations as `17µs` and `1m30s`,
/// times by RFC 3339, sequences as `[a, b]`, maps as `{key: value}`, nothing as `null`. Bytes that are not UTF-8 come out as `\xNN`, so what is
/// appended is UTF-8. Formatters escape messages; this does not.
pub fn put_plain(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::None => out.extend_from_slice(b"null"),
        ValueRef::Bool(is) => out.extend_from_slice(if is { b"true" } else { b"false" }),
        ValueRef::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        ValueRef::I64(n) => number::put_i64(out, n),
        ValueRef::U64(n) => number::put_u64(out, n),
        ValueRef::I128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::U128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::F32(x) => number::put_f32(out, x, ""),
        ValueRef::F64(x) => number::put_f64(out, x, ""),
        ValueRef::Duration(span) => put_duration_for_people(out, span),
        ValueRef::Time { seconds, nanos } => scalar::put_time(out, seconds, nanos),
        ValueRef::Ip(ip) => scalar::put_ip(out, ip),
        ValueRef::Socket(socket) => scalar::put_socket(out, socket),
        ValueRef::Uuid(uuid) => scalar::put_uuid(out, uuid),
        ValueRef::Text(text) => out.extend_from_slice(text.as_bytes()),
        ValueRef::Bytes(bytes) => put_bytes(out, bytes),
        ValueRef::Sequence(sequence) => {
            out.push(b'[');
            for (index, element) in sequence.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b", " } else { b"" });
                put_plain(out, element);
            }
            out.push(b']');
        }
        ValueRef::Map(map) => {
            out.push(b'{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b", " } else { b"" });
                out.extend_from_slice(key.as_bytes());
                out.extend_from_slice(b": ");
                put_plain(out, value);
            }
            out.push(b'}');
        }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for &byte in chunk.invalid() {
            out.extend_from_slice(b"\\x");
            out.extend_from_slice(&hex(byte));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_a_person_would_write_them() {
        for (value, text) in [
            (ValueRef::Text("a \"b\""), "a \"b\""),
            (ValueRef::I64(-5), "-5"),
            (ValueRef::F64(101.25), "101.25"),
            (ValueRef::F64(f64::NAN), "NaN"),
            (ValueRef::Duration(std::time::Duration::from_millis(250)), "250ms"),
            (ValueRef::None, "null"),
            (ValueRef::Bytes(b"a\xffb"), "a\\xffb"),
            (ValueRef::U128(u128::MAX), "340282366920938463463374607431768211455"),
        ] {
            let mut out = Vec::new();
            put_plain(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
