//! Errors of transports.

use std::{io, time::Duration};

use thiserror::Error;

/// Why messages did not reach the receiver. It is the source of the sink's errors.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SyslogError {
    /// There is no connection.
    #[error("cannot connect to {destination}")]
    Connect {
        /// The URL.
        destination: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A message was not sent.
    #[error("cannot send to {destination}")]
    Send {
        /// The URL.
        destination: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The receiver has closed the connection while messages were sent.
    #[error("{destination} has closed the connection")]
    Closed {
        /// The URL.
        destination: String,
    },
    /// The receiver does not read.
    #[error("{destination} has not taken the messages within {limit:?}")]
    Timeout {
        /// The URL.
        destination: String,
        /// The time limit.
        limit: Duration,
    },
    /// Messages are longer than a datagram may be.
    #[error("messages are longer than a datagram to {destination} may be; set max_message_bytes")]
    TooLong {
        /// The URL.
        destination: String,
    },
}
