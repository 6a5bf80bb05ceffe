//! The layer for tracing-subscriber.

use std::sync::Arc;

use fapilog::{Logger, adapter::SuppressedCalls};
use tracing_core::{
    Dispatch, Event, LevelFilter, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    layer::{Context, Filter},
    registry::{LookupSpan, SpanRef},
};

use crate::{bridge::BridgeState, interest::InterestWatch, levels::ContainerLevels, span::SpanNode, thread::EventSpan};

/// A layer for the registry of tracing-subscriber, which logs to a container of fapilog. [`layer`](crate::layer()) and
/// [`Bridge`](crate::Bridge) make one.
///
/// A layer by itself logs what the subscriber's filters let through and the levels of the container let through. It disables nothing
/// for other layers. So a call that the container does not log still costs its way through the subscriber, unless the layer has
/// [`Levels`] as its filter.
#[derive(Debug, Clone)]
pub struct TracingLayer {
    state: Arc<BridgeState>,
}

impl TracingLayer {
    pub(crate) fn new(state: BridgeState) -> Self {
        Self { state: Arc::new(state) }
    }

    /// The events that were suppressed, so that no event leads to another without end: those of threads that deliver events, and those
    /// that the `Debug` of a field logs within itself. Clones of the layer have one count.
    ///
    /// ```
    /// use fapilog_tracing::TracingLayer;
    ///
    /// // Of the layer that the program's subscriber has.
    /// let suppressed = tracing::dispatcher::get_default(|dispatch| {
    ///     dispatch.downcast_ref::<TracingLayer>().map(TracingLayer::suppressed)
    /// });
    /// # assert!(suppressed.is_none());
    /// ```
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        self.state.suppressed()
    }

    fn node<S>(&self, id: &Id, context: &Context<'_, S>) -> Option<Arc<SpanNode>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.node_of(&context.span(id)?)
    }

    fn node_of<'a, S: LookupSpan<'a>>(&self, span: &SpanRef<'a, S>) -> Option<Arc<SpanNode>> {
        span.extensions().get::<SpanNodes>()?.of(self.state.number()).map(Arc::clone)
    }
}

/// The nodes of a span, by the bridge: a registry may have several of our layers.
#[derive(Debug, Default)]
struct SpanNodes {
    first: Option<(u64, Arc<SpanNode>)>,
    others: Vec<(u64, Arc<SpanNode>)>,
}

impl SpanNodes {
    fn of(&self, bridge: u64) -> Option<&Arc<SpanNode>> {
        let mut nodes = self.first.iter().chain(&self.others);
        nodes.find(|(number, _)| *number == bridge).map(|(_, node)| node)
    }

    fn add(&mut self, bridge: u64, node: Arc<SpanNode>) {
        match &self.first {
            None => self.first = Some((bridge, node)),
            Some(_) => self.others.push((bridge, node)),
        }
    }

    fn take(&mut self, bridge: u64) -> Option<Arc<SpanNode>> {
        if let Some((_, node)) = self.first.take_if(|(number, _)| *number == bridge) {
            return Some(node);
        }
        let place = self.others.iter().position(|(number, _)| *number == bridge)?;
        Some(self.others.swap_remove(place).1)
    }
}

impl<S> tracing_subscriber::Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.state.registered(dispatch);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = span.parent().and_then(|parent| self.node_of(&parent));
        let node = self.state.new_span(attributes, parent);
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<SpanNodes>() {
            Some(nodes) => nodes.add(self.state.number(), node),
            None => {
                let mut nodes = SpanNodes::default();
                nodes.add(self.state.number(), node);
                extensions.insert(nodes);
            }
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(node) = self.node(id, &context) {
            self.state.record(&node, values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        if let Some((node, follows)) = self.node(id, &context).zip(self.node(follows, &context)) {
            self.state.follow(&node, &follows);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.is_contextual() {
            return self.state.event(event, EventSpan::Current);
        }
        let node = event.parent().and_then(|id| self.node(id, &context));
        self.state.event(event, node.as_ref().map_or(EventSpan::Root, EventSpan::Explicit));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(node) = self.node(id, &context) {
            self.state.enter(id, node);
        }
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        self.state.exit(id);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let node = span.extensions_mut().get_mut::<SpanNodes>().and_then(|nodes| nodes.take(self.state.number()));
        if let Some(node) = node {
            self.state.close(&node);
        }
    }
}

/// The levels of a container as a filter of tracing-subscriber: for our layer, for another, or for all.
///
/// Call sites ask once. When the levels of the container change, all of them ask anew. (As the filter of another layer than ours, and in an
/// `Option` or a `Vec`, it does not know its subscriber: call sites ask anew if the thread that changes the levels has a default subscriber,
/// as each thread has by `set_global_default`.) A closed container keeps its levels.
///
/// ```
/// use fapilog::{Container, Level, format, sink};
/// use fapilog_tracing::{Bridge, Levels};
/// use tracing_subscriber::prelude::*;
///
/// # let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = Container::builder().sink("memory", sink).start()?;
/// let log = logs.logger("app");
///
/// // As a layer itself it is for all layers.
/// let subscriber = tracing_subscriber::registry().with(Levels::new(log.clone())).with(Bridge::new(log).layer());
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::debug!("not logged");
///     logs.set_level(Level::Debug);
///     tracing::debug!("logged");
/// });
/// # logs.shutdown(std::time::Duration::from_secs(5))?;
/// # assert_eq!(events.lines().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Levels {
    logger: Logger,
    keeps_all_spans: bool,
    interest: Arc<InterestWatch>,
}

impl Levels {
    /// The levels of the logger's container.
    #[must_use]
    pub fn new(logger: Logger) -> Self {
        Self { logger, keeps_all_spans: false, interest: Arc::new(InterestWatch::new()) }
    }

    /// Whether spans are enabled whatever their level: events have the fields of all spans around them, and a disabled span costs as
    /// much as an enabled one. Default: `false`.
    #[must_use]
    pub fn all_spans(mut self, are_kept: bool) -> Self {
        self.keeps_all_spans = are_kept;
        self
    }

    pub(crate) fn of(state: &BridgeState) -> Self {
        let (levels, interest) = (state.levels(), Arc::clone(state.interest()));
        Self { logger: levels.logger.clone(), keeps_all_spans: levels.keeps_all_spans, interest }
    }

    fn levels(&self) -> ContainerLevels<'_> {
        ContainerLevels { logger: &self.logger, keeps_all_spans: self.keeps_all_spans }
    }
}

impl<S> Filter<S> for Levels {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.levels().are_enabled(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.levels().interest(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.levels().max_level())
    }
}

impl<S: Subscriber> tracing_subscriber::Layer<S> for Levels {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.interest.registered(dispatch);
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.levels().are_enabled(metadata)
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.levels().interest(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.levels().max_level())
    }
}
