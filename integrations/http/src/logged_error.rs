//! Errors that a response stands for.

use std::{error::Error, sync::Arc};

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The error that a response stands for, as an extension of the response. The canonical event of the request has it in the field
/// `error`, with the chain of its sources; the client does not see it.
///
/// ```
/// use fapilog_http::LoggedError;
///
/// let logged = LoggedError::new(std::io::Error::other("the warehouse does not answer"));
/// // response.extensions_mut().insert(logged)
/// # assert_eq!(logged.error().to_string(), "the warehouse does not answer");
/// ```
#[derive(Debug, Clone)]
pub struct LoggedError(Arc<dyn Error + Send + Sync>);

impl LoggedError {
    /// Takes the error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into().into())
    }

    /// The error.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}
