//! Errors of deliveries.

use std::time::Duration;

use thiserror::Error;

/// Why events did not get into the table. It is the source of the sink's errors.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The server refuses the user, the database, the table or a privilege.
    #[error("{destination} is not set up: {reason} ({code})")]
    Setup {
        /// The server and the table.
        destination: String,
        /// The server's text.
        reason: String,
        /// The SQLSTATE code.
        code: String,
    },
    /// The table has not all columns that the settings name.
    #[error(
        "{destination} has no column of the right type for {columns}; create_table = true adds columns that are missing"
    )]
    MissingColumns {
        /// The server and the table.
        destination: String,
        /// The columns, with their types.
        columns: String,
    },
    /// A newer version of this crate has made the table.
    #[error("{destination} has version {found} of the schema, and this version of the sink knows {known}")]
    NewerSchema {
        /// The server and the table.
        destination: String,
        /// The version of the table.
        found: i32,
        /// The newest version that is known.
        known: i32,
    },
    /// The server refuses rows.
    #[error("{destination} refuses {rows} rows, the first with {code}")]
    Rows {
        /// The server and the table.
        destination: String,
        /// The number of rows.
        rows: usize,
        /// The SQLSTATE code, with the name of the constraint if there is one.
        code: String,
    },
    /// The server has ended a statement with an error that may pass.
    #[error("{destination} has not taken the rows: {code}")]
    Statement {
        /// The server and the table.
        destination: String,
        /// The SQLSTATE code, with its class.
        code: String,
    },
    /// No host takes writes.
    #[error("{destination} takes no writes: it is a standby, or its transactions are read-only")]
    ReadOnly {
        /// The server and the table.
        destination: String,
    },
    /// The connection broke. Rows whose transaction was being committed may be in the table.
    #[error("the connection to {destination} broke: {reason}")]
    Connection {
        /// The server and the table.
        destination: String,
        /// The client's text.
        reason: String,
    },
    /// The server has not answered in time.
    #[error("{destination} has not answered within {limit:?}")]
    Timeout {
        /// The server and the table.
        destination: String,
        /// The time limit.
        limit: Duration,
    },
}
