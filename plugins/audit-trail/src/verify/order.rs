//! Entries out of order: removed, inserted, exchanged, or with a changed number.

use crate::{
    format::{EntryBody, TrailEntry},
    verify::{
        damage::DamageKind,
        walk::{ReadEntry, read_entry},
    },
};

/// The entries behind a place, as far as they can be read.
pub(crate) fn entries(bytes: &[u8], behind: usize) -> impl Iterator<Item = ReadEntry<'_>> {
    let mut at = read_entry(bytes, behind).map_or(bytes.len(), |first| first.end());
    std::iter::from_fn(move || {
        let read = read_entry(bytes, at).ok()?;
        at = read.end();
        Some(read)
    })
}

/// The entries behind one that does not follow.
pub(crate) struct Behind {
    /// The sequences of the leaves.
    leaves: Vec<u64>,
    /// The sequence and the epoch of the next entry.
    next_sequence: Option<u64>,
    next_epoch: Option<u64>,
}

impl Behind {
    pub(crate) fn of(bytes: &[u8], read: &ReadEntry<'_>) -> Self {
        let mut leaves = Vec::new();
        let (mut next_sequence, mut next_epoch) = (None, None);
        for other in entries(bytes, read.at) {
            next_sequence.get_or_insert(other.entry.sequence);
            next_epoch.get_or_insert(other.entry.epoch);
            if other.entry.is_leaf() {
                leaves.push(other.entry.sequence);
            }
        }
        Self { leaves, next_sequence, next_epoch }
    }

    /// The kind of damage where a leaf of `found` stands in the place of `expected`.
    pub(crate) fn classify(&self, found: u64, expected: u64) -> (DamageKind, String) {
        let next = self.leaves.first().copied();
        let after_next = self.leaves.get(1).copied();
        let following = expected.checked_add(1);
        if next == Some(expected) && (after_next == following || Some(found) != following) {
            return (DamageKind::Inserted, format!("an entry with the number {found} stands before entry {expected}"));
        }
        if self.leaves.contains(&expected) {
            return (DamageKind::Reordered, format!("entry {found} stands in the place of entry {expected}"));
        }
        if self.next_sequence.is_some() && self.next_sequence == following {
            return (DamageKind::Altered, format!("entry {expected} has the number {found}"));
        }
        if found > expected {
            return (DamageKind::Removed, format!("entries {expected} to {} are missing", found - 1));
        }
        (DamageKind::Inserted, format!("entry {found} stands in the place of entry {expected}, too"))
    }

    /// The kind of damage where a valid checkpoint of `found` leaves stands behind `size` leaves.
    pub(crate) fn classify_checkpoint(&self, found: u64, size: u64) -> (DamageKind, String) {
        let is_continued = self.leaves.first().is_none_or(|next| *next == found);
        if found > size && is_continued {
            return (DamageKind::Removed, format!("entries {size} to {} are missing", found - 1));
        }
        (DamageKind::CheckpointInconsistent, format!("a checkpoint of {found} entries stands behind {size}"))
    }

    /// The kind of damage where an entry has another epoch.
    pub(crate) fn classify_epoch(&self, entry: &TrailEntry, epoch: u64) -> (DamageKind, String) {
        let found = entry.epoch;
        if entry.is_leaf() && self.next_sequence == Some(entry.sequence) {
            return (
                DamageKind::Inserted,
                format!("an entry of the epoch {found} stands before the checkpoint {epoch}"),
            );
        }
        if found > epoch && self.next_epoch.is_some_and(|next| next >= found) {
            return (DamageKind::Removed, format!("checkpoints {epoch} to {} are missing", found - 1));
        }
        if found < epoch && matches!(entry.body, EntryBody::Checkpoint(_)) {
            return (DamageKind::Inserted, format!("the checkpoint {found} stands a second time in the trail"));
        }
        (DamageKind::Altered, format!("the entry has the epoch {found} in the place of {epoch}"))
    }
}

/// Whether the bytes have a whole entry anywhere behind their first four.
pub(crate) fn has_entry_within(bytes: &[u8]) -> bool {
    (4..bytes.len()).any(|at| read_entry(bytes, at).is_ok())
}
