//! Errors of the side that encrypts.

use std::{io, path::PathBuf};

use fapilog_plugin::error::PluginError;
use thiserror::Error;

/// Why bytes could not be encrypted, or an encryption could not be set up. No text of it holds a key or plaintext.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// The system gives no random bytes.
    #[error("the system's random numbers cannot be read")]
    NoRandomness,
    /// The cipher refused a key or an input.
    #[error("AES-256-GCM refused its input")]
    Cipher,
    /// The inner formatter cannot format the batch.
    #[error("the records cannot be formatted")]
    Format(#[source] PluginError),
    /// The compression failed.
    #[error("the records cannot be compressed")]
    Compress(#[source] io::Error),
    /// An event is longer than a frame may be.
    #[error("an event of {bytes} bytes is longer than a frame may be, which is {limit_bytes} bytes")]
    TooLong {
        /// Length of the rendered event.
        bytes: usize,
        /// The greatest length.
        limit_bytes: usize,
    },
    /// Nobody could read the frames.
    #[error("there is no recipient and no key: nothing could ever be decrypted")]
    NoKeyHolder,
    /// There are more recipients and keys than a frame has room for.
    #[error("there are {count} recipients and keys; a frame has room for {limit}")]
    TooManyKeyHolders {
        /// Their number.
        count: usize,
        /// The greatest number.
        limit: usize,
    },
    /// The recipient's key is one of the few with which no secret can be agreed.
    #[error("recipient {recipient} is no key with which a secret can be agreed")]
    WeakRecipient {
        /// The recipient, as text.
        recipient: String,
    },
    /// The process was forked. The child must not go on with the parent's keys: both would use the same nonces.
    #[error("the formatter was made by the parent of this process")]
    Forked,
    /// The key store cannot be used.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
}

/// Why a key store cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// An operation on one of its files failed.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// The operation: a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Users other than its owner have access to it.
    #[error("key store {} has mode {mode:04o}; it must be a directory of mode 0700", path.display())]
    Mode {
        /// The directory.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// It belongs to another user, who can read and change it.
    #[error("key store {} belongs to user {owner}; the program runs as user {user}, to whom it must belong", path.display())]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user of the program.
        user: u32,
    },
    /// It has keys of subjects, and not the key that their ids are made with. Another such key would leave them where nobody finds them.
    #[error("{} is absent, and the store has keys of subjects: their ids cannot be made without it", path.display())]
    NoSubjectIndex {
        /// The absent file.
        path: PathBuf,
    },
    /// A file of it is no key file, or it is damaged.
    #[error("{} is no key file of this version, or is damaged", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
    },
    /// The keys at hand do not open a key file.
    #[error("none of the keys at hand opens {}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key that is still in use is not erased.
    #[error("the keys of {day} are in use until that day is over in UTC; today is {today}")]
    DayInUse {
        /// The day to erase.
        day: crate::key_store::UtcDay,
        /// Today.
        today: crate::key_store::UtcDay,
    },
    /// A key could not be made or wrapped.
    #[error("no key can be made for the key store")]
    Encrypt(#[source] Box<EncryptError>),
}

impl KeyStoreError {
    pub(crate) fn io(operation: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_path_buf(), source }
    }
}

impl From<EncryptError> for KeyStoreError {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::KeyStore(error) => error,
            error => Self::Encrypt(Box::new(error)),
        }
    }
}
