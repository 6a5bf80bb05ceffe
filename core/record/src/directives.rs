//! Levels by target, as `RUST_LOG` writes them.

use std::{cmp::Reverse, fmt, str::FromStr};

use thiserror::Error;

use crate::{
    error_codes,
    level::{ALLOWED, Level, LevelFilter, suggested_level},
};

/// The least level that is logged, with exceptions by target: `info,my_crate::net=debug,chatty=off`.
///
/// A target is the module path of a log call. A directive holds for its target and all modules below it; the longest that
/// fits counts. A target alone, `my_crate`, is logged whole. Where no level stands alone, it is INFO. Spaces and empty parts
/// mean nothing. A `-` stands for a `_`, too: the package `my-crate` has the target `my_crate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    default: LevelFilter,
    /// Longest target first: the first that fits is the one that counts.
    targets: Vec<(String, LevelFilter)>,
}

/// A text that is no list of directives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectivesError {
    /// The directive that is wrong.
    pub directive: String,
    /// The kind of error.
    pub kind: DirectiveErrorKind,
    /// A right form of it.
    pub suggestion: Option<String>,
}

impl fmt::Display for DirectivesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level directive is {:?}; {}", self.directive, self.allowed())
    }
}

impl std::error::Error for DirectivesError {}

impl DirectivesError {
    /// The part of the text that stands behind the directive.
    pub(crate) fn allowed(&self) -> String {
        match &self.suggestion {
            Some(suggestion) => format!("{}; did you mean {suggestion}?", self.kind),
            None => self.kind.to_string(),
        }
    }
}

/// The kinds of errors in a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DirectiveErrorKind {
    /// It is neither a level nor a target with a level.
    #[error(
        "allowed are a level, a target, or target=level, parted by commas: info,my_crate::net=debug,chatty=off; levels are \
         {ALLOWED}"
    )]
    Malformed,
    /// It stands alone, and is nearly the name of a level: more likely a typing error than a target.
    #[error("is it the level {level}, or a target? A target of such a name needs its level: target=TRACE")]
    NearlyALevel {
        /// The name.
        level: &'static str,
    },
    /// A level is missing: a number stands in its place, or another word.
    #[error("it names no level; levels are {ALLOWED}")]
    NoLevel,
    /// Its target is no path of a module.
    #[error("a target is the path of a module, such as my_crate::net, and holds for all below it, without a pattern")]
    NoTarget,
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
        // A target without dashes is the exact name.
        let key = |(target, _): &(String, LevelFilter)| (Reverse(target.len()), target.contains('-'), target.clone());
        self.targets.sort_by_cached_key(key);
    }
}

/// Whether `target` is `module` or lies below it. A `-` of the module stands for a `_`, too.
pub fn is_within(target: &str, module: &str) -> bool {
    let Some((front, below)) = target.split_at_checked(module.len()) else { return false };
    (below.is_empty() || below.starts_with("::")) && (front == module || is_with_dashes(front, module))
}

/// Whether `dashed` is the text with dashes in place of some of its underscores.
fn is_with_dashes(text: &str, dashed: &str) -> bool {
    let is_same = |(plain, dashed): (u8, u8)| plain == dashed || (plain == b'_' && dashed == b'-');
    dashed.contains('-') && text.bytes().zip(dashed.bytes()).all(is_same)
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
        read(text).map_err(|(part, kind)| {
            // A form that is suggested is a right one.
            let suggestion = right_form(part).filter(|form| read(form).is_ok());
            DirectivesError { directive: part.to_owned(), kind, suggestion }
        })
    }
}

/// The directives, or the part that is wrong.
fn read(text: &str) -> Result<Directives, (&str, DirectiveErrorKind)> {
    let mut directives = Directives::default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        match DirectivePart::read(part).map_err(|kind| (part, kind))? {
            DirectivePart::Level(level) => directives.default = level,
            DirectivePart::Target(target, level) => directives.set(target.to_owned(), level),
        }
    }
    Ok(directives)
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
        if let Some(level) = suggested_level(word) {
            return Err(DirectiveErrorKind::NearlyALevel { level });
        }
        let is_boolean = BOOLEANS.iter().any(|boolean| word.eq_ignore_ascii_case(boolean));
        if word.parse::<f64>().is_ok() || is_boolean {
            return Err(DirectiveErrorKind::NoLevel);
        }
        Ok(Self::Target(target(word)?, WHOLE))
    }
}

/// The words of a boolean, in YAML too, that are no name of a level: nobody means a target by them.
const BOOLEANS: [&str; 4] = ["true", "yes", "on", "no"];

/// The names that stand for a module only in the code of a crate.
const RELATIVE: [&str; 3] = ["crate", "self", "super"];

fn target(text: &str) -> Result<&str, DirectiveErrorKind> {
    let target = text.trim();
    if target.is_empty() || target.contains(char::is_whitespace) || target.contains('=') {
        return Err(DirectiveErrorKind::Malformed);
    }
    let steps = || target.split("::");
    let is_path = steps().all(|step| !step.is_empty() && !step.contains([':', '*', '?', ';', '"', '\'']));
    let is_relative = steps().next().is_some_and(|first| RELATIVE.contains(&first));
    if is_path && !is_relative { Ok(target) } else { Err(DirectiveErrorKind::NoTarget) }
}

