//! Requests.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// A request that is being made.
#[derive(Debug)]
#[non_exhaustive]
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// The path, and the query behind it. It begins with `/`.
    pub path_and_query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, before compression.
    pub body: Vec<u8>,
}

impl OutgoingRequest {
    pub(super) fn new(path_and_query: String, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { method: Method::POST, path_and_query, headers, body }
    }

    /// Sets a header, unless the settings have it.
    pub fn set_default(&mut self, name: HeaderName, value: &'static str) {
        self.headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
