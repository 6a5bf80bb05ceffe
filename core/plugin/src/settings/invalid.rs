//! Invalid values, as serde finds them, with their places.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;

use crate::{
    problem::Problem,
    settings::{
        secret::{BY_REFERENCE, REDACTED},
        suggestion::suggestion,
    },
};

/// The words in front of a suggestion, as a [`Problem`] has them too.
const SUGGESTED: &str = "; did you mean ";

/// A value that a setting cannot have, until it becomes a [`Problem`].
#[derive(Debug)]
pub struct InvalidValue {
    pub kind: InvalidKind,
    /// Relative to the value that was read, until it is [located](Self::located).
    pub path: String,
    value: String,
    allowed: String,
    pub suggestion: Option<Box<str>>,
    is_located: bool,
}

/// The kinds of invalid values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKind {
    /// The value itself.
    Value,
    /// A name that the table does not have.
    UnknownName,
    /// A name that the table must have.
    Missing,
}

impl InvalidValue {
    pub fn new(kind: InvalidKind, path: &str, allowed: String) -> Self {
        Self { kind, path: path.to_owned(), value: String::new(), allowed, suggestion: None, is_located: false }
    }

    /// Adds the place: `value` at `path`. The innermost reader calls this first, and its place stays.
    pub fn located(mut self, path: &str, value: &Value) -> Self {
        if self.is_located {
            return self;
        }
        self.is_located = true;
        match self.kind {
            InvalidKind::Missing => {
                self.path = join(path, &self.path);
                self.value = "missing".to_owned();
            }
            InvalidKind::Value | InvalidKind::UnknownName => {
                self.path = path.to_owned();
                // A secret in place of its reference, whatever the name of the setting.
                let is_literal = self.allowed.starts_with(BY_REFERENCE);
                self.value = if is_literal { REDACTED.to_owned() } else { show_at(path, value) };
            }
        }
        self
    }

    pub fn into_problem(self) -> Problem {
        let mut problem = Problem::new(self.path, self.value, self.allowed);
        problem.suggestion = self.suggestion;
        problem
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; {}", self.path, self.value, self.allowed)
    }
}

impl std::error::Error for InvalidValue {}

impl Error for InvalidValue {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let asked = message.strip_suffix('?').and_then(|front| front.rsplit_once(SUGGESTED));
        let Some((allowed, suggestion)) = asked else { return Self::new(InvalidKind::Value, "", message) };
        let mut invalid = Self::new(InvalidKind::Value, "", allowed.to_owned());
        invalid.suggestion = Some(suggestion.into());
        invalid
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(InvalidKind::Value, "", format!("it must be {}", plain(expected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(InvalidKind::Value, "", format!("it must be {}", plain(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut invalid = Self::new(InvalidKind::Value, "", format!("allowed are {}", expected.join(", ")));
        invalid.suggestion = suggestion(variant, expected.iter().copied());
        invalid
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut invalid = Self::new(InvalidKind::UnknownName, "", "there is no such setting".to_owned());
        invalid.suggestion = suggestion(field, expected.iter().copied());
        if expected.is_empty() {
            invalid.allowed = "there is no such setting, and no other".to_owned();
        } else if invalid.suggestion.is_none() && expected.len() <= 12 {
            invalid.allowed = format!("there is no such setting; allowed are {}", expected.join(", "));
        }
        invalid
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(InvalidKind::Missing, field, "it must be given".to_owned())
    }
}

/// The expectation of serde, in words of settings files instead of Rust.
fn plain(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "text".to_owned(),
        "path string" => "a path, as text in quotes".to_owned(),
        other => other.to_owned(),
    }
}

/// Whether the name of a setting is that of a secret: errors end up in logs, so its value is not shown.
fn is_secret(path: &str) -> bool {
    const SIGNS: [&str; 6] = ["secret", "password", "passphrase", "token", "credential", "api_key"];
    let path = path.to_ascii_lowercase();
    SIGNS.iter().any(|sign| path.contains(sign))
}

/// A value as an error shows it that names the path. The value of a secret is not shown.
pub fn show_at(path: &str, value: &Value) -> String {
    if is_secret(path) { REDACTED.to_owned() } else { show(value) }
}

/// A value as an error shows it.
pub fn show(value: &Value) -> String {
    const SHOWN_MAX: usize = 80;
    let text = match value {
        Value::Object(_) => return "a table".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The path of `name` in the table at `path`. An empty name is shown as `""`: an empty path is that of the whole tree.
pub fn join(path: &str, name: &str) -> String {
    let name = if name.is_empty() { "\"\"" } else { name };
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use crate::settings::read;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Known {
        #[serde(rename = "count")]
        _count: u8,
    }

    #[test]
    fn a_setting_without_a_name_has_a_path_and_hides_no_other_error() {
        let problems = read::<Known>(&json!({ "": 5, "count": "many" })).unwrap_err();
        let paths: Vec<_> = problems.into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["\"\"", "count"]);
    }
}
