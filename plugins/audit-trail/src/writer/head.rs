//! The state of a trail behind its last durable entry.

use std::time::{Instant, SystemTime};

use crate::{
    format::{
        BlockBody, Checkpoint, CloseBody, CloseReason, EntryBody, OLDEST_FORMAT_VERSION, OpenBody, RemovalBody,
        TrailEntry, TrailExtension,
    },
    keys::{ChainKey, SigningKey},
    tree::{TreeFrontier, leaf_hash},
};

/// The state of a trail behind its last durable entry. A write makes entries on a copy, which takes its place when they are durable.
#[derive(Debug, Clone)]
pub(super) struct TrailHead {
    pub(super) trail_id: [u8; 16],
    pub(super) segment: u64,
    pub(super) key: ChainKey,
    pub(super) chain: [u8; 32],
    pub(super) tree: TreeFrontier,
    /// The length of the data file, and of the trail file.
    pub(super) data_bytes: u64,
    pub(super) trail_bytes: u64,
    pub(super) records: u64,
    /// The last leaf closes the file.
    pub(super) is_closed: bool,
    /// When the file's first entry was written, in nanoseconds since 1970.
    pub(super) opened_nanos: u64,
    /// The version of the file's format.
    pub(super) version: u16,
    /// The name of the data file before it; empty for the first.
    pub(super) previous_name: String,
    /// The first file that stays, after the last removal that the file records.
    pub(super) first_kept: u64,
    pub(super) since_checkpoint: SinceCheckpoint,
}

/// The entries behind the last checkpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct SinceCheckpoint {
    pub(super) leaves: u64,
    pub(super) blocks: u64,
    pub(super) first: Option<Instant>,
}

impl SinceCheckpoint {
    pub(super) const NONE: Self = Self { leaves: 0, blocks: 0, first: None };
}

pub(super) fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl TrailHead {
    /// The head of a new trail, behind a file of this name, or none.
    pub(super) fn new(trail_id: [u8; 16], key: ChainKey, previous_name: String) -> Self {
        Self {
            trail_id,
            segment: 0,
            key,
            chain: [0; 32],
            tree: TreeFrontier::default(),
            data_bytes: 0,
            trail_bytes: 0,
            records: 0,
            is_closed: false,
            opened_nanos: 0,
            version: OLDEST_FORMAT_VERSION,
            previous_name,
            first_kept: 0,
            since_checkpoint: SinceCheckpoint::NONE,
        }
    }

    /// The head of the next file, which continues the data file of this name.
    pub(super) fn next_file(self, previous_name: String) -> Self {
        Self { segment: self.segment.saturating_add(1), previous_name, ..self }
    }

    pub(super) fn opened_second(&self) -> u64 {
        self.opened_nanos / 1_000_000_000
    }

    /// Appends an entry to `out`.
    pub(super) fn push(&mut self, body: EntryBody, out: &mut Vec<u8>) {
        self.push_at(unix_nanos(), body, out);
    }

    /// Appends an entry of this time.
    fn push_at(&mut self, unix_nanos: u64, body: EntryBody, out: &mut Vec<u8>) {
        let start = out.len();
        let is_block = matches!(body, EntryBody::Block(_));
        let entry = TrailEntry { sequence: self.tree.size(), unix_nanos, epoch: self.key.epoch(), body };
        entry.write(out);
        let leaf = out.get(start..).unwrap_or_default();
        self.chain = self.key.link(&self.chain, leaf);
        if entry.is_leaf() {
            self.tree.push(leaf_hash(leaf));
            let since = &mut self.since_checkpoint;
            (since.leaves, since.blocks) = (since.leaves + 1, since.blocks + u64::from(is_block));
            since.first.get_or_insert_with(Instant::now);
            self.is_closed = matches!(entry.body, EntryBody::Close(_));
        }
        out.extend_from_slice(&self.chain);
        self.trail_bytes += (out.len() - start) as u64;
    }

    pub(super) fn push_block(&mut self, block: BlockBody, out: &mut Vec<u8>) {
        self.data_bytes = block.end();
        self.records += u64::from(block.records);
        self.push(EntryBody::Block(block), out);
    }

    /// Opens the next file.
    pub(super) fn push_open(&mut self, open: OpenFacts<'_>, out: &mut Vec<u8>) {
        let body = OpenBody {
            version: open.version,
            replaces_broken: open.replaces_broken,
            block_bytes_max: open.block_bytes_max,
            trail_id: self.trail_id,
            segment: self.segment,
            root: self.tree.root(),
            tree: self.tree.clone(),
            chain: self.chain,
            chain_key_id: self.key.id(),
            verifying_key: open.signing.verifying_key().to_text(),
            data_name: open.data_name,
            previous_name: self.previous_name.clone(),
        };
        (self.data_bytes, self.trail_bytes, self.records) = (0, 0, 0);
        (self.version, self.opened_nanos) = (open.version, unix_nanos());
        self.push_at(self.opened_nanos, EntryBody::Open(Box::new(body)), out);
    }

    /// Records a removal of old files, as of the time by which they are too old.
    pub(super) fn push_removal(&mut self, removal: RemovalBody, unix_nanos: u64, out: &mut Vec<u8>) {
        self.first_kept = self.first_kept.max(removal.first_kept);
        self.push_at(unix_nanos, EntryBody::Removal(removal), out);
    }

    pub(super) fn push_close(&mut self, reason: CloseReason, next_name: String, out: &mut Vec<u8>) {
        let (data_bytes, records) = (self.data_bytes, self.records);
        self.push(EntryBody::Close(CloseBody { reason, data_bytes, records, next_name }), out);
    }

    /// Appends a checkpoint, and takes the next chain key. Returns the note.
    pub(super) fn push_checkpoint(&mut self, signing: &SigningKey, out: &mut Vec<u8>) -> String {
        let extension = TrailExtension {
            trail_id: self.trail_id,
            segment: self.segment,
            epoch: self.key.epoch(),
            unix_nanos: unix_nanos(),
            chain: self.chain,
        };
        let origin = signing.verifying_key().name().to_owned();
        let note = Checkpoint { origin, size: self.tree.size(), root: self.tree.root(), extension }.sign(signing);
        self.push(EntryBody::Checkpoint(note.clone()), out);
        self.key = self.key.next();
        self.since_checkpoint = SinceCheckpoint::NONE;
        note
    }
}

/// The facts about a file that opens.
pub(super) struct OpenFacts<'a> {
    pub(super) version: u16,
    pub(super) replaces_broken: bool,
    pub(super) block_bytes_max: u32,
    pub(super) signing: &'a SigningKey,
    pub(super) data_name: String,
}
