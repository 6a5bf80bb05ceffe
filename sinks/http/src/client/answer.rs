//! Answers.

use std::time::{Duration, SystemTime};

use fapilog_plugin::sink::SinkError;
use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::{client::retry_after::retry_after, error::HttpError, exchange::ExchangeError};

/// The most characters of an answer's body in an error.
const SHOWN_CHARS_MAX: usize = 256;

/// The answer to a request.
#[derive(Debug)]
pub struct HttpAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    is_shown: bool,
}

impl HttpAnswer {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Vec<u8>, is_shown: bool) -> Self {
        Self { status, headers, body, is_shown }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The value of a header, if it has one of visible ASCII characters.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, or the [front](crate::client::ANSWER_BYTES_MAX) of it.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How long the destination asks to wait: `Retry-After`, in seconds or as a date, an hour at most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.header(&header::RETRY_AFTER)?, SystemTime::now())
    }

    /// The outcome by the status alone, as the [page of the crate](crate) has it.
    ///
    /// # Errors
    /// When the status is no success.
    pub fn outcome(&self) -> Result<(), ExchangeError> {
        match kind_of(self.status) {
            StatusKind::Success => Ok(()),
            StatusKind::TooLarge => Err(ExchangeError::TooLarge),
            StatusKind::Retryable => Err(self.retryable().into()),
            StatusKind::Permanent => Err(SinkError::permanent(self.error()).into()),
        }
    }

    /// An error after which another attempt may succeed, after the time that the destination asks for.
    #[must_use]
    pub fn retryable(&self) -> SinkError {
        SinkError::Retryable { retry_after: self.retry_after(), source: self.error().into() }
    }

    /// The error of the status.
    #[must_use]
    pub fn error(&self) -> HttpError {
        HttpError::Status { status: self.status, text: if self.is_shown { self.shown() } else { String::new() } }
    }

    /// The front of the body, in one line.
    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.chars()
            .take(SHOWN_CHARS_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>()
            .trim()
            .to_owned()
    }
}

/// The meaning of a status to a payload.
enum StatusKind {
    Success,
    /// The records may be accepted in smaller requests.
    TooLarge,
    /// Another attempt may succeed.
    Retryable,
    /// The same request would be refused again.
    Permanent,
}

/// RFC 9110, section 15. A status that is about the content of the request is permanent. All others are about the destination, or about
/// the way to it, which an operator can mend while the records wait.
fn kind_of(status: StatusCode) -> StatusKind {
    match status.as_u16() {
        200..=299 => StatusKind::Success,
        413 => StatusKind::TooLarge,
        400 | 405 | 406 | 411 | 412 | 414 | 415 | 416 | 417 | 422 | 424 | 426 | 428 | 431 | 501 | 505 => {
            StatusKind::Permanent
        }
        _ => StatusKind::Retryable,
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::sink::SinkErrorKind;

    use super::*;

    fn answer(status: u16, headers: &[(HeaderName, &str)], body: &str, is_shown: bool) -> HttpAnswer {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        HttpAnswer::new(StatusCode::from_u16(status).unwrap(), headers, body.as_bytes().to_vec(), is_shown)
    }

    fn kind(status: u16) -> Option<SinkErrorKind> {
        match answer(status, &[], "", false).outcome() {
            Ok(()) | Err(ExchangeError::TooLarge) => None,
            Err(ExchangeError::Failed(error)) => Some(error.kind()),
        }
    }

    #[test]
    fn a_status_about_the_content_is_permanent_and_others_are_retryable() {
        let now = SinkErrorKind::Retryable { retry_after: None };
        for status in
            [302, 401, 403, 404, 407, 408, 409, 421, 423, 425, 429, 451, 499, 500, 502, 503, 504, 507, 529, 599]
        {
            assert_eq!(kind(status), Some(now), "{status}");
        }
        for status in [400, 405, 411, 415, 422, 431, 501, 505] {
            assert_eq!(kind(status), Some(SinkErrorKind::Permanent), "{status}");
        }
        for status in [200, 201, 202, 204, 299] {
            assert!(answer(status, &[], "", false).outcome().is_ok(), "{status}");
        }
        assert!(matches!(answer(413, &[], "", false).outcome(), Err(ExchangeError::TooLarge)));
    }

    #[test]
    fn the_time_that_the_destination_asks_for_is_in_the_error() {
        let error = answer(503, &[(header::RETRY_AFTER, "7")], "", false).retryable();
        assert_eq!(error.kind(), SinkErrorKind::Retryable { retry_after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn the_body_of_an_answer_is_in_the_error_only_where_the_settings_ask_for_it() {
        let body = "no such index\n\u{1b}[31m: \"hunter2\"";
        assert_eq!(answer(400, &[], body, false).error().to_string(), "the answer is 400 Bad Request");
        let shown = answer(400, &[], body, true).error().to_string();
        assert_eq!(shown, "the answer is 400 Bad Request: no such index  [31m: \"hunter2\"");
    }
}
