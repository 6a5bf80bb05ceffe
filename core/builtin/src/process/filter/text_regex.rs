//! Regular expressions in conditions.

use std::str::FromStr;

use regex_automata::meta::{BuildError, Regex};
use thiserror::Error;

/// Bytes that the compiled form of a pattern may have.
const COMPILED_BYTES: usize = 1 << 20;

/// A regular expression in the syntax of the crate `regex`: it matches text that has a match anywhere in it.
///
/// ```
/// use fapilog_builtin::process::{Comparison, Rule, TextRegex};
///
/// let images: TextRegex = r"(?i)\.(png|jpe?g)$".parse()?;
/// let rule = Rule::drop().when("path", Comparison::Matches(images));
/// # let _ = rule;
/// # Ok::<(), fapilog_builtin::process::TextRegexError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TextRegex {
    expression: Box<str>,
    regex: Regex,
}

/// A text is no regular expression, or too large.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{expression:?} is no regular expression of at most 1 MiB in compiled form: {reason}")]
pub struct TextRegexError {
    /// The text.
    pub expression: Box<str>,
    /// The place and the reason.
    pub reason: Box<str>,
}

impl TextRegex {
    /// The regular expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.expression
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

impl FromStr for TextRegex {
    type Err = TextRegexError;

    fn from_str(expression: &str) -> Result<Self, TextRegexError> {
        let config = Regex::config().nfa_size_limit(Some(COMPILED_BYTES)).hybrid_cache_capacity(2 * COMPILED_BYTES);
        let regex = Regex::builder().configure(config).build(expression);
        let regex =
            regex.map_err(|error| TextRegexError { expression: expression.into(), reason: reason(&error).into() })?;
        Ok(Self { expression: expression.into(), regex })
    }
}

/// Patterns are equal if their expressions are.
impl PartialEq for TextRegex {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for TextRegex {}

/// The reason of an error, with that below it.
fn reason(error: &BuildError) -> String {
    error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_anywhere_unless_it_has_anchors() {
        let is_match =
            |expression: &str, text: &str| expression.parse::<TextRegex>().unwrap().is_match(text.as_bytes());
        assert!(is_match("b+", "abbc") && !is_match("^b+", "abbc") && is_match("(?i)ABB", "abbc"));
        assert!("a.c".parse::<TextRegex>().unwrap().is_match(b"a\xffabc\xff"));
    }

    #[test]
    fn an_invalid_or_too_large_expression_is_named_with_the_reason() {
        let error = |expression: &str| expression.parse::<TextRegex>().unwrap_err().to_string();
        let open = error("a(b");
        assert!(open.starts_with("\"a(b\" is no regular expression") && open.contains("unclosed group"), "{open}");
        assert!(error(r"\w{1000}{1000}").contains("1 MiB"));
    }
}
