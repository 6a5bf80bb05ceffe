//! Removals of old files by the sink, as entries record them.

use std::collections::BTreeMap;

use crate::{
    format::{FORMAT_VERSION, OpenBody, RemovalBody},
    tree::TreeHash,
    verify::damage::DamageKind,
};

/// The removals of a trail, and the states that they are compared with.
#[derive(Default)]
pub(crate) struct RecordedRemovals {
    /// The states before the files, by their numbers.
    opens: BTreeMap<u64, OpenState>,
    places: Vec<RemovalPlace>,
}

/// The state of the trail before a file.
struct OpenState {
    leaves: u64,
    root: TreeHash,
    unix_nanos: u64,
}

/// A removal of old files, and its place in the tree.
pub(crate) struct RemovalPlace {
    pub(crate) body: RemovalBody,
    pub(crate) sequence: u64,
    pub(crate) unix_nanos: u64,
}

impl RecordedRemovals {
    pub(super) fn note_open(&mut self, open: &OpenBody, unix_nanos: u64) {
        let state = OpenState { leaves: open.tree.size(), root: open.root, unix_nanos };
        self.opens.insert(open.segment, state);
    }

    pub(super) fn note(&mut self, place: RemovalPlace) {
        self.places.push(place);
    }

    /// The removals among the first `leaves`.
    pub(super) fn before(&self, leaves: u64) -> impl Iterator<Item = &RemovalPlace> {
        self.places.iter().filter(move |place| place.sequence < leaves)
    }

    /// A removal in the file of this `OPEN` is one of files before it, in the state that they had, and old enough.
    pub(super) fn check(
        &self,
        removal: &RemovalBody,
        unix_nanos: u64,
        open: &OpenBody,
    ) -> Result<(), (DamageKind, &'static str)> {
        // Not behind that of an earlier removal: one that was interrupted is recorded again, and the setting may have changed meanwhile.
        let is_allowed = open.version >= FORMAT_VERSION && (1..=open.segment).contains(&removal.first_kept);
        let kept = self.opens.get(&removal.first_kept);
        let has_state = kept.is_none_or(|kept| (kept.leaves, kept.root) == (removal.leaves, removal.root));
        if !is_allowed || !has_state {
            return Err((DamageKind::Altered, "the removal of old files is none of this trail"));
        }
        let is_too_early =
            |kept: &OpenState| unix_nanos.checked_sub(kept.unix_nanos).is_none_or(|age| age < removal.retain_nanos);
        if kept.is_some_and(is_too_early) {
            return Err((DamageKind::Removed, "old files were removed before their time"));
        }
        Ok(())
    }
}
