//! Patterns of texts.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A pattern of a text, in which `*` stands for any characters, also none. `\*` is the character itself, and `\\` a backslash. Upper and
/// lower case differ.
///
/// ```
/// use fapilog_audit_index::query::TextPattern;
///
/// let pattern: TextPattern = "account 47*".parse()?;
/// assert!(pattern.matches("account 4711") && !pattern.matches("Account 4711"));
/// # Ok::<(), fapilog_audit_index::query::TextPatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPattern {
    /// The texts between the stars: at least one.
    parts: Vec<String>,
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextPatternError {
    /// The text is empty.
    #[error("the text is empty; `*` stands for every value")]
    Empty,
    /// A backslash stands before another character than `*` and `\`.
    #[error("{text:?} has a backslash before another character than `*` and `\\`; a backslash itself is written twice")]
    Escape {
        /// The text.
        text: String,
    },
}

impl TextPattern {
    /// The pattern of this text alone.
    #[must_use]
    pub fn exactly(text: impl Into<String>) -> Self {
        Self { parts: vec![text.into()] }
    }

    /// Whether the text has the pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, behind)) = self.parts.split_first() else { return false };
        let Some((last, between)) = behind.split_last() else { return text == first };
        let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
        for part in between {
            match left.find(part.as_str()).and_then(|at| left.get(at + part.len()..)) {
                Some(behind) => left = behind,
                None => return false,
            }
        }
        left.ends_with(last.as_str())
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.parts.len() == 1
    }

    /// The text, or the pattern of `GLOB`, in which `?` and `[` have meanings of their own.
    pub(crate) fn to_sql(&self) -> String {
        if self.is_exact() {
            return self.parts.concat();
        }
        let escaped = |part: &String| {
            part.chars().fold(String::new(), |mut sql, letter| {
                match letter {
                    '*' | '?' | '[' => sql.extend(['[', letter, ']']),
                    letter => sql.push(letter),
                }
                sql
            })
        };
        self.parts.iter().map(escaped).collect::<Vec<_>>().join("*")
    }
}

impl FromStr for TextPattern {
    type Err = TextPatternError;

    fn from_str(text: &str) -> Result<Self, TextPatternError> {
        if text.is_empty() {
            return Err(TextPatternError::Empty);
        }
        let mut parts = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let letter = match letter {
                '*' => {
                    parts.push(String::new());
                    continue;
                }
                '\\' => match letters.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err(TextPatternError::Escape { text: text.to_owned() }),
                },
                letter => letter,
            };
            if let Some(part) = parts.last_mut() {
                part.push(letter);
            }
        }
        Ok(Self { parts })
    }
}

/// As it is written.
impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(|part| part.replace('\\', "\\\\").replace('*', "\\*")).collect();
        f.write_str(&parts.join("*"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("kim", "kim", true),
            ("kim", "kimberly", false),
            ("kim*", "kim", true),
            ("*kim", "joakim", true),
            ("*", "", true),
            ("a*b*c", "a-bb-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\\*", r"a\b", true),
            ("[k]?m*", "[k]?ms", true),
            ("é*", "école", true),
        ] {
            let pattern: TextPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(text), expected, "{pattern} {text}");
            assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }

    #[test]
    fn an_empty_text_and_another_escape_are_errors() {
        assert_eq!("".parse::<TextPattern>(), Err(TextPatternError::Empty));
        let error = r"a\b".parse::<TextPattern>().unwrap_err();
        assert!(error.to_string().contains("a backslash itself is written twice"), "{error}");
        assert!(r"a\".parse::<TextPattern>().is_err());
    }
}
