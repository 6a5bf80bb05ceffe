//! Events and spans of tracing, to a container: all that [`TracingLayer`](crate::TracingLayer) and [`Subscriber`](crate::Subscriber) have in common.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fapilog::{
    Logger, Scope,
    adapter::{AdapterCalls, AdapterSite, SuppressedCalls},
    event::{DynamicEvent, FieldGroup, ValueRef},
    plugin::is_drain_thread,
};
use tracing_core::{
    Event,
    dispatcher::Dispatch,
    field::Visit,
    span::{Attributes, Id, Record},
};

use crate::{
    interest::InterestWatch,
    levels::ContainerLevels,
    settings::{BridgeSettings, SpanEvents},
    site::Site,
    span::{SpanNode, SpanTimes},
    thread::{self, EventSpan},
    visit::{Collected, FieldVisitor},
};

/// Brings events and spans to the container of a logger.
#[derive(Debug)]
pub(crate) struct BridgeState {
    /// By which a thread finds the spans of this bridge among those of others.
    number: u64,
    pub(crate) logger: Logger,
    settings: BridgeSettings,
    interest: Arc<InterestWatch>,
    calls: AdapterCalls,
}

impl BridgeState {
    pub(crate) fn new(logger: Logger, settings: BridgeSettings) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: a number that differs from all others, no more.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, logger, settings, interest: Arc::new(InterestWatch::new()), calls: AdapterCalls::new() }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    #[cfg(feature = "layer")]
    pub(crate) fn interest(&self) -> &Arc<InterestWatch> {
        &self.interest
    }

    pub(crate) fn registered(&self, dispatch: &Dispatch) {
        self.interest.registered(dispatch);
    }

    pub(crate) fn levels(&self) -> ContainerLevels<'_> {
        ContainerLevels { logger: &self.logger, keeps_all_spans: self.settings.keeps_all_spans }
    }

    pub(crate) fn suppressed(&self) -> SuppressedCalls {
        self.calls.suppressed()
    }

    /// Logs an event.
    pub(crate) fn event(&self, event: &Event<'_>, span: EventSpan<'_>) {
        let site = Site::of(event.metadata());
        self.call(site, || {
            Collected::with(
                |out| {
                    self.visit(site, out, |visitor| event.record(visitor));
                    if !out.has_message {
                        self.put_names_as_message(out, site, span);
                    }
                },
                |collected| thread::within(self.number, span, |unbound| self.log(site, collected, unbound)),
            );
        });
    }

    /// Runs `log` if the level is enabled and the call does not lead to others without end: a sink whose own work is logged would never
    /// come to an end, nor would a `Debug` that logs itself.
    fn call(&self, site: &'static Site, log: impl FnOnce()) {
        if is_drain_thread() {
            // A closed container counts no lost event for the question. Its drain still works.
            if self.levels().are_enabled(site.metadata) {
                drop(self.calls.begin());
            }
            return;
        }
        // The level of a record of `log` is asked for when its target is known.
        if (site.is_log || self.logger.is_enabled_at_site(site.adapter))
            && let Some(_call) = self.calls.begin()
        {
            log();
        }
    }

    /// An event without a message is known by its name, or by its fields' names and its span. Their values are in the fields alone, where a
    /// redactor finds them.
    #[cold]
    fn put_names_as_message(&self, out: &mut Collected, site: &'static Site, span: EventSpan<'_>) {
        let span = match span {
            EventSpan::Current => thread::current_name(self.number),
            EventSpan::Root => None,
            EventSpan::Explicit(node) => Some(node.site.metadata.name()),
        };
        match span {
            Some(span) => {
                out.fields.put_display(FieldGroup::Message, "", &format_args!("{span}: {}", site.names));
            }
            None => out.fields.put(FieldGroup::Message, "", ValueRef::Text(&site.names)),
        }
    }

    fn visit(&self, site: &'static Site, out: &mut Collected, record: impl FnOnce(&mut dyn Visit)) {
        FieldVisitor::visit(site, &self.settings.correlation_fields, out, |visitor| record(visitor));
    }

    /// Logs within what is bound to the thread, or within `unbound` instead.
    #[inline]
    fn log(&self, site: &'static Site, collected: &Collected, unbound: Option<&SpanNode>) {
        let correlation = collected.correlation_id.as_ref().map(|id| Scope::new().correlation_id(id));
        match (site.is_log, unbound) {
            (false, Some(node)) => {
                let scope = Scope::clone(&node.merged().scope).around(&correlation.unwrap_or_default());
                self.logger.log_fields_in(site.adapter, &collected.fields, &scope);
            }
            (is_log, _) => {
                let _correlated = correlation.map(|scope| scope.enter());
                if is_log {
                    self.log_record(site, collected);
                } else {
                    self.logger.log_fields(site.adapter, &collected.fields);
                }
            }
        }
    }

    /// Logs a record of the `log` crate: its place comes with the event.
    fn log_record(&self, site: &'static Site, collected: &Collected) {
        let (level, of_log) = (site.adapter.level(), &collected.of_log);
        match AdapterSite::at_place(level, &of_log.target, &of_log.file, of_log.line) {
            Some(place) if self.logger.is_enabled_at_site(place) => self.logger.log_fields(place, &collected.fields),
            Some(_) => {}
            None => self.logger.log_dynamic(&DynamicEvent::of_fields(level, &of_log.target, &collected.fields)),
        }
    }
}

