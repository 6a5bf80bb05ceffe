//! Requests as the server has read them.

use std::sync::OnceLock;

/// A request.
#[derive(Debug)]
#[non_exhaustive]
pub struct FakeRequest {
    /// The number of the connection, from 1 on in the order in which they were accepted.
    pub connection: usize,
    /// The number of the request on its connection, from 1 on.
    pub number: usize,
    /// The method, such as `POST`.
    pub method: String,
    /// The path with the query, such as `/v1/logs?tenant=a`.
    pub target: String,
    /// The headers in their order, with the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came, without the framing of chunks.
    pub raw_body: Vec<u8>,
    /// The body without the compression that `Content-Encoding` names.
    pub body: Vec<u8>,
    /// Whether the whole body was read. An answer to the head alone comes before it.
    pub is_whole: bool,
    pub(super) status: OnceLock<u16>,
}

impl FakeRequest {
    /// The first header of that name, in upper or lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// The query without its `?`. Empty where there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The body as text. Panics if it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body)
            .unwrap_or_else(|error| panic!("the body is not UTF-8: {error}: {:?}", self.body))
    }

    /// The body as JSON. Panics if it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON: {error}: {:?}", self.body))
    }

    /// The body, which is a block of snappy, decompressed. Loki's protocol has it without `Content-Encoding`.
    #[must_use]
    pub fn unsnapped(&self) -> Vec<u8> {
        let block = snap::raw::Decoder::new().decompress_vec(&self.body);
        block.unwrap_or_else(|error| panic!("the body is no block of snappy: {error}"))
    }

    /// The status of its answer. `None` while the script decides.
    ///
    /// A server that resets a connection after it has read the request has the status of its script, 200 for
    /// [`FakeAnswer::reset`](crate::FakeAnswer::reset): it has taken the request, and only the client does not know it.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status.get().copied()
    }
}
