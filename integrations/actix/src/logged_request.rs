//! A request's id and logger, for handlers.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, dev::Payload, http::StatusCode};
use fapilog::{Logger, Scope, error, scope::TraceParent};
use fapilog_http::{LoggedError, RequestLog, RequestNotes, request_scope};

/// The id and the logger of a request: an extractor of handlers.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    id: Arc<str>,
    log: RequestLog,
    trace: Option<TraceParent>,
    notes: RequestNotes,
}

impl LoggedRequest {
    pub(crate) fn new(id: &str, log: RequestLog, trace: Option<TraceParent>, notes: RequestNotes) -> Self {
        Self { id: id.into(), log, trace, notes }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
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

    /// A scope that binds the id and the place in the trace, for threads and tasks: `actix_web::rt::spawn(work.in_scope(request.scope()))`.
    #[must_use]
    pub fn scope(&self) -> Scope {
        request_scope(&self.id, self.trace.as_ref())
    }

    /// Adds fields to the canonical event of the request: `request.note(scope!(user_id, metrics.rows = 7))`. See
    /// [`RequestNotes::add`].
    pub fn note(&self, fields: Scope) {
        self.notes.add(fields);
    }
}

/// The application has no [`RequestLogTransform`](crate::RequestLogTransform), and a handler asks for a [`LoggedRequest`]. The
/// response is a 500 without the reason. The reason is an event of the global container, `handler has no request log`, ERROR, because
/// the application has no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingMiddleware;

impl fmt::Display for MissingMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has no log: add RequestLogTransform to the application, by `.wrap(RequestLogTransform::new(..))`")
    }
}

impl std::error::Error for MissingMiddleware {}

impl ResponseError for MissingMiddleware {
    fn error_response(&self) -> HttpResponse {
        error!("handler has no request log", target: "fapilog::request", error = #self);
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let mut response = HttpResponse::build(status).body(status.canonical_reason().unwrap_or_default());
        // For a request log that lies around the application.
        response.extensions_mut().insert(LoggedError::new(*self));
        response
    }
}

impl FromRequest for LoggedRequest {
    type Error = MissingMiddleware;
    type Future = Ready<Result<Self, MissingMiddleware>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().ok_or(MissingMiddleware))
    }
}
