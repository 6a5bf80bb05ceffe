//! `AnyValue` and `KeyValue`, in protobuf.

use fapilog_plugin::{text::plain::put_plain, value::ValueRef};

use fapilog_format::protobuf_wire::{
    field_len, fixed64_tag, length_tag, put_field, put_head, put_sized, put_varint, varint_len, varint_tag,
};

const STRING: u8 = length_tag(1);
const BOOL: u8 = varint_tag(2);
const INT: u8 = varint_tag(3);
const DOUBLE: u8 = fixed64_tag(4);
const ARRAY: u8 = length_tag(5);
const KEY_VALUES: u8 = length_tag(6);
const BYTES: u8 = length_tag(7);

/// The tag of an element of `ArrayValue`, `KeyValueList`, and of the key of `KeyValue`.
const FIRST: u8 = length_tag(1);
/// The tag of the value of `KeyValue`.
const VALUE: u8 = length_tag(2);

/// Appends the front of a `KeyValue`: the key, and the tag of the value. The length of the value follows.
pub(crate) fn put_key(out: &mut Vec<u8>, (prefix, name): (&str, &str), number: Option<u32>) {
    let number = number.map(|number| format!("_{number}")).unwrap_or_default();
    put_head(out, FIRST, prefix.len() + name.len() + number.len());
    for part in [prefix, name, &number] {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(VALUE);
}

/// Appends a field that is a `KeyValue` of a text.
pub(crate) fn put_text_attribute(out: &mut Vec<u8>, tag: u8, name: &str, value: &str) {
    put_attribute(out, tag, name, ValueRef::Text(value));
}

/// Appends a field that is a `KeyValue`.
pub(crate) fn put_attribute(out: &mut Vec<u8>, tag: u8, name: &str, value: ValueRef<'_>) {
    out.push(tag);
    put_key_value(out, name, value);
}

fn put_key_value(out: &mut Vec<u8>, name: &str, value: ValueRef<'_>) {
    put_sized::<1>(out, |out| {
        put_key(out, ("", name), None);
        put_any_value(out, value);
    });
}

/// Appends an `AnyValue` behind its length. Integers beyond 64 bits with a sign are texts, and bytes that are UTF-8 are texts, too.
#[inline(always)]
pub(crate) fn put_any_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Text(text) => put_text(out, text.as_bytes()),
        ValueRef::U64(n) if n <= i64::MAX as u64 => put_int(out, n),
        // A negative number is its two's complement.
        ValueRef::I64(n) => put_int(out, n as u64),
        ValueRef::F64(x) => put_double(out, x),
        other => put_rare(out, other),
    }
}

#[inline(always)]
fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, field_len(text.len()) as u64);
    put_field(out, STRING, text);
}

#[inline(always)]
fn put_int(out: &mut Vec<u8>, n: u64) {
    out.push(1 + varint_len(n) as u8);
    out.push(INT);
    put_varint(out, n);
}

#[inline(always)]
fn put_double(out: &mut Vec<u8>, x: f64) {
    let [a, b, c, d, e, f, g, h] = x.to_le_bytes();
    out.extend_from_slice(&[9, DOUBLE, a, b, c, d, e, f, g, h]);
}

#[inline(never)]
fn put_rare(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::None => out.push(0),
        ValueRef::Bool(is) => out.extend_from_slice(&[2, BOOL, is.into()]),
        ValueRef::F32(x) => put_double(out, x.into()),
        ValueRef::Duration(span) => put_double(out, span.as_secs_f64()),
        ValueRef::I128(n) if let Ok(n) = i64::try_from(n) => put_int(out, n as u64),
        ValueRef::U128(n) if let Ok(n) = i64::try_from(n) => put_int(out, n as u64),
        ValueRef::Bytes(bytes) if std::str::from_utf8(bytes).is_ok() => put_text(out, bytes),
        ValueRef::Bytes(bytes) => put_sized::<1>(out, |out| put_field(out, BYTES, bytes)),
        ValueRef::Sequence(elements) => put_composite(out, ARRAY, |out| {
            for element in elements.iter() {
                out.push(FIRST);
                put_any_value(out, element);
            }
        }),
        ValueRef::Map(map) => put_composite(out, KEY_VALUES, |out| {
            for (name, value) in map.iter() {
                out.push(FIRST);
                put_key_value(out, name, value);
            }
        }),
        ValueRef::Text(_) | ValueRef::I64(_) | ValueRef::F64(_) => put_any_value(out, value),
        // Characters, times, addresses, ids, and integers beyond 64 bits.
        other => put_sized::<1>(out, |out| {
            out.push(STRING);
            put_sized::<1>(out, |out| put_plain(out, other));
        }),
    }
}

fn put_composite(out: &mut Vec<u8>, tag: u8, put: impl FnOnce(&mut Vec<u8>)) {
    put_sized::<1>(out, |out| {
        out.push(tag);
        put_sized::<1>(out, put);
    });
}

/// Appends an `AnyValue` that is an array of texts, each in three parts.
pub(crate) fn put_texts<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = (&'a str, &'a str, &'a str)>) {
    put_composite(out, ARRAY, |out| {
        for (front, middle, back) in texts {
            out.push(FIRST);
            put_sized::<1>(out, |out| {
                out.push(STRING);
                put_sized::<1>(out, |out| {
                    [front, middle, back].iter().for_each(|part| out.extend_from_slice(part.as_bytes()))
                });
            });
        }
    });
}
