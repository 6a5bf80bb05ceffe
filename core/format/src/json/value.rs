//! JSON values.

use fapilog_record::{
    text::{
        number::{put_f32, put_f64, put_i64, put_u64},
        scalar::{put_duration, put_ip, put_socket, put_time, put_uuid},
    },
    value::{MapRef, SequenceRef, ValueRef},
};

use crate::json::text::{put_key, put_marked_string, put_string};

/// Text around the names of numbers that are none.
const QUOTE: &str = "\"";

/// Appends a value, as the [table](super) of values has it. Returns whether it is plain: `false` for a value that holds bytes that are not
/// UTF-8. Such a value is written marked, as [`put_marked_string`] does, each text in it, and a reader has to know it: name the field in a
/// list beside the fields ([`MarkedFields`](super::MarkedFields)), as `not_utf8` of [`Json`](super::Json).
///
/// ```
/// use fapilog_format::json::put_value;
/// use fapilog_plugin::value::ValueRef;
///
/// let mut out = Vec::new();
/// assert!(put_value(&mut out, ValueRef::F64(0.5)));
/// assert!(put_value(&mut out, ValueRef::Text("a \"b\"")));
/// assert!(!put_value(&mut out, ValueRef::Bytes(b"\xff")));
/// assert_eq!(out, br#"0.5"a \"b\"""\\xff""#);
/// ```
#[inline(always)]
pub fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::U64(n) => put_u64(out, n),
        ValueRef::I64(n) => put_i64(out, n),
        ValueRef::F64(x) => put_f64(out, x, QUOTE),
        ValueRef::Text(text) => put_string(out, text),
        other => return put_rare(out, other),
    }
    true
}

fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::None => out.extend_from_slice(b"null"),
        ValueRef::Bool(true) => out.extend_from_slice(b"true"),
        ValueRef::Bool(false) => out.extend_from_slice(b"false"),
        ValueRef::Char(c) => put_string(out, c.encode_utf8(&mut [0; 4])),
        ValueRef::I128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::U128(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
        ValueRef::F32(x) => put_f32(out, x, QUOTE),
        ValueRef::Duration(span) => put_duration(out, span),
        ValueRef::Time { seconds, nanos } => put_quoted(out, |out| put_time(out, seconds, nanos)),
        ValueRef::Ip(ip) => put_quoted(out, |out| put_ip(out, ip)),
        ValueRef::Socket(socket) => put_quoted(out, |out| put_socket(out, socket)),
        ValueRef::Uuid(uuid) => put_quoted(out, |out| put_uuid(out, uuid)),
        ValueRef::Bytes(bytes) => return put_bytes(out, bytes),
        ValueRef::Sequence(sequence) => return put_composite(out, sequence),
        ValueRef::Map(map) => return put_composite(out, map),
        ValueRef::U64(_) | ValueRef::I64(_) | ValueRef::F64(_) | ValueRef::Text(_) => return put_value(out, value),
        // A type that this formatter does not know is text.
        other => put_string(out, &other.to_string()),
    }
    true
}

fn put_quoted(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    put(out);
    out.push(b'"');
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            put_string(out, text);
            true
        }
        Err(_) => {
            put_marked_string(out, bytes);
            false
        }
    }
}

fn put_composite(out: &mut Vec<u8>, composite: impl Composite) -> bool {
    let start = out.len();
    let mut is_utf8 = true;
    composite.put_parts(out, |out, part| is_utf8 &= put_value(out, part));
    if !is_utf8 {
        // Only now is it known that the texts before needed their backslashes doubled, too.
        out.truncate(start);
        composite.put_parts(out, put_marked);
    }
    is_utf8
}

/// A value that is made of values.
trait Composite: Copy {
    /// Appends it, each value in it by `put`.
    fn put_parts(self, out: &mut Vec<u8>, put: impl FnMut(&mut Vec<u8>, ValueRef<'_>));
}

impl Composite for SequenceRef<'_> {
    fn put_parts(self, out: &mut Vec<u8>, mut put: impl FnMut(&mut Vec<u8>, ValueRef<'_>)) {
        out.push(b'[');
        for (index, element) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            put(out, element);
        }
        out.push(b']');
    }
}

impl Composite for MapRef<'_> {
    /// Keys are UTF-8, and never marked.
    fn put_parts(self, out: &mut Vec<u8>, mut put: impl FnMut(&mut Vec<u8>, ValueRef<'_>)) {
        out.push(b'{');
        for (index, (key, value)) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            put_key(out, key);
            put(out, value);
        }
        out.push(b'}');
    }
}

