//! Scripted answers.

use std::time::{Duration, SystemTime};

/// An answer of [`FakeHttp`](crate::FakeHttp), with the ways in which a server misbehaves.
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeAnswer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: AnswerBody,
    pub(super) latency: Duration,
    pub(super) pace: Option<AnswerPace>,
    pub(super) cut: Option<AnswerCut>,
    pub(super) is_last: bool,
    pub(super) reads_first: usize,
}

#[derive(Clone, Debug)]
pub(super) enum AnswerBody {
    /// With `Content-Length`.
    Sized(Vec<u8>),
    /// With `Transfer-Encoding: chunked`.
    Chunked(Vec<u8>),
    /// So many bytes, with `Content-Length`.
    Huge(u64),
    /// Chunks until the client closes the connection.
    Endless,
    /// The whole answer, with the head.
    Raw(Vec<u8>),
}

/// An answer is sent in pieces, with a wait before each.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerPace {
    pub(super) piece: usize,
    pub(super) wait: Duration,
}

/// The place where the connection is closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnswerCut {
    ResetBeforeHead,
    CloseBeforeHead,
    ResetInBody(usize),
    CloseInBody(usize),
}

impl FakeAnswer {
    /// An answer with a status and an empty body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: AnswerBody::Sized(Vec::new()),
            latency: Duration::ZERO,
            pace: None,
            cut: None,
            is_last: false,
            reads_first: 0,
        }
    }

    /// Status 200 and an empty body.
    pub fn ok() -> Self {
        Self::new(200)
    }

    /// Status 200 and a body of JSON.
    pub fn json(body: impl Into<String>) -> Self {
        Self::ok().header("Content-Type", "application/json").body(body.into())
    }

    /// A redirect: a status such as 307, and the header `Location`.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status).header("Location", location)
    }

    /// No answer: the connection is reset (RST).
    pub fn reset() -> Self {
        Self { cut: Some(AnswerCut::ResetBeforeHead), ..Self::ok() }
    }

    /// No answer: the connection is closed (FIN).
    pub fn no_answer() -> Self {
        Self { cut: Some(AnswerCut::CloseBeforeHead), ..Self::ok() }
    }

    /// These bytes in place of an answer, then the connection is closed. `status` is the one that the request is recorded with.
    pub fn raw(status: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self { body: AnswerBody::Raw(bytes.into()), is_last: true, ..Self::new(status) }
    }

    /// Another status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The header `Retry-After`, in seconds.
    pub fn retry_after_seconds(self, seconds: u64) -> Self {
        self.header("Retry-After", seconds.to_string())
    }

    /// The header `Retry-After` as a date, with a precision of 1 s.
    pub fn retry_after_date(self, date: SystemTime) -> Self {
        self.header("Retry-After", super::date::http_date(date))
    }

    /// The body, sent with `Content-Length`.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: AnswerBody::Sized(body.into()), ..self }
    }

    /// The body, sent in chunks.
    pub fn chunked_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: AnswerBody::Chunked(body.into()), ..self }
    }

    /// A body of so many bytes, which the server does not hold in memory.
    pub fn huge_body(self, bytes: u64) -> Self {
        Self { body: AnswerBody::Huge(bytes), ..self }
    }

    /// A body that ends when the client closes the connection, or the server stops.
    pub fn endless_body(self) -> Self {
        Self { body: AnswerBody::Endless, ..self }
    }

    /// The time between the request and the head of the answer.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Head and body go out in pieces of `piece` bytes, with a wait before each.
    pub fn drip(self, piece: usize, wait: Duration) -> Self {
        Self { pace: Some(AnswerPace { piece: piece.max(1), wait }), ..self }
    }

    /// The connection is reset (RST) after so many bytes of the body.
    pub fn reset_in_body(self, after: usize) -> Self {
        Self { cut: Some(AnswerCut::ResetInBody(after)), ..self }
    }

    /// The connection is closed (FIN) after so many bytes of the body.
    pub fn close_in_body(self, after: usize) -> Self {
        Self { cut: Some(AnswerCut::CloseInBody(after)), ..self }
    }

    /// The connection is closed behind the answer, which announces it (`Connection: close`).
    pub fn and_close(self) -> Self {
        Self { is_last: true, ..self }
    }

    /// So many bytes of the request's body are read before the answer. Only for an answer to the head of a request.
    pub fn after_reading(self, bytes: usize) -> Self {
        Self { reads_first: bytes, ..self }
    }
}

/// The text that a status line has behind the status.
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}
