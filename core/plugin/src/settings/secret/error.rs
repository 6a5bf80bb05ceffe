//! Why a secret could not be read.

use std::{io, time::Duration};

use thiserror::Error;

use super::{SecretEncoding, unread::UNREAD};
use crate::problem::Problem;

/// Why a secret could not be read. It names the reference, and never the value.
///
/// The text of an error has its cause in it. So the cause is no [`source`](std::error::Error::source): it would be written twice where
/// sources are written, as in the error of a sink that does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A check of settings reads no secrets: neither does it run programs, nor need the secrets of another machine.
    #[error("{reference} is not read: {UNREAD}")]
    Unread {
        /// The reference.
        reference: String,
    },
    /// The environment has no such variable.
    #[error("{reference} names a variable that is not set")]
    NotSet {
        /// The reference.
        reference: String,
    },
    /// There is no byte behind the reference.
    #[error("{reference} leads to an empty secret")]
    Empty {
        /// The reference.
        reference: String,
    },
    /// The secret is longer than a secret may be.
    #[error("{reference} leads to more than {bytes_max} bytes")]
    TooLong {
        /// The reference.
        reference: String,
        /// The most bytes.
        bytes_max: usize,
    },
    /// The file could not be opened or read.
    #[error("{reference} cannot be read: {error}")]
    Unreadable {
        /// The reference.
        reference: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The path leads to a directory, a pipe, a socket or a device.
    #[error("{reference} is no regular file")]
    NotAFile {
        /// The reference.
        reference: String,
    },
    /// Other users can read or change the file.
    #[error(
        "{reference} has mode {mode:03o}: other users can read or change it; `chmod {wanted:03o}` it, or set \
         allow_readable_by_others = true"
    )]
    ReadableByOthers {
        /// The reference.
        reference: String,
        /// The mode of the file.
        mode: u32,
        /// A mode that is accepted.
        wanted: u32,
    },
    /// The program could not be started.
    #[error("{reference} cannot be run: {error}")]
    NotRun {
        /// The reference.
        reference: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The program reported a failure.
    #[error("{reference} failed with {status}; its stderr is not shown")]
    Failed {
        /// The reference.
        reference: String,
        /// Its exit status or its signal.
        status: String,
    },
    /// The program took too long, and was killed.
    #[error("{reference} took longer than {limit:?}, and was killed")]
    TimedOut {
        /// The reference.
        reference: String,
        /// The time limit.
        limit: Duration,
    },
    /// The text is not of the encoding that the settings name.
    #[error("{reference} leads to a text that is not {encoding}")]
    NotEncoded {
        /// The reference.
        reference: String,
        /// The encoding that the settings name.
        encoding: SecretEncoding,
    },
}

impl SecretError {
    /// The problem of the setting at `path`, for a plugin's constructor.
    #[must_use]
    pub fn problem(self, path: impl Into<String>) -> Problem {
        let text = self.to_string();
        let (reference, reason) = text.split_at(self.reference().len());
        let problem = Problem::new(path, reference, reason.trim_start());
        match self {
            Self::Unreadable { error, .. } | Self::NotRun { error, .. } => problem.caused_by(error),
            _ => problem,
        }
    }

    /// The reference that could not be read: `${NAME}`, `file /run/secrets/key`, `command prog`.
    #[must_use]
    pub fn reference(&self) -> &str {
        match self {
            Self::Unread { reference }
            | Self::NotSet { reference }
            | Self::Empty { reference }
            | Self::TooLong { reference, .. }
            | Self::Unreadable { reference, .. }
            | Self::NotAFile { reference }
            | Self::ReadableByOthers { reference, .. }
            | Self::NotRun { reference, .. }
            | Self::Failed { reference, .. }
            | Self::TimedOut { reference, .. }
            | Self::NotEncoded { reference, .. } => reference,
        }
    }
}
