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

/// The level of a canonical event, unless the program sets another rule.
///
/// | request | level |
/// |---|---|
/// | status from 500 on; the service or the body failed, or panicked; a gRPC status that is an error of the server | ERROR |
/// | status from 400 on, which includes 499 for a client that disconnected; another gRPC status than `OK` | WARNING |
/// | any other | INFO |
#[must_use]
pub fn default_level(request: &RequestSummary<'_>) -> Level {
    let has_failed = request.status >= 500 || request.outcome.is_failure();
    let is_refused = request.status >= 400;
    if has_failed || request.grpc_status.is_some_and(GrpcStatus::is_server_error) {
        Level::Error
    } else if is_refused || request.grpc_status.is_some_and(|status| !status.is_ok()) {
        Level::Warning
    } else {
        Level::Info
    }
}
