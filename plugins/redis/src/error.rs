//! Errors of deliveries.

use std::{io, time::Duration};

use thiserror::Error;

/// Why events did not get into a stream. It is the source of the sink's errors.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The server refuses the user, the password or the database.
    #[error("{destination} refuses the connection: {reply}")]
    Refused {
        /// The URL.
        destination: String,
        /// The first word of the server's reply, such as `WRONGPASS`, and its meaning.
        reply: String,
    },
    /// The server has answered commands with errors.
    #[error("{destination} has answered {errors} of {commands} commands with an error, the first with {reply}")]
    Replies {
        /// The URL.
        destination: String,
        /// The number of errors.
        errors: usize,
        /// The number of commands.
        commands: usize,
        /// The first word of the first error, such as `OOM`, and its meaning.
        reply: String,
    },
    /// Commands could not be sent, or their replies not be read.
    #[error("the connection to {destination} broke, with {answered} of {commands} commands answered")]
    Connection {
        /// The URL.
        destination: String,
        /// The number of commands that were answered.
        answered: usize,
        /// The number of commands.
        commands: usize,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The server has not answered in time.
    #[error("{destination} has not answered within {limit:?}, with {answered} of {commands} commands answered")]
    Timeout {
        /// The URL.
        destination: String,
        /// The number of commands that were answered.
        answered: usize,
        /// The number of commands.
        commands: usize,
        /// The time limit.
        limit: Duration,
    },
}
