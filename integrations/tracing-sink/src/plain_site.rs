//! Call sites for events that have none of their own: a static of each level.

use fapilog::Level;
use tracing_core::{Callsite, Interest, Kind, Metadata, callsite::Identifier, field::FieldSet};

/// The fields of each.
pub(crate) const PLAIN_NAMES: &[&str] = &["message", "target", "fields", "correlation_id", "source", "level"];

struct PlainSite(&'static Metadata<'static>);

impl Callsite for PlainSite {
    /// The sink asks its subscriber about each event.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0
    }
}

macro_rules! plain_sites {
    ($($site:ident, $metadata:ident: $level:ident;)*) => {$(
        static $site: PlainSite = PlainSite(&$metadata);
        static $metadata: Metadata<'static> = Metadata::new(
            "fapilog event",
            "fapilog",
            tracing_core::Level::$level,
            None,
            None,
            None,
            FieldSet::new(PLAIN_NAMES, Identifier(&$site)),
            Kind::EVENT,
        );
    )*};
}

plain_sites! {
    TRACE_SITE, TRACE: TRACE;
    DEBUG_SITE, DEBUG: DEBUG;
    INFO_SITE, INFO: INFO;
    WARN_SITE, WARN: WARN;
    ERROR_SITE, ERROR: ERROR;
}

/// The metadata of an event of this level.
pub(crate) fn plain_metadata(level: Level) -> &'static Metadata<'static> {
    match level {
        Level::Trace => &TRACE,
        Level::Debug => &DEBUG,
        Level::Info => &INFO,
        Level::Warning => &WARN,
        Level::Error | Level::Critical | Level::Audit | Level::Security => &ERROR,
    }
}

/// The level for a subscriber. `tracing` has none above `ERROR`.
pub(crate) fn level_of(level: Level) -> tracing_core::Level {
    *plain_metadata(level).level()
}
