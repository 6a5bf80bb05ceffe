//! Errors of keys. They hold no bytes of a key.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why there is no key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file of a key cannot be read or written.
    #[error("cannot {operation} the key file {}", path.display())]
    Io {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The text is no key of this kind.
    #[error("it is no {wanted}; it must have the form {form}")]
    Malformed {
        /// The kind of key.
        wanted: &'static str,
        /// The form of its text.
        form: &'static str,
    },
    /// The name cannot be that of a key.
    #[error(
        "{name:?} is no name of a key; allowed are 1 to 255 characters without spaces, control characters and \"+\""
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The setting of the key refers to something that cannot be read.
    #[error("the reference to the key cannot be read")]
    Reference(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The system has no randomness for a new key.
    #[error("the system has no random bytes for a new key")]
    Random(#[source] io::Error),
}
