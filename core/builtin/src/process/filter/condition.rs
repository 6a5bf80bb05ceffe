//! Conditions of a rule on a field.

use std::{
    cmp::Ordering,
    net::{IpAddr, SocketAddr},
};

use fapilog_plugin::event::Event;
use fapilog_record::value::{SequenceRef, ValueRef};

use crate::process::{FieldPath, TextRegex};

/// The value that a field is compared with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operand {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any number.
    Float(f64),
    /// Text. It also stands for the address, with or without a port, or the UUID that it spells.
    Text(String),
}

macro_rules! operand_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => {$(
        impl From<$from> for Operand {
            fn from($value: $from) -> Self {
                $make
            }
        }
    )*};
}

operand_from! {
    bool => |is| Self::Bool(is);
    i32 => |n| Self::Integer(n.into());
    i64 => |n| Self::Integer(n.into());
    i128 => |n| Self::Integer(n);
    u32 => |n| Self::Integer(n.into());
    u64 => |n| Self::Integer(n.into());
    f64 => |x| Self::Float(x);
    &str => |text| Self::Text(text.to_owned());
    String => |text| Self::Text(text);
}

/// How a field is compared.
///
/// * Numbers are compared by what they are worth, whatever their types, without rounding: 5 equals 5.0, and 2^53 + 1 is
///   greater than 2^53 as a float. NaN is neither equal to, less nor greater than anything. A duration is its number of
///   seconds.
/// * Text is compared byte by byte, and never read as a number: `"5"` is not 5.
/// * Values that cannot be compared (as text with a number) are not equal, and neither less nor greater.
/// * A field whose value is `None` is missing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Comparison {
    /// There is such a field, and it is equal.
    Eq(Operand),
    /// There is no such field, or it is not equal.
    Ne(Operand),
    /// There is such a field.
    Exists,
    /// There is no such field.
    Missing,
    /// It is text that has this text in it, a sequence that has this element, or a map that has this key.
    Contains(Operand),
    /// It is text that begins with this.
    StartsWith(String),
    /// It is text in which this regular expression has a match.
    Matches(TextRegex),
    /// It is greater.
    Gt(Operand),
    /// It is less.
    Lt(Operand),
    /// It is greater or equal.
    Ge(Operand),
    /// It is less or equal.
    Le(Operand),
}

/// A field and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    field: FieldPath,
    comparison: Comparison,
}

impl Condition {
    /// The condition that `comparison` holds for `field`.
    #[must_use]
    pub fn new(field: impl Into<FieldPath>, comparison: Comparison) -> Self {
        Self { field: field.into(), comparison }
    }

    /// Whether it is so.
    pub(in crate::process) fn holds(&self, event: &Event<'_>) -> bool {
        let value = self.field.of(event).filter(|value| *value != ValueRef::None);
        let order = |operand| value.and_then(|value| compare(value, operand));
        match &self.comparison {
            Comparison::Exists => value.is_some(),
            Comparison::Missing => value.is_none(),
            Comparison::Eq(operand) => order(operand) == Some(Ordering::Equal),
            Comparison::Ne(operand) => order(operand) != Some(Ordering::Equal),
            Comparison::Gt(operand) => order(operand) == Some(Ordering::Greater),
            Comparison::Lt(operand) => order(operand) == Some(Ordering::Less),
            Comparison::Ge(operand) => order(operand).is_some_and(Ordering::is_ge),
            Comparison::Le(operand) => order(operand).is_some_and(Ordering::is_le),
            Comparison::Contains(operand) => value.is_some_and(|value| contains(value, operand)),
            Comparison::StartsWith(front) => {
                value.is_some_and(|value| with_text(value, |text| text.starts_with(front.as_bytes())))
            }
            Comparison::Matches(pattern) => value.is_some_and(|value| with_text(value, |text| pattern.is_match(text))),
        }
    }
}

fn contains(value: ValueRef<'_>, operand: &Operand) -> bool {
    match (value, operand) {
        (ValueRef::Sequence(sequence), operand) => has_element(sequence, operand),
        (ValueRef::Map(map), Operand::Text(key)) => map.get(key).is_some(),
        (value, Operand::Text(part)) => with_text(value, |text| memchr::memmem::find(text, part.as_bytes()).is_some()),
        _ => false,
    }
}

fn has_element(sequence: SequenceRef<'_>, operand: &Operand) -> bool {
    sequence.iter().any(|element| compare(element, operand) == Some(Ordering::Equal))
}

/// Asks something of a value's text, if it is text.
fn with_text(value: ValueRef<'_>, ask: impl FnOnce(&[u8]) -> bool) -> bool {
    match value {
        ValueRef::Text(text) => ask(text.as_bytes()),
        ValueRef::Bytes(bytes) => ask(bytes),
        ValueRef::Char(c) => ask(c.encode_utf8(&mut [0; 4]).as_bytes()),
        _ => false,
    }
}

