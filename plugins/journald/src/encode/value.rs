//! Fields as bytes of an entry.

use std::fmt::Write;

use fapilog_format::text::put_quoted;
use fapilog_plugin::{
    text::{
        number::{put_f32, put_f64, put_i64, put_u64},
        plain::put_plain,
        scalar::put_duration,
    },
    value::ValueRef,
};

/// Text around the names of numbers that are none, in JSON.
const QUOTE: &str = "\"";

/// Appends a field. `name` ends with `=`.
#[inline]
pub(super) fn put_field(out: &mut Vec<u8>, name: &[u8], value: ValueRef<'_>) {
    match value {
        ValueRef::Text(text) => put_text(out, name, text),
        ValueRef::U64(n) => put_line(out, name, |out| put_u64(out, n)),
        ValueRef::I64(n) => put_line(out, name, |out| put_i64(out, n)),
        ValueRef::F64(x) => put_line(out, name, |out| put_f64(out, x, "")),
        other => put_rare(out, name, other),
    }
}

fn put_rare(out: &mut Vec<u8>, name: &[u8], value: ValueRef<'_>) {
    match value {
        ValueRef::Bytes(bytes) => put_binary(out, name, bytes),
        ValueRef::Char(c) => put_text(out, name, c.encode_utf8(&mut [0; 4])),
        ValueRef::Sequence(_) | ValueRef::Map(_) => put_line(out, name, |out| put_json(out, value)),
        ValueRef::Duration(span) => put_line(out, name, |out| {
            put_duration(out, span);
            out.push(b's');
        }),
        // None of these has a line feed in its text.
        ValueRef::None
        | ValueRef::Bool(_)
        | ValueRef::U64(_)
        | ValueRef::I64(_)
        | ValueRef::U128(_)
        | ValueRef::I128(_)
        | ValueRef::F32(_)
        | ValueRef::F64(_)
        | ValueRef::Time { .. }
        | ValueRef::Ip(_)
        | ValueRef::Socket(_)
        | ValueRef::Uuid(_) => put_line(out, name, |out| put_plain(out, value)),
        // A type that this sink does not know is text.
        other => put_text(out, name, &other.to_string()),
    }
}

/// Appends a field whose value has no line feed.
#[inline]
pub(super) fn put_line(out: &mut Vec<u8>, name: &[u8], put: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(name);
    put(out);
    out.push(b'\n');
}

/// Appends a field of text: on a line, or with its length in front if it has a line feed.
#[inline]
pub(super) fn put_text(out: &mut Vec<u8>, name: &[u8], text: &str) {
    match memchr::memchr(b'\n', text.as_bytes()) {
        None => put_line(out, name, |out| out.extend_from_slice(text.as_bytes())),
        Some(_) => put_binary(out, name, text.as_bytes()),
    }
}

/// Appends a field of any bytes, with their length in front.
pub(super) fn put_binary(out: &mut Vec<u8>, name: &[u8], bytes: &[u8]) {
    out.extend_from_slice(name.strip_suffix(b"=").unwrap_or(name));
    out.push(b'\n');
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
    out.push(b'\n');
}

/// Appends a value as JSON, on one line. How deep lists and maps nest, the record bounds.
fn put_json(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Text(text) => put_quoted(out, text),
        ValueRef::F64(x) => put_f64(out, x, QUOTE),
        ValueRef::F32(x) => put_f32(out, x, QUOTE),
        ValueRef::Duration(span) => put_duration(out, span),
        ValueRef::None
        | ValueRef::Bool(_)
        | ValueRef::U64(_)
        | ValueRef::I64(_)
        | ValueRef::U128(_)
        | ValueRef::I128(_) => put_plain(out, value),
        ValueRef::Sequence(sequence) => {
            out.push(b'[');
            for (index, element) in sequence.iter().enumerate() {
                separate(out, index);
                put_json(out, element);
            }
            out.push(b']');
        }
        ValueRef::Map(map) => {
            out.push(b'{');
            for (index, (key, value)) in map.iter().enumerate() {
                separate(out, index);
                put_quoted(out, key);
                out.push(b':');
                put_json(out, value);
            }
            out.push(b'}');
        }
        ValueRef::Char(c) => put_quoted(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::Bytes(bytes) => put_quoted_bytes(out, bytes),
        ValueRef::Time { .. } | ValueRef::Ip(_) | ValueRef::Socket(_) | ValueRef::Uuid(_) => {
            out.push(b'"');
            put_plain(out, value);
            out.push(b'"');
        }
        other => put_quoted(out, &other.to_string()),
    }
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// Bytes within a list or a map: text, with `\xNN` in the place of a byte that is not UTF-8.
fn put_quoted_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => put_quoted(out, text),
        Err(_) => {
            let mut text = String::new();
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                // A `String` takes all that is written.
                let _ = chunk.invalid().iter().try_for_each(|byte| write!(text, "\\x{byte:02x}"));
            }
            put_quoted(out, &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn field(value: ValueRef<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_field(&mut out, b"X=", value);
        out
    }

    #[test]
    fn values_are_written_as_text() {
        for (value, text) in [
            (ValueRef::None, "X=null\n"),
            (ValueRef::Bool(true), "X=true\n"),
            (ValueRef::I64(-5), "X=-5\n"),
            (ValueRef::U128(u128::MAX), "X=340282366920938463463374607431768211455\n"),
            (ValueRef::F64(101.25), "X=101.25\n"),
            (ValueRef::F32(f32::NAN), "X=NaN\n"),
            (ValueRef::Char('é'), "X=é\n"),
            (ValueRef::Duration(Duration::from_millis(250)), "X=0.25s\n"),
            (ValueRef::Time { seconds: 0, nanos: 1 }, "X=1970-01-01T00:00:00.000000001Z\n"),
            (ValueRef::Ip([127, 0, 0, 1].into()), "X=127.0.0.1\n"),
            (ValueRef::Uuid([0xab; 16]), "X=abababab-abab-abab-abab-abababababab\n"),
            (ValueRef::Text("a = \t\u{1b}b"), "X=a = \t\u{1b}b\n"),
            (ValueRef::Text(""), "X=\n"),
        ] {
            assert_eq!(String::from_utf8(field(value)).unwrap(), text);
        }
    }

    #[test]
    fn text_with_line_feeds_and_bytes_have_their_length_in_front() {
        assert_eq!(field(ValueRef::Text("a\nb")), b"X\n\x03\0\0\0\0\0\0\0a\nb\n");
        assert_eq!(field(ValueRef::Char('\n')), b"X\n\x01\0\0\0\0\0\0\0\n\n");
        assert_eq!(field(ValueRef::Bytes(b"\xff\0")), b"X\n\x02\0\0\0\0\0\0\0\xff\0\n");
    }
}
