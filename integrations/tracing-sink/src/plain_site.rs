//! Call sites for events that have none of their own: a static of each level.

use std::sync::Once;

use fapilog::Level;
use tracing_core::{Callsite, Dispatch, Interest, Kind, Metadata, callsite::Identifier, field::FieldSet};

use crate::event_site::register;

/// The fields of each.
pub(crate) const PLAIN_NAMES: &[&str] = &["message", "target", "fields", "correlation_id", "source", "level"];

struct PlainSite {
    metadata: &'static Metadata<'static>,
    registration: Once,
}

impl Callsite for PlainSite {
    /// The sink asks its subscriber about each event.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata
    }
}

macro_rules! plain_sites {
    ($($site:ident, $metadata:ident: $level:ident;)*) => {$(
        static $site: PlainSite = PlainSite { metadata: &$metadata, registration: Once::new() };
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

/// The metadata of an event of this level, whose call site is registered by the first such event. This dispatcher gets it.
pub(crate) fn registered_metadata(dispatch: &Dispatch, level: Level) -> &'static Metadata<'static> {
    let site = plain_site(level);
    site.registration.call_once(|| register(dispatch, site));
    site.metadata
}

/// The metadata of an event of this level.
pub(crate) fn plain_metadata(level: Level) -> &'static Metadata<'static> {
    plain_site(level).metadata
}

fn plain_site(level: Level) -> &'static PlainSite {
    match level {
        Level::Trace => &TRACE_SITE,
        Level::Debug => &DEBUG_SITE,
        Level::Info => &INFO_SITE,
        Level::Warning => &WARN_SITE,
        Level::Error | Level::Critical | Level::Audit | Level::Security => &ERROR_SITE,
    }
}

/// The level for a subscriber. `tracing` has none above `ERROR`.
pub(crate) fn level_of(level: Level) -> tracing_core::Level {
    *plain_metadata(level).level()
}
