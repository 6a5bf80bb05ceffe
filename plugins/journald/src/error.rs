//! Errors of the sink.

use std::{io, path::PathBuf};

use rustix::io::Errno;
use thiserror::Error;

/// Why the journal did not take an entry.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournaldError {
    /// The socket is missing, or no journald reads from it.
    #[error("no journald at {}; is systemd-journald.service running, and is the socket visible in this container?", path.display())]
    NotRunning {
        /// The path of the socket.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// journald did not read entries in time: its queue is full.
    #[error("journald has not read from {} within the time limit of the sink", path.display())]
    Busy {
        /// The path of the socket.
        path: PathBuf,
    },
    /// An entry could not be sent.
    #[error("cannot send an entry to {}", path.display())]
    Send {
        /// The path of the socket.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// An entry that is too long for a datagram could not be put into a file in memory.
    #[error("cannot make a sealed file in memory for a long entry")]
    SealedFile(#[source] io::Error),
}

/// Why an entry was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// The socket did not take it.
    Socket(Errno),
    /// The file in memory could not be made.
    SealedFile(Errno),
}

impl SendFailure {
    fn errno(self) -> Errno {
        match self {
            Self::Socket(errno) | Self::SealedFile(errno) => errno,
        }
    }

    /// Whether the same entry may be taken later.
    pub(crate) fn passes_by_itself(self) -> bool {
        matches!(
            self.errno(),
            Errno::NOENT
                | Errno::CONNREFUSED
                | Errno::CONNRESET
                | Errno::NOTCONN
                | Errno::AGAIN
                | Errno::NOBUFS
                | Errno::NOMEM
                | Errno::MFILE
                | Errno::NFILE
                | Errno::TOOMANYREFS
                | Errno::NOSPC
                | Errno::DQUOT
        )
    }

    /// Whether other entries may be taken: the failure is that of this entry's length.
    pub(crate) fn is_of_the_entry(self) -> bool {
        let is_long = matches!(self, Self::SealedFile(_)) || self.errno() == Errno::MSGSIZE;
        is_long && !self.passes_by_itself()
    }

    pub(crate) fn into_error(self, path: PathBuf) -> JournaldError {
        let source = io::Error::from(self.errno());
        match self {
            Self::SealedFile(_) => JournaldError::SealedFile(source),
            Self::Socket(Errno::NOENT | Errno::CONNREFUSED | Errno::CONNRESET | Errno::NOTCONN) => {
                JournaldError::NotRunning { path, source }
            }
            Self::Socket(Errno::AGAIN) => JournaldError::Busy { path },
            Self::Socket(_) => JournaldError::Send { path, source },
        }
    }
}