/// Appends a value with each text in it, whether UTF-8 or not, in the form that `decode_marked_text` reads.
fn put_marked(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Text(text) => put_marked_string(out, text.as_bytes()),
        ValueRef::Char(c) => put_marked_string(out, c.encode_utf8(&mut [0; 4]).as_bytes()),
        ValueRef::Bytes(bytes) => put_marked_string(out, bytes),
        ValueRef::Sequence(sequence) => sequence.put_parts(out, put_marked),
        ValueRef::Map(map) => map.put_parts(out, put_marked),
        // No text, or none with a backslash in it.
        other => {
            put_value(out, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;
    use crate::{
        any_value::{Owned, value},
        decode_marked_text,
    };

    #[track_caller]
    fn assert_is(value: &Owned, json: &Json, is_marked: bool) {
        let bytes_of = |json: &Json| match json.as_str().unwrap() {
            text if is_marked => decode_marked_text(text).unwrap(),
            text => text.as_bytes().to_vec(),
        };
        match value {
            Owned::Plain(ValueRef::Char(c)) => assert_eq!(bytes_of(json), c.to_string().as_bytes()),
            Owned::Text(text) => assert_eq!(bytes_of(json), text.as_bytes()),
            Owned::Bytes(bytes) => assert_eq!(&bytes_of(json), bytes),
            Owned::Sequence(elements) => {
                assert_eq!(json.as_array().unwrap().len(), elements.len());
                elements.iter().zip(json.as_array().unwrap()).for_each(|(it, json)| assert_is(it, json, is_marked));
            }
            Owned::Map(entries) => {
                // A key that comes twice has the last value, as parsers of JSON have it.
                let entries: BTreeMap<&str, &Owned> = entries.iter().map(|(key, value)| (&**key, value)).collect();
                assert_eq!(json.as_object().unwrap().len(), entries.len());
                entries.into_iter().for_each(|(key, value)| assert_is(value, &json[key], is_marked));
            }
            Owned::Plain(value) => assert_plain(*value, json),
        }
    }

    #[track_caller]
    fn assert_plain(value: ValueRef<'_>, json: &Json) {
        let text = json.to_string();
        match value {
            ValueRef::None => assert_eq!(text, "null"),
            ValueRef::Bool(is) => assert_eq!(text, is.to_string()),
            ValueRef::I64(n) => assert_eq!(text, n.to_string()),
            ValueRef::U64(n) => assert_eq!(text, n.to_string()),
            ValueRef::I128(n) => assert_eq!(text, n.to_string()),
            ValueRef::U128(n) => assert_eq!(text, n.to_string()),
            ValueRef::F32(x) => assert_eq!(text.parse::<f32>().unwrap().to_bits(), x.to_bits()),
            ValueRef::F64(x) => assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits()),
            other => panic!("none of the values that are tested: {other:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_value_reads_back_as_it_was(value in value()) {
            let mut out = b"{\"value\":".to_vec();
            let is_utf8 = value.view(|value| put_value(&mut out, value));
            out.push(b'}');
            let json: Json = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(is_utf8, value.is_utf8());
            assert_is(&value, &json["value"], !is_utf8);
        }
    }

    #[test]
    fn one_element_that_is_not_utf_8_marks_all_texts_of_its_sequence() {
        let inner = Owned::Sequence(vec![Owned::Plain(ValueRef::Char('\\')), Owned::Bytes(b"\xff".to_vec())]);
        let outer = Owned::Sequence(vec![Owned::Text(r"C:\x41".to_owned()), Owned::Bytes(br"\xff".to_vec()), inner]);
        let mut out = Vec::new();
        assert!(!outer.view(|value| put_value(&mut out, value)));
        assert_eq!(String::from_utf8(out).unwrap(), r#"["C:\\\\x41","\\\\xff",["\\\\","\\xff"]]"#);
    }

    #[test]
    fn a_map_is_an_object_and_one_value_that_is_not_utf_8_marks_all_values_and_no_key() {
        let mut entries = vec![("a\\\"<".to_owned(), Owned::Text(r"C:\x41".to_owned()))];
        let mut out = Vec::new();
        assert!(Owned::Map(entries.clone()).view(|value| put_value(&mut out, value)));
        entries.push((String::new(), Owned::Sequence(vec![Owned::Bytes(b"\xff".to_vec())])));
        assert!(!Owned::Map(entries).view(|value| put_value(&mut out, value)));
        assert!(Owned::Map(Vec::new()).view(|value| put_value(&mut out, value)));
        let key = r#""a\\\"\u003c""#;
        let expected = [r#"{KEY:"C:\\x41"}"#, r#"{KEY:"C:\\\\x41","":["\\xff"]}"#, "{}"].concat().replace("KEY", key);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_sequence_of_utf_8_is_not_marked() {
        let sequence = Owned::Sequence(vec![Owned::Text(r"a\b".to_owned()), Owned::Bytes(br"\xff".to_vec())]);
        let mut out = Vec::new();
        assert!(sequence.view(|value| put_value(&mut out, value)));
        assert_eq!(String::from_utf8(out).unwrap(), r#"["a\\b","\\xff"]"#);
    }
}
