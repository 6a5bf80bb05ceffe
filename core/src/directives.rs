//! Levels by target, as `RUST_LOG` writes them.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::level::{Level, LevelFilter};

/// The least level that is logged, with exceptions by target: `info,my_crate::net=debug,chatty=off`.
///
/// A target is the module path of a log call. A directive holds for its target and all modules below it; the longest that
/// fits counts. Where no level stands alone, it is INFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    rest: LevelFilter,
    /// Longest target first: the first that fits is the one that counts.
    targets: Vec<(String, LevelFilter)>,
}

/// A text that is no list of directives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "level directive is {directive:?}; allowed are a level or target=level, parted by commas: \
     info,my_crate::net=debug,chatty=off"
)]
pub struct DirectivesError {
    /// The directive that is wrong.
    pub directive: String,
}

impl Directives {
    /// This level for every target that has no other.
    #[must_use]
    pub fn new(level: impl Into<LevelFilter>) -> Self {
        Self { rest: level.into(), targets: Vec::new() }
    }

    /// Another level for `target` and the modules below it.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>, level: impl Into<LevelFilter>) -> Self {
        self.set(target.into(), level.into());
        self
    }

    /// The level of every target that has no other.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        self.rest
    }

    /// The targets that have a level of their own, longest first.
    pub fn targets(&self) -> impl Iterator<Item = (&str, LevelFilter)> {
        self.targets.iter().map(|(target, level)| (target.as_str(), *level))
    }

    /// The level that counts for `target`.
    #[must_use]
    pub fn level_of(&self, target: &str) -> LevelFilter {
        let own = self.targets.iter().find(|(known, _)| is_within(target, known));
        own.map_or(self.rest, |(_, level)| *level)
    }

    fn set(&mut self, target: String, level: LevelFilter) {
        self.targets.retain(|(known, _)| *known != target);
        self.targets.push((target, level));
        self.targets.sort_by(|(left, _), (right, _)| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
    }
}

/// Whether `target` is `module` or lies below it.
pub(crate) fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|below| below.is_empty() || below.starts_with("::"))
}

impl Default for Directives {
    fn default() -> Self {
        Self::new(Level::Info)
    }
}

impl<L: Into<LevelFilter>> From<L> for Directives {
    fn from(level: L) -> Self {
        Self::new(level)
    }
}

impl FromStr for Directives {
    type Err = DirectivesError;

    fn from_str(text: &str) -> Result<Self, DirectivesError> {
        let mut directives = Self::default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        for part in parts {
            let wrong = || DirectivesError { directive: part.to_owned() };
            match part.split_once('=') {
                None => directives.rest = part.parse().map_err(|_| wrong())?,
                Some((target, level)) => {
                    let target = target.trim();
                    if target.is_empty() || target.contains(char::is_whitespace) {
                        return Err(wrong());
                    }
                    directives.set(target.to_owned(), level.parse().map_err(|_| wrong())?);
                }
            }
        }
        Ok(directives)
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rest)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: LevelFilter = LevelFilter::Off;

    fn at(level: Level) -> LevelFilter {
        LevelFilter::AtLeast(level)
    }

    #[test]
    fn a_single_level_holds_for_every_target() {
        let directives: Directives = "warn".parse().unwrap();
        assert_eq!(directives, Directives::new(Level::Warning));
        assert_eq!(directives.level_of("any::target"), at(Level::Warning));
    }

    #[test]
    fn the_longest_target_that_fits_counts() {
        let directives: Directives = "warn, app=info, app::net=debug, chatty=off".parse().unwrap();
        assert_eq!(directives.level_of("app::net::tcp"), at(Level::Debug));
        assert_eq!(directives.level_of("app::db"), at(Level::Info));
        assert_eq!(directives.level_of("application"), at(Level::Warning));
        assert_eq!(directives.level_of("chatty"), OFF);
    }

    #[test]
    fn where_no_level_stands_alone_it_is_info() {
        assert_eq!("app=debug".parse::<Directives>().unwrap().level(), at(Level::Info));
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let directives: Directives = "error,b=trace,a::c=off".parse().unwrap();
        assert_eq!(directives.to_string().parse(), Ok(directives));
    }

    #[test]
    fn a_directive_that_is_wrong_is_named() {
        for (text, wrong) in
            [("inof", "inof"), ("info,app=loud", "app=loud"), ("=debug", "=debug"), ("a b=info", "a b=info")]
        {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!(error, DirectivesError { directive: wrong.to_owned() });
        }
    }
}
