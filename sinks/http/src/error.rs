//! Errors of requests.

use std::{io, time::Duration};

use fapilog_plugin::sink::SinkError;
use fapilog_sink_network::ConnectError;
use http::StatusCode;
use thiserror::Error;

/// Why a request has no answer, or one that accepts nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There is no connection. Nothing was sent.
    #[error("no connection")]
    Connect(#[from] ConnectError),
    /// The connection broke. The destination may have the records.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// The time limit is over. The destination may have the records.
    #[error("no answer within {limit:?}")]
    Timeout {
        /// The time limit.
        limit: Duration,
    },
    /// The answer is not HTTP, or its head is too long.
    #[error("the answer is not valid HTTP")]
    InvalidAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request is not valid HTTP.
    #[error("the request is not valid HTTP")]
    InvalidRequest(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer leads to another scheme, host or port, or is no redirect that keeps the method.
    #[error("the answer is {status}, which leads elsewhere; the setting url must be the place itself")]
    Redirect {
        /// The status.
        status: StatusCode,
    },
    /// The answer has a status that is no success.
    #[error("the answer is {status}{}", answer_text(text))]
    Status {
        /// The status.
        status: StatusCode,
        /// The front of the answer's body, if the setting `request.show_answers` is set. It may hold what a user logged.
        text: String,
    },
    /// The destination has accepted some records, and not others.
    #[error("the destination refuses records: {reason}")]
    Refused {
        /// The reason, without what a user logged.
        reason: String,
    },
    /// A record exceeds the limit of the destination.
    #[error("a record of {bytes} bytes is too large for the destination")]
    RecordTooLarge {
        /// The length of the record.
        bytes: usize,
    },
    /// The body cannot be compressed.
    #[error("the body cannot be compressed")]
    Compress(#[source] io::Error),
}

impl HttpError {
    /// The error of a delivery. A request that is not valid, or a body that cannot be compressed, would fail again; every other error may pass.
    #[must_use]
    pub fn into_sink_error(self) -> SinkError {
        match self {
            Self::InvalidRequest(_) | Self::Compress(_) | Self::RecordTooLarge { .. } | Self::Refused { .. } => {
                SinkError::permanent(self)
            }
            _ => SinkError::retryable(self),
        }
    }
}

fn answer_text(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}