/// Spans.
impl BridgeState {
    pub(crate) fn new_span(&self, attributes: &Attributes<'_>, parent: Option<Arc<SpanNode>>) -> Arc<SpanNode> {
        let site = Site::of(attributes.metadata());
        let times = self.settings.span_events.contains(SpanEvents::CLOSE).then(SpanTimes::begin);
        let node = Collected::with(
            |out| {
                self.visit(site, out, |visitor| attributes.record(visitor));
                out.correlation_id = out.correlation_id.take().or_else(|| correlation_around(parent.as_deref()));
            },
            |fields| SpanNode::new(site, parent.clone(), self.settings.span_names, times, fields),
        );
        self.span_event(SpanEvents::NEW, &node);
        node
    }

    pub(crate) fn record(&self, node: &SpanNode, values: &Record<'_>) {
        Collected::with(
            |out| self.visit(node.site, out, |visitor| values.record(visitor)),
            |fields| node.record(fields),
        );
        thread::rebind(self.number);
    }

    pub(crate) fn follow(&self, node: &SpanNode, follows: &SpanNode) {
        if self.settings.has_follows_from {
            node.follow(follows);
            thread::rebind(self.number);
        }
    }

    pub(crate) fn enter(&self, id: &Id, node: Arc<SpanNode>) {
        if let Some(times) = &node.times {
            times.enter();
        }
        if self.settings.span_events.contains(SpanEvents::ENTER) {
            thread::enter(self.number, id, Arc::clone(&node));
            self.span_event(SpanEvents::ENTER, &node);
        } else {
            thread::enter(self.number, id, node);
        }
    }

    pub(crate) fn exit(&self, id: &Id) {
        let Some(node) = thread::exit(self.number, id) else { return };
        if let Some(times) = &node.times {
            times.exit();
        }
        self.span_event(SpanEvents::EXIT, &node);
    }

    pub(crate) fn close(&self, node: &Arc<SpanNode>) {
        self.span_event(SpanEvents::CLOSE, node);
    }

    /// Logs a step in the life of a span, if the settings ask for it.
    fn span_event(&self, step: SpanEvents, node: &Arc<SpanNode>) {
        if !self.settings.span_events.contains(step) {
            return;
        }
        self.call(node.site, || {
            Collected::with(
                |out| put_step(out, step, node),
                |collected| {
                    let span = EventSpan::Explicit(node);
                    thread::within(self.number, span, |unbound| self.log(node.site, collected, unbound));
                },
            );
        });
    }
}

/// The correlation id of the scope that a span is made in, if the span's parents have none: the span takes it along to other threads and
/// tasks.
fn correlation_around(parent: Option<&SpanNode>) -> Option<String> {
    let current = Scope::current();
    let id = current.correlation()?;
    let has_id = parent.is_some_and(|parent| parent.merged().scope.correlation().is_some());
    (!has_id).then(|| id.to_owned())
}

fn put_step(out: &mut Collected, step: SpanEvents, node: &SpanNode) {
    let message = match step {
        SpanEvents::NEW => "new",
        SpanEvents::ENTER => "enter",
        SpanEvents::EXIT => "exit",
        _ => "close",
    };
    out.fields.put(FieldGroup::Message, "", ValueRef::Text(message));
    if let Some(times) = node.times.as_ref().filter(|_| step == SpanEvents::CLOSE) {
        let (busy, idle) = times.so_far();
        out.fields.put(FieldGroup::Metrics, "busy_ms", ValueRef::F64(busy.as_secs_f64() * 1e3));
        out.fields.put(FieldGroup::Metrics, "idle_ms", ValueRef::F64(idle.as_secs_f64() * 1e3));
    }
}
