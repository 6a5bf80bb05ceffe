//! How grave an event is, and what it is about.

use std::{fmt, str::FromStr};

use crate::error_codes;

/// How grave an event is.
///
/// AUDIT and SECURITY stand above the others: they pass every level threshold but [`LevelFilter::Off`].
#[doc(alias = "EventSeverity")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Every step.
    Trace = 1,
    /// Details for developers.
    Debug = 2,
    /// Normal operation.
    Info = 3,
    /// Something unexpected that did no harm.
    Warning = 4,
    /// Something failed.
    Error = 5,
    /// The service is in danger.
    Critical = 6,
    /// An action and its author, as evidence.
    Audit = 7,
    /// An attack, or what may be one.
    Security = 8,
}

impl Level {
    /// All levels, least first.
    pub const ALL: [Self; 8] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical, Self::Audit, Self::Security];

    /// The name, in capitals, as it is written to sinks.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
            Self::Audit => "AUDIT",
            Self::Security => "SECURITY",
        }
    }

    /// The severity from 1 (least) to 10 that an event of this level has if it names none.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Trace => 1,
            Self::Debug => 2,
            Self::Info => 3,
            Self::Warning => 5,
            Self::Error => 7,
            Self::Critical => 9,
            Self::Audit => 8,
            Self::Security => 10,
        }
    }

    /// The category that an event of this level has if it names none.
    #[must_use]
    pub const fn category(self) -> Category {
        match self {
            Self::Trace | Self::Debug | Self::Info | Self::Warning => Category::System,
            Self::Error | Self::Critical => Category::Error,
            Self::Audit => Category::Compliance,
            Self::Security => Category::Security,
        }
    }

    /// Whether a sleeping drain is woken for it at once.
    #[inline(always)]
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        self as u8 >= Self::Error as u8
    }

    /// The value that a number in a record stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as u8 == byte)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The least level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelFilter {
    /// This level and those above it.
    AtLeast(Level),
    /// Nothing at all.
    Off,
}

impl LevelFilter {
    /// Whether an event of this level is logged: AUDIT and SECURITY always, unless nothing is.
    #[inline]
    #[must_use]
    pub const fn passes(self, level: Level) -> bool {
        match self {
            Self::AtLeast(least) => level as u8 >= least as u8 || level as u8 >= Level::Audit as u8,
            Self::Off => false,
        }
    }
}

impl fmt::Display for LevelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(level) => level.fmt(f),
            Self::Off => f.pad("OFF"),
        }
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        Self::AtLeast(level)
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelError {
    /// The text.
    pub value: String,
    /// The level that the text means in other libraries, or resembles.
    pub suggestion: Option<&'static str>,
}

impl LevelError {
    fn new(value: &str) -> Self {
        Self { value: value.to_owned(), suggestion: suggested_level(value) }
    }
}

/// The levels, as errors list them.
pub(crate) const ALLOWED: &str =
    "TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY and OFF, in any case";

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level is {:?}; {}", self.value, self.allowed())
    }
}

impl std::error::Error for LevelError {}

impl LevelError {
    /// The part of the text that stands behind the value.
    pub(crate) fn allowed(&self) -> String {
        match self.suggestion {
            Some(level) => format!("allowed are {ALLOWED}; did you mean {level}?"),
            None => format!("allowed are {ALLOWED}"),
        }
    }
}

