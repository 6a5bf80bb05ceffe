//! How sizes and durations are written.

use std::time::Duration;

use humantime::DurationError;
use serde::de::{Error, Unexpected, Visitor};

/// The notation of a size.
const SIZE: &str = "a number of bytes, or a size with its unit, such as \"10 MB\" or \"512 KiB\"";
/// The notation of a duration.
const DURATION: &str = "a duration with its unit, such as \"250ms\" or \"1m 30s\"";
const SIZE_UNITS: &str = "B, kB, MB, GB, TB, KiB, MiB, GiB and TiB";
const DURATION_UNITS: &str = "ns, us, ms, s, m, h, days and weeks";

/// A size as people write it. Multiples of a KiB, a MiB or a GiB have that unit; other sizes are numbers.
pub fn write_size(bytes: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    const GIB: usize = 1 << 30;
    match bytes {
        0 => "0".to_owned(),
        _ if bytes.is_multiple_of(GIB) => format!("{} GiB", bytes / GIB),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => bytes.to_string(),
    }
}

/// A duration as people write it: `250ms`.
pub fn write_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SIZE)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<usize, E> {
        usize::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Unsigned(bytes), &self))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<usize, E> {
        usize::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        let size: Option<bytesize::ByteSize> = text.trim().parse().ok();
        let bytes = size.and_then(|size| usize::try_from(size.as_u64()).ok());
        bytes.ok_or_else(|| match unknown_unit(text) {
            Some(unit) => E::custom(format_args!("{unit:?} is no unit of size; units are {SIZE_UNITS}")),
            None => E::invalid_value(Unexpected::Str(text), &self),
        })
    }
}

/// The text behind the number.
fn unknown_unit(text: &str) -> Option<&str> {
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_behind_a_number = unit.len() < text.len();
    Some(unit.trim_start()).filter(|unit| is_behind_a_number && !unit.is_empty())
}

struct DurationVisitor;

impl DurationVisitor {
    /// A number of what? Only nothing is the same in every unit.
    fn without_unit<E: Error>(number: &str) -> E {
        E::custom(format_args!("it has no unit; write \"{number}ms\" or \"{number}s\""))
    }
}

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(DURATION)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Duration, E> {
        if number == 0 { Ok(Duration::ZERO) } else { Err(Self::without_unit(&number.to_string())) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Duration, E> {
        if number.is_finite() && number > 0.0 {
            return Err(Self::without_unit(&number.to_string()));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        let text = text.trim();
        humantime::parse_duration(text).map_err(|error| match error {
            DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
                E::custom(format_args!("{unit:?} is no unit of time; units are {DURATION_UNITS}"))
            }
            DurationError::UnknownUnit { .. } if text.parse::<f64>().is_ok() => Self::without_unit(text),
            DurationError::NumberOverflow => E::custom("it is longer than 584 years, or a part of a nanosecond"),
            _ => E::invalid_value(Unexpected::Str(text), &self),
        })
    }
}

/// Makes a module for `#[serde(with = "...")]`, and one within it, `maybe`, for values that may be missing.
macro_rules! written_as_text {
    ($(#[$doc:meta])* $name:ident: $type:ty, $visitor:ident, $write:ident) => {
        $(#[$doc])*
        pub mod $name {
            use serde::{Deserializer, Serializer};

            #[allow(unused_imports, reason = "one of the types is in the prelude")]
            use super::*;

            /// Writes it as text.
            ///
            /// # Errors
            /// The serializer's.
            pub fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$write(*value))
            }

            /// Reads it from text.
            ///
            /// # Errors
            /// When the text is none of the kind.
            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                deserializer.deserialize_any($visitor)
            }

            /// The same, for a value that may be missing.
            pub mod maybe {
                use serde::{Deserialize, Deserializer, Serialize, Serializer};

                #[allow(unused_imports, reason = "one of the types is in the prelude")]
                use super::super::*;

                struct Written($type);

                impl<'de> Deserialize<'de> for Written {
                    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        super::deserialize(deserializer).map(Self)
                    }
                }

                /// Writes it as text, or nothing.
                ///
                /// # Errors
                /// The serializer's.
                pub fn serialize<S: Serializer>(value: &Option<$type>, serializer: S) -> Result<S::Ok, S::Error> {
                    value.map($write).serialize(serializer)
                }

                /// Reads it from text, or from nothing.
                ///
                /// # Errors
                /// When the text is none of the kind.
                pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
                    let written = Option::<Written>::deserialize(deserializer)?;
                    Ok(written.map(|Written(value)| value))
                }
            }
        }
    };
}

