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
        let unsigned = || text.parse().ok().map(Self::Unsigned);
        let signed = || text.parse().ok().map(Self::Signed);
        unsigned().or_else(signed).or_else(|| text.parse().ok().map(Self::Float))
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
