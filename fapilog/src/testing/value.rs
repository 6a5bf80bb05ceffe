//! Values that outlive their event.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use fapilog_record::{
    as_logged,
    value::{Value, ValueRef},
};

/// A value of a field, as the log shows it.
///
/// A value that can be logged can be compared with it: `LoggedValue::of(&42)` is the same whether 42 was a `u8` or an
/// `i64`. A number that is not a number is the same as another.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LoggedValue {
    /// Nothing: a `None`, or a `()`.
    None,
    /// `bool`.
    Bool(bool),
    /// `char`.
    Char(char),
    /// An integer.
    Integer(i128),
    /// An integer beyond `i128`.
    Huge(u128),
    /// A floating-point number. An `f32` is the `f64` that is written alike: 0.1 stays 0.1.
    Float(f64),
    /// A span of time.
    Duration(Duration),
    /// A point in time: seconds since 1970-01-01T00:00:00Z, rounded down, and nanoseconds since then.
    Time {
        /// Seconds; negative before 1970.
        seconds: i64,
        /// 0 to 999,999,999.
        nanos: u32,
    },
    /// An address.
    Ip(IpAddr),
    /// An address with a port.
    Socket(SocketAddr),
    /// A UUID, in network order.
    Uuid([u8; 16]),
    /// Text.
    Text(String),
    /// Text in an unknown encoding.
    Bytes(Vec<u8>),
    /// Several values.
    Sequence(Vec<LoggedValue>),
    /// Values under keys, in the order of the keys: a map is the same in every order of its entries.
    Map(BTreeMap<String, LoggedValue>),
}

impl LoggedValue {
    /// The value as the log shows it.
    #[must_use]
    pub fn of<T: Value + ?Sized>(value: &T) -> Self {
        as_logged(value, |value| Self::from(value))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<ValueRef<'_>> for LoggedValue {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Bool(is_so) => Self::Bool(is_so),
            ValueRef::Char(character) => Self::Char(character),
            ValueRef::I64(number) => Self::Integer(number.into()),
            ValueRef::U64(number) => Self::Integer(number.into()),
            ValueRef::I128(number) => Self::Integer(number),
            ValueRef::U128(number) => i128::try_from(number).map_or(Self::Huge(number), Self::Integer),
            ValueRef::F32(number) => Self::Float(number.to_string().parse().unwrap_or(f64::NAN)),
            ValueRef::F64(number) => Self::Float(number),
            ValueRef::Duration(span) => Self::Duration(span),
            ValueRef::Time { seconds, nanos } => Self::Time { seconds, nanos },
            ValueRef::Ip(address) => Self::Ip(address),
            ValueRef::Socket(address) => Self::Socket(address),
            ValueRef::Uuid(bytes) => Self::Uuid(bytes),
            ValueRef::Text(text) => Self::Text(text.to_owned()),
            ValueRef::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
            ValueRef::Sequence(elements) => Self::Sequence(elements.iter().map(Self::from).collect()),
            ValueRef::Map(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.to_owned(), Self::from(value))).collect())
            }
            _ => Self::None,
        }
    }
}

impl PartialEq for LoggedValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Huge(a), Self::Huge(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Time { seconds: a, nanos: b }, Self::Time { seconds: c, nanos: d }) => (a, b) == (c, d),
            (Self::Ip(a), Self::Ip(b)) => a == b,
            (Self::Socket(a), Self::Socket(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Sequence(a), Self::Sequence(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

/// As in Rust's own `Debug`, so that 1, 1.0 and "1" differ.
impl fmt::Display for LoggedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(is_so) => is_so.fmt(f),
            Self::Char(character) => fmt::Debug::fmt(character, f),
            Self::Integer(number) => number.fmt(f),
            Self::Huge(number) => number.fmt(f),
            Self::Float(number) => fmt::Debug::fmt(number, f),
            Self::Duration(span) => fmt::Debug::fmt(span, f),
            Self::Time { seconds, nanos } => write!(f, "time {seconds}.{nanos:09}"),
            Self::Ip(address) => address.fmt(f),
            Self::Socket(address) => address.fmt(f),
            Self::Uuid(bytes) => write!(f, "uuid {:032x}", u128::from_be_bytes(*bytes)),
            Self::Text(text) => fmt::Debug::fmt(text, f),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Sequence(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key:?}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_the_same_in_each_of_its_types() {
        let all = [LoggedValue::of(&42_u8), LoggedValue::of(&42_i64), LoggedValue::of(&42_u128), LoggedValue::of(&42)];
        assert!(all.iter().all(|value| *value == LoggedValue::Integer(42)), "{all:?}");
        assert_eq!(LoggedValue::of(&u128::MAX), LoggedValue::Huge(u128::MAX));
    }

    #[test]
    fn floats_are_the_same_if_they_are_written_alike() {
        assert_eq!(LoggedValue::of(&0.1_f32), LoggedValue::of(&0.1_f64));
        assert_eq!(LoggedValue::of(&f32::NAN), LoggedValue::of(&f64::NAN));
        assert_eq!(LoggedValue::of(&f32::NEG_INFINITY), LoggedValue::of(&f64::NEG_INFINITY));
    }

    #[test]
    fn numbers_and_their_texts_differ() {
        let shown = [LoggedValue::of(&1), LoggedValue::of(&1.0), LoggedValue::of("1")].map(|value| value.to_string());
        assert_eq!(shown, ["1", "1.0", "\"1\""]);
        assert_ne!(LoggedValue::of(&1), LoggedValue::of(&1.0));
    }

    #[test]
    fn a_sequence_is_compared_element_by_element() {
        assert_eq!(LoggedValue::of(&["a", "b"]), LoggedValue::of(&vec!["a".to_owned(), "b".to_owned()]));
        assert_ne!(LoggedValue::of(&[1, 2]), LoggedValue::of(&[1, 3]));
        assert_eq!(LoggedValue::of(&[1, 2]).to_string(), "[1, 2]");
    }

    #[test]
    fn a_map_is_compared_key_by_key() {
        let map = BTreeMap::from([("b", 1), ("a", 2)]);
        let other: std::collections::HashMap<String, u8> = [("a".to_owned(), 2), ("b".to_owned(), 1)].into();
        assert_eq!(LoggedValue::of(&map), LoggedValue::of(&other));
        assert_ne!(LoggedValue::of(&map), LoggedValue::of(&BTreeMap::from([("a", 2)])));
        assert_eq!(LoggedValue::of(&(map, "x")).to_string(), r#"[{"a": 2, "b": 1}, "x"]"#);
    }

    #[test]
    fn addresses_with_ports_are_compared() {
        let [a, b]: [std::net::SocketAddr; 2] = ["1.2.3.4:80", "1.2.3.4:81"].map(|text| text.parse().unwrap());
        assert_ne!(LoggedValue::of(&a), LoggedValue::of(&b));
        assert_eq!(LoggedValue::of(&a).to_string(), "1.2.3.4:80");
    }

    #[test]
    fn an_option_is_its_value_or_nothing() {
        assert_eq!(LoggedValue::of(&Some(7)), LoggedValue::of(&7));
        assert_eq!(LoggedValue::of(&None::<u8>), LoggedValue::None);
    }
}
