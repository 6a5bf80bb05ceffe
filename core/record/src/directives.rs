//! Levels by target, as `RUST_LOG` writes them.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{
    error_codes,
    level::{Level, LevelFilter},
};

/// The least level that is logged, with exceptions by target: `info,my_crate::net=debug,chatty=off`.
///
/// A target is the module path of a log call. A directive holds for its target and all modules below it; the longest that
/// fits counts. A target alone, `my_crate`, is logged whole. Where no level stands alone, it is INFO. Spaces and empty parts
/// mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    default: LevelFilter,
    /// Longest target first: the first that fits is the one that counts.
    targets: Vec<(String, LevelFilter)>,
}

/// A text that is no list of directives.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("level directive is {directive:?}; {kind}")]
pub struct DirectivesError {
    /// The directive that is wrong.
    pub directive: String,
    /// The kind of error.
    pub kind: DirectiveErrorKind,
}

/// The kinds of errors in a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DirectiveErrorKind {
    /// It is neither a level nor a target with a level.
    #[error(
        "allowed are a level, a target, or target=level, parted by commas: info,my_crate::net=debug,chatty=off; levels are \
         TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY and OFF, in any case"
    )]
    Malformed,
    /// It stands alone, and is nearly the name of a level: more likely a typing error than a target.
    #[error("is it the level {level}, or a target? A target of such a name needs its level: target=TRACE")]
    NearlyALevel {
        /// The name.
        level: &'static str,
    },
    /// It names a span, or fields of one.
    #[error("there are no spans to name: allowed are a level, a target, or target=level, without [ and {{")]
    Span,
    /// It filters by a regular expression.
    #[error("messages are not filtered by regular expressions: remove / and the text behind it")]
    Regex,
}

impl Directives {
    /// This level for every target that has no other.
    #[must_use]
    pub fn new(level: impl Into<LevelFilter>) -> Self {
        Self { default: level.into(), targets: Vec::new() }
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
        self.default
    }

    /// The targets that have a level of their own, longest first.
    pub fn targets(&self) -> impl Iterator<Item = (&str, LevelFilter)> {
        self.targets.iter().map(|(target, level)| (target.as_str(), *level))
    }

    /// The level that counts for `target`.
    #[must_use]
    pub fn level_of(&self, target: &str) -> LevelFilter {
        let own = self.targets.iter().find(|(known, _)| is_within(target, known));
        own.map_or(self.default, |(_, level)| *level)
    }

    fn set(&mut self, target: String, level: LevelFilter) {
        self.targets.retain(|(known, _)| *known != target);
        self.targets.push((target, level));
        self.targets.sort_by(|(left, _), (right, _)| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
    }
}

/// Whether `target` is `module` or lies below it.
pub fn is_within(target: &str, module: &str) -> bool {
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
            let wrong = |kind| DirectivesError { directive: part.to_owned(), kind };
            match DirectivePart::read(part).map_err(wrong)? {
                DirectivePart::Level(level) => directives.default = level,
                DirectivePart::Target(target, level) => directives.set(target.to_owned(), level),
            }
        }
        Ok(directives)
    }
}

/// The part between two commas.
enum DirectivePart<'t> {
    Level(LevelFilter),
    Target(&'t str, LevelFilter),
}

/// The level of a target without a level.
const WHOLE: LevelFilter = LevelFilter::AtLeast(Level::Trace);

impl<'t> DirectivePart<'t> {
    fn read(part: &'t str) -> Result<Self, DirectiveErrorKind> {
        if part.contains('/') {
            return Err(DirectiveErrorKind::Regex);
        }
        if part.contains(['[', ']', '{', '}']) {
            return Err(DirectiveErrorKind::Span);
        }
        match part.split_once('=') {
            None => Self::read_lone(part),
            Some((name, level)) => Ok(Self::Target(target(name)?, level_or_whole(level)?)),
        }
    }

    /// A level, or a target alone.
    fn read_lone(word: &'t str) -> Result<Self, DirectiveErrorKind> {
        if let Ok(level) = word.parse() {
            return Ok(Self::Level(level));
        }
        match LEVEL_NAMES.into_iter().find(|level| is_misspelling_of(word, level)) {
            Some(level) => Err(DirectiveErrorKind::NearlyALevel { level }),
            None => Ok(Self::Target(target(word)?, WHOLE)),
        }
    }
}

