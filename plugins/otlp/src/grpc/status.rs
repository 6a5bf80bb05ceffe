//! The status of a call, by the specifications of gRPC and of OTLP.
//!
//! | status | outcome |
//! |---|---|
//! | OK | delivered, but for the records of a `partial_success` |
//! | CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS | another attempt, after the delay of a `RetryInfo` |
//! | RESOURCE_EXHAUSTED with a `RetryInfo` | another attempt, after its delay |
//! | RESOURCE_EXHAUSTED or OUT_OF_RANGE whose message names the size of the message; status 413 of HTTP | the request is divided |
//! | UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED | another attempt: the records are not the reason |
//! | all others | the records are refused for good |

use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::exchange::ExchangeError;
use http::{HeaderMap, StatusCode};

use super::connection::CallAnswer;
use crate::{
    answer::{each_field, last_field, varint},
    error::OtlpError,
};
use fapilog_format::protobuf_wire::WireField;

/// The most characters of a message in an error.
const SHOWN_CHARS_MAX: usize = 256;
/// The longest wait that a server may ask for, as with `Retry-After`.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Messages of servers that refuse a message for its size: grpc-go and the C core, grpc-java, tonic (twice).
const TOO_LARGE: [&str; 4] =
    ["larger than max", "exceeds maximum size", "message length too large", "exceeded while decompressing"];

/// The codes of gRPC that the tables name.
mod code {
    pub(super) const OK: i32 = 0;
    pub(super) const CANCELLED: i32 = 1;
    pub(super) const UNKNOWN: i32 = 2;
    pub(super) const DEADLINE_EXCEEDED: i32 = 4;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const ABORTED: i32 = 10;
    pub(super) const OUT_OF_RANGE: i32 = 11;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const DATA_LOSS: i32 = 15;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

/// The status of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CallStatus {
    code: i32,
    message: String,
    /// `RetryInfo.retry_delay` of the details.
    retry_delay: Option<Duration>,
    is_too_large: bool,
}

impl CallStatus {
    /// The status of an answer: that of the trailers, which may be in the head, or else that of HTTP. `None` for an answer that breaks the protocol.
    pub(super) fn of(answer: &CallAnswer) -> Option<Self> {
        Self::of_headers(&answer.trailers)
            .or_else(|| Self::of_headers(&answer.headers))
            .or_else(|| Self::of_http(answer.status))
    }

    fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok().and_then(|code| code.trim().parse().ok());
        let code = code.unwrap_or(code::UNKNOWN);
        let message = headers.get("grpc-message").map(|text| percent_decoded(text.as_bytes())).unwrap_or_default();
        let details = headers.get("grpc-status-details-bin").and_then(|text| {
            let text = text.as_bytes();
            let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
            BASE64_NOPAD.decode(text.get(..text.len() - padding)?).ok()
        });
        let is_about_size = TOO_LARGE.iter().any(|text| message.contains(text));
        Some(Self {
            code,
            retry_delay: details.and_then(|details| retry_delay(&details)),
            is_too_large: is_about_size && [code::RESOURCE_EXHAUSTED, code::OUT_OF_RANGE].contains(&code),
            message,
        })
    }

    /// The code of a proxy's answer, by `http-grpc-status-mapping.md` of gRPC.
    fn of_http(status: StatusCode) -> Option<Self> {
        let code = match status.as_u16() {
            200 => return None,
            400 => code::INTERNAL,
            401 => code::UNAUTHENTICATED,
            403 => code::PERMISSION_DENIED,
            404 => code::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => code::UNAVAILABLE,
            _ => code::UNKNOWN,
        };
        let message = format!("the answer of HTTP is {status}");
        Some(Self { code, message, retry_delay: None, is_too_large: status == StatusCode::PAYLOAD_TOO_LARGE })
    }

    pub(super) fn is_ok(&self) -> bool {
        self.code == code::OK
    }

    pub(super) fn refuses_credentials(&self) -> bool {
        [code::UNAUTHENTICATED, code::PERMISSION_DENIED].contains(&self.code)
    }

    fn is_retryable(&self) -> bool {
        match self.code {
            code::RESOURCE_EXHAUSTED => self.retry_delay.is_some(),
            code::CANCELLED
            | code::DEADLINE_EXCEEDED
            | code::ABORTED
            | code::OUT_OF_RANGE
            | code::UNAVAILABLE
            | code::DATA_LOSS
            | code::UNAUTHENTICATED
            | code::PERMISSION_DENIED
            | code::UNIMPLEMENTED => true,
            _ => false,
        }
    }

    /// The outcome of all records of a call with a status that is not OK. The message of the server is in the error only if it is shown.
    pub(super) fn error(self, is_shown: bool) -> ExchangeError {
        if self.is_too_large {
            return ExchangeError::TooLarge;
        }
        let (is_retryable, retry_after) = (self.is_retryable(), self.retry_delay);
        let text = if is_shown { shown(&self.message) } else { String::new() };
        let source = OtlpError::CallFailed { code: self.code, text }.into();
        match is_retryable {
            true => SinkError::Retryable { retry_after, source }.into(),
            false => SinkError::permanent(source).into(),
        }
    }
}

/// The front of a text, in one line.
fn shown(text: &str) -> String {
    let line = text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c });
    line.collect::<String>().trim().to_owned()
}

