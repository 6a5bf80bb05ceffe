//! How sizes and durations are written.

use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};

/// The notation of a size.
const SIZE: &str = "a number of bytes, or a size with its unit, such as \"10 MB\" or \"512 KiB\"";
/// The notation of a duration.
const DURATION: &str = "a duration with its unit, such as \"250ms\" or \"1m 30s\"";

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
        bytes.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(DURATION)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text.trim()).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
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
