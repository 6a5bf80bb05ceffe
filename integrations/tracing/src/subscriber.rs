//! The subscriber without a registry.

mod span_store;

use std::sync::Arc;

use fapilog::{Logger, adapter::SuppressedCalls};
use tracing_core::{
    Dispatch, Event, Interest, LevelFilter, Metadata,
    span::{Attributes, Current, Id, Record},
};

use self::span_store::SpanStore;
use crate::{
    bridge::BridgeState,
    span::SpanNode,
    thread::{self, EventSpan},
};

/// A subscriber of tracing that logs to a container of fapilog, and does nothing else: faster than a [`TracingLayer`](crate::TracingLayer) on a registry,
/// and without other layers beside it. [`Bridge::subscriber`](crate::Bridge::subscriber) makes one with settings.
///
/// ```
/// use fapilog::{Container, format, sink};
///
/// # let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = Container::builder().sink("memory", sink).start()?;
/// tracing::subscriber::with_default(fapilog_tracing::Subscriber::new(logs.logger("app")), || {
///     let _request = tracing::info_span!("request", id = 42).entered();
///     tracing::info!(rows = 3, "rows came in");
/// });
/// logs.shutdown(std::time::Duration::from_secs(5))?;
/// # assert!(events.lines()[0].contains(r#""context":{"rows":3,"id":42,"span":"request"}"#), "{}", events.lines()[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Subscriber {
    state: BridgeState,
    spans: SpanStore,
}

impl Subscriber {
    /// A subscriber with the default settings.
    #[must_use]
    pub fn new(logger: Logger) -> Self {
        crate::Bridge::new(logger).subscriber()
    }

    /// The events that were suppressed, so that no event leads to another without end: those of threads that deliver events, and those
    /// that the `Debug` of a field logs within itself.
    ///
    /// ```
    /// use fapilog_tracing::Subscriber;
    ///
    /// // Of the program's subscriber.
    /// let suppressed = tracing::dispatcher::get_default(|dispatch| {
    ///     dispatch.downcast_ref::<Subscriber>().map(Subscriber::suppressed)
    /// });
    /// # assert!(suppressed.is_none());
    /// ```
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        self.state.suppressed()
    }

    pub(crate) fn of(state: BridgeState) -> Self {
        Self { state, spans: SpanStore::new() }
    }

    /// The parent of a new span: its id and itself.
    fn parent(&self, attributes: &Attributes<'_>) -> Option<(Id, Arc<SpanNode>)> {
        if attributes.is_contextual() {
            return thread::current(self.state.number());
        }
        let id = attributes.parent()?;
        Some((id.clone(), self.spans.get(id)?))
    }
}

impl tracing_core::Subscriber for Subscriber {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.state.registered(dispatch);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.state.levels().interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.state.levels().are_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.state.levels().max_level())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        // A parent that is closed meanwhile is none: its id may be another span's by then.
        let parent = self.parent(attributes).filter(|(id, _)| self.spans.add_handle(id));
        let (id, node) = parent.unzip();
        let node = self.state.new_span(attributes, node);
        self.spans.add(node, id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(node) = self.spans.get(id) {
            self.state.record(&node, values);
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        if let Some((node, follows)) = self.spans.get(id).zip(self.spans.get(follows)) {
            self.state.follow(&node, &follows);
        }
    }

    fn event(&self, event: &Event<'_>) {
        if event.is_contextual() {
            return self.state.event(event, EventSpan::Current);
        }
        let node = event.parent().and_then(|id| self.spans.get(id));
        self.state.event(event, node.as_ref().map_or(EventSpan::Root, EventSpan::Explicit));
    }

    fn enter(&self, id: &Id) {
        if let Some(node) = self.spans.get(id) {
            self.state.enter(id, node);
        }
    }

    fn exit(&self, id: &Id) {
        self.state.exit(id);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans.add_handle(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut closed = self.spans.remove_handle(&id);
        let is_closed = closed.is_some();
        while let Some(span) = closed {
            self.state.close(&span.node);
            // Each child is a handle of its parent's.
            closed = span.parent.and_then(|parent| self.spans.remove_handle(&parent));
        }
        is_closed
    }

    fn current_span(&self) -> Current {
        match thread::current(self.state.number()) {
            Some((id, node)) => Current::new(id, node.site.metadata),
            None => Current::none(),
        }
    }
}
