//! Invalid settings.

use std::{error::Error, fmt, io, sync::Arc};

use fapilog_record::{debug_is_the_text, error_codes, text::quoted::Escaped};

use crate::settings::secret::ShownProblem;

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The setting: `sinks[1].formatter`.
    pub path: String,
    /// Its value; `[redacted]` in place of a secret.
    pub value: Box<str>,
    /// The allowed values.
    pub allowed: String,
    /// A valid name that resembles the invalid one.
    pub suggestion: Option<Box<str>>,
    /// Where the value was given, if it is known: `FAPILOG_LEVEL`, `file fapilog.toml:3:10` with line and column.
    pub given_by: Option<Box<str>>,
    /// Another setting that the value does not fit.
    pub beside: Option<Box<str>>,
    /// The error of the operating system.
    pub cause: Option<IoCause>,
}

/// An error of the operating system. Two of one kind are equal.
#[derive(Debug, Clone)]
pub struct IoCause(Arc<io::Error>);

impl IoCause {
    /// The error.
    #[must_use]
    pub fn error(&self) -> &io::Error {
        &self.0
    }
}

impl PartialEq for IoCause {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}

impl Eq for IoCause {}

impl Problem {
    /// `path` is `value`, which is not `allowed`. Secrets are left out of both texts: see
    /// [`redact_text`](crate::settings::redact_text). A value at a path that names a secret, such as `password`, is `[redacted]`.
    pub fn new(path: impl Into<String>, value: impl fmt::Display, allowed: impl Into<String>) -> Self {
        // The value as it was given is hidden first: its text without a URL's password is not found in the reason.
        let (path, given, allowed) = (path.into(), value.to_string(), allowed.into());
        let hidden = ShownProblem::of_secret(&path, &given, &allowed, None);
        let (given, allowed) = hidden.map_or((given, allowed), |hidden| (hidden.value.into(), hidden.allowed));
        let ShownProblem { value, allowed } = ShownProblem::of_texts(&given, &allowed);
        Self { path, value, allowed, suggestion: None, given_by: None, beside: None, cause: None }
    }

    /// The same problem, with a valid name that resembles the invalid one.
    pub(crate) fn suggesting(mut self, suggestion: Option<Box<str>>) -> Self {
        self.suggestion = suggestion;
        self.without_secrets()
    }

    fn without_secrets(mut self) -> Self {
        let hidden = ShownProblem::of_secret(&self.path, &self.value, &self.allowed, self.suggestion.as_deref());
        if let Some(ShownProblem { value, allowed }) = hidden {
            (self.value, self.allowed) = (value, allowed);
        }
        self
    }

    /// The same problem, because of this error.
    #[must_use]
    pub fn caused_by(mut self, error: io::Error) -> Self {
        self.cause = Some(IoCause(Arc::new(error)));
        self
    }

    /// The same problem, of a value that does not fit another setting. Where that was given is added to `given_by`.
    #[must_use]
    pub fn beside(mut self, setting: impl Into<Box<str>>) -> Self {
        self.beside = Some(setting.into());
        self
    }

    /// The same problem, of a setting that lies below `path`.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => path.to_owned(),
            own if own.starts_with('[') => format!("{path}{own}"),
            own => format!("{path}.{own}"),
        };
        self.without_secrets()
    }
}

/// On one line, whatever is in a file: a name in it may hold a line break, and escape sequences of a terminal.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, value, allowed, .. } = self;
        write!(f, "{} is {}; {}", Escaped(path), Escaped(value), Escaped(allowed))?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; did you mean {}?", Escaped(suggestion))?;
        }
        if let Some(given_by) = &self.given_by {
            write!(f, " (given by {})", Escaped(given_by))?;
        }
        Ok(())
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.error() as _)
    }
}

/// The longest line of an error, for a name in a file may be as long as the file.
const LINE_CHARS_MAX: usize = 2000;

/// The front of a problem's text.
struct OnOneLine<'a>(&'a Problem);

impl fmt::Display for OnOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.char_indices().nth(LINE_CHARS_MAX) {
            Some((end, _)) => write!(f, "{}...", text.get(..end).unwrap_or_default()),
            None => f.write_str(&text),
        }
    }
}

/// Everything that is wrong with the settings; its text has a line for each problem. Its source is that of the first problem that has one.
#[doc(alias = "ConfigurationError")]
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The problems, in the order of the settings.
    pub problems: Vec<Problem>,
}

impl Error for SettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problems.iter().find_map(Error::source)
    }
}

debug_is_the_text!(SettingsError);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return write!(f, "1 invalid setting: {}", OnOneLine(problem));
        }
        write!(f, "{} invalid settings:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {}", OnOneLine(problem)))
    }
}

error_codes! {
    SettingsError {
        _ => "configuration.settings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_a_line_of_its_own() {
        let one = Problem::new("shards", 0, "allowed are 1 to 64");
        let two = Problem::new("a\nb\x1b[31m", 5, "there is no such setting");
        let text = |problems: &[&Problem]| {
            SettingsError { problems: problems.iter().map(|problem| (*problem).clone()).collect() }.to_string()
        };
        assert_eq!(text(&[&one]), "1 invalid setting: shards is 0; allowed are 1 to 64");
        assert_eq!(
            text(&[&one, &two]),
            "2 invalid settings:\n  shards is 0; allowed are 1 to 64\n  a\\nb\\u{1b}[31m is 5; there is no such setting"
        );
        let long = text(&[&Problem::new("x".repeat(1 << 20), 5, "there is no such setting")]);
        let hidden = text(&[&Problem::new("level", "in\u{202e}fo", "a level")]);
        assert_eq!(hidden, "1 invalid setting: level is in\\u{202e}fo; a level");
        assert!(long.len() < 2100 && long.ends_with("xxx..."), "{}", long.len());
    }
}
