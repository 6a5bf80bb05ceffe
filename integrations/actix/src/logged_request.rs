//! A request's id and logger, for handlers.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, dev::Payload};
use fapilog::{Logger, Scope};
use fapilog_http::{RequestLog, RequestNotes};

/// The id and the logger of a request: an extractor of handlers.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    id: Arc<str>,
    log: RequestLog,
    notes: RequestNotes,
}

impl LoggedRequest {
    pub(crate) fn new(id: &str, log: RequestLog, notes: RequestNotes) -> Self {
        Self { id: id.into(), log, notes }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A logger whose events have the id wherever they are logged: also on threads and in tasks outside the scope.
    #[must_use]
    pub fn logger(&self) -> Logger {
        self.log.logger().with_scope(&self.scope())
    }

    /// A scope that binds the id, for threads and tasks: `actix_web::rt::spawn(work.in_scope(request.scope()))`.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::new().correlation_id(&self.id)
    }

    /// Adds fields to the canonical event of the request: `request.note(scope!(user_id, metrics.rows = 7))`. See
    /// [`RequestNotes::add`].
    pub fn note(&self, fields: Scope) {
        self.notes.add(fields);
    }
}

/// The application has no [`RequestLogTransform`](crate::RequestLogTransform), and a handler asks for a [`LoggedRequest`]. The
/// response is a 500 with this text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingMiddleware;

impl fmt::Display for MissingMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request has no log: add RequestLogTransform to the application, by `.wrap(RequestLogTransform::new(..))`")
    }
}

impl std::error::Error for MissingMiddleware {}

impl ResponseError for MissingMiddleware {}

impl FromRequest for LoggedRequest {
    type Error = MissingMiddleware;
    type Future = Ready<Result<Self, MissingMiddleware>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().ok_or(MissingMiddleware))
    }
}
