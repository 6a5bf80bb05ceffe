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
        let level = level_of(*metadata.level());
        (metadata.is_span() && self.keeps_all_spans)
            || self.logger.is_enabled_for(level, metadata.target())
            || self.level_of_closed().passes(level)
    }

    /// They change by a rebuild of all interests, so that a call site need not ask each time.
    pub(crate) fn interest(self, metadata: &Metadata<'_>) -> Interest {
        if self.are_enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    pub(crate) fn max_level(self) -> tracing_core::LevelFilter {
        use tracing_core::LevelFilter as Max;
        let least = match self.logger.least_level() {
            LevelFilter::Off => self.level_of_closed(),
            least => least,
        };
        match least {
            _ if self.keeps_all_spans => Max::TRACE,
            LevelFilter::AtLeast(Level::Trace) => Max::TRACE,
            LevelFilter::AtLeast(Level::Debug) => Max::DEBUG,
            LevelFilter::AtLeast(Level::Info) => Max::INFO,
            LevelFilter::AtLeast(Level::Warning) => Max::WARN,
            LevelFilter::AtLeast(Level::Error) => Max::ERROR,
            LevelFilter::AtLeast(_) | LevelFilter::Off => Max::OFF,
        }
    }

    /// The level that a closed container had: events are let through by it, to be counted as lost. None pass by it while the container is open.
    fn level_of_closed(self) -> LevelFilter {
        match self.logger.least_level() {
            LevelFilter::Off => self.logger.level(),
            LevelFilter::AtLeast(_) => LevelFilter::Off,
        }
    }
}
