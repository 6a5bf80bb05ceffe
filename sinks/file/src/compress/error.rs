//! Errors of a compression.

use std::{io, path::PathBuf};

/// The reason why a file was not compressed. The plain file stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CompressError {
    #[error("cannot {operation} {}: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    /// Another program has written to the file.
    #[error("{} was changed while it was compressed", path.display())]
    Changed { path: PathBuf },
    /// The file is a link, a directory, or another thing.
    #[error("{} is no regular file", path.display())]
    NotAPlainFile { path: PathBuf },
    /// The compressed file exists, but is not the compressed form of the plain file.
    #[error("{} exists, and is not the compressed form of its plain file", path.display())]
    Exists { path: PathBuf },
    #[error("the library was built without the feature `{codec}`")]
    NotBuilt { codec: &'static str },
    /// The caller has stopped it.
    #[error("the compression was stopped")]
    Stopped,
}

/// An error of the system at a path.
pub(super) fn io_error<E: Into<io::Error>>(
    operation: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(E) -> CompressError {
    let path = path.into();
    move |source| CompressError::Io { operation, path, source: source.into() }
}
