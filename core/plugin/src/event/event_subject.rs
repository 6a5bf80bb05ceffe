//! The events that a summary sums up.

use fapilog_record::level::Level;

/// The events that a summary sums up: their level, target and source, as far as all of them have the same.
///
/// A sink that takes such events takes the summary, too, whatever the summary's own level, target and source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSubject<'a> {
    /// Their level; `None` if they differ.
    pub level: Option<Level>,
    /// Their target; `None` if they differ.
    pub target: Option<&'a str>,
    /// Their source; `None` if they differ.
    pub source: Option<&'a str>,
}
