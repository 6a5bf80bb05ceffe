//! The bytes of a trail file: entries, and checkpoints within them.

mod bodies;
mod checkpoint;
mod entry;
mod fields;

pub(crate) use self::checkpoint::{hash, number, split_notes};
pub use self::{
    bodies::{BlockBody, CloseBody, CloseReason, GapBody, OpenBody, RestartBody},
    checkpoint::{Checkpoint, CheckpointError, TrailExtension},
    entry::{CHAIN_BYTES, ENTRY_BYTES_MAX, EntryBody, EntryError, FORMAT_VERSION, PREFIX_BYTES, TrailEntry},
};

/// The BLAKE3 hash of a block's bytes.
#[must_use]
pub fn block_digest(block: &[u8]) -> [u8; 32] {
    blake3::hash(block).into()
}
