//! Errors of handlers.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::{BoxError, LoggedError};

/// An error of a handler, made of any error by `?`. The canonical event of the request has it with the chain of its sources, in
/// the field `error`. The client sees the status and its name, and no details.
///
/// ```
/// use axum::http::StatusCode;
/// use fapilog_tower::axum::Failure;
///
/// async fn report() -> Result<String, Failure> {
///     let text = std::fs::read_to_string("report.txt")?; // 500
///     let _lines: usize = text.trim().parse().map_err(|error| Failure::new(StatusCode::BAD_GATEWAY, error))?;
///     Ok(text)
/// }
/// # let _ = report();
/// ```
#[derive(Debug, Clone)]
pub struct Failure {
    status: StatusCode,
    error: LoggedError,
}

impl Failure {
    /// An error with another status than 500.
    pub fn new(status: StatusCode, error: impl Into<BoxError>) -> Self {
        Self { status, error: LoggedError::new(error) }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The error.
    #[must_use]
    pub fn error(&self) -> &LoggedError {
        &self.error
    }
}

impl<E: Into<BoxError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.status.canonical_reason().unwrap_or_default()).into_response();
        response.extensions_mut().insert(self.error);
        response
    }
}