/// `target=` is as good as `target`.
fn level_or_whole(text: &str) -> Result<LevelFilter, DirectiveErrorKind> {
    if text.trim().is_empty() {
        return Ok(WHOLE);
    }
    let kind = if text.contains('=') { DirectiveErrorKind::Malformed } else { DirectiveErrorKind::NoLevel };
    text.parse().map_err(|_| kind)
}

/// The form that an invalid directive most likely stands for: `debug` for `*=debug`, `app=debug` for `app:debug`, `debug=app` and
/// `"app=debug"`. It may be invalid, too.
fn right_form(part: &str) -> Option<String> {
    let plain = part.replace(['"', '\''], "").replace(';', ",");
    if plain.contains(',') {
        return Some(plain);
    }
    let is_level = |text: &str| text.parse::<LevelFilter>().is_ok();
    let suggested = |text: &str| suggested_level(text).map(str::to_ascii_lowercase);
    let (name, level) = match plain.split_once('=').or_else(|| by_a_colon(&plain)) {
        Some((name, level)) => (name.trim(), level.trim()),
        None if is_level(&plain) => return Some(plain),
        None if plain.trim() == "*" => return Some("trace".to_owned()),
        None => return path_form(&plain).or_else(|| suggested(&plain)).filter(|form| *form != part),
    };
    let (name, level) = if is_level(name) && !is_level(level) { (level, name) } else { (name, level) };
    let level = if is_level(level) { level.to_owned() } else { suggested(level)? };
    if name == "*" || name.is_empty() { Some(level) } else { Some(format!("{}={level}", path_form(name)?)) }
}

/// The name and the level that a single colon parts.
fn by_a_colon(text: &str) -> Option<(&str, &str)> {
    let (name, level) = text.rsplit_once(':')?;
    if name.ends_with(':') { None } else { Some((name, level)) }
}

/// The path of a module that a text resembles.
fn path_form(text: &str) -> Option<String> {
    let steps: Vec<&str> = text.split([':', '*']).filter(|step| !step.is_empty()).collect();
    if steps.is_empty() { None } else { Some(steps.join("::")) }
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
        for (text, wrong, kind) in [
            ("info,app=loud", "app=loud", DirectiveErrorKind::NoLevel),
            ("=debug", "=debug", DirectiveErrorKind::Malformed),
            ("a b=info", "a b=info", DirectiveErrorKind::Malformed),
            ("a b", "a b", DirectiveErrorKind::Malformed),
            ("app=debug=info", "app=debug=info", DirectiveErrorKind::Malformed),
        ] {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!((error.directive.as_str(), error.kind), (wrong, kind));
        }
    }

    #[test]
    fn an_invalid_directive_has_a_right_form() {
        for (text, right) in [
            ("*=debug", "debug"),
            ("*", "trace"),
            ("=debug", "debug"),
            ("app=verbose", "app=trace"),
            ("app=fatal", "app=critical"),
            ("app::net=inof", "app::net=info"),
            ("app:debug", "app=debug"),
            ("app:net=debug", "app::net=debug"),
            ("app::*=debug", "app=debug"),
            ("app::=debug", "app=debug"),
            ("::app", "app"),
            ("debug=app", "app=debug"),
            ("info;app=debug", "info,app=debug"),
            ("\"info\"", "info"),
            ("'app=debug'", "app=debug"),
        ] {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!(error.suggestion.as_deref(), Some(right), "{text}: {error}");
        }
        for text in ["3", "app=3", "crate=debug", "self::net", "a b", "app=loud", "true", "on", "Yes", "a=b=c"] {
            let error = text.parse::<Directives>().unwrap_err();
            assert_eq!(error.suggestion, None, "{text}");
        }
    }

    #[test]
    fn a_dash_of_a_package_is_the_underscore_of_its_target() {
        let directives: Directives = "warn,my-crate=debug,my_other-one=info".parse().unwrap();
        assert_eq!(directives.level_of("my_crate::net"), at(Level::Debug));
        assert_eq!(directives.level_of("my_other_one"), at(Level::Info));
        // Adapters may have targets with a dash.
        assert_eq!(directives.level_of("my-crate"), at(Level::Debug));
        for target in ["my_crates", "mycrate", "my.crate"] {
            assert_eq!(directives.level_of(target), at(Level::Warning), "{target}");
        }
        let exact: Directives = "my-crate=debug,my_crate=error".parse().unwrap();
        assert_eq!(exact.level_of("my_crate"), at(Level::Error));
        assert!(!is_within("my-crate", "my_crate"));
    }

    #[test]
    fn a_name_of_a_level_elsewhere_is_no_target() {
        for (word, level) in
            [("verbose", "TRACE"), ("fatal", "CRITICAL"), ("err", "ERROR"), ("notice", "INFO"), ("none", "OFF")]
        {
            let error = word.parse::<Directives>().unwrap_err();
            assert_eq!(error.kind, DirectiveErrorKind::NearlyALevel { level });
        }
        for number in ["3", "0", "-1", "10"] {
            assert_eq!(number.parse::<Directives>().unwrap_err().kind, DirectiveErrorKind::NoLevel);
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
        for target in ["infos_of_mine", "tokio", "app::inof", "tracing", "debugger", "securely"] {
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