const NAMES: [&str; 10] =
    ["TRACE", "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "AUDIT", "SECURITY", "OFF"];

/// The names that levels have in syslog and in other libraries. They are no names in fapilog, because they do not mean the same
/// everywhere.
const ELSEWHERE: [(&str, &str); 27] = [
    ("ALERT", "CRITICAL"),
    ("ALL", "TRACE"),
    ("DBG", "DEBUG"),
    ("DISABLED", "OFF"),
    ("EMERG", "CRITICAL"),
    ("EMERGENCY", "CRITICAL"),
    ("EVERYTHING", "TRACE"),
    ("FAIL", "ERROR"),
    ("FAILURE", "ERROR"),
    ("FALSE", "OFF"),
    ("FATAL", "CRITICAL"),
    ("FINE", "DEBUG"),
    ("FINER", "TRACE"),
    ("FINEST", "TRACE"),
    ("INFORMATION", "INFO"),
    ("INFORMATIONAL", "INFO"),
    ("MAX", "TRACE"),
    ("NONE", "OFF"),
    ("NOTICE", "INFO"),
    ("NOTHING", "OFF"),
    ("PANIC", "CRITICAL"),
    ("QUIET", "OFF"),
    ("SEVERE", "ERROR"),
    ("SILENT", "OFF"),
    ("VERBOSE", "TRACE"),
    ("WARNINGS", "WARNING"),
    ("WRN", "WARNING"),
];

/// The level that a word means, or most likely means: by its name elsewhere, by a typing error, or cut short.
pub(crate) fn suggested_level(word: &str) -> Option<&'static str> {
    let word = word.trim().to_ascii_uppercase();
    let elsewhere = ELSEWHERE.into_iter().find(|(name, _)| *name == word).map(|(_, level)| level);
    let misspelled = || NAMES.into_iter().find(|name| is_misspelling_of(&word, name));
    let cut = || NAMES.into_iter().find(|name| word.len() > 2 && name.starts_with(&word));
    elsewhere.or_else(misspelled).or_else(cut)
}

/// Whether one letter is missing, too much or another one, or two have changed places.
fn is_misspelling_of(word: &str, name: &str) -> bool {
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

impl FromStr for LevelFilter {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let upper = text.trim().to_ascii_uppercase();
        let name = match upper.as_str() {
            "OFF" => return Ok(Self::Off),
            "WARN" => "WARNING",
            name => name,
        };
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        level.map(Self::AtLeast).ok_or_else(|| LevelError::new(text))
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        match text.parse()? {
            LevelFilter::AtLeast(level) => Ok(level),
            LevelFilter::Off => Err(LevelError { value: text.to_owned(), suggestion: None }),
        }
    }
}

/// The subject of an event.
#[doc(alias = "EventCategory")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Category {
    /// A failure.
    Error = 1,
    /// How fast, how much.
    Performance = 2,
    /// Protection of the system.
    Security = 3,
    /// The service's own subject.
    Business = 4,
    /// The running of the service.
    System = 5,
    /// Evidence for auditors.
    Compliance = 6,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 6] =
        [Self::Error, Self::Performance, Self::Security, Self::Business, Self::System, Self::Compliance];

    /// The name, in capitals, as it is written to sinks.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Performance => "PERFORMANCE",
            Self::Security => "SECURITY",
            Self::Business => "BUSINESS",
            Self::System => "SYSTEM",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// The value that a number in a record stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|category| *category as u8 == byte)
    }
}

/// The form of `category: value` in macros: a type that is a value, and no other than a category.
#[doc(hidden)]
#[must_use]
pub fn category_number(category: Category) -> u8 {
    category as u8
}

/// The form of `severity: value` in macros.
#[doc(hidden)]
#[must_use]
pub fn severity_number(severity: u8) -> u8 {
    severity
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

error_codes! {
    LevelError {
        _ => "configuration.level",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_reads_back_from_its_number() {
        for category in Category::ALL {
            assert_eq!(Category::from_byte(category_number(category)), Some(category));
        }
        assert_eq!(Category::from_byte(u8::MAX), None);
    }

    #[test]
    fn a_text_that_is_no_level_has_the_level_that_it_means() {
        for (text, level) in [
            ("verbose", "TRACE"),
            ("fatal", "CRITICAL"),
            ("Crit", "CRITICAL"),
            ("err", "ERROR"),
            ("inof", "INFO"),
            ("notice", "INFO"),
            ("dbg", "DEBUG"),
            ("none", "OFF"),
        ] {
            let error = text.parse::<LevelFilter>().unwrap_err();
            assert_eq!(error.suggestion, Some(level), "{text}");
            assert!(error.to_string().ends_with(&format!("; did you mean {level}?")), "{error}");
        }
        assert_eq!("3".parse::<Level>().unwrap_err().suggestion, None);
        assert_eq!("colour".parse::<Level>().unwrap_err().suggestion, None);
    }
}
