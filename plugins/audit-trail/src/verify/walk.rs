//! A walk through the entries of a trail, file by file.

use std::path::Path;

use crate::{
    format::{
        BlockBody, Checkpoint, CloseReason, ENTRY_BYTES_MAX, EntryBody, EntryError, OpenBody, PREFIX_BYTES, TrailEntry,
    },
    keys::{ChainKey, VerifyingKey},
    tree::{TreeFrontier, TreeHash, leaf_hash},
    verify::{
        damage::{DamageKind, TrailDamage},
        order,
        removals::{RecordedRemovals, RemovalPlace},
    },
};

/// The most checkpoints before a file whose first entry is believed without the files before it. More cannot have been written in
/// the lifetime of a machine; without a limit, a forged number would have the verifier derive keys for ever.
const EPOCHS_MAX: u64 = 50_000_000;

/// The most keys that are derived for a number that nothing proves: 0.1 s of work for a file of some hundred bytes.
const UNPROVEN_EPOCHS_MAX: u64 = 1_000_000;

/// The state of a trail between two entries.
pub(crate) struct TrailWalk<'k> {
    verifying: &'k VerifyingKey,
    /// The chain key of the current epoch, or of a later one; `None` if the verifier has none.
    key: Option<ChainKey>,
    /// The epoch of the first file's first entry, if it was not believed: the walk has no chain key from then on.
    pub(crate) unproven_epoch: Option<u64>,
    /// The trail's id, and the number of the file; `None` before the first entry.
    place: Option<WalkPlace>,
    pub(crate) chain: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) tree: TreeFrontier,
    /// The hashes of the leaves, from the first file on that was walked through.
    pub(crate) leaves: Vec<TreeHash>,
    /// The size of the tree before the first of `leaves`.
    pub(crate) leaves_start: u64,
    pub(crate) checkpoints: Vec<CheckpointPlace>,
    /// Removals of old files that the entries record.
    pub(crate) removals: RecordedRemovals,
}

#[derive(Debug, Clone, Copy)]
struct WalkPlace {
    trail_id: [u8; 16],
    segment: u64,
}

/// A checkpoint, and its place.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointPlace {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: String,
}

/// A block, and its place in the tree.
#[derive(Debug, Clone)]
pub(crate) struct BlockPlace {
    pub(crate) sequence: u64,
    pub(crate) body: BlockBody,
    /// The number of records in the blocks of the file before it.
    pub(crate) first_record: u64,
    /// The number of the chain key.
    pub(crate) epoch: u64,
    /// The time of writing.
    pub(crate) unix_nanos: u64,
}

/// A file that was walked through.
pub(crate) struct WalkedSegment {
    pub(crate) open: OpenBody,
    pub(crate) blocks: Vec<BlockPlace>,
    /// The length of the data file, as the entries have it.
    pub(crate) data_bytes: u64,
    pub(crate) records: u64,
    /// The last leaf, if it closes the file.
    pub(crate) closed: Option<(CloseReason, String)>,
    pub(crate) opened_nanos: u64,
    pub(crate) last_nanos: u64,
    pub(crate) gaps: u64,
    pub(crate) cuts: u64,
    /// The length of the entries.
    pub(crate) trail_bytes: u64,
}

/// An entry that was read, and its place in its file.
pub(crate) struct ReadEntry<'a> {
    pub(crate) at: usize,
    pub(crate) entry: TrailEntry,
    leaf: &'a [u8],
    chain: [u8; 32],
}

/// The treatment of an end that is no whole entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TornTail {
    /// It is damage.
    Damage,
    /// The walk ends before it: a crash has left it.
    Leave,
}

/// A file's place and bytes.
#[derive(Clone, Copy)]
pub(crate) struct TrailFile<'a> {
    pub(crate) path: &'a Path,
    pub(crate) bytes: &'a [u8],
}

impl TrailFile<'_> {
    fn damage(&self, kind: DamageKind, at: usize, entry: u64, detail: impl Into<String>) -> TrailDamage {
        TrailDamage::new(kind, self.path, at as u64, entry, detail)
    }
}

