//! Errors, with a caret under the place.

use std::{fmt, ops::Range};

/// The reason why a text is no expression, and the place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExpressionError {
    pub(crate) expression: String,
    /// In bytes.
    pub(crate) place: Range<usize>,
    pub(crate) message: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A control character has no width on a screen, or moves the cursor.
        let shown: String = self.expression.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = |range: Range<usize>| self.expression.get(range).unwrap_or_default().chars().count();
        let carets = "^".repeat(width(self.place.clone()).max(1));
        let indent = " ".repeat(width(0..self.place.start));
        write!(f, "{}\n  {shown}\n  {indent}{carets}", self.message)
    }
}

impl std::error::Error for ExpressionError {}
