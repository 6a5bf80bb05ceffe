//! Errors of deliveries.

use std::{io, time::Duration};

use thiserror::Error;

/// Why events were not published. It is the source of the sink's errors.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The server refuses the connection: its user, or the inbox.
    #[error("{server} refuses the connection: {reason}")]
    Refused {
        /// The URL.
        server: String,
        /// The meaning of the server's error.
        reason: &'static str,
    },
    /// The server asks for TLS, and the settings have none.
    #[error("{server} asks for TLS; a tls:// URL has it")]
    NeedsTls {
        /// The URL.
        server: String,
    },
    /// The server offers no TLS, and the URL demands it.
    #[error("{server} offers no TLS, or has sent more than INFO before it")]
    NoTls {
        /// The URL.
        server: String,
    },
    /// The server has no headers, which ids and acknowledgements need.
    #[error("{server} supports no headers; NATS 2.2 and later do")]
    NoHeaders {
        /// The URL.
        server: String,
    },
    /// The connection could not be used before the time limit.
    #[error("{server} has not accepted the connection within {limit:?}")]
    ConnectTimeout {
        /// The URL.
        server: String,
        /// The time limit.
        limit: Duration,
    },
    /// The connection broke before it was ready.
    #[error("{server} has closed the connection, or sent bytes that are none of the protocol")]
    Greeting {
        /// The URL.
        server: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The settings lead to no server.
    #[error("there is no server to connect to")]
    NoServer,
    /// Some records were answered with errors.
    #[error("{errors} of {messages} messages to {server} were refused, the first because {reason} (code {code})")]
    Answers {
        /// The URL.
        server: String,
        /// The number of errors.
        errors: usize,
        /// The number of messages.
        messages: usize,
        /// The meaning of the first error.
        reason: &'static str,
        /// The code of the first error, as NATS has it; 0 where there is none.
        code: u64,
    },
    /// The connection broke.
    #[error("the connection to {server} broke, with {answered} of {messages} messages acknowledged")]
    Connection {
        /// The URL.
        server: String,
        /// The number of messages that were acknowledged.
        answered: usize,
        /// The number of messages.
        messages: usize,
        /// The system's error, or the meaning of the server's.
        #[source]
        source: io::Error,
    },
    /// Acknowledgements are missing.
    #[error("{server} has not acknowledged all messages within {limit:?}: {answered} of {messages} are{hint}")]
    Timeout {
        /// The URL.
        server: String,
        /// The number of messages that were acknowledged.
        answered: usize,
        /// The number of messages.
        messages: usize,
        /// The time limit.
        limit: Duration,
        /// More about it, such as replies of another subscriber.
        hint: &'static str,
    },
}
