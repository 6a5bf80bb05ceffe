//! A request's id and logger, for handlers.

use std::fmt;

use fapilog::{Logger, Scope, scope::TraceParent};
use fapilog_http::{AcceptedId, RequestLog, RequestNotes, request_scope};
use http::{Extensions, HeaderValue};

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn of(id: &AcceptedId<'_>) -> Self {
        // Ids have letters, digits, `.`, `_` and `-` alone, so each is the value of a header.
        Self(HeaderValue::from_str(id.as_str()).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of a header, for requests to other services.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The id and the logger of a request, as an extension of the request: [`RequestLogLayer`](crate::RequestLogLayer) inserts it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    id: RequestId,
    log: RequestLog,
    trace: Option<TraceParent>,
    notes: RequestNotes,
}

impl RequestContext {
    pub(crate) fn new(id: RequestId, log: RequestLog, trace: Option<TraceParent>, notes: RequestNotes) -> Self {
        Self { id, log, trace, notes }
    }

    /// The context of the request with these extensions; `None` if no [`RequestLogLayer`](crate::RequestLogLayer) lies around the
    /// service.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The place of the request in a trace: its header `traceparent`. `None` if there is no valid one, or
    /// [`trace_fields`](crate::RequestLogBuilder::trace_fields) are not wanted. Calls of other services send
    /// [its child](TraceParent::child).
    #[must_use]
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.trace
    }

    /// A logger whose events have the id wherever they are logged: also on threads and in tasks outside the scope.
    #[must_use]
    pub fn logger(&self) -> Logger {
        self.log.logger().with_scope(&self.scope())
    }

    /// A scope that binds the id and the place in the trace, for threads and tasks: `tokio::spawn(work.in_scope(context.scope()))`.
    #[must_use]
    pub fn scope(&self) -> Scope {
        request_scope(self.id.as_str(), self.trace.as_ref())
    }

    /// Adds fields to the canonical event of the request: `request.note(scope!(user_id, metrics.rows = 7))`. See
    /// [`RequestNotes::add`].
    pub fn note(&self, fields: Scope) {
        self.notes.add(fields);
    }

    pub(crate) fn notes(&self) -> &RequestNotes {
        &self.notes
    }
}
