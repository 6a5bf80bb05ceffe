//! Errors of answers.

use fapilog_sink_http::HttpError;
use thiserror::Error;

use crate::answer::{ShownText, StatusCodeText};

/// Why a server has not taken all records of a request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The answer has another status than 200. The code is that of `google.rpc.Status`, if the answer has one.
    #[error("{error}{}", StatusCodeText(*code))]
    Refused {
        /// The status of the answer.
        error: HttpError,
        /// The code in the body of the answer.
        code: Option<i32>,
    },
    /// A call of gRPC has a status that is not OK.
    #[error("the call failed{}{}", StatusCodeText(Some(*code)), ShownText(text))]
    CallFailed {
        /// The code of the status.
        code: i32,
        /// The message of the status, if the setting `request.show_answers` is set. It may hold text that a user logged.
        text: String,
    },
    /// A record from disk was encoded for HTTP in JSON, and the settings have gRPC now.
    #[error("a record in JSON cannot be sent by gRPC")]
    JsonByGrpc,
    /// A record from disk is none of this sink.
    #[error("a record is none of the sink otlp")]
    UnknownRecord,
    /// The server has taken the request, and rejected some of its records, without a word about which.
    #[error("the server rejected {rejected} of {records} records (partial_success)")]
    PartialSuccess {
        /// How many records it rejected.
        rejected: usize,
        /// How many records the request had.
        records: usize,
    },
}
