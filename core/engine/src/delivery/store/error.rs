//! Errors of stores.

use std::{io, path::PathBuf};

use fapilog_plugin::{name::NAME_RULE, sink::SinkError};
use fapilog_record::text::quoted::Escaped;
use thiserror::Error;

/// Why a payload is not stored, or why there is no store.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
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
    /// Another program or container has the directory or the file.
    #[error(
        "{} is in use by another sink; give each program and each container a directory of its own, and let a program end \
         before it is started again",
        Escaped(path.display())
    )]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// The file is none that dead letters may be written to.
    #[error("{} is {found}; dead letters go to a regular file with one name only", Escaped(path.display()))]
    NotAPlainFile {
        /// The path.
        path: PathBuf,
        /// The kind of file that is there instead.
        found: &'static str,
    },
    /// The settings allow no more bytes.
    #[error("no room for {bytes} bytes in {}: the limit is {bytes_max} bytes", Escaped(path.display()))]
    Full {
        /// The directory or the file.
        path: PathBuf,
        /// The bytes without room.
        bytes: u64,
        /// The most bytes that the settings allow.
        bytes_max: u64,
    },
    /// The payload is too long to be stored.
    #[error("a payload of {bytes} bytes is too long to be stored; 4 GiB are possible")]
    TooLong {
        /// The length of the payload with its ends of records.
        bytes: u64,
    },
    /// The sink's name is none that a directory can have.
    #[error("{sink:?} is no name of a directory: {NAME_RULE}")]
    InvalidName {
        /// The name.
        sink: String,
    },
    /// The system has no thread to give.
    #[error("cannot start the thread of the store")]
    Thread(#[source] io::Error),
    /// The sink has no such store.
    #[error("the sink has no {store}")]
    NotConfigured {
        /// The store.
        store: &'static str,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The store was closed, and the payload was not stored before the deadline. It may be stored later all the same.
    #[error("not stored before the deadline")]
    Deadline,
    /// The store has panicked, and stores nothing more.
    #[error("the store has panicked")]
    Panicked,
}

impl StoreError {
    pub(super) fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.into(), source }
    }
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        Self::Other(Box::new(error))
    }
}
