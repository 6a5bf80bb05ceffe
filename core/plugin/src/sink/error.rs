//! Errors of sinks.

use std::{io, path::PathBuf};

use fapilog_record::{error_codes, text::quoted::Escaped};
use thiserror::Error;

/// Why a sink could not do something.
#[doc(alias = "ExternalAPIError")]
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A system call failed.
    #[error("cannot {operation} {}", Escaped(path.display()))]
    Io {
        /// The operation, as a verb.
        operation: &'static str,
        /// The path of the operation.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is none that a sink may write to.
    #[error("{} is {found}; a file sink writes to a regular file with one name only", Escaped(path.display()))]
    NotAPlainFile {
        /// The path.
        path: PathBuf,
        /// The kind of file that is there instead.
        found: &'static str,
    },
    /// Another sink writes to the file: of this process, or of another one.
    #[error(
        "{} is being written by another sink; give each sink a file of its own, and let a program end before it is started \
         again",
        Escaped(path.display())
    )]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// It was not done before the deadline.
    #[error("not done before the deadline")]
    Deadline,
    /// The first records of a payload are delivered, and the others are not: the former count as delivered.
    #[error("{records} records of the payload are delivered, and the others are not")]
    Partial {
        /// The number of records that are delivered.
        records: u64,
        /// Their length, all together.
        bytes: u64,
        /// Why the others are not.
        #[source]
        source: Box<SinkError>,
    },
    /// Something else, in the sink's own type.
    #[error("the sink failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

error_codes! {
    SinkError {
        Self::Io { .. } => "sink.io",
        Self::NotAPlainFile { .. } => "sink.not_a_plain_file",
        Self::Locked { .. } => "sink.locked",
        Self::Deadline => "sink.deadline",
        Self::Partial { .. } => "sink.partial",
        Self::Other(_) => "sink.failed",
    }
}
