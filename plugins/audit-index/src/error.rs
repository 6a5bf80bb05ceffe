//! Errors of an index.

use std::{io, path::PathBuf};

use fapilog_audit_trail::verify::{DamageKind, VerifyError};
use thiserror::Error;

/// Why an index was not opened, not updated, or found nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The trail does not verify.
    #[error(transparent)]
    Trail(#[from] VerifyError),
    /// A file cannot be used.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// The operation.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// SQLite reports an error.
    #[error("the index {} cannot be used", path.display())]
    Sqlite {
        /// The index.
        path: PathBuf,
        /// The error.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process has locked the index for longer than the [limit](crate::index::LOCK_WAIT).
    #[error("another process has locked the index {} for more than {seconds} s; attempt it again, or use another index", path.display())]
    Busy {
        /// The index.
        path: PathBuf,
        /// The limit.
        seconds: u64,
    },
    /// The file is no index, and is left as it is.
    #[error("{} is no index of an audit trail: {found}; name another file, or remove it", path.display())]
    NotAnIndex {
        /// The file.
        path: PathBuf,
        /// The difference.
        found: String,
    },
    /// Other users can read or change the index.
    #[error("the index {} has the mode {mode:o}, by which other users have access to it; its mode must be 600", path.display())]
    Mode {
        /// The index.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The index is of another trail.
    #[error(
        "the trail was replaced: the index {} is of the trail {indexed}, and the file has the trail {found}; rebuild the index if that is \
         known",
        path.display()
    )]
    OtherTrail {
        /// The index.
        path: PathBuf,
        /// The id of the indexed trail, in hexadecimal digits.
        indexed: String,
        /// The id of the trail in the files.
        found: String,
    },
    /// The trail has fewer entries than the index has seen: its end was cut away.
    #[error(
        "the trail was truncated since it was indexed: it has {entries} entries, and the index {} has seen {indexed}; rebuild the index if \
         that is known",
        path.display()
    )]
    Shrunk {
        /// The index.
        path: PathBuf,
        /// The entries of the trail.
        entries: u64,
        /// The entries that the index has seen.
        indexed: u64,
    },
    /// An entry that was indexed is now another one, in a trail that verifies.
    #[error(
        "the trail was changed since it was indexed: entry {entry} is another one than the index {} has seen ({}, byte {offset}); rebuild \
         the index if that is known",
        path.display(),
        file.display()
    )]
    Changed {
        /// The index.
        path: PathBuf,
        /// The data file.
        file: PathBuf,
        /// The place in the data file, in bytes.
        offset: u64,
        /// The number of the entry.
        entry: u64,
    },
    /// Files were removed before they were indexed.
    #[error(
        "the trail's files begin with entry {first}, and the index {} ends before entry {indexed}: the files between are gone; rebuild \
         the index",
        path.display()
    )]
    FilesMissing {
        /// The index.
        path: PathBuf,
        /// The first entry in the files.
        first: u64,
        /// The entries that the index has seen.
        indexed: u64,
    },
    /// Files stand before those that were indexed: they were moved away, and are there again.
    #[error(
        "the trail's files begin with number {first}, and the index {} begins with number {indexed}: it has no records of the files \
         between; rebuild the index",
        path.display()
    )]
    FilesBefore {
        /// The index.
        path: PathBuf,
        /// The number of the first data file.
        first: u64,
        /// The number of the first data file that was indexed.
        indexed: u64,
    },
    /// Another process has emptied the index during the search, so that records may be missing in the answer.
    #[error("the index {} was made anew by another process in the meantime; repeat the query", path.display())]
    MadeAnew {
        /// The index.
        path: PathBuf,
    },
    /// A row of the index is not that of the record in the trail.
    #[error("the index {} was changed: {detail} ({}, byte {offset}); rebuild the index", path.display(), file.display())]
    RowDiffers {
        /// The index.
        path: PathBuf,
        /// The data file.
        file: PathBuf,
        /// The place in the data file, in bytes.
        offset: u64,
        /// The difference. It has nothing of the record.
        detail: &'static str,
    },
    /// The index has another number of rows than the trail has records.
    #[error("the index {} was changed: it stands for {found} records, and the trail has {expected}; rebuild the index", path.display())]
    RowsMissing {
        /// The index.
        path: PathBuf,
        /// The rows, and the records without one.
        found: u64,
        /// The records of the trail.
        expected: u64,
    },
}

impl IndexError {
    /// The kind of damage of the trail, if the error is about one.
    #[must_use]
    pub fn damage(&self) -> Option<DamageKind> {
        match self {
            Self::Trail(VerifyError::Damage(damage)) => Some(damage.kind),
            Self::OtherTrail { .. } => Some(DamageKind::Replaced),
            Self::Shrunk { .. } => Some(DamageKind::Truncated),
            Self::Changed { .. } => Some(DamageKind::Altered),
            _ => None,
        }
    }

    /// Whether the index itself was changed.
    #[must_use]
    pub fn is_about_index(&self) -> bool {
        matches!(self, Self::RowDiffers { .. } | Self::RowsMissing { .. } | Self::NotAnIndex { .. })
    }
}
