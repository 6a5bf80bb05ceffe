//! The kinds of plugins.

use std::fmt;

/// The kind of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PluginKind {
    /// An [`Enricher`].
    Enricher,
    /// A [`Processor`].
    Processor,
    /// A [`Processor`] that runs behind all others, and without which no event goes on.
    Redactor,
    /// A [`Formatter`].
    Formatter,
    /// A [`Sink`].
    Sink,
}

impl PluginKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enricher => "enricher",
            Self::Processor => "processor",
            Self::Redactor => "redactor",
            Self::Formatter => "formatter",
            Self::Sink => "sink",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
