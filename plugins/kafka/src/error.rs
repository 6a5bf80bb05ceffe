//! Errors of deliveries.

use std::time::Duration;

use thiserror::Error;

/// Why events are not in a topic. It is the source of the sink's errors.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KafkaSinkError {
    /// librdkafka has refused the settings, or could not read a certificate.
    #[error("librdkafka makes no producer: {reason}")]
    NoProducer {
        /// The text of librdkafka.
        reason: String,
    },
    /// Former producers are still being closed. No further one is made meanwhile.
    #[error("{count} former producers are still being closed")]
    StillClosing {
        /// Their number.
        count: usize,
    },
    /// The sink stops, and has no time for another attempt.
    #[error("the sink stops")]
    Stopping,
    /// Brokers, or librdkafka itself, have refused records.
    #[error("{destination} has not taken {failed} of {records} records, the first with {code}{}", reason_text(reason))]
    Records {
        /// The first brokers.
        destination: String,
        /// The number of records without an acknowledgement.
        failed: usize,
        /// The number of records of the payload.
        records: usize,
        /// The name of the first error, with its meaning.
        code: String,
        /// The last report of librdkafka about a broker; empty if there was none.
        reason: String,
    },
    /// The brokers have not acknowledged all records in time.
    #[error("{destination} has not acknowledged {failed} of {records} records within {limit:?}{}", reason_text(reason))]
    Timeout {
        /// The first brokers.
        destination: String,
        /// The number of records without an acknowledgement.
        failed: usize,
        /// The number of records of the payload.
        records: usize,
        /// The time limit.
        limit: Duration,
        /// The last report of librdkafka about a broker; empty if there was none.
        reason: String,
    },
}

fn reason_text(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!("; {reason}") }
}
