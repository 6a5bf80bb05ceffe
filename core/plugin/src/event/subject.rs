//! The events that an event of a plugin speaks of.

use fapilog_record::level::Level;

/// The events that a summary speaks of: their level, target and source, as far as all of them have the same.
///
/// A sink that takes such events takes the summary, too, whatever the summary's own level, target and source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject<'a> {
    /// Their level; `None` if they differ.
    pub level: Option<Level>,
    /// Their target; `None` if they differ.
    pub target: Option<&'a str>,
    /// Their source; `None` if they differ.
    pub source: Option<&'a str>,
}
