//! Errors of answers.

use fapilog_sink_http::HttpError;
use thiserror::Error;

use crate::answer::StatusCodeText;

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
    /// The server has taken the request, and rejected some of its records, without a word about which.
    #[error("the server rejected {rejected} of {records} records (partial_success)")]
    PartialSuccess {
        /// How many records it rejected.
        rejected: usize,
        /// How many records the request had.
        records: usize,
    },
}
