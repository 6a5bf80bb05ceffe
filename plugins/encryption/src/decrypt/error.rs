//! Errors of a reader.

use std::io;

use thiserror::Error;

use crate::{error::KeyStoreError, key_store::UtcDay};

/// Why some bytes of a stream could not be decrypted. Except for [`Read`](Self::Read), the frames behind them are read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// A frame is damaged: its bytes were changed, or a part of it is absent.
    #[error("byte {offset}: a frame is damaged ({bytes} bytes are skipped)")]
    Damaged {
        /// Where it begins.
        offset: u64,
        /// Bytes to the next frame.
        bytes: u64,
    },
    /// The stream ends within a frame.
    #[error("byte {offset}: the last frame is torn: only {bytes} bytes of it are there")]
    Truncated {
        /// Where it begins.
        offset: u64,
        /// The bytes that there are.
        bytes: u64,
    },
    /// Bytes that are no frame: plaintext of before the encryption, or the end of a damaged frame.
    #[error("byte {offset}: {bytes} bytes are no frame")]
    NotEncrypted {
        /// Where they begin.
        offset: u64,
        /// Their number.
        bytes: u64,
    },
    /// A frame of a later version of the format.
    #[error("byte {offset}: a frame has version {version} and flags {flags:#04x}, which this program does not know")]
    UnknownVersion {
        /// Where it begins.
        offset: u64,
        /// Bytes to the next frame.
        bytes: u64,
        /// Its version.
        version: u8,
        /// Its flags.
        flags: u8,
    },
    /// None of the reader's keys opens the frame.
    #[error("byte {offset}: none of the keys at hand opens the frame")]
    NoKey {
        /// Where it begins.
        offset: u64,
        /// Bytes to the next frame.
        bytes: u64,
    },
    /// The key was erased.
    #[error("byte {offset}: the frame is of {day}, whose key was erased")]
    Shredded {
        /// Where it begins.
        offset: u64,
        /// Bytes to the next frame.
        bytes: u64,
        /// The day.
        day: UtcDay,
    },
    /// The key store cannot be used.
    #[error("byte {offset}: the key of a frame cannot be had")]
    KeyStore {
        /// Where it begins.
        offset: u64,
        /// Bytes to the next frame.
        bytes: u64,
        /// The reason.
        source: KeyStoreError,
    },
    /// The stream cannot be read any further.
    #[error("byte {offset}: the encrypted bytes cannot be read")]
    Read {
        /// The place of the frame, or of the bytes, that were being read.
        offset: u64,
        /// The error of the system.
        source: io::Error,
    },
}

impl DecryptError {
    /// The place: bytes from the beginning of the stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::Damaged { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::NotEncrypted { offset, .. }
            | Self::UnknownVersion { offset, .. }
            | Self::NoKey { offset, .. }
            | Self::Shredded { offset, .. }
            | Self::KeyStore { offset, .. }
            | Self::Read { offset, .. } => *offset,
        }
    }

    /// The number of bytes from that place to the next frame, or to the end: those that are skipped.
    #[must_use]
    pub fn skipped_bytes(&self) -> u64 {
        match self {
            Self::Damaged { bytes, .. }
            | Self::Truncated { bytes, .. }
            | Self::NotEncrypted { bytes, .. }
            | Self::UnknownVersion { bytes, .. }
            | Self::NoKey { bytes, .. }
            | Self::Shredded { bytes, .. }
            | Self::KeyStore { bytes, .. } => *bytes,
            Self::Read { .. } => 0,
        }
    }

    /// The exit code that a command should have.
    #[must_use]
    pub fn exit(&self) -> DecryptExit {
        match self {
            Self::Shredded { .. } => DecryptExit::Shredded,
            Self::Truncated { .. } => DecryptExit::Truncated,
            Self::NotEncrypted { .. } => DecryptExit::NotEncrypted,
            Self::UnknownVersion { .. } => DecryptExit::UnknownVersion,
            Self::NoKey { .. } => DecryptExit::NoKey,
            Self::Damaged { .. } => DecryptExit::Damaged,
            Self::KeyStore { .. } | Self::Read { .. } => DecryptExit::NotReadable,
        }
    }
}

/// Exit codes of a command that decrypts, from the least grave on. 1 and 2 are left to errors of its own, and of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum DecryptExit {
    /// Every byte was decrypted.
    Success = 0,
    /// Keys of frames were erased, which is as it should be.
    Shredded = 10,
    /// The last frame is torn, as a crash leaves it.
    Truncated = 11,
    /// Bytes between frames are no frame.
    NotEncrypted = 12,
    /// Frames are of a later version.
    UnknownVersion = 13,
    /// No key at hand opens some frames.
    NoKey = 14,
    /// Frames are damaged.
    Damaged = 15,
    /// The stream or a key store cannot be read.
    NotReadable = 16,
}

impl DecryptExit {
    /// The code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}