fn target(text: &str) -> Result<&str, DirectiveErrorKind> {
    let target = text.trim();
    let is_one = !target.is_empty() && !target.contains(char::is_whitespace);
    if is_one { Ok(target) } else { Err(DirectiveErrorKind::Malformed) }
}

/// `target=` is as good as `target`.
fn level_or_whole(text: &str) -> Result<LevelFilter, DirectiveErrorKind> {
    if text.trim().is_empty() { Ok(WHOLE) } else { text.parse().map_err(|_| DirectiveErrorKind::Malformed) }
}

const LEVEL_NAMES: [&str; 10] =
    ["TRACE", "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "AUDIT", "SECURITY", "OFF"];

/// Whether one letter is missing, too much or another one, or two have changed places.
fn is_misspelling_of(word: &str, name: &str) -> bool {
    let word = word.to_ascii_uppercase();
    let front = word.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
    let (word, name) = (word.as_bytes().get(front..), name.as_bytes().get(front..));
    match (word.unwrap_or_default(), name.unwrap_or_default()) {
        ([_, word @ ..], [_, name @ ..]) if word == name => true,
        ([_, word @ ..], name) if word == name => true,
        (word, [_, name @ ..]) if word == name => true,
        ([a, b, word @ ..], [c, d, name @ ..]) => (a, b) == (d, c) && word == name,
        _ => false,
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={level}"))
    }
}

error_codes! {
    DirectivesError {
        _ => "configuration.directives",
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
    fn directives_made_in_code_are_those_of_their_text() {
        assert_eq!(Directives::from(Level::Error), "error".parse().unwrap());
        assert_eq!(Directives::new(Level::Error).target("app", Level::Debug), "error,app=debug".parse().unwrap());
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
        for (text, wrong) in [
            ("info,app=loud", "app=loud"),
            ("=debug", "=debug"),
            ("a b=info", "a b=info"),
            ("a b", "a b"),
            ("app=debug=info", "app=debug=info"),
        ] {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!(error, DirectivesError { directive: wrong.to_owned(), kind: DirectiveErrorKind::Malformed });
        }
    }

    #[test]
    fn a_target_alone_is_logged_whole() {
        let directives: Directives = "warn,my_crate,other::net=".parse().unwrap();
        assert_eq!(directives.level(), at(Level::Warning));
        assert_eq!(directives.level_of("my_crate::db"), at(Level::Trace));
        assert_eq!(directives.level_of("other::net"), at(Level::Trace));
        assert_eq!(directives.level_of("other"), at(Level::Warning));
        assert_eq!("my_crate".parse::<Directives>().unwrap().level(), at(Level::Info));
    }

    #[test]
    fn spaces_and_empty_parts_mean_nothing() {
        let expected: Directives = "warn,app=debug".parse().unwrap();
        for text in [" warn , app = debug ", ",warn,,app=debug,", "warn, \t,app =debug"] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
        for nothing in ["", " ", ",", " , "] {
            assert_eq!(nothing.parse(), Ok(Directives::default()));
        }
    }

    #[test]
    fn a_misspelled_level_is_not_taken_for_a_target() {
        for (misspelled, level) in
            [("inof", "INFO"), ("tarce", "TRACE"), ("warnin", "WARNING"), ("errorr", "ERROR"), ("debag", "DEBUG")]
        {
            let error = misspelled.parse::<Directives>().unwrap_err();
            assert_eq!(error.kind, DirectiveErrorKind::NearlyALevel { level });
            // It may be a target all the same.
            assert_eq!(
                format!("{misspelled}=trace").parse::<Directives>().unwrap().level_of(misspelled),
                at(Level::Trace)
            );
        }
        for target in ["information", "tokio", "app::inof", "tracing", "debugger", "securely"] {
            assert_eq!(target.parse::<Directives>().unwrap().level_of(target), at(Level::Trace));
        }
    }

    #[test]
    fn unsupported_directives_are_refused_with_the_reason() {
        for (text, kind, reason) in [
            ("app[request]=debug", DirectiveErrorKind::Span, "there are no spans to name"),
            ("app[{user=kim}]=debug", DirectiveErrorKind::Span, "there are no spans to name"),
            ("info/f.o", DirectiveErrorKind::Regex, "not filtered by regular expressions"),
            ("app=info,other/x", DirectiveErrorKind::Regex, "not filtered by regular expressions"),
        ] {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!(error.kind, kind);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
