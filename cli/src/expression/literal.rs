//! Values that fields are compared with.

use std::cmp::Ordering;

use jiff::Timestamp;

/// A value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ComparedValue {
    Number(ExactNumber),
    Text(String),
    Boolean(bool),
    Null,
}

impl ComparedValue {
    /// The time that a text names.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// A number. Integers of up to 127 bits are compared exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExactNumber {
    Unsigned(u128),
    Signed(i128),
    Float(f64),
}

impl ExactNumber {
    /// Reads a number as JSON has it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        // Most numbers are short, and those are read in a third of the time.
        let short = || text.parse::<u64>().ok().map(|number| Self::Unsigned(number.into()));
        let unsigned = || text.parse().ok().map(Self::Unsigned);
        let signed = || text.parse().ok().map(Self::of_signed);
        short().or_else(unsigned).or_else(signed).or_else(|| text.parse().ok().map(Self::Float))
    }

    /// Zero has no sign, also if it is written with one.
    fn of_signed(number: i128) -> Self {
        u128::try_from(number).map_or(Self::Signed(number), Self::Unsigned)
    }

    #[expect(clippy::cast_precision_loss, reason = "a comparison with a float is one of floats")]
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(n) => n as f64,
            Self::Signed(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

impl PartialEq for ExactNumber {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for ExactNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Unsigned(one), Self::Unsigned(other)) => Some(one.cmp(&other)),
            (Self::Signed(one), Self::Signed(other)) => Some(one.cmp(&other)),
            // A number is signed only if it is below zero.
            (Self::Signed(_), Self::Unsigned(_)) => Some(Ordering::Less),
            (Self::Unsigned(_), Self::Signed(_)) => Some(Ordering::Greater),
            (one, other) => one.as_f64().partial_cmp(&other.as_f64()),
        }
    }
}

/// The units of durations, in nanoseconds.
pub(super) const DURATION_UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86_400e9)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(one: &str, other: &str) -> Option<Ordering> {
        ExactNumber::parse(one).unwrap().partial_cmp(&ExactNumber::parse(other).unwrap())
    }

    #[test]
    fn zero_has_no_sign() {
        for zero in ["-0", "0", "-0.0", "0e5", "-0e-400"] {
            assert_eq!(order(zero, "0"), Some(Ordering::Equal), "{zero}");
            assert_eq!(order("0.0", zero), Some(Ordering::Equal), "{zero}");
        }
    }

    #[test]
    fn the_greatest_numbers_are_in_order() {
        let greatest = u128::MAX.to_string();
        assert_eq!(order(&greatest, "340282366920938463463374607431768211454"), Some(Ordering::Greater));
        assert_eq!(order("18446744073709551615", "18446744073709551616"), Some(Ordering::Less));
        assert_eq!(order("-170141183460469231731687303715884105728", "-1"), Some(Ordering::Less));
        assert_eq!(order("1e400", &greatest), Some(Ordering::Greater));
        assert_eq!(order("-1e400", "1e-400"), Some(Ordering::Less));
    }

    proptest! {
        #[test]
        fn integers_are_in_the_order_of_their_values(one: i128, other: i128, near in -2_i128..3) {
            prop_assert_eq!(order(&one.to_string(), &other.to_string()), Some(one.cmp(&other)));
            let close = one.saturating_add(near);
            prop_assert_eq!(order(&one.to_string(), &close.to_string()), Some(one.cmp(&close)));
        }

        #[test]
        fn floats_are_in_the_order_of_their_values(one: f64, other: f64) {
            prop_assume!(one.is_finite() && other.is_finite());
            let order = order(&format!("{one:?}"), &format!("{other:?}"));
            prop_assert_eq!(order, one.partial_cmp(&other));
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[-+0-9.eEinfa]{0,12}|.{0,8}") {
            let _ = ExactNumber::parse(&text);
        }
    }
}
