//! The levels of a container, for tracing.

use fapilog::{Level, Logger, level::LevelFilter};
use tracing_core::{Metadata, subscriber::Interest};

use crate::site::level_of;

/// The levels of a logger's container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContainerLevels<'a> {
    pub(crate) logger: &'a Logger,
    /// Whether spans are enabled whatever their level.
    pub(crate) keeps_all_spans: bool,
}

impl ContainerLevels<'_> {
    pub(crate) fn are_enabled(self, metadata: &Metadata<'_>) -> bool {
        (metadata.is_span() && self.keeps_all_spans)
            || self.logger.is_enabled_for(level_of(*metadata.level()), metadata.target())
    }

    /// They change by a rebuild of all interests, so that a call site need not ask each time.
    pub(crate) fn interest(self, metadata: &Metadata<'_>) -> Interest {
        if self.are_enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    pub(crate) fn max_level(self) -> tracing_core::LevelFilter {
        use tracing_core::LevelFilter as Max;
        match self.logger.least_level() {
            _ if self.keeps_all_spans => Max::TRACE,
            LevelFilter::AtLeast(Level::Trace) => Max::TRACE,
            LevelFilter::AtLeast(Level::Debug) => Max::DEBUG,
            LevelFilter::AtLeast(Level::Info) => Max::INFO,
            LevelFilter::AtLeast(Level::Warning) => Max::WARN,
            LevelFilter::AtLeast(Level::Error) => Max::ERROR,
            LevelFilter::AtLeast(_) | LevelFilter::Off => Max::OFF,
        }
    }
}
