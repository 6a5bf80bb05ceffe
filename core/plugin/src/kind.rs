//! The kinds of plugins.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kind of a plugin.
#[doc(alias = "PluginType")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PluginKind {
    /// An [`Enricher`](crate::enricher::Enricher).
    Enricher,
    /// A [`Processor`](crate::processor::Processor).
    Processor,
    /// A [`Processor`](crate::processor::Processor) that runs behind all others, and without which no event goes on.
    Redactor,
    /// A [`Formatter`](crate::formatter::Formatter).
    Formatter,
    /// A [`Sink`](crate::sink::Sink).
    Sink,
    /// A [`Substitute`](crate::substitute::Substitute) of sensitive data.
    Substitute,
    /// A [`Standard`](crate::compliance::Standard) of compliance.
    Standard,
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
            Self::Substitute => "substitute",
            Self::Standard => "standard",
        }
    }
}

impl Serialize for PluginKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
