//! Numbers as texts.

use std::fmt::{self, Display};

use crate::figures::FigureNumber;

impl Display for FigureNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => value.fmt(f),
            Self::Real(value) if value.is_nan() => f.write_str("NaN"),
            Self::Real(value) if value.is_infinite() => f.write_str(if *value > 0.0 { "+Inf" } else { "-Inf" }),
            Self::Real(value) => value.fmt(f),
        }
    }
}

/// A bound of a histogram in the canonical form of OpenMetrics: `1e-05`, `0.001`, `2.5`, `10.0`. The label is a text to a
/// database, so that another form would make another series.
pub(super) struct CanonicalNumber(pub(super) f64);

impl Display for CanonicalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scientific = format!("{:e}", self.0);
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        match exponent.parse::<i32>().unwrap_or(0) {
            exponent if exponent < -4 => write!(f, "{digits}e-{:02}", exponent.unsigned_abs()),
            exponent if exponent > 20 => write!(f, "{digits}e+{exponent:02}"),
            _ if self.0.fract() == 0.0 => write!(f, "{:.1}", self.0),
            _ => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_numbers_are_those_of_the_specification() {
        let cases = [
            (0.000_001, "1e-06"),
            (0.000_025, "2.5e-05"),
            (0.000_1, "0.0001"),
            (0.000_25, "0.00025"),
            (0.05, "0.05"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (60.0, "60.0"),
            (1e20, "100000000000000000000.0"),
            (1e21, "1e+21"),
        ];
        assert_eq!(
            cases.map(|(number, _)| CanonicalNumber(number).to_string()),
            cases.map(|(_, text)| text.to_owned())
        );
    }

    #[test]
    fn numbers_that_are_not_finite_have_the_names_of_the_formats() {
        let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1, 1e-9]
            .map(|number| FigureNumber::Real(number).to_string());
        assert_eq!(numbers, ["NaN", "+Inf", "-Inf", "0.1", "0.000000001"]);
        assert_eq!(FigureNumber::Whole(u64::MAX).to_string(), "18446744073709551615");
    }
}
