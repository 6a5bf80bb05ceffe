//! Brings the spans and events of [`tracing`] to a container of fapilog.
//!
//! [`tracing`]: https://docs.rs/tracing
//!
//! * [`layer()`] makes a layer for the registry of tracing-subscriber. Other layers may stand beside it.
//! * [`Subscriber`] is for programs that have no other layer, and is faster.
//! * [`Bridge`] makes either of them with settings.
//!
//! ```
//! use fapilog::{Container, format, sink};
//! use tracing_subscriber::prelude::*;
//!
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let subscriber = tracing_subscriber::registry().with(fapilog_tracing::layer(logs.logger("app")));
//! tracing::subscriber::with_default(subscriber, || {
//!     let _request = tracing::info_span!("request", user = "ann").entered();
//!     tracing::info!(rows = 3, tags.table = "orders", "rows came in");
//! });
//! logs.shutdown(std::time::Duration::from_secs(5))?;
//! # let line = &events.lines()[0];
//! # assert!(line.contains(r#""context":{"rows":3,"user":"ann","span":"request"}"#), "{line}");
//! # assert!(line.contains(r#""tags":{"table":"orders"}"#), "{line}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each event has the fields of the spans around it. They are encoded once for each span, and bound to the thread while it is in
//! the span: events of fapilog's own macros have them too.

#![forbid(unsafe_code)]

mod bridge;
mod fork_lock;
mod interest;
#[cfg(feature = "layer")]
mod layer;
mod levels;
mod settings;
mod site;
mod span;
mod subscriber;
mod thread;
// `tracing` hands on values of `valuable` by a flag of the compiler alone.
#[cfg(all(feature = "valuable", any(tracing_unstable, test)))]
mod valuable_fields;
mod visit;

use fapilog::Logger;

#[cfg(all(doctest, feature = "layer"))]
#[doc = include_str!("../../../docs/tracing.md")]
mod page {}

#[cfg(feature = "layer")]
pub use self::layer::{Levels, TracingLayer};
use self::{bridge::BridgeState, settings::BridgeSettings};
pub use self::{
    settings::{SpanEvents, SpanNames},
    subscriber::Subscriber,
};

/// A layer with the default settings, filtered by the levels of the logger's container: see [`Bridge::filtered_layer`].
#[cfg(feature = "layer")]
#[must_use]
pub fn layer<S>(logger: Logger) -> tracing_subscriber::filter::Filtered<TracingLayer, Levels, S>
where
    S: tracing_core::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    Bridge::new(logger).filtered_layer()
}

/// A way from tracing to a container, with settings. It ends in a layer or in a subscriber.
///
/// ```
/// use fapilog_tracing::{Bridge, SpanEvents, SpanNames};
///
/// # let log = fapilog::Logger::disabled();
/// let subscriber = Bridge::new(log)
///     .correlation_fields(["request_id"])
///     .span_names(SpanNames::Path)
///     .span_events(SpanEvents::CLOSE)
///     .follows_from(true)
///     .subscriber();
/// # let _ = subscriber;
/// ```
#[derive(Debug, Clone)]
#[must_use = "a bridge ends in a layer or a subscriber"]
pub struct Bridge {
    logger: Logger,
    settings: BridgeSettings,
}

impl Bridge {
    /// A bridge to the container of this logger, whose name is the `source` of the events. [`fapilog::logger`] has one for the global
    /// container, which may start later.
    pub fn new(logger: Logger) -> Self {
        Self { logger, settings: BridgeSettings::default() }
    }

    /// The fields whose value is the correlation id of the event, or of all events in the span. They are not among the context's
    /// fields. Default: `correlation_id`.
    pub fn correlation_fields<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.correlation_fields = names.into_iter().map(Into::into).collect();
        self
    }

    /// The names of spans that an event has. Default: [`SpanNames::Innermost`].
    pub fn span_names(mut self, names: SpanNames) -> Self {
        self.settings.span_names = names;
        self
    }

    /// The steps of a span's life that are events themselves. Default: [`SpanEvents::NONE`].
    pub fn span_events(mut self, events: SpanEvents) -> Self {
        self.settings.span_events = events;
        self
    }

    /// Whether a span that follows from others has `context.follows_from`: the list of their names. Default: `false`.
    pub fn follows_from(mut self, is_a_field: bool) -> Self {
        self.settings.has_follows_from = is_a_field;
        self
    }

    /// Whether spans are kept whatever their level, so that an event has the fields of all spans around it. Events are not concerned.
    /// A layer without [`Levels`] keeps all spans anyway. Default: `false`, a span below the container's level is disabled.
    pub fn all_spans(mut self, are_kept: bool) -> Self {
        self.settings.keeps_all_spans = are_kept;
        self
    }

    /// A layer that leaves it to others which spans and events are enabled, and logs those that the container's levels let through.
    #[cfg(feature = "layer")]
    #[must_use]
    pub fn layer(self) -> TracingLayer {
        TracingLayer::new(BridgeState::new(self.logger, self.settings))
    }

    /// A layer whose filter is the container's levels. A call below them costs next to nothing, unless another layer wants it.
    #[cfg(feature = "layer")]
    #[must_use]
    pub fn filtered_layer<S>(self) -> tracing_subscriber::filter::Filtered<TracingLayer, Levels, S>
    where
        S: tracing_core::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        let state = BridgeState::new(self.logger, self.settings);
        let levels = Levels::of(&state);
        tracing_subscriber::Layer::with_filter(TracingLayer::new(state), levels)
    }

    /// A subscriber that stands alone.
    #[must_use]
    pub fn subscriber(self) -> Subscriber {
        Subscriber::of(BridgeState::new(self.logger, self.settings))
    }
}
