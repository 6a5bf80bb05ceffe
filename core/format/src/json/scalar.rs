//! Values of JSON documents whose readers take a single type, or scalars alone.

use fapilog_record::value::ValueRef;

use crate::json::{put_string, put_value};

/// Appends a value as a string: text and bytes as they are, all else as its JSON in quotes. Returns `false` for bytes that are not UTF-8
/// and were written [marked](super::put_marked_string). The memory of `scratch` is used.
pub(crate) fn put_as_string(out: &mut Vec<u8>, value: ValueRef<'_>, scratch: &mut Vec<u8>) -> bool {
    match value {
        ValueRef::Text(text) => {
            put_string(out, text);
            return true;
        }
        ValueRef::Bytes(_) | ValueRef::Char(_) => return put_value(out, value),
        _ => {}
    }
    scratch.clear();
    let is_utf8 = put_value(scratch, value);
    if scratch.first() == Some(&b'"') {
        out.extend_from_slice(scratch);
    } else {
        // JSON is UTF-8.
        put_string(out, std::str::from_utf8(scratch).unwrap_or_default());
    }
    is_utf8
}

/// Whether a value is an integer that has no room in 64 bits with a sign, which most products have numbers of.
pub(crate) fn is_long_integer(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::U64(n) => i64::try_from(n).is_err(),
        ValueRef::I128(n) => i64::try_from(n).is_err(),
        ValueRef::U128(n) => i64::try_from(n).is_err(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_value::Owned;

    fn text(value: ValueRef<'_>) -> (String, bool) {
        let mut out = Vec::new();
        let is_utf8 = put_as_string(&mut out, value, &mut b"left".to_vec());
        (String::from_utf8(out).unwrap(), is_utf8)
    }

    #[test]
    fn every_value_is_a_string() {
        assert_eq!(text(ValueRef::Text("a\"")), (r#""a\"""#.to_owned(), true));
        assert_eq!(text(ValueRef::Bytes(b"\xff")), (r#""\\xff""#.to_owned(), false));
        assert_eq!(text(ValueRef::U64(7)), (r#""7""#.to_owned(), true));
        assert_eq!(text(ValueRef::None), (r#""null""#.to_owned(), true));
        assert_eq!(text(ValueRef::F64(f64::NAN)), (r#""NaN""#.to_owned(), true));
        let list = Owned::Sequence(vec![Owned::Text("a".to_owned()), Owned::Plain(ValueRef::Bool(true))]);
        assert_eq!(list.view(text), (r#""[\"a\",true]""#.to_owned(), true));
        let bad = Owned::Sequence(vec![Owned::Bytes(b"\xff".to_vec())]);
        assert_eq!(bad.view(text), (r#""[\"\\\\xff\"]""#.to_owned(), false));
    }

    #[test]
    fn an_integer_is_long_beyond_64_bits_with_a_sign() {
        let max = i64::MAX as u64;
        assert!(!is_long_integer(ValueRef::U64(max)) && is_long_integer(ValueRef::U64(max + 1)));
        assert!(!is_long_integer(ValueRef::I128(i64::MIN.into())));
        assert!(is_long_integer(ValueRef::I128(i128::from(i64::MIN) - 1)));
        assert!(is_long_integer(ValueRef::U128(u128::MAX)) && !is_long_integer(ValueRef::F64(1e30)));
    }
}
