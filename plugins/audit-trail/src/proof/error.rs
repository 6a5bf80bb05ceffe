//! Errors of proofs.

use thiserror::Error;

use crate::{format::CheckpointError, verify::VerifyError};

/// Why a proof was not made, or does not verify.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The trail does not verify: a proof of it would not either.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// No block has such a record.
    #[error("no record of the trail is {selector}")]
    NoSuchRecord {
        /// The record that was looked for.
        selector: String,
    },
    /// No checkpoint includes the block yet.
    #[error("no checkpoint includes block {entry} yet; the next one will")]
    NotSignedYet {
        /// The block's number.
        entry: u64,
    },
    /// The files before the first one are needed, and gone: to count records, or for a checkpoint that is older than they are.
    #[error("the trail begins with file {segment}; this proof needs the files before it")]
    FilesMissing {
        /// The number of the first file that is there.
        segment: u64,
    },
    /// The trail has no checkpoint of this size, or is smaller.
    #[error("the trail has {size} entries under its last checkpoint, and {wanted} are asked for")]
    NoSuchSize {
        /// The size of the last checkpoint.
        size: u64,
        /// The size that was asked for.
        wanted: u64,
    },
    /// The text is no proof.
    #[error("it is no proof of this form: {expected}")]
    Malformed {
        /// The part that was expected.
        expected: &'static str,
    },
    /// The checkpoint in the proof is invalid.
    #[error("the checkpoint in the proof is invalid")]
    Checkpoint(#[from] CheckpointError),
    /// The record is not the one that the entry stands for.
    #[error("the block in the proof is not the one that its entry stands for")]
    BlockDiffers,
    /// The hashes do not lead to the root of the checkpoint.
    #[error("the hashes of the proof do not lead to the root of its checkpoint")]
    RootDiffers,
    /// The older checkpoint is not the one that the proof begins with.
    #[error("the older checkpoint has {found} entries, and the proof begins with {wanted}")]
    OtherCheckpoint {
        /// The size of the checkpoint.
        found: u64,
        /// The size in the proof.
        wanted: u64,
    },
}
