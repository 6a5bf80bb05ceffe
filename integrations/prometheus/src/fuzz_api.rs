//! The parser of requests, for the fuzz targets. It is no part of the interface of this crate.

use crate::listener::{HttpRequest, head_bytes};

/// The parts of a request that the listener uses.
#[derive(Debug, PartialEq, Eq)]
pub struct ScrapeRequest {
    /// Without the query.
    pub path: String,
    /// The headers `Accept`.
    pub accept: Option<String>,
}

/// Reads the head of a request as the listener does: `None` where there is no whole head, and the status of the response where it is none
/// of a request.
#[must_use]
pub fn read_head(received: &[u8]) -> Option<Result<ScrapeRequest, &'static str>> {
    let head = received.get(..head_bytes(received)?)?;
    let request = HttpRequest::parse(head).map(|HttpRequest { path, accept, .. }| ScrapeRequest { path, accept });
    Some(request.map_err(|error| error.status()))
}