impl<'k> TrailWalk<'k> {
    pub(crate) fn new(verifying: &'k VerifyingKey, key: Option<ChainKey>) -> Self {
        Self {
            verifying,
            key,
            unproven_epoch: None,
            place: None,
            chain: [0; 32],
            epoch: 0,
            tree: TreeFrontier::default(),
            leaves: Vec::new(),
            leaves_start: 0,
            checkpoints: Vec::new(),
            removals: RecordedRemovals::default(),
        }
    }

    /// The chain key of the current epoch, if the walk has it.
    pub(crate) fn current_key(&self) -> Option<&ChainKey> {
        self.key.as_ref().filter(|key| key.epoch() == self.epoch)
    }

    /// The removals that a checkpoint has signed. Before that, no file is removed.
    pub(crate) fn signed_removals(&self) -> impl Iterator<Item = &RemovalPlace> {
        self.removals.before(self.checkpoints.last().map_or(0, |last| last.checkpoint.size))
    }

    /// Walks through a file.
    pub(crate) fn segment(&mut self, file: TrailFile<'_>, tail: TornTail) -> Result<WalkedSegment, TrailDamage> {
        let mut segment: Option<WalkedSegment> = None;
        let mut at = 0;
        while at < file.bytes.len() {
            if tail == TornTail::Leave && self.is_torn(file.bytes.get(at..).unwrap_or_default()) {
                break;
            }
            let read = self.read(file, at)?;
            at += read.leaf.len() + read.chain.len();
            match &mut segment {
                None => segment = Some(self.open_segment(file, &read)?),
                Some(segment) => {
                    self.check_order(file, &read)?;
                    self.check_place(file, &read, segment)?;
                }
            }
            let checkpoint = self.check_chain(file, &read)?;
            if let Some(segment) = &mut segment {
                segment.add(&read.entry);
                // The time in front of a note is in the chain alone, and that in the note is signed.
                segment.last_nanos =
                    checkpoint.as_ref().map_or(read.entry.unix_nanos, |place| place.checkpoint.extension.unix_nanos);
                segment.trail_bytes = at as u64;
            }
            self.advance(&read, checkpoint);
        }
        segment.ok_or_else(|| file.damage(DamageKind::Truncated, 0, self.tree.size(), "the trail file has no entry"))
    }

