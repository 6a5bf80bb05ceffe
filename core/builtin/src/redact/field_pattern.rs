//! The fields that a user names.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::redact::names::is_same_name;

/// Names fields: by their key, as in `order_note`, or by their path, as in `context.user.*`.
///
/// * A text without `.` and `*` is a key: the field or the entry of a map has it in any group and at any depth. Separators and case do
///   not count, as with the built-in names: `order_note` is `orderNote`, too.
/// * Any other text is a path from the group on: `context.user.email` is the entry `email` of the map `user`, or the field of the key
///   `user.email`. Case counts. `*` stands for characters other than `.`, and `**` for any.
///
/// ```
/// use fapilog_builtin::redact::FieldPattern;
///
/// let users: FieldPattern = "context.user.*".parse()?;
/// assert!(users.matches("context.user.email", "email"));
/// assert!(!users.matches("context.user.home.street", "street"));
/// let notes: FieldPattern = "order_note".parse()?;
/// assert!(notes.matches("tags.orderNote", "orderNote"));
/// # Ok::<(), fapilog_builtin::redact::FieldPatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPattern(PatternForm);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternForm {
    Key(String),
    Path(String),
}

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldPatternError {
    /// There is no text.
    #[error("it must not be empty")]
    Empty,
    /// Two dots of a path have nothing between them, or a path ends in a dot.
    #[error("a path has a name or a star between its dots and behind the last one")]
    EmptyPart,
    /// A path begins with another word than a group.
    #[error(
        "a path begins with context., tags., metrics., `*` or `**`, and {first:?} is none of them; a key alone has no dot"
    )]
    Group {
        /// The first word.
        first: String,
    },
}

/// The groups that a path begins with.
const GROUPS: [&str; 3] = ["context", "tags", "metrics"];

impl FieldPattern {
    /// Whether it names the field of this path, which ends in this key.
    #[must_use]
    pub fn matches(&self, path: &str, key: &str) -> bool {
        match &self.0 {
            PatternForm::Key(name) => is_same_name(name, key),
            PatternForm::Path(pattern) => is_match(pattern.as_bytes(), path.as_bytes()),
        }
    }
}

impl FromStr for FieldPattern {
    type Err = FieldPatternError;

    fn from_str(text: &str) -> Result<Self, FieldPatternError> {
        if text.is_empty() {
            return Err(FieldPatternError::Empty);
        }
        if !text.contains(['.', '*']) {
            return Ok(Self(PatternForm::Key(text.to_owned())));
        }
        let first = text.split('.').next().unwrap_or_default();
        if !GROUPS.contains(&first) && !first.contains('*') {
            return Err(FieldPatternError::Group { first: first.to_owned() });
        }
        if text.split('.').any(str::is_empty) {
            return Err(FieldPatternError::EmptyPart);
        }
        Ok(Self(PatternForm::Path(text.to_owned())))
    }
}

/// As it was written.
impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (PatternForm::Key(text) | PatternForm::Path(text)) = &self.0;
        f.write_str(text)
    }
}

/// A star of the pattern that has been met, to come back to.
#[derive(Clone, Copy)]
struct Star {
    /// Behind the star, in the pattern.
    behind: usize,
    /// The first byte of the path that the star does not stand for.
    until: usize,
}

/// Compares without recursion: a step back goes to the last star of each kind only, so time is at most the product of the lengths.
fn is_match(pattern: &[u8], path: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // A star within a word gives way to one that stands for any characters.
    let (mut word, mut any): (Option<Star>, Option<Star>) = (None, None);
    loop {
        let star_bytes = pattern.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'*').count();
        if star_bytes > 0 {
            at += star_bytes;
            let star = Star { behind: at, until: place };
            if star_bytes > 1 {
                (any, word) = (Some(star), None);
            } else {
                word = Some(star);
            }
            continue;
        }
        match (pattern.get(at), path.get(place)) {
            (None, None) => return true,
            (Some(wanted), Some(byte)) if wanted == byte => {
                (at, place) = (at + 1, place + 1);
                continue;
            }
            _ => {}
        }
        let stays_in_word = |star: &Star| path.get(star.until).is_some_and(|byte| *byte != b'.');
        if let Some(star) = word.filter(stays_in_word) {
            let star = Star { until: star.until + 1, ..star };
            (word, at, place) = (Some(star), star.behind, star.until);
        } else if let Some(star) = any.filter(|star| star.until < path.len()) {
            let star = Star { until: star.until + 1, ..star };
            (any, word, at, place) = (Some(star), None, star.behind, star.until);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by recursion, as the definition reads.
    fn is_match_by_definition(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => path.is_empty(),
            [b'*', b'*', ..] => {
                let behind = &pattern[pattern.iter().take_while(|byte| **byte == b'*').count()..];
                (0..=path.len()).any(|taken| is_match_by_definition(behind, &path[taken..]))
            }
            [b'*', behind @ ..] => {
                let word = path.iter().take_while(|byte| **byte != b'.').count();
                (0..=word).any(|taken| is_match_by_definition(behind, &path[taken..]))
            }
            [first, behind @ ..] => {
                path.split_first().is_some_and(|(byte, path)| byte == first && is_match_by_definition(behind, path))
            }
        }
    }

    proptest! {
        #[test]
        fn a_path_matches_as_the_definition_reads(pattern in "[ab.*]{0,8}", path in "[ab.]{0,10}") {
            prop_assert_eq!(
                is_match(pattern.as_bytes(), path.as_bytes()),
                is_match_by_definition(pattern.as_bytes(), path.as_bytes())
            );
        }
    }

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<FieldPattern>().unwrap().matches(path, path.rsplit('.').next().unwrap())
    }

    #[test]
    fn a_key_is_found_in_any_group_and_at_any_depth() {
        assert!(matches("order_note", "context.orderNote") && matches("orderNote", "tags.a.ORDER-NOTE"));
        assert!(!matches("order_note", "context.order_note_id"));
    }

    #[test]
    fn a_star_stays_within_a_word_and_two_do_not() {
        assert!(matches("context.*", "context.user") && !matches("context.*", "context.user.email"));
        assert!(matches("context.**", "context.user.email") && matches("**.email", "tags.user.email"));
        assert!(matches("context.user_*.id", "context.user_7.id") && !matches("context.user_*.id", "context.user.id"));
    }

    #[test]
    fn a_pattern_that_is_none_is_an_error_that_helps() {
        assert_eq!("".parse::<FieldPattern>().unwrap_err(), FieldPatternError::Empty);
        let error = "user.email".parse::<FieldPattern>().unwrap_err().to_string();
        assert!(error.contains("\"user\"") && error.contains("context."), "{error}");
        assert_eq!("tags.*".parse::<FieldPattern>().unwrap().to_string(), "tags.*");
    }
}
