//! Kinds of damage, and their places.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// A kind of damage. Each has an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamageKind {
    /// Bytes have other values: a bit flip, or a text that was replaced in its place.
    Altered,
    /// Blocks, entries, a checkpoint or a whole file are missing in the midst of the trail.
    Removed,
    /// Blocks or entries stand in another order.
    Reordered,
    /// Bytes or entries are there that the trail does not have.
    Inserted,
    /// The end of a file, or of the trail, is missing.
    Truncated,
    /// The file has nothing of what the trail has: it is another one.
    Replaced,
    /// The data file goes on behind the last entry: a write that a crash has interrupted, or an addition.
    Unrecorded,
    /// The trail belongs to another key than the verifier's.
    WrongKey,
    /// A checkpoint is no signed note, or its signature does not verify.
    CheckpointInvalid,
    /// A checkpoint whose signature verifies states another tree than the entries have.
    CheckpointInconsistent,
}

impl DamageKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Altered,
        Self::Removed,
        Self::Reordered,
        Self::Inserted,
        Self::Truncated,
        Self::Replaced,
        Self::Unrecorded,
        Self::WrongKey,
        Self::CheckpointInvalid,
        Self::CheckpointInconsistent,
    ];

    /// The name in reports. It does not change.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Removed => "removed",
            Self::Reordered => "reordered",
            Self::Inserted => "inserted",
            Self::Truncated => "truncated",
            Self::Replaced => "replaced",
            Self::Unrecorded => "unrecorded",
            Self::WrongKey => "wrong_key",
            Self::CheckpointInvalid => "checkpoint_invalid",
            Self::CheckpointInconsistent => "checkpoint_inconsistent",
        }
    }

    /// The exit code of a program that reports it: 10 to 19. It does not change.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Altered => 10,
            Self::Removed => 11,
            Self::Reordered => 12,
            Self::Inserted => 13,
            Self::Truncated => 14,
            Self::Replaced => 15,
            Self::Unrecorded => 16,
            Self::WrongKey => 17,
            Self::CheckpointInvalid => 18,
            Self::CheckpointInconsistent => 19,
        }
    }
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The first damage of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}: {detail} ({}, byte {offset}, entry {entry})", file.display())]
#[non_exhaustive]
pub struct TrailDamage {
    /// The kind.
    pub kind: DamageKind,
    /// The file: the data file or the trail file.
    pub file: PathBuf,
    /// The place in the file, in bytes.
    pub offset: u64,
    /// The entry's index in the Merkle tree, which is also the number of a block.
    pub entry: u64,
    /// A description. It holds nothing of the records.
    pub detail: String,
}

impl TrailDamage {
    pub(crate) fn new(
        kind: DamageKind,
        file: impl Into<PathBuf>,
        offset: u64,
        entry: u64,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, file: file.into(), offset, entry, detail: detail.into() }
    }
}

/// Why a trail was not verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The trail is damaged.
    #[error(transparent)]
    Damage(#[from] TrailDamage),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// There is no trail at this path.
    #[error("there is no trail file for {}", path.display())]
    NoTrail {
        /// The path of the data file.
        path: PathBuf,
    },
}

impl VerifyError {
    /// The exit code of a program that reports it: that of the [damage](DamageKind::exit_code), or 2.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Damage(damage) => damage.kind.exit_code(),
            Self::Io { .. } | Self::NoTrail { .. } => 2,
        }
    }
}