    fn read<'a>(&self, file: TrailFile<'a>, at: usize) -> Result<ReadEntry<'a>, TrailDamage> {
        let bytes = file.bytes.get(at..).unwrap_or_default();
        let size = self.tree.size();
        match read_entry(file.bytes, at) {
            Ok(read) => Ok(read),
            Err(EntryError::Incomplete) if self.is_cut(bytes) => {
                Err(file.damage(DamageKind::Truncated, at, size, "the trail file ends within an entry"))
            }
            Err(_) => Err(file.damage(DamageKind::Altered, at, size, "the trail file has bytes that are no entry")),
        }
    }

    /// Whether the end of a trail file is what a crash leaves: a part of an entry, or zeros.
    fn is_torn(&self, bytes: &[u8]) -> bool {
        let is_blank = bytes.iter().all(|byte| *byte == 0);
        is_blank || (TrailEntry::read(bytes) == Err(EntryError::Incomplete) && self.is_cut(bytes))
    }

    /// Whether bytes that are too few for an entry are the first part of one. An entry whose length was changed is none.
    fn is_cut(&self, bytes: &[u8]) -> bool {
        !self.is_whole_but_for_its_length(bytes) && !order::has_entry_within(bytes)
    }

    /// Whether the bytes are the last entry of a file, and its length alone was changed.
    fn is_whole_but_for_its_length(&self, bytes: &[u8]) -> bool {
        let mut changed = bytes.to_vec();
        let length = bytes.len().checked_sub(PREFIX_BYTES + 32).and_then(|length| u32::try_from(length).ok());
        let (Some(length), Some(field)) = (length, changed.get_mut(4..8)) else { return false };
        field.copy_from_slice(&length.to_le_bytes());
        match TrailEntry::read(&changed) {
            Ok((TrailEntry { body: EntryBody::Checkpoint(note), .. }, ..)) => {
                Checkpoint::verify(&note, self.verifying).is_ok()
            }
            Ok((entry, ..)) => entry.sequence == self.tree.size(),
            Err(_) => false,
        }
    }

    /// The sequence and the epoch are those that follow.
    fn check_order(&self, file: TrailFile<'_>, read: &ReadEntry<'_>) -> Result<(), TrailDamage> {
        let size = self.tree.size();
        let entry = &read.entry;
        if entry.sequence == size && entry.epoch == self.epoch {
            return Ok(());
        }
        let behind = order::Behind::of(file.bytes, read);
        let (kind, detail) = match &entry.body {
            EntryBody::Checkpoint(note) => match Checkpoint::verify(note, self.verifying) {
                Err(error) => (DamageKind::CheckpointInvalid, format!("the checkpoint is invalid: {error}")),
                Ok(checkpoint) if self.is_state(&checkpoint) => {
                    (DamageKind::Altered, "the checkpoint's entry has other numbers than its note".to_owned())
                }
                Ok(_) if entry.sequence != size => behind.classify_checkpoint(entry.sequence, size),
                Ok(_) => behind.classify_epoch(entry, self.epoch),
            },
            _ if entry.sequence != size => behind.classify(entry.sequence, size),
            _ => behind.classify_epoch(entry, self.epoch),
        };
        Err(file.damage(kind, read.at, size, detail))
    }

    fn open_segment(&mut self, file: TrailFile<'_>, read: &ReadEntry<'_>) -> Result<WalkedSegment, TrailDamage> {
        let size = self.tree.size();
        let damage = |kind, detail: &str| Err(file.damage(kind, read.at, size, detail));
        let EntryBody::Open(open) = &read.entry.body else {
            return damage(DamageKind::Removed, "the trail file begins with another entry than OPEN");
        };
        self.check_keys(file, read, open)?;
        match self.place {
            None => match self.begin(file, read, open) {
                Some(()) => {}
                None => return damage(DamageKind::Altered, "the entry OPEN contradicts itself"),
            },
            Some(before) => self.check_continues(file, read, open, before)?,
        }
        if open.root != self.tree.root() {
            return damage(DamageKind::Altered, "the root in the entry OPEN is not that of its subtrees");
        }
        self.place = Some(WalkPlace { trail_id: open.trail_id, segment: open.segment });
        self.removals.note_open(open, read.entry.unix_nanos);
        Ok(WalkedSegment::new(open))
    }

    /// The file is the one behind the file before it.
    fn check_continues(
        &self,
        file: TrailFile<'_>,
        read: &ReadEntry<'_>,
        open: &OpenBody,
        before: WalkPlace,
    ) -> Result<(), TrailDamage> {
        let damage = |kind, detail: &str| Err(file.damage(kind, read.at, self.tree.size(), detail));
        let next = before.segment.saturating_add(1);
        let has_state = open.tree == self.tree && open.chain == self.chain;
        if open.trail_id != before.trail_id && !has_state {
            return damage(DamageKind::Replaced, "the trail file belongs to another trail than the file before it");
        }
        if open.segment < next && !has_state {
            return damage(DamageKind::Replaced, "the trail file is one that stands before it");
        }
        if open.segment > next && !has_state {
            return damage(DamageKind::Removed, "a file of the trail is missing before this one");
        }
        if open.tree == self.tree && open.chain != self.chain && read.entry.epoch > self.epoch {
            return damage(DamageKind::Removed, "the checkpoint at the end of the file before it is missing");
        }
        let is_next = open.trail_id == before.trail_id && open.segment == next && has_state;
        let has_numbers = read.entry.sequence == self.tree.size() && read.entry.epoch == self.epoch;
        if !is_next || !has_numbers {
            return damage(DamageKind::Altered, "the entry OPEN does not continue the file before it");
        }
        Ok(())
    }

    /// Takes the state of the trail from the first file's first entry.
    fn begin(&mut self, file: TrailFile<'_>, read: &ReadEntry<'_>, open: &OpenBody) -> Option<()> {
        let TrailEntry { sequence, epoch, .. } = read.entry;
        let is_start = sequence == 0 && epoch == 0 && open.chain == [0; 32];
        // A checkpoint has an entry of its own before it.
        let is_possible = epoch <= sequence && epoch <= EPOCHS_MAX;
        if open.tree.size() != sequence || !is_possible || (open.segment == 0 && !is_start) {
            return None;
        }
        (self.tree, self.chain, self.epoch, self.leaves_start) = (open.tree.clone(), open.chain, epoch, sequence);
        if self.key.as_ref().is_some_and(|key| key.epoch() < epoch) {
            self.key = self.key_at(file, read, epoch);
            self.unproven_epoch = self.key.is_none().then_some(epoch);
        }
        Some(())
    }

    /// The verifier's key at a later epoch, which a file's first entries claim. `None` if the claim would have many keys derived, and
    /// nothing proves it: the chain is not verified then.
    fn key_at(&self, file: TrailFile<'_>, first: &ReadEntry<'_>, epoch: u64) -> Option<ChainKey> {
        let key = self.key.as_ref()?;
        let is_near = epoch.saturating_sub(key.epoch()) <= UNPROVEN_EPOCHS_MAX;
        let is_believed =
            is_near || self.checkpoints_behind(file, first).any(|checkpoint| checkpoint.extension.epoch >= epoch);
        if is_believed { key.at_epoch(epoch) } else { None }
    }

    /// The valid checkpoints of the entries behind one.
    fn checkpoints_behind<'a>(
        &'a self,
        file: TrailFile<'a>,
        read: &ReadEntry<'_>,
    ) -> impl Iterator<Item = Checkpoint> + 'a {
        order::entries(file.bytes, read.at).filter_map(|behind| match &behind.entry.body {
            EntryBody::Checkpoint(note) => Checkpoint::verify(note, self.verifying).ok(),
            _ => None,
        })
    }

    /// The keys in OPEN are the verifier's.
    fn check_keys(&self, file: TrailFile<'_>, read: &ReadEntry<'_>, open: &OpenBody) -> Result<(), TrailDamage> {
        let wrong = |is_altered: bool, detail: &str| {
            let kind = if is_altered { DamageKind::Altered } else { DamageKind::WrongKey };
            Err(file.damage(kind, read.at, self.tree.size(), detail))
        };
        if open.verifying_key != self.verifying.to_text() {
            let is_signed = self.checkpoints_behind(file, read).next().is_some();
            return wrong(is_signed, "the trail names another verifying key");
        }
        let Some(key) = &self.key else { return Ok(()) };
        if open.chain_key_id != key.id() {
            // The second entry is linked by the verifier's key: the id alone was changed.
            let second = order::entries(file.bytes, read.at).next();
            let is_linked = second.is_some_and(|second| {
                let epoch = second.entry.epoch.min(second.entry.sequence).min(EPOCHS_MAX);
                self.key_at(file, read, epoch).is_some_and(|key| key.link(&read.chain, second.leaf) == second.chain)
            });
            return wrong(is_linked, "the trail names another chain key");
        }
        Ok(())
    }

    /// The entry fits the entries before it in its file.
    fn check_place(
        &self,
        file: TrailFile<'_>,
        read: &ReadEntry<'_>,
        segment: &WalkedSegment,
    ) -> Result<(), TrailDamage> {
        let damage = |kind, detail: &str| Err(file.damage(kind, read.at, self.tree.size(), detail));
        let is_rotated = matches!(segment.closed, Some((CloseReason::Rotated, _)));
        let data_bytes = match &read.entry.body {
            EntryBody::Open(_) => return damage(DamageKind::Inserted, "a second entry OPEN"),
            EntryBody::Checkpoint(_) => return Ok(()),
            _ if is_rotated => return damage(DamageKind::Inserted, "an entry behind the last one of the file"),
            EntryBody::Block(block) => block.offset,
            EntryBody::Restart(restart) => restart.data_bytes,
            EntryBody::Close(close) => close.data_bytes,
            EntryBody::Gap(_) => segment.data_bytes,
            EntryBody::Removal(removal) => {
                if let Err((kind, detail)) = self.removals.check(removal, read.entry.unix_nanos, &segment.open) {
                    return damage(kind, detail);
                }
                segment.data_bytes
            }
        };
        if data_bytes != segment.data_bytes {
            return damage(DamageKind::Altered, "the entry's place in the data file is not behind the block before it");
        }
        Ok(())
    }

    /// The chain value is the one that the key makes of the entry, and a checkpoint states what the entries before it have. Returns the
    /// checkpoint, if the entry is one.
    fn check_chain(&self, file: TrailFile<'_>, read: &ReadEntry<'_>) -> Result<Option<CheckpointPlace>, TrailDamage> {
        let linked = self.current_key().is_none_or(|key| key.link(&self.chain, read.leaf) == read.chain);
        let size = self.tree.size();
        let damage = |kind, detail: String| Err(file.damage(kind, read.at, size, detail));
        let EntryBody::Checkpoint(note) = &read.entry.body else {
            return match linked {
                true => Ok(None),
                false => damage(DamageKind::Altered, "the entry or its chain value was changed".to_owned()),
            };
        };
        match Checkpoint::verify(note, self.verifying) {
            Err(error) => damage(DamageKind::CheckpointInvalid, format!("the checkpoint is invalid: {error}")),
            Ok(checkpoint) if !self.is_state(&checkpoint) => {
                let from = self.checkpoints.last().map_or(self.leaves_start, |last| last.checkpoint.size);
                let detail = format!("the checkpoint has another tree than the entries {from} to {size} have");
                damage(DamageKind::CheckpointInconsistent, detail)
            }
            Ok(_) if !linked => damage(DamageKind::Altered, "the checkpoint's entry was changed".to_owned()),
            Ok(checkpoint) => Ok(Some(CheckpointPlace { checkpoint, note: note.clone() })),
        }
    }

    /// Whether the checkpoint states what the entries before it have.
    fn is_state(&self, checkpoint: &Checkpoint) -> bool {
        let extension = &checkpoint.extension;
        let place =
            self.place.is_some_and(|place| place.trail_id == extension.trail_id && place.segment == extension.segment);
        place
            && checkpoint.origin == self.verifying.name()
            && checkpoint.size == self.tree.size()
            && checkpoint.root == self.tree.root()
            && extension.epoch == self.epoch
            && extension.chain == self.chain
    }

    fn advance(&mut self, read: &ReadEntry<'_>, checkpoint: Option<CheckpointPlace>) {
        self.chain = read.chain;
        let Some(checkpoint) = checkpoint else {
            let leaf = leaf_hash(read.leaf);
            self.tree.push(leaf);
            self.leaves.push(leaf);
            if let EntryBody::Removal(body) = read.entry.body {
                let TrailEntry { sequence, unix_nanos, .. } = read.entry;
                self.removals.note(RemovalPlace { body, sequence, unix_nanos });
            }
            return;
        };
        self.checkpoints.push(checkpoint);
        if let Some(key) = self.current_key() {
            self.key = Some(key.next());
        }
        self.epoch = self.epoch.saturating_add(1);
    }
}

