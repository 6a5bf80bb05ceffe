//! Ranges of levels: `warn`, `warn..`, `..info`, `debug..error`.

use std::str::FromStr;

use fapilog::{Level, level::LevelError};

/// The levels from one to another, both of them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LevelRange {
    first: Level,
    last: Level,
}

/// A text that is no range of levels.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LevelRangeError {
    /// A name is no level's.
    #[error("{:?} is no level; allowed are trace, debug, info, warning (or warn), error, critical, audit and security{}", .0.value, suggestion(.0))]
    Name(LevelError),
    /// No level is in the range.
    #[error("no level is from {} to {}; the lower level comes first, as in {}..{}", .first, .last, .last, .first)]
    Empty {
        /// The level in front.
        first: Level,
        /// The level behind.
        last: Level,
    },
}

fn suggestion(error: &LevelError) -> String {
    error.suggestion.map(|level| format!("; did you mean {}?", level.to_lowercase())).unwrap_or_default()
}

impl LevelRange {
    #[inline]
    pub(crate) fn has(self, level: Level) -> bool {
        self.first <= level && level <= self.last
    }
}

impl FromStr for LevelRange {
    type Err = LevelRangeError;

    fn from_str(text: &str) -> Result<Self, LevelRangeError> {
        let level = |name: &str| name.parse::<Level>().map_err(LevelRangeError::Name);
        let Some((first, last)) = text.split_once("..") else {
            return level(text).map(|level| Self { first: level, last: level });
        };
        let first = if first.is_empty() { Level::Trace } else { level(first)? };
        let last = if last.is_empty() { Level::Security } else { level(last)? };
        if first > last { Err(LevelRangeError::Empty { first, last }) } else { Ok(Self { first, last }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels(range: &str) -> Vec<&'static str> {
        let range: LevelRange = range.parse().unwrap();
        Level::ALL.into_iter().filter(|level| range.has(*level)).map(Level::name).collect()
    }

    #[test]
    fn a_range_has_both_its_ends() {
        assert_eq!(levels("warn"), ["WARNING"]);
        assert_eq!(levels("critical.."), ["CRITICAL", "AUDIT", "SECURITY"]);
        assert_eq!(levels("..info"), ["TRACE", "DEBUG", "INFO"]);
        assert_eq!(levels("Debug..WARNING"), ["DEBUG", "INFO", "WARNING"]);
        assert_eq!(levels("..").len(), 8);
    }

    proptest! {
        #[test]
        fn any_text_is_a_range_or_none(text in "[a-zA-Z.= ]{0,16}|.{0,12}") {
            if let Err(error) = text.parse::<LevelRange>() {
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn a_range_of_two_levels_has_those_between_them(first in 0..Level::ALL.len(), last in 0..Level::ALL.len()) {
            let range = format!("{}..{}", Level::ALL[first], Level::ALL[last]).parse::<LevelRange>();
            prop_assert_eq!(range.is_ok(), first <= last);
            if let Ok(range) = range {
                for (index, level) in Level::ALL.into_iter().enumerate() {
                    prop_assert_eq!(range.has(level), (first..=last).contains(&index));
                }
            }
        }
    }

    #[test]
    fn an_error_names_the_value_and_the_allowed_ones() {
        let error = |range: &str| range.parse::<LevelRange>().unwrap_err().to_string();
        assert_eq!(
            error("fatal.."),
            "\"fatal\" is no level; allowed are trace, debug, info, warning (or warn), error, critical, audit and security; \
             did you mean critical?"
        );
        assert_eq!(
            error("error..info"),
            "no level is from ERROR to INFO; the lower level comes first, as in INFO..ERROR"
        );
    }
}
