//! Errors of the start of a control socket.

use std::{io, path::PathBuf, time::Duration};

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
    /// A process listens at the path. The socket of a process that has ended is replaced, and is no error.
    #[error(
        "cannot make a control socket at {path:?}: a process listens there; stop that process, or choose another path"
    )]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// There is something at the path that is no socket of this user.
    #[error("cannot make a control socket at {path:?}: {reason}; remove it, or choose another path")]
    Taken {
        /// The path.
        path: PathBuf,
        /// The kind of thing that is there.
        reason: &'static str,
    },
    /// Another process has locked the directory for longer than a start of a control socket takes.
    #[error(
        "another process has locked the directory {directory:?} for more than {timeout:?}; `lslocks` shows which one"
    )]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// How long the start has waited.
        timeout: Duration,
    },
    /// The path is empty.
    #[error("the path of the control socket is empty; allowed is the path of a file, such as /run/shop/control.sock")]
    EmptyPath,
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