impl WalkedSegment {
    fn new(open: &OpenBody) -> Self {
        Self {
            open: open.clone(),
            blocks: Vec::new(),
            data_bytes: 0,
            records: 0,
            closed: None,
            opened_nanos: 0,
            last_nanos: 0,
            gaps: 0,
            cuts: 0,
            trail_bytes: 0,
        }
    }

    fn add(&mut self, entry: &TrailEntry) {
        if entry.is_leaf() {
            self.closed = None;
        }
        match &entry.body {
            EntryBody::Block(body) => {
                let TrailEntry { sequence, epoch, unix_nanos, .. } = *entry;
                self.blocks.push(BlockPlace { sequence, epoch, unix_nanos, body: *body, first_record: self.records });
                self.data_bytes = body.end();
                self.records = self.records.saturating_add(u64::from(body.records));
            }
            EntryBody::Close(close) => self.closed = Some((close.reason, close.next_name.clone())),
            EntryBody::Gap(gap) => self.gaps = self.gaps.saturating_add(gap.payloads),
            EntryBody::Restart(restart) => {
                let is_cut = restart.cut_data_bytes > 0 || restart.cut_trail_bytes > 0;
                self.cuts = self.cuts.saturating_add(u64::from(is_cut));
            }
            EntryBody::Open(_) => self.opened_nanos = entry.unix_nanos,
            EntryBody::Removal(_) | EntryBody::Checkpoint(_) => {}
        }
    }
}

pub(crate) fn read_entry(bytes: &[u8], at: usize) -> Result<ReadEntry<'_>, EntryError> {
    let bytes = bytes.get(at..).unwrap_or_default();
    let bytes = bytes.get(..ENTRY_BYTES_MAX).unwrap_or(bytes);
    let (entry, leaf, chain) = TrailEntry::read(bytes)?;
    Ok(ReadEntry { at, entry, leaf, chain })
}

impl ReadEntry<'_> {
    /// The place behind it.
    pub(crate) fn end(&self) -> usize {
        self.at + self.leaf.len() + self.chain.len()
    }
}
