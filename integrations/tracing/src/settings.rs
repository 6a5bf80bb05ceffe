//! Settings of a bridge.

use std::{fmt, ops::BitOr};

/// The settings of a [`Bridge`](crate::Bridge).
#[derive(Debug, Clone)]
pub(crate) struct BridgeSettings {
    pub(crate) correlation_fields: Vec<String>,
    pub(crate) span_names: SpanNames,
    pub(crate) span_events: SpanEvents,
    pub(crate) has_follows_from: bool,
    pub(crate) keeps_all_spans: bool,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self {
            correlation_fields: vec![String::from("correlation_id")],
            span_names: SpanNames::Innermost,
            span_events: SpanEvents::NONE,
            has_follows_from: false,
            keeps_all_spans: false,
        }
    }
}

/// The names of spans that an event has as fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SpanNames {
    /// None.
    None,
    /// `context.span`: the name of the innermost span.
    #[default]
    Innermost,
    /// `context.span`, and `context.spans`: the names of all spans around the event, outermost first, as a list.
    Path,
}

/// The steps of a span's life that are events themselves, as the `FmtSpan` of tracing-subscriber.
///
/// ```
/// use fapilog_tracing::SpanEvents;
///
/// let events = SpanEvents::NEW | SpanEvents::CLOSE;
/// assert!(events.contains(SpanEvents::CLOSE) && !events.contains(SpanEvents::ENTER));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanEvents(u8);

impl SpanEvents {
    /// None.
    pub const NONE: Self = Self(0);
    /// A span was made: an event with the message `new`.
    pub const NEW: Self = Self(1);
    /// A thread enters a span: `enter`.
    pub const ENTER: Self = Self(2);
    /// A thread exits a span: `exit`.
    pub const EXIT: Self = Self(4);
    /// A span and all its children are closed: `close`, with `metrics.busy_ms` and `metrics.idle_ms`. Busy is the time in which at
    /// least one thread is in the span, idle the time in which none is.
    pub const CLOSE: Self = Self(8);
    /// `ENTER` and `EXIT`.
    pub const ACTIVE: Self = Self(2 | 4);
    /// All of them.
    pub const FULL: Self = Self(1 | 2 | 4 | 8);

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for SpanEvents {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for SpanEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(Self::NEW, "NEW"), (Self::ENTER, "ENTER"), (Self::EXIT, "EXIT"), (Self::CLOSE, "CLOSE")];
        f.debug_set().entries(names.iter().filter(|(event, _)| self.contains(*event)).map(|(_, name)| name)).finish()
    }
}
