//! Errors of the start of a control socket.

use std::{io, path::PathBuf};

use thiserror::Error;

/// The reason why a control socket did not start. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The container belongs to the parent of this forked process.
    #[error("the container belongs to the parent process")]
    Forked,
    /// Another user could enter the directory, or replace it.
    #[error("the directory {path:?} is not safe for a control socket: {reason}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The property that it lacks.
        reason: &'static str,
    },
    /// There is something at the path that is no socket of an ended process.
    #[error("cannot make a control socket at {path:?}: {reason}; remove it, or choose another path")]
    Taken {
        /// The path.
        path: PathBuf,
        /// The kind of thing that is there.
        reason: &'static str,
    },
    /// The path does not fit into the address of a socket.
    #[error("the path {path:?} has {bytes} bytes; a socket's path has at most {max}")]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest path.
        max: usize,
    },
    /// A call of the system failed.
    #[error("cannot {operation} {path:?}")]
    Io {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The thread that answers did not start.
    #[error("cannot start the thread of the control socket")]
    Thread {
        /// The error.
        source: io::Error,
    },
}

impl ControlError {
    /// A call of the system on a file or directory, that failed.
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
