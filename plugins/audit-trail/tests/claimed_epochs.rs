//! The number of checkpoints that a first file claims to stand before it: a chain key is derived for each of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::fs;

use fapilog_audit_trail::{
    format::{Checkpoint, EntryBody, OLDEST_FORMAT_VERSION, OpenBody, TrailEntry, TrailExtension},
    keys::{ChainKey, read_signing_key},
    tree::{TreeFrontier, leaf_hash},
    verify::{VerifiedTrail, Verifier},
};
use support::Fixture;

/// A trail of a single file, whose first entry claims that so many checkpoints were before it.
struct ClaimingFile {
    fixture: Fixture,
    /// The key of the epoch, in a file that is signed.
    key: Option<ChainKey>,
    epoch: u64,
    bytes: Vec<u8>,
    tree: TreeFrontier,
    chain: [u8; 32],
}

const TRAIL_ID: [u8; 16] = [3; 16];

fn first_key() -> ChainKey {
    ChainKey::from_bytes(&[9; 32])
}

impl ClaimingFile {
    fn unsigned(epoch: u64) -> Self {
        Self::new(epoch, None)
    }

    fn new(epoch: u64, key: Option<ChainKey>) -> Self {
        let subtrees = vec![[5; 32]; epoch.count_ones() as usize];
        let tree = TreeFrontier::from_subtrees(epoch, subtrees).unwrap();
        let fixture = Fixture::new();
        let mut file = Self { fixture, key, epoch, bytes: Vec::new(), tree, chain: [7; 32] };
        let open = OpenBody {
            version: OLDEST_FORMAT_VERSION,
            replaces_broken: false,
            block_bytes_max: 4096,
            trail_id: TRAIL_ID,
            segment: 1,
            tree: file.tree.clone(),
            root: file.tree.root(),
            chain: file.chain,
            chain_key_id: first_key().id(),
            verifying_key: file.fixture.verifying_key().to_text(),
            data_name: "audit.jsonl".to_owned(),
            previous_name: "audit-1.jsonl".to_owned(),
        };
        file.push(EntryBody::Open(Box::new(open)));
        file
    }

    fn push(&mut self, body: EntryBody) {
        let entry = TrailEntry { sequence: self.tree.size(), unix_nanos: 1, epoch: self.epoch, body };
        let leaf = entry.to_bytes();
        self.chain = self.key.as_ref().map_or([0; 32], |key| key.link(&self.chain, &leaf));
        if entry.is_leaf() {
            self.tree.push(leaf_hash(&leaf));
        }
        self.bytes.extend_from_slice(&leaf);
        self.bytes.extend_from_slice(&self.chain);
    }

    /// With a checkpoint behind the first entry, by the trail's keys.
    fn signed(epoch: u64) -> Self {
        let mut file = Self::new(epoch, first_key().at_epoch(epoch));
        let (size, root) = (file.tree.size(), file.tree.root());
        let extension = TrailExtension { trail_id: TRAIL_ID, segment: 1, epoch, unix_nanos: 1, chain: file.chain };
        let checkpoint = Checkpoint { origin: "example.com/audit".to_owned(), size, root, extension };
        let note = checkpoint.sign(&read_signing_key(&file.fixture.keys.signing).unwrap());
        file.push(EntryBody::Checkpoint(note));
        file
    }

    fn verify(&self) -> VerifiedTrail {
        fs::write(self.fixture.trail_path(), &self.bytes).unwrap();
        fs::write(self.fixture.path(), "").unwrap();
        let verifier = Verifier::new(self.fixture.verifying_key()).chain_key(first_key());
        verifier.verify(&self.fixture.path()).unwrap()
    }
}

#[test]
fn no_key_is_derived_for_a_high_number_that_nothing_proves() {
    for epoch in [1_000_001, 50_000_000] {
        let verified = ClaimingFile::unsigned(epoch).verify();
        assert_eq!((verified.has_verified_chain, verified.unproven_epoch), (false, Some(epoch)));
    }
}

#[test]
fn a_high_number_is_believed_if_a_checkpoint_of_the_file_proves_it() {
    let verified = ClaimingFile::signed(1_000_001).verify();
    assert_eq!((verified.has_verified_chain, verified.unproven_epoch, verified.checkpoints), (true, None, 1));
}
