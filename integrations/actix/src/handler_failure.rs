//! Errors of handlers.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use fapilog_http::{BoxError, LoggedError};

/// An error of a handler, made of any error by `?`. The canonical event of the request has it with the chain of its sources, in
/// the field `error`. The client sees the status and its name, and no details.
///
/// ```
/// use actix_web::http::StatusCode;
/// use fapilog_actix::HandlerFailure;
///
/// async fn report() -> Result<String, HandlerFailure> {
///     let text = std::fs::read_to_string("report.txt")?; // 500
///     let _lines: usize = text.trim().parse().map_err(|error| HandlerFailure::new(StatusCode::BAD_GATEWAY, error))?;
///     Ok(text)
/// }
/// # let _ = report();
/// ```
#[derive(Debug, Clone)]
pub struct HandlerFailure {
    status: StatusCode,
    error: LoggedError,
}

impl HandlerFailure {
    /// An error with another status than 500.
    pub fn new(status: StatusCode, error: impl Into<BoxError>) -> Self {
        Self { status, error: LoggedError::new(error) }
    }

    /// The error.
    #[must_use]
    pub fn error(&self) -> &LoggedError {
        &self.error
    }
}

impl<E: Into<BoxError>> From<E> for HandlerFailure {
    fn from(error: E) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }
}

impl fmt::Display for HandlerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error.error(), f)
    }
}

impl ResponseError for HandlerFailure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let text = self.status.canonical_reason().unwrap_or_default();
        let mut response = HttpResponse::build(self.status).body(text);
        response.extensions_mut().insert(self.error.clone());
        response
    }
}