/// Reads the text of `grpc-message`. A part that is not encoded as it should be stays as it is.
fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text;
    while let Some((first, behind)) = left.split_first() {
        let digit = |place: usize| behind.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        let (byte, behind) = match (*first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => ((high << 4 | low) as u8, behind.get(2..).unwrap_or_default()),
            (byte, ..) => (byte, behind),
        };
        bytes.push(byte);
        left = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `RetryInfo.retry_delay` among the details of a `google.rpc.Status`: an hour at most, and zero for a negative one.
fn retry_delay(status: &[u8]) -> Option<Duration> {
    let mut delay = None;
    each_field(status, |number, field| {
        if let (3, WireField::Bytes(any)) = (number, field)
            && let Some(found) = retry_delay_of(any)
        {
            delay = Some(found);
        }
    });
    delay
}

fn bytes(field: WireField<'_>) -> Option<&[u8]> {
    match field {
        WireField::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// The delay of an `Any` that is a `RetryInfo`; zero if it has none.
fn retry_delay_of(any: &[u8]) -> Option<Duration> {
    let is_retry_info = last_field(any, 1, bytes)?.ends_with(b"/google.rpc.RetryInfo");
    let info = last_field(any, 2, bytes).unwrap_or_default();
    let delay = last_field(info, 1, bytes).unwrap_or_default();
    let part = |number| last_field(delay, number, varint).map_or(0, |part| part as i64);
    let seconds = Duration::from_secs(part(1).try_into().unwrap_or(0));
    let nanos = Duration::from_nanos(part(2).try_into().unwrap_or(0));
    is_retry_info.then(|| seconds.saturating_add(nanos).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn status(pairs: &[(&'static str, &str)]) -> CallStatus {
        CallStatus::of_headers(&headers(pairs)).unwrap()
    }

    /// `google.rpc.Status { code: 8, message: "busy", details: [RetryInfo { retry_delay: 2.5 s }] }`.
    fn details() -> Vec<u8> {
        let delay = [8, 2, 16, 0x80, 0xca, 0xb5, 0xee, 1];
        let info = [&[10, delay.len() as u8][..], &delay].concat();
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let any = [&[10, url.len() as u8][..], url, &[18, info.len() as u8], &info].concat();
        [&[8, 8, 18, 4][..], b"busy", &[26, any.len() as u8], &any].concat()
    }

    #[test]
    fn the_delay_of_a_retry_info_is_read_with_and_without_padding() {
        let text = BASE64_NOPAD.encode(&details());
        for text in [text.clone(), format!("{text}=")] {
            let status = status(&[("grpc-status", "8"), ("grpc-status-details-bin", &text)]);
            assert_eq!(status.retry_delay, Some(Duration::from_millis(2500)));
            assert!(status.is_retryable());
        }
        assert!(!status(&[("grpc-status", "8")]).is_retryable());
    }

    #[test]
    fn details_that_are_none_are_ignored() {
        let whole = details();
        for cut in 0..whole.len() {
            // A prefix that is no message has no delay; none of them panics.
            let _ = retry_delay(&whole[..cut]);
        }
        for text in ["", "====", "!!", "AAAA", "////////"] {
            assert_eq!(status(&[("grpc-status", "8"), ("grpc-status-details-bin", text)]).retry_delay, None, "{text}");
        }
    }

    #[test]
    fn a_delay_is_an_hour_at_most_and_not_negative() {
        let any = |delay: &[u8]| {
            let info = [&[10, delay.len() as u8][..], delay].concat();
            [&[10, 21][..], b"/google.rpc.RetryInfo", &[18, info.len() as u8], &info].concat()
        };
        let endless = any(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(retry_delay_of(&endless), Some(WAIT_MAX));
        let negative = any(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        assert_eq!(retry_delay_of(&negative), Some(Duration::ZERO));
        assert_eq!(retry_delay_of(&any(&[])), Some(Duration::ZERO));
    }

    #[test]
    fn only_the_codes_of_the_tables_are_retryable() {
        let retryable: Vec<i32> =
            (0..20).filter(|code| status(&[("grpc-status", &code.to_string())]).is_retryable()).collect();
        assert_eq!(retryable, [1, 4, 7, 10, 11, 12, 14, 15, 16]);
        assert_eq!(status(&[("grpc-status", "soon")]).code, code::UNKNOWN);
    }

    #[test]
    fn a_message_about_the_size_divides_the_request() {
        for (code, message) in [
            ("8", "grpc: received message larger than max (5000 vs. 4096)"),
            ("8", "gRPC message exceeds maximum size 4096: 5000"),
            ("11", "Error, decoded message length too large: found 5000 bytes, the limit is: 4096 bytes"),
        ] {
            let status = status(&[("grpc-status", code), ("grpc-message", message)]);
            assert!(matches!(status.error(false), ExchangeError::TooLarge), "{message}");
        }
        let other = status(&[("grpc-status", "3"), ("grpc-message", "a name larger than max")]);
        assert!(!other.is_too_large);
    }

    #[test]
    fn the_message_is_decoded_and_shown_only_if_it_is_asked_for() {
        assert_eq!(percent_decoded(b"a%20b%c3%A9%zz%"), "a b\u{e9}%zz%");
        let text = |is_shown| {
            let status = status(&[("grpc-status", "3"), ("grpc-message", "hunter%0a2")]);
            format!("{:?}", status.error(is_shown))
        };
        assert!(text(true).contains("hunter 2"));
        assert!(!text(false).contains("hunter"));
    }

    #[test]
    fn an_answer_without_a_status_has_that_of_http() {
        let of = |status: u16| CallStatus::of_http(StatusCode::from_u16(status).unwrap()).map(|status| status.code);
        assert_eq!(
            [200, 400, 401, 403, 404, 429, 503, 500].map(of),
            [None, Some(13), Some(16), Some(7), Some(12), Some(14), Some(14), Some(2)]
        );
    }
}
