//! The events about a request.

use fapilog::{
    Level, Logger, Scope,
    adapter::{AdapterSite, Fields},
    event,
    event::{FieldGroup, ValueRef},
};

use crate::{RequestSummary, notes::EnteredNotes};

const MESSAGE: &str = "request finished";
const TARGET: &str = "fapilog::request";

/// Logs that a request begins.
pub(crate) fn log_start(logger: &Logger, level: Level, method: &str, route: Option<&str>, protocol: &str) {
    match route {
        Some(route) => event!(level, logger, "request started", target: "fapilog::request", method, route, protocol),
        None => event!(level, logger, "request started", target: "fapilog::request", method, protocol),
    }
}

/// The canonical event of a request: a single event with all that is known of it.
pub(crate) struct CanonicalEvent<'a> {
    pub(crate) logger: &'a Logger,
    pub(crate) level: Level,
    pub(crate) request: &'a RequestSummary<'a>,
    /// The scope around the request when it began.
    pub(crate) around: &'a Scope,
    /// The request's scope.
    pub(crate) scope: &'a Scope,
    /// Fields that handlers have added. They count before the ids of a trace in the request's scope, because a handler knows the span
    /// of the request itself. All else counts before them.
    pub(crate) notes: &'a [Scope],
    /// Fields that most requests do not have: known at the start, and at the end.
    pub(crate) details: [&'a Scope; 2],
}

impl CanonicalEvent<'_> {
    /// Logs it in the midst of the request's work: inside the thread's scope, as the other events of the request.
    pub(crate) fn log(&self) {
        let _scope = self.scope.enter();
        let _notes = EnteredNotes::of(self.notes);
        let id = self.id_behind_notes();
        let _id = id.as_ref().map(Scope::enter);
        let [early, late] = self.details.map(|details| (!details.is_empty()).then(|| details.enter()));
        self.log_in_thread_scope();
        // In reverse order, as they must be left.
        drop(late);
        drop(early);
    }

    /// The request's id once more, where a note might have another.
    fn id_behind_notes(&self) -> Option<Scope> {
        let id = self.scope.correlation().filter(|_| !self.notes.is_empty());
        id.map(|id| Scope::new().correlation_id(id))
    }

    fn log_in_thread_scope(&self) {
        let Self { logger, level, request, .. } = *self;
        // A macro, because each set of fields is a call site of its own: a request without a route has no such field, and not an
        // empty one.
        macro_rules! finished {
            ($($route:tt)*) => {
                event!(
                    level,
                    logger,
                    "request finished",
                    target: "fapilog::request",
                    method = request.method,
                    $($route)*
                    status = request.status,
                    outcome = request.outcome.name(),
                    protocol = request.protocol,
                    metrics.latency = request.latency,
                    metrics.request_bytes = request.request_bytes,
                    metrics.response_bytes = request.response_bytes
                )
            };
        }
        match request.route {
            Some(route) => finished!(route,),
            None => finished!(),
        }
    }

    /// Logs it where a request is dropped: a task that drops it may work for another request, whose scope does not belong to this
    /// one.
    pub(crate) fn log_outside_of_thread_scope(&self) {
        let Some(site) = AdapterSite::at_place(self.level, TARGET, file!(), line!()) else {
            // The process has no room for another site. The event counts more than the scope that it may get.
            return self.log();
        };
        if !self.logger.is_enabled_at_site(site) {
            return;
        }
        let id = self.id_behind_notes();
        let inner = [self.scope].into_iter().chain(self.notes).chain(&id).chain(self.details);
        let scope = inner.fold(self.around.clone(), Scope::around);
        self.logger.log_fields_in(site, &self.fields(), &scope);
    }

    /// The fields, as [`log_in_thread_scope`](Self::log_in_thread_scope) has them.
    fn fields(&self) -> Fields {
        let request = self.request;
        let mut fields = Fields::new();
        fields.put(FieldGroup::Message, "", ValueRef::Text(MESSAGE));
        let mut context = |name, value| fields.put(FieldGroup::Context, name, value);
        context("method", ValueRef::Text(request.method));
        if let Some(route) = request.route {
            context("route", ValueRef::Text(route));
        }
        context("status", ValueRef::U64(request.status.into()));
        context("outcome", ValueRef::Text(request.outcome.name()));
        context("protocol", ValueRef::Text(request.protocol));
        let mut metric = |name, value| fields.put(FieldGroup::Metrics, name, value);
        metric("latency", ValueRef::Duration(request.latency));
        metric("request_bytes", ValueRef::U64(request.request_bytes));
        metric("response_bytes", ValueRef::U64(request.response_bytes));
        fields
    }
}
