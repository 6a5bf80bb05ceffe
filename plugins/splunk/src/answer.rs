//! Answers of the collector.
//!
//! The codes are those of Splunk's page "Troubleshoot HTTP Event Collector", section "Possible error codes".

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{client::HttpAnswer, exchange::ExchangeError};
use serde::Deserialize;

use crate::error::HecError;

/// The subject of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodeKind {
    /// The events are taken.
    Success,
    /// The destination is busy, or an operator has to correct the token or its settings.
    Retryable,
    /// The request would be refused again.
    Permanent,
    /// An event would be refused again; the answer has its number.
    Event,
    /// The index: that of an event, or that of the settings, which an operator can correct.
    Index,
}

/// The kind and the meaning of a code. `None`: the status decides.
const fn meaning_of(code: u32) -> Option<(CodeKind, &'static str)> {
    use CodeKind::{Event, Index, Permanent, Retryable, Success};
    Some(match code {
        0 => (Success, "success"),
        1 | 22 => (Retryable, "token disabled"),
        2 => (Retryable, "token is required"),
        3 => (Retryable, "invalid authorization"),
        4 | 21 => (Retryable, "invalid token"),
        5 => (Permanent, "no data"),
        6 => (Event, "invalid data format"),
        7 => (Index, "incorrect index"),
        8 => (Retryable, "internal server error"),
        9 => (Retryable, "server is busy"),
        10 => (Retryable, "data channel is missing"),
        11 => (Retryable, "invalid data channel"),
        12 => (Event, "event field is required"),
        13 => (Event, "event field cannot be blank"),
        14 => (Retryable, "ACK is disabled"),
        15 => (Event, "error in handling indexed fields"),
        16 => (Retryable, "query string authorization is not enabled"),
        17 => (Success, "HEC is healthy"),
        18 => (Retryable, "HEC is unhealthy, queues are full"),
        19 => (Retryable, "HEC is unhealthy, ack service unavailable"),
        20 => (Retryable, "HEC is unhealthy, queues are full, ack service unavailable"),
        23 => (Retryable, "server is shutting down"),
        24 => (Success, "HEC queue is approaching its capacity limit"),
        25 => (Success, "HEC ACK is approaching its capacity limit"),
        26 => (Retryable, "HEC queue is at capacity"),
        27 => (Retryable, "HEC ACK channel is at capacity"),
        _ => return None,
    })
}

/// The body of an answer.
#[derive(Debug, Default, Deserialize)]
struct HecAnswerBody {
    code: Option<u32>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
}

/// The meaning of an answer to the records of its request.
#[derive(Debug)]
pub(crate) enum HecVerdict {
    /// All are taken.
    Taken { ack_id: Option<u64> },
    /// The record of this index is refused for good. The ones before it may be taken or not; the ones behind it are not.
    InvalidRecord { index: usize, error: SinkError },
    /// None is taken.
    Failed(ExchangeError),
}

impl HecVerdict {
    /// Reads an answer. `is_index_of_event`: the index is that of an event, so that the event is refused where its index is.
    pub(crate) fn of(answer: &HttpAnswer, is_index_of_event: bool) -> Self {
        let body: HecAnswerBody = serde_json::from_slice(answer.body()).unwrap_or_default();
        let known = body.code.and_then(|code| Some((code, meaning_of(code)?)));
        let Some((code, (kind, meaning))) = known else {
            return by_status(answer, &body);
        };
        let error = || HecError::Refused { code, meaning, answer: answer.error() };
        let kind = match kind {
            CodeKind::Index if is_index_of_event => CodeKind::Event,
            CodeKind::Index => CodeKind::Retryable,
            other => other,
        };
        match (kind, body.invalid_event) {
            (CodeKind::Success, _) => by_status(answer, &body),
            (CodeKind::Event, Some(index)) => Self::InvalidRecord { index, error: SinkError::permanent(error()) },
            (CodeKind::Permanent | CodeKind::Event, _) => Self::Failed(SinkError::permanent(error()).into()),
            (CodeKind::Retryable | CodeKind::Index, _) => {
                let error = SinkError::Retryable { retry_after: answer.retry_after(), source: error().into() };
                Self::Failed(error.into())
            }
        }
    }
}

fn by_status(answer: &HttpAnswer, body: &HecAnswerBody) -> HecVerdict {
    match answer.outcome() {
        Ok(()) => HecVerdict::Taken { ack_id: body.ack_id },
        Err(error) => HecVerdict::Failed(error),
    }
}