/// `None` if they cannot be compared.
fn compare(value: ValueRef<'_>, operand: &Operand) -> Option<Ordering> {
    match operand {
        Operand::Bool(operand) => match value {
            ValueRef::Bool(is) => Some(is.cmp(operand)),
            _ => None,
        },
        Operand::Integer(operand) => ComparedNumber::of(value)?.compare(ComparedNumber::from(*operand)),
        Operand::Float(operand) => ComparedNumber::of(value)?.compare(ComparedNumber::Float(*operand)),
        Operand::Text(operand) => compare_text(value, operand),
    }
}

fn compare_text(value: ValueRef<'_>, operand: &str) -> Option<Ordering> {
    match value {
        ValueRef::Text(text) => Some(text.cmp(operand)),
        ValueRef::Bytes(bytes) => Some(bytes.cmp(operand.as_bytes())),
        ValueRef::Char(c) => Some((*c.encode_utf8(&mut [0; 4])).cmp(operand)),
        ValueRef::Ip(ip) => Some(ip.cmp(&operand.parse::<IpAddr>().ok()?)),
        ValueRef::Socket(socket) => Some(socket.cmp(&operand.parse::<SocketAddr>().ok()?)),
        ValueRef::Uuid(uuid) => Some(uuid.cmp(uuid::Uuid::try_parse(operand).ok()?.as_bytes())),
        _ => None,
    }
}

/// A number, with nothing lost.
#[derive(Debug, Clone, Copy)]
enum ComparedNumber {
    /// At least -2^127, below 2^128.
    Integer {
        is_negative: bool,
        magnitude: u128,
    },
    Float(f64),
}

impl From<i128> for ComparedNumber {
    fn from(n: i128) -> Self {
        Self::Integer { is_negative: n < 0, magnitude: n.unsigned_abs() }
    }
}

impl ComparedNumber {
    fn of(value: ValueRef<'_>) -> Option<Self> {
        Some(match value {
            ValueRef::I64(n) => i128::from(n).into(),
            ValueRef::U64(n) => i128::from(n).into(),
            ValueRef::I128(n) => n.into(),
            ValueRef::U128(magnitude) => Self::Integer { is_negative: false, magnitude },
            ValueRef::F32(x) => Self::Float(x.into()),
            ValueRef::F64(x) => Self::Float(x),
            ValueRef::Duration(span) => Self::Float(span.as_secs_f64()),
            _ => return None,
        })
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Float(x), Self::Float(y)) => x.partial_cmp(&y),
            (Self::Float(_), Self::Integer { .. }) => other.compare(self).map(Ordering::reverse),
            (Self::Integer { is_negative, magnitude }, Self::Float(y)) => compare_with(is_negative, magnitude, y),
            (
                Self::Integer { is_negative: false, magnitude },
                Self::Integer { is_negative: false, magnitude: other },
            ) => Some(magnitude.cmp(&other)),
            (Self::Integer { is_negative: true, magnitude }, Self::Integer { is_negative: true, magnitude: other }) => {
                Some(other.cmp(&magnitude))
            }
            (Self::Integer { is_negative, .. }, Self::Integer { .. }) => {
                Some(if is_negative { Ordering::Less } else { Ordering::Greater })
            }
        }
    }
}

