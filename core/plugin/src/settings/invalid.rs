//! What serde has to say against a value, with its place.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;

use crate::{problem::Problem, settings::suggestion::suggestion};

/// A mistake on its way out.
#[derive(Debug)]
pub struct Mistake {
    pub fault: Fault,
    /// Relative to where it was made, until it is located.
    pub path: String,
    value: String,
    allowed: String,
    nearest: Option<Box<str>>,
    is_located: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Value,
    UnknownName,
    Missing,
}

impl Mistake {
    pub fn new(fault: Fault, path: &str, allowed: String) -> Self {
        Self { fault, path: path.to_owned(), value: String::new(), allowed, nearest: None, is_located: false }
    }

    /// The mistake was made in `value`, which is at `path`: the innermost place that says so is right.
    pub fn located(mut self, path: &str, value: &Value) -> Self {
        if self.is_located {
            return self;
        }
        self.is_located = true;
        match self.fault {
            Fault::Missing => {
                self.path = join(path, &self.path);
                self.value = "missing".to_owned();
            }
            Fault::Value | Fault::UnknownName => {
                self.path = path.to_owned();
                self.value = if is_secret(path) { "not shown".to_owned() } else { show(value) };
            }
        }
        self
    }

    pub fn into_problem(self) -> Problem {
        let mut problem = Problem::new(self.path, self.value, self.allowed);
        problem.nearest = self.nearest;
        problem
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; {}", self.path, self.value, self.allowed)
    }
}

impl std::error::Error for Mistake {}

impl Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Value, "", message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Fault::Value, "", format!("it must be {}", plain(expected)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Fault::Value, "", format!("it must be {}", plain(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut mistake = Self::new(Fault::Value, "", format!("allowed are {}", expected.join(", ")));
        mistake.nearest = suggestion(variant, expected.iter().copied());
        mistake
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut mistake = Self::new(Fault::UnknownName, "", "there is no such setting".to_owned());
        mistake.nearest = suggestion(field, expected.iter().copied());
        if mistake.nearest.is_none() && expected.len() <= 12 {
            mistake.allowed = format!("there is no such setting; allowed are {}", expected.join(", "));
        }
        mistake
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing, field, "it must be given".to_owned())
    }
}

/// What serde expects, in words for those who do not write Rust.
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
        other => other.to_owned(),
    }
}

/// Whether the name of a setting says that its value is nobody's business: errors end up in logs.
fn is_secret(path: &str) -> bool {
    const SIGNS: [&str; 6] = ["secret", "password", "passphrase", "token", "credential", "api_key"];
    let path = path.to_ascii_lowercase();
    SIGNS.iter().any(|sign| path.contains(sign))
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

/// The path of `name` in the table at `path`.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
