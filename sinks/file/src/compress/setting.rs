//! The setting `compress`.

use std::fmt;

use fapilog_plugin::problem::Problem;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor},
};

use super::Codec;

const GZIP_LEVELS: std::ops::RangeInclusive<u32> = 1..=9;
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVELS: std::ops::RangeInclusive<u32> = 1..=19;
const ZSTD_LEVEL: u32 = 3;

/// The compression of rotated files. Settings write `none`, `gzip`, `zstd`, `{ gzip = { level = 6 } }` or
/// `{ zstd = { level = 3 } }`.
///
/// A thread of the lowest priority compresses a file after its rotation. The live file is never compressed.
///
/// ```
/// use fapilog_sink_file::Compression;
///
/// assert_eq!(Compression::zstd(), Compression::Zstd { level: 3 });
/// assert_eq!(Compression::gzip(), Compression::Gzip { level: 6 });
/// assert_eq!(Compression::default(), Compression::None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// None: rotated files stay as they are.
    #[default]
    None,
    /// Files of `gzip`, with `.gz` behind their names. Needs the crate's feature `gzip`.
    Gzip {
        /// 1 (fast) to 9 (small). Default: 6.
        level: u32,
    },
    /// Files of `zstd` with checksums, with `.zst` behind their names. Needs the crate's feature `zstd`.
    Zstd {
        /// 1 (fast) to 19 (small, and some 100 MB of memory). Default: 3.
        level: u32,
    },
}

impl Compression {
    /// gzip, of level 6.
    #[must_use]
    pub const fn gzip() -> Self {
        Self::Gzip { level: GZIP_LEVEL }
    }

    /// zstd, of level 3.
    #[must_use]
    pub const fn zstd() -> Self {
        Self::Zstd { level: ZSTD_LEVEL }
    }

    pub(crate) fn codec(self) -> Option<Codec> {
        match self {
            Self::None => None,
            Self::Gzip { .. } => Some(Codec::Gzip),
            Self::Zstd { .. } => Some(Codec::Zstd),
        }
    }

    /// The problems of its level, and of a format that the library was built without.
    pub(crate) fn problems(self) -> Vec<Problem> {
        let (codec, level, levels) = match self {
            Self::None => return Vec::new(),
            Self::Gzip { level } => (Codec::Gzip, level, GZIP_LEVELS),
            Self::Zstd { level } => (Codec::Zstd, level, ZSTD_LEVELS),
        };
        let name = codec.name();
        let mut problems = Vec::new();
        if !codec.is_built() {
            let allowed = format!(
                "this program was built without it; it needs the feature `{name}` of fapilog-sink-file, or \
                 `compression` of fapilog"
            );
            problems.push(Problem::new("compress", name, allowed));
        }
        if !levels.contains(&level) {
            let allowed = format!("allowed are {} to {}", levels.start(), levels.end());
            problems.push(Problem::new(format!("compress.{name}.level"), level, allowed));
        }
        problems
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CompressionVisitor)
    }
}

struct CompressionVisitor;

impl<'de> Visitor<'de> for CompressionVisitor {
    type Value = Compression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none, gzip, zstd, or a table with a level, such as { zstd = { level = 3 } }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Compression, E> {
        match text.trim() {
            "none" => Ok(Compression::None),
            "gzip" => Ok(Compression::gzip()),
            "zstd" => Ok(Compression::zstd()),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Compression, A::Error> {
        let Some(name) = map.next_key::<String>()? else { return Err(A::Error::invalid_length(0, &self)) };
        let compression = match name.as_str() {
            "gzip" => Compression::Gzip { level: map.next_value::<LevelSettings>()?.level.unwrap_or(GZIP_LEVEL) },
            "zstd" => Compression::Zstd { level: map.next_value::<LevelSettings>()?.level.unwrap_or(ZSTD_LEVEL) },
            other => {
                return Err(A::Error::custom(format_args!("{other:?} is no format; allowed are gzip and zstd")));
            }
        };
        match map.next_key::<String>()? {
            None => Ok(compression),
            Some(_) => Err(A::Error::invalid_length(2, &self)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelSettings {
    level: Option<u32>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Compression, String> {
        fapilog_plugin::settings::read::<Compression>(&value)
            .map_err(|mut problems| problems.remove(0).below("compress").to_string())
    }

    #[test]
    fn settings_write_a_name_or_a_table_with_a_level() {
        for (value, compression) in [
            (json!("none"), Compression::None),
            (json!("gzip"), Compression::gzip()),
            (json!(" zstd "), Compression::zstd()),
            (json!({ "zstd": { "level": 9 } }), Compression::Zstd { level: 9 }),
            (json!({ "gzip": { "level": 1 } }), Compression::Gzip { level: 1 }),
            (json!({ "gzip": {} }), Compression::gzip()),
        ] {
            assert_eq!(read(value), Ok(compression));
        }
    }

    #[test]
    fn other_values_are_refused_with_the_allowed_ones() {
        let allowed = "it must be none, gzip, zstd, or a table with a level, such as { zstd = { level = 3 } }";
        assert_eq!(read(json!("lz4")), Err(format!("compress is \"lz4\"; {allowed}")));
        for value in [json!(true), json!({}), json!({ "gzip": {}, "zstd": {} })] {
            let error = read(value).unwrap_err();
            assert!(error.contains("none, gzip, zstd, or a table"), "{error}");
        }
        let no_format = "compress is a table; \"lz4\" is no format; allowed are gzip and zstd";
        assert_eq!(read(json!({ "lz4": {} })), Err(no_format.to_owned()));
        assert!(read(json!({ "zstd": { "size": 3 } })).unwrap_err().starts_with("compress.zstd.size is 3"));
        assert!(read(json!({ "zstd": { "level": "x" } })).unwrap_err().starts_with("compress.zstd.level is \"x\""));
    }

    #[test]
    fn levels_have_bounds() {
        let texts = |compression: Compression| -> Vec<String> {
            let problems = compression.problems();
            problems.iter().filter(|problem| problem.path != "compress").map(Problem::to_string).collect()
        };
        for level in [1, 9] {
            assert_eq!(texts(Compression::Gzip { level }), [""; 0]);
        }
        for level in [1, 19] {
            assert_eq!(texts(Compression::Zstd { level }), [""; 0]);
        }
        assert_eq!(texts(Compression::Gzip { level: 10 }), ["compress.gzip.level is 10; allowed are 1 to 9"]);
        assert_eq!(texts(Compression::Zstd { level: 0 }), ["compress.zstd.level is 0; allowed are 1 to 19"]);
        assert_eq!(texts(Compression::Zstd { level: 20 }), ["compress.zstd.level is 20; allowed are 1 to 19"]);
        assert_eq!(Compression::None.problems(), []);
    }

    #[test]
    fn a_format_that_is_not_built_is_a_problem_that_names_the_feature() {
        for compression in [Compression::gzip(), Compression::zstd()] {
            let codec = compression.codec().unwrap();
            let problems = compression.problems();
            assert_eq!(problems.is_empty(), codec.is_built());
            let feature = format!("the feature `{}` of fapilog-sink-file", codec.name());
            assert!(problems.iter().all(|problem| problem.path == "compress" && problem.allowed.contains(&feature)));
        }
    }
}
