//! The place of a log call.

use std::fmt;

use fapilog_record::call_site::CallSite;

/// The place of a log call in the program. Its `Display` is `file:line`, which terminals and editors open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Location {
    /// The module, as `module_path!` names it: the call's target.
    pub module: &'static str,
    /// The file, as `file!` names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl Location {
    /// The place of a call site.
    #[must_use]
    pub fn of(site: &'static CallSite) -> Self {
        Self { module: site.target(), file: site.file(), line: site.line() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
