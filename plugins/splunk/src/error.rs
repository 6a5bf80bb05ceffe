//! Errors of the sink.

use std::time::Duration;

use fapilog_sink_http::HttpError;
use thiserror::Error;

/// Why the HTTP Event Collector has not taken events.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HecError {
    /// An answer with a code.
    #[error("Splunk answers code {code}: {meaning}")]
    Refused {
        /// The code.
        code: u32,
        /// Its meaning, by Splunk's documentation.
        meaning: &'static str,
        /// The status.
        #[source]
        answer: HttpError,
    },
    /// The records behind the ones that were rejected were not sent in time.
    #[error("not all records were sent within {limit:?}, because others were rejected")]
    Late {
        /// The time limit.
        limit: Duration,
    },
    /// No indexer has acknowledged the records. They may be indexed.
    #[error("the indexers have not acknowledged the records within {limit:?} (setting ack_timeout)")]
    NotAcknowledged {
        /// The time limit.
        limit: Duration,
    },
    /// The token has no indexer acknowledgement.
    #[error("the answer has no ackId: the token needs indexer acknowledgement, or the setting acks must be false")]
    NoAckId,
    /// The system has no random bytes for the id of a channel.
    #[error("the system has no random bytes for the id of a channel")]
    Channel(#[source] getrandom::Error),
}
