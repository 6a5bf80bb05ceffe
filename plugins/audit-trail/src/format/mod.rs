//! The bytes of a trail file: entries, and checkpoints within them.

mod bodies;
mod checkpoint;
mod entry;
mod fields;

pub use self::{
    bodies::{BLOCK_BYTES_MAX, BlockBody, CloseBody, CloseReason, GapBody, OpenBody, RemovalBody, RestartBody},
    checkpoint::{Checkpoint, CheckpointError, TrailExtension, split_notes},
    entry::{
        CHAIN_BYTES, ENTRY_BYTES_MAX, EntryBody, EntryError, FORMAT_VERSION, OLDEST_FORMAT_VERSION, PREFIX_BYTES,
        TrailEntry,
    },
};
pub(crate) use self::{
    checkpoint::{NOTE_BYTES_MAX, hash, number},
    entry::EntryHeader,
};

/// The BLAKE3 hash of a block's bytes.
#[must_use]
pub fn block_digest(block: &[u8]) -> [u8; 32] {
    blake3::hash(block).into()
}