written_as_text! {
    /// For `#[serde(with = "fapilog::settings::size_bytes")]` on a `usize`: `"10 MB"`, `"512KiB"` or a number of bytes.
    size_bytes: usize, SizeVisitor, write_size
}

written_as_text! {
    /// For `#[serde(with = "fapilog::settings::duration")]` on a [`Duration`]: `"250ms"`.
    duration: Duration, DurationVisitor, write_duration
}

#[cfg(test)]
mod tests {
    use serde::de::{
        IntoDeserializer,
        value::{Error as ValueError, StrDeserializer},
    };

    use super::*;

    fn text(text: &str) -> StrDeserializer<'_, ValueError> {
        text.into_deserializer()
    }

    #[test]
    fn sizes_know_decimal_and_binary_units() {
        for (written, bytes) in
            [("10 MB", 10_000_000), ("512KiB", 512 * 1024), ("1.5 KiB", 1536), ("4096", 4096), (" 1 GiB ", 1 << 30)]
        {
            assert_eq!(size_bytes::deserialize(text(written)), Ok(bytes), "{written}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for written in ["", "ten", "10 parsecs", "-1"] {
            assert!(size_bytes::deserialize(text(written)).is_err(), "{written}");
        }
    }

    #[test]
    fn durations_have_units() {
        for (written, nanos) in [("250ms", 250_000_000), ("1m 30s", 90_000_000_000), ("20us", 20_000), ("0s", 0)] {
            assert_eq!(duration::deserialize(text(written)), Ok(Duration::from_nanos(nanos)), "{written}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for written in ["", "5", "soon", "-1s"] {
            assert!(duration::deserialize(text(written)).is_err(), "{written}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_no_duration_unless_it_is_zero() {
        let of = |number: u64| duration::deserialize(IntoDeserializer::<ValueError>::into_deserializer(number));
        assert_eq!(of(0), Ok(Duration::ZERO));
        assert_eq!(of(50).unwrap_err().to_string(), "it has no unit; write \"50ms\" or \"50s\"");
        let of = |number: f64| duration::deserialize(IntoDeserializer::<ValueError>::into_deserializer(number));
        assert_eq!(of(1.5).unwrap_err().to_string(), "it has no unit; write \"1.5ms\" or \"1.5s\"");
        assert!(of(f64::NAN).unwrap_err().to_string().contains("expected a duration"));
        for number in ["50", " 50 ", "50.5"] {
            let error = duration::deserialize(text(number)).unwrap_err().to_string();
            assert!(error.starts_with("it has no unit; write \"50"), "{error}");
        }
    }

    #[test]
    fn a_unit_that_is_none_is_named() {
        let error = duration::deserialize(text("5 lightyears")).unwrap_err().to_string();
        assert!(error.starts_with("\"lightyears\" is no unit of time; units are ns, us, ms, s, "), "{error}");
        let error = size_bytes::deserialize(text("10 parsecs")).unwrap_err().to_string();
        assert!(error.starts_with("\"parsecs\" is no unit of size; units are B, kB, "), "{error}");
    }

    #[test]
    fn every_unit_of_the_errors_is_known() {
        let units = |list: &str| list.replace(" and", ",").split(", ").map(str::to_owned).collect::<Vec<_>>();
        for unit in units(SIZE_UNITS) {
            assert!(size_bytes::deserialize(text(&format!("1 {unit}"))).is_ok(), "{unit}");
        }
        for unit in units(DURATION_UNITS) {
            assert!(duration::deserialize(text(&format!("1 {unit}"))).is_ok(), "{unit}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        for bytes in [0, 1, 1000, 4096, 64 << 20, (64 << 20) + 1] {
            assert_eq!(size_bytes::deserialize(text(&write_size(bytes))), Ok(bytes));
        }
        for nanos in [0, 1, 20_000, 50_000_000, 90_000_000_001] {
            let whole = Duration::from_nanos(nanos);
            assert_eq!(duration::deserialize(text(&write_duration(whole))), Ok(whole));
        }
    }
}
