//! The facts of a canonical event, and its level.

use std::time::Duration;

use fapilog::Level;

use crate::{GrpcStatus, RequestOutcome};

/// A finished request, as its canonical event states it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RequestSummary<'a> {
    /// The method: `GET`.
    pub method: &'a str,
    /// The template that the path matched: `/orders/{id}`. `None` where no route is known.
    pub route: Option<&'a str>,
    /// The protocol: `HTTP/1.1`.
    pub protocol: &'a str,
    /// The status: that which was sent; 499 if the client disconnected; 500 if there was no response for another reason.
    pub status: u16,
    /// The status that was sent; `None` if there was no response.
    pub sent_status: Option<u16>,
    /// The status of a gRPC call.
    pub grpc_status: Option<GrpcStatus>,
    /// How the request ended.
    pub outcome: RequestOutcome,
    /// The time from the call of the service to the end of the response body.
    pub latency: Duration,
    /// Bytes of the request's body that the handler has read.
    pub request_bytes: u64,
    /// Bytes of the response's body that the server has taken.
    pub response_bytes: u64,
}

impl RequestSummary<'_> {
    /// Whether the server failed: a status from 500 on; a service or a body that failed or panicked; a gRPC status that is an error of
    /// the server ([`GrpcStatus::is_server_error`]).
    #[must_use]
    pub fn is_server_error(&self) -> bool {
        let by_grpc = || self.grpc_status.is_some_and(GrpcStatus::is_server_error);
        self.status >= 500 || self.outcome.is_failure() || by_grpc()
    }

    /// Whether the request was refused, or its client has disconnected: a status from 400 to 499, or a gRPC status other than `OK`.
    /// `false` where the server failed.
    #[must_use]
    pub fn is_client_error(&self) -> bool {
        let by_grpc = || self.grpc_status.is_some_and(|status| !status.is_ok());
        !self.is_server_error() && (self.status >= 400 || by_grpc())
    }
}

/// The level of a canonical event, unless the program sets [another](crate::RequestLogBuilder::level).
///
/// | request | level |
/// |---|---|
/// | [the server failed](RequestSummary::is_server_error) | ERROR |
/// | any other: [errors of clients](RequestSummary::is_client_error), too | INFO |
#[must_use]
pub fn default_level(request: &RequestSummary<'_>) -> Level {
    if request.is_server_error() { Level::Error } else { Level::Info }
}
