//! How a request ended.

use std::fmt;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestOutcome {
    /// The response was sent to its end, whatever its status is.
    Completed,
    /// The server dropped the request before the end of its response: the client has closed the connection, or a timeout has
    /// dropped the request. The status is 499.
    ClientDisconnected,
    /// The service returned an error instead of a response. The status is 500.
    ServiceFailed,
    /// The body of the response ended in an error, or before the bytes that were announced. The status is that which was sent.
    BodyFailed,
    /// The handler or the body panicked, whether the panic was caught or not. The status is 500, or that which was sent.
    Panicked,
}

impl RequestOutcome {
    /// The name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::ClientDisconnected => "client_disconnected",
            Self::ServiceFailed => "service_failed",
            Self::BodyFailed => "body_failed",
            Self::Panicked => "panicked",
        }
    }

    /// Whether the server failed.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::ServiceFailed | Self::BodyFailed | Self::Panicked)
    }
}

impl fmt::Display for RequestOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
