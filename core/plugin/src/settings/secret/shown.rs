//! Values and reasons as errors show them.

use super::{
    REDACTED,
    names::{is_secret_name, is_secret_path, is_word_of_class},
    text::{is_variable_reference, redact_prose, redact_text},
};

/// Texts in place of a value that an error shows. Every other text at the path of a secret may be the secret.
const STATES: [&str; 15] = [
    "0",
    REDACTED,
    "a table",
    "asked for",
    "empty",
    "false",
    "given",
    "missing",
    "none",
    "not set",
    "null",
    "refused",
    "set",
    "true",
    "unreadable",
];

/// The fronts of references, as a [`SecretRef`](super::SecretRef) shows itself.
const REFERENCES: [&str; 2] = ["file ", "command "];

/// The text of an invalid value and its reason, without secrets.
pub(crate) struct ShownProblem {
    pub(crate) value: Box<str>,
    pub(crate) allowed: String,
}

impl ShownProblem {
    /// The value and the reason without the secrets that their texts show.
    pub(crate) fn of_texts(value: &str, allowed: &str) -> Self {
        Self { value: redact_text(value).into(), allowed: redact_prose(allowed).into_owned() }
    }

    /// `[redacted]` for a value whose path is that of a secret, and the reason, which may repeat the value. An unknown name that
    /// resembles the name of a secret is that of a secret. `None` for any other value.
    pub(crate) fn of_secret(path: &str, value: &str, allowed: &str, suggestion: Option<&str>) -> Option<Self> {
        let is_shown = is_state(value) || is_word_of_class(path, value.trim_matches('"'));
        let is_secret = !is_shown && (is_secret_path(path) || suggestion.is_some_and(is_secret_name));
        is_secret.then(|| Self { value: REDACTED.into(), allowed: without_value(allowed, value) })
    }
}

fn is_state(value: &str) -> bool {
    STATES.contains(&value) || REFERENCES.iter().any(|front| value.starts_with(front)) || is_variable_reference(value)
}

/// The reason without the value, which stands in it with or without quotes.
fn without_value(allowed: &str, value: &str) -> String {
    let bare = value.strip_prefix('"').map_or(value, |value| value.strip_suffix('"').unwrap_or(value));
    // A reason is made of words, and a short text is a part of many.
    const CHARS_MIN: usize = 3;
    if bare.len() < CHARS_MIN || bare == REDACTED { allowed.to_owned() } else { allowed.replace(bare, REDACTED) }
}

#[cfg(test)]
mod tests {
    use crate::problem::Problem;

    #[test]
    fn the_value_of_a_secret_stands_neither_in_the_value_nor_in_the_reason() {
        for value in ["hunter2", "\"hunter2\"", "[\"hunter2\"]"] {
            let problem = Problem::new("agent.token", value, "`hunter2` is no token");
            assert_eq!(&*problem.value, "[redacted]");
        }
        let problem = Problem::new("token", "\"hunter2\"", "`hunter2` is no token");
        assert_eq!(problem.to_string(), "token is [redacted]; `[redacted]` is no token");
    }

    #[test]
    fn a_path_that_a_problem_gets_later_counts_too() {
        let problem = Problem::new("[0]", "\"hunter2\"", "too short").below("tokens");
        assert_eq!(problem.to_string(), "tokens[0] is [redacted]; too short");
    }

    #[test]
    fn a_state_and_a_reference_are_shown() {
        assert_eq!(&*Problem::new("actions.credential", "\"hsh\"", "no such action").value, "\"hsh\"");
        assert_eq!(&*Problem::new("actions.credential", "\"hunter2\"", "no such action").value, "[redacted]");
        for value in ["missing", "given", "${TOKEN}", "file /run/secrets/token", "command vault"] {
            assert_eq!(&*Problem::new("token", value, "it must be given").value, value);
        }
    }

    #[test]
    fn a_url_in_a_value_or_in_a_reason_is_shown_without_its_secrets() {
        let problem = Problem::new("level", "https://u:hunter2@h/", "https://u:hunter2@h/ is no level");
        assert_eq!(problem.to_string(), "level is https://[redacted]@h/; https://[redacted]@h/ is no level");
    }
}
