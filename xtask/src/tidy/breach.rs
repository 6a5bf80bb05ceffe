//! Breaches: the findings of rules.

use std::fmt;

/// A place that breaks a rule. Breaches sort by file, then by line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) file: String,
    /// Lines count from 1.
    pub(crate) line: usize,
    /// The name of the rule.
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.message)
    }
}
