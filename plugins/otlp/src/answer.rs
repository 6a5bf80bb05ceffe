//! Answers, by the specification of OTLP over HTTP.
//!
//! | answer | outcome |
//! |---|---|
//! | 200, without `partial_success` or with no rejected records | delivered |
//! | 200 with rejected records | so many records of the request are rejected, and never sent again |
//! | 413 | the request is divided |
//! | 429, 502, 503, 504 | another attempt, after `Retry-After` |
//! | any other 4xx or 5xx | the records are refused for good |
//! | a redirect that the client does not follow | another attempt: an operator has to correct the URL |

use std::fmt;

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{client::HttpAnswer, exchange::ExchangeError};
use http::header;
use serde::Deserialize;

use crate::error::OtlpError;
use fapilog_format::protobuf_wire::{WireField, take_field};

/// The outcome of a request with so many records.
pub(crate) fn outcome(answer: &HttpAnswer, records: usize) -> Result<(), ExchangeError> {
    let status = answer.status().as_u16();
    match status {
        200..=299 => accepted(rejected_records(answer), records),
        413 => Err(ExchangeError::TooLarge),
        429 | 502 | 503 | 504 => Err(retryable(answer)),
        400..=599 => Err(SinkError::permanent(refused(answer)).into()),
        _ => answer.outcome(),
    }
}

/// The outcome of a request that was accepted, but for so many records.
fn accepted(rejected: usize, records: usize) -> Result<(), ExchangeError> {
    match rejected.min(records) {
        0 => Ok(()),
        // The server does not name them: the last ones stand for them, so that the counts are right.
        rejected => {
            let error = OtlpError::PartialSuccess { rejected, records };
            Err(SinkError::rejected((records - rejected..records).collect::<Vec<_>>(), error).into())
        }
    }
}

/// The outcome of a request that was accepted with this `ExportLogsServiceResponse`.
#[cfg(feature = "grpc")]
pub(crate) fn rejected_outcome(response: &[u8], records: usize) -> Result<(), ExchangeError> {
    accepted(count(rejected_in_protobuf(response)), records)
}

fn retryable(answer: &HttpAnswer) -> ExchangeError {
    match answer.retry_after() {
        Some(wait) => SinkError::retry_after(wait, refused(answer)).into(),
        None => SinkError::retryable(refused(answer)).into(),
    }
}

fn refused(answer: &HttpAnswer) -> OtlpError {
    OtlpError::Refused { error: answer.error(), code: status_code(answer) }
}

fn is_json(answer: &HttpAnswer) -> bool {
    answer.header(&header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("application/json"))
}

/// How many records a server has rejected: `partial_success.rejected_log_records`. An answer that cannot be read accepts all of them, by its
/// status.
fn rejected_records(answer: &HttpAnswer) -> usize {
    let rejected = if is_json(answer) { rejected_in_json(answer.body()) } else { rejected_in_protobuf(answer.body()) };
    count(rejected)
}

fn count(rejected: Option<i64>) -> usize {
    usize::try_from(rejected.unwrap_or_default()).unwrap_or_default()
}

fn rejected_in_protobuf(body: &[u8]) -> Option<i64> {
    let partial = last_field(body, 1, |field| match field {
        WireField::Bytes(partial) => Some(partial),
        _ => None,
    })?;
    last_field(partial, 1, varint).map(|n| n as i64)
}

fn rejected_in_json(body: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "partialSuccess")]
        partial: Option<Partial>,
    }
    #[derive(Deserialize)]
    struct Partial {
        #[serde(rename = "rejectedLogRecords")]
        rejected: Option<JsonInteger>,
    }
    Some(serde_json::from_slice::<Response>(body).ok()?.partial?.rejected?.number())
}

/// An integer of 64 bits, which is a string in the JSON of protobuf. Some servers write a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonInteger {
    Number(i64),
    Text(String),
}

impl JsonInteger {
    fn number(&self) -> i64 {
        match self {
            Self::Number(n) => *n,
            Self::Text(text) => text.parse().unwrap_or_default(),
        }
    }
}

/// The code of the `google.rpc.Status` that a body is.
fn status_code(answer: &HttpAnswer) -> Option<i32> {
    #[derive(Deserialize)]
    struct Status {
        code: i32,
    }
    if is_json(answer) {
        return serde_json::from_slice::<Status>(answer.body()).ok().map(|status| status.code);
    }
    let is_protobuf = answer.header(&header::CONTENT_TYPE)? == "application/x-protobuf";
    let code = last_field(answer.body(), 1, varint).filter(|_| is_protobuf)?;
    i32::try_from(code).ok()
}

pub(crate) fn varint(field: WireField<'_>) -> Option<u64> {
    match field {
        WireField::Varint(n) => Some(n),
        _ => None,
    }
}

/// The last field of this number in a message. `None` also for bytes that are no message.
pub(crate) fn last_field<'a, T>(
    message: &'a [u8],
    wanted: u64,
    read: impl Fn(WireField<'a>) -> Option<T>,
) -> Option<T> {
    let mut found = None;
    each_field(message, |number, field| {
        if number == wanted {
            found = read(field);
        }
    })?;
    found
}

/// Reads the fields of a message. `None` for bytes that are no message, behind the fields that can be read.
pub(crate) fn each_field<'a>(mut message: &'a [u8], mut read: impl FnMut(u64, WireField<'a>)) -> Option<()> {
    while !message.is_empty() {
        let (number, field, behind) = take_field(message)?;
        read(number, field);
        message = behind;
    }
    Some(())
}

/// The code of an answer, as the end of an error's text.
#[derive(Debug)]
pub(crate) struct StatusCodeText(pub(crate) Option<i32>);

/// The text of a server, as the end of an error's text.
#[derive(Debug)]
pub(crate) struct ShownText<'a>(pub(crate) &'a str);

impl fmt::Display for ShownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// The names of the codes, from 0 on.
const CODE_NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl fmt::Display for StatusCodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.0 else { return Ok(()) };
        match usize::try_from(code).ok().and_then(|code| CODE_NAMES.get(code)) {
            Some(name) => write!(f, ", with code {code} ({name})"),
            None => write!(f, ", with code {code}"),
        }
    }
}