/// Compares an integer with a float: the whole parts as integers, and if they are the same, what is behind the point.
fn compare_with(is_negative: bool, magnitude: u128, y: f64) -> Option<Ordering> {
    /// 2^128.
    const BEYOND: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;
    if y.is_nan() {
        return None;
    }
    if is_negative != (y < 0.0) {
        // Zero is not negative, so the two differ.
        return Some(if is_negative { Ordering::Less } else { Ordering::Greater });
    }
    let size = y.abs();
    let by_size = if size >= BEYOND {
        Ordering::Less
    } else {
        // Below 2^128: the cast takes the whole part as it is.
        magnitude.cmp(&(size as u128)).then(if size.fract() > 0.0 { Ordering::Less } else { Ordering::Equal })
    };
    Some(if is_negative { by_size.reverse() } else { by_size })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fapilog_plugin::testing::{TestBatches, test_event};
    use fapilog_record::{field_group::FieldGroup, value::OwnedValue};
    use proptest::prelude::*;

    use super::*;

    fn holds<'a>(value: impl Into<ValueRef<'a>>, comparison: Comparison) -> bool {
        let event = test_event("message").field(FieldGroup::Context, "key", value);
        TestBatches::new().events(&[event], |batch| Condition::new("key", comparison).holds(&batch.events()[0]))
    }

    #[test]
    fn numbers_are_compared_by_what_they_are_worth() {
        use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
        const TWO_53: i64 = 1 << 53;
        for (value, comparison, expected) in [
            (ValueRef::U64(5), Eq(5.0.into()), true),
            (ValueRef::F64(5.0), Eq(5.into()), true),
            (ValueRef::F32(0.5), Lt(1.into()), true),
            (ValueRef::I64(-1), Lt(0_u64.into()), true),
            (ValueRef::I64(-5), Gt((-5.5).into()), true),
            (ValueRef::I64(TWO_53 + 1), Gt(Operand::Float(TWO_53 as f64)), true),
            (ValueRef::I64(TWO_53 + 1), Eq(Operand::Float(TWO_53 as f64)), false),
            (ValueRef::U128(u128::MAX), Gt(i128::MAX.into()), true),
            (ValueRef::U128(u128::MAX), Lt(1e300.into()), true),
            (ValueRef::I128(i128::MIN), Gt(f64::NEG_INFINITY.into()), true),
            (ValueRef::F64(-0.0), Eq(0.into()), true),
            (ValueRef::F64(f64::NAN), Eq(f64::NAN.into()), false),
            (ValueRef::F64(f64::NAN), Ne(f64::NAN.into()), true),
            (ValueRef::U64(5), Ge(f64::NAN.into()), false),
            (ValueRef::U64(5), Le(5.into()), true),
            (ValueRef::Duration(std::time::Duration::from_millis(1500)), Gt(1.into()), true),
        ] {
            assert_eq!(holds(value, comparison.clone()), expected, "{value:?} {comparison:?}");
        }
    }

    #[test]
    fn text_is_no_number_and_what_cannot_be_compared_is_only_unequal() {
        use Comparison::{Eq, Ge, Le, Ne};
        assert!(!holds("5", Eq(5.into())) && !holds("5", Ge(5.into())) && !holds("5", Le(5.into())));
        assert!(holds("5", Ne(5.into())));
        assert!(!holds(true, Eq(1.into())));
    }

    #[test]
    fn text_is_compared_byte_by_byte() {
        use Comparison::{Contains, Eq, Gt, StartsWith};
        assert!(holds("GET /health", StartsWith("GET ".into())) && !holds("GET", StartsWith("GET ".into())));
        assert!(holds("GET /health", Contains("/health".into())) && !holds("GET /", Contains("health".into())));
        assert!(holds("b", Gt("a".into())) && holds(b"raw".as_slice(), Eq("raw".into())) && holds('x', Eq("x".into())));
    }

    #[test]
    fn a_regular_expression_is_for_text_alone() {
        let matches = |expression: &str| Comparison::Matches(expression.parse().unwrap());
        assert!(
            holds("GET /orders/42", matches("/orders/[0-9]+$")) && !holds("GET /orders", matches("/orders/[0-9]+$"))
        );
        assert!(holds('x', matches("^x$")) && !holds(42, matches("42")) && !holds(ValueRef::None, matches("")));
    }

    #[test]
    fn an_address_is_compared_with_what_the_text_spells() {
        let ip = || ValueRef::Ip([10, 0, 0, 1].into());
        assert!(holds(ip(), Comparison::Eq("10.0.0.1".into())));
        assert!(!holds(ip(), Comparison::Eq("10.0.0.01x".into())));
        let socket = || ValueRef::Socket("[::1]:80".parse().unwrap());
        assert!(holds(socket(), Comparison::Eq("[0::1]:80".into())));
        assert!(!holds(socket(), Comparison::Eq("[::1]:81".into())) && !holds(socket(), Comparison::Eq("::1".into())));
    }

    #[test]
    fn a_map_contains_its_keys() {
        let map = OwnedValue::of(&BTreeMap::from([("a", true)]));
        let holds = |comparison| holds(map.view(), comparison);
        assert!(holds(Comparison::Contains("a".into())) && !holds(Comparison::Contains("b".into())));
        assert!(!holds(Comparison::Contains(true.into())) && holds(Comparison::Exists));
    }

    #[test]
    fn none_is_missing_and_what_is_missing_is_not_equal() {
        assert!(holds(ValueRef::None, Comparison::Missing) && !holds(ValueRef::None, Comparison::Exists));
        assert!(holds(ValueRef::None, Comparison::Ne(1.into())) && !holds(ValueRef::None, Comparison::Eq(1.into())));
        assert!(holds(0, Comparison::Exists) && !holds(0, Comparison::Missing));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_integer_and_the_float_beside_it_are_never_confused(n in any::<i64>(), shift in 0..63_u32) {
            let n = n >> shift;
            let float = n as f64;
            // The float's value as an integer: exact, because it is whole and below 2^127.
            let expected = i128::from(n).cmp(&(float as i128));
            prop_assert_eq!(compare(ValueRef::I64(n), &Operand::Float(float)), Some(expected));
            prop_assert_eq!(compare(ValueRef::F64(float), &Operand::Integer(n.into())), Some(expected.reverse()));
        }
    }
}
