//! Compression of rotated files.
//!
//! 1. The compressed bytes are written to a *part file*, `.NAME.zst.part`, beside the plain file.
//! 2. The part file gets the mode, the owner and the time of the plain file, and is synced.
//! 3. The part file is renamed to `NAME.zst`, unless a file has that name; the directory is synced.
//! 4. The plain file is removed.
//!
//! A crash leaves a part file before step 3, and both files before step 4. [`clean_up()`] removes the part file, and the plain
//! file whose compressed twin is whole. A sink holds an exclusive lock on the file that it writes to; a compression holds an
//! exclusive lock on its part file, and a shared one on the plain file. Without such a lock, a file belongs to nobody.

mod clean_up;
mod codec;
mod error;
mod page_cache;
mod part_file;
mod priority;
mod setting;
pub(crate) mod thread;

use std::{io, path::Path, path::PathBuf};

use self::part_file::PartFile;
pub use self::setting::Compression;
pub(crate) use self::{clean_up::clean_up, error::CompressError, priority::lower_priority};

/// A format of compressed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Codec {
    Gzip,
    Zstd,
}

impl Codec {
    pub(crate) const ALL: &'static [Self] = &[Self::Gzip, Self::Zstd];

    /// The end of a compressed file's name.
    pub(crate) fn suffix(self) -> &'static [u8] {
        match self {
            Self::Gzip => b".gz",
            Self::Zstd => b".zst",
        }
    }

    /// A file's name without the end of a compressed file's, and the format of that end.
    pub(crate) fn split(name: &[u8]) -> (&[u8], Option<Self>) {
        let plain = Self::ALL.iter().find_map(|codec| Some((name.strip_suffix(codec.suffix())?, Some(*codec))));
        plain.unwrap_or((name, None))
    }

    /// The name of the format, and of the crate's feature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Whether the crate was built with the feature.
    pub(crate) fn is_built(self) -> bool {
        match self {
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }
}

/// The result of a compression that met no error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compressed {
    /// The compressed file has replaced the plain file.
    Whole { path: PathBuf, plain_bytes: u64, bytes: u64 },
    /// The plain file stays, because the caller has stopped the compression.
    Stopped,
    /// The plain file was removed meanwhile. There is no compressed file either.
    Gone,
    /// A sink still writes to the plain file, or another process compresses it. The plain file stays.
    InUse,
}

/// Replaces a plain file by its compressed twin. `stop` is asked after each buffer. [`Compression::None`] is stopped at once.
///
/// # Errors
/// The plain file stays, and no part file does.
pub(crate) fn compress(
    file: &Path,
    compression: Compression,
    stop: &dyn Fn() -> bool,
) -> Result<Compressed, CompressError> {
    let Some(codec) = compression.codec() else { return Ok(Compressed::Stopped) };
    if !codec.is_built() {
        return Err(CompressError::NotBuilt { codec: codec.name() });
    }
    match replace(file, compression, codec, stop) {
        Err(CompressError::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => Ok(Compressed::InUse),
        result => result,
    }
}

fn replace(
    file: &Path,
    compression: Compression,
    codec: Codec,
    stop: &dyn Fn() -> bool,
) -> Result<Compressed, CompressError> {
    let Some(part) = PartFile::create(file, codec)? else { return Ok(Compressed::Gone) };
    let filled = part.fill(compression, stop);
    part.finish(filled)
}

#[cfg(test)]
mod tests;
