//! Old files: removed by the sink, and recorded; removed by others, and found.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fapilog_audit_trail::{
    format::{Checkpoint, EntryBody, RemovalBody, TrailEntry, TrailExtension, split_notes},
    keys::{ChainKey, read_chain_key, read_signing_key},
    proof::{ProofError, RecordSelector, verify_consistency_proof},
    sink::AuditTrail,
    tree::{TreeFrontier, leaf_hash},
    verify::{DamageKind, VerifiedTrail, Verifier, VerifyError},
};
use support::{Fixture, TIMEOUT, builder, copy, log_payloads, shut_down, start};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn sink(fixture: &Fixture) -> AuditTrail {
    fixture.sink().rotate_bytes(16 * 1024)
}

/// A closed trail of several files, which the sink may remove from now on.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write(sink(&fixture).retain_age(HOUR), 8);
    fixture
}

fn anchored(fixture: &Fixture) -> Verifier {
    fixture.verifier().anchor(&fs::read_to_string(fixture.anchor_path()).unwrap(), "anchor")
}

/// Starts the sink until it has removed files, and a look more.
fn remove_old(fixture: &Fixture) -> VerifiedTrail {
    let end = Instant::now() + TIMEOUT;
    loop {
        let logs = start(builder(), sink(fixture).retain_age(SECOND));
        log_payloads(&logs, 1);
        shut_down(&logs);
        let verified = anchored(fixture).verify(&fixture.path()).unwrap();
        if verified.first_segment > 0 {
            return verified;
        }
        assert!(Instant::now() < end, "{verified:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn rotated(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with("audit.jsonl"))
        .collect();
    paths.sort();
    paths
}

fn trail_of(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".trail");
    name.into()
}

fn damage(result: Result<VerifiedTrail, VerifyError>) -> (DamageKind, PathBuf, u64) {
    match result {
        Err(VerifyError::Damage(damage)) => (damage.kind, damage.file, damage.offset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn old_files_are_removed_and_the_removal_is_recorded_and_signed() {
    let fixture = fixture();
    let before = fixture.verify().unwrap();
    assert!(before.segments > 3 && before.removed.is_none(), "{before:?}");
    let verified = remove_old(&fixture);
    let removed = verified.removed.unwrap();
    assert_eq!((removed.first_kept, removed.retain_age), (verified.first_segment, SECOND));
    assert!(removed.unix_nanos > before.last_nanos && verified.first_nanos > before.first_nanos);
    // Without the keys of an auditor, too.
    let verifier = Verifier::new(fixture.verifying_key());
    assert_eq!(verifier.verify(&fixture.path()).unwrap().removed, Some(removed));
    assert_eq!(rotated(fixture.directory.path()).len() as u64 + 1, verified.segments);
}

#[test]
fn files_that_are_not_old_enough_stay() {
    let fixture = fixture();
    let before = fixture.names();
    shut_down(&start(builder(), sink(&fixture).retain_age(HOUR)));
    assert_eq!(fixture.names(), before);
    assert_eq!(fixture.verify().unwrap().first_segment, 0);
}

#[test]
fn files_that_others_have_removed_are_damage_also_beside_those_that_the_sink_removed() {
    let fixture = fixture();
    for is_first in [true, false] {
        if !is_first {
            remove_old(&fixture);
            fixture.write(sink(&fixture).retain_age(HOUR), 8);
        }
        let directory = copy(fixture.directory.path());
        let files = rotated(directory.path());
        for data in &files[..2] {
            fs::remove_file(data).unwrap();
            fs::remove_file(trail_of(data)).unwrap();
        }
        let found = damage(anchored(&fixture).verify(&directory.path().join("audit.jsonl")));
        assert_eq!(found, (DamageKind::Removed, trail_of(&files[2]), 0));
    }
}

#[test]
fn a_trail_without_retention_has_the_first_version_and_its_oldest_files_may_be_moved_away() {
    let fixture = Fixture::new();
    fixture.write(sink(&fixture), 4);
    let oldest = rotated(fixture.directory.path()).remove(0);
    let bytes = fs::read(trail_of(&oldest)).unwrap();
    assert_eq!(bytes[32..34], 1u16.to_le_bytes());
    fs::remove_file(&oldest).unwrap();
    fs::remove_file(trail_of(&oldest)).unwrap();
    let verified = anchored(&fixture).verify(&fixture.path()).unwrap();
    assert_eq!((verified.first_segment, verified.removed), (1, None));
}

#[test]
fn retention_of_an_older_trail_begins_with_its_next_file() {
    let fixture = Fixture::new();
    fixture.write(sink(&fixture), 4);
    let verified = remove_old(&fixture);
    assert!(verified.removed.is_some(), "{verified:?}");
}

#[test]
fn an_interrupted_removal_verifies_and_is_completed() {
    let fixture = fixture();
    // The removal ends at a data file that cannot be removed: a directory that is not empty.
    let [_, second, ..] = &rotated(fixture.directory.path())[..] else { panic!("{:?}", fixture.names()) };
    fs::remove_file(second).unwrap();
    fs::create_dir(second).unwrap();
    fs::write(second.join("file"), "").unwrap();
    run_until_it_reports(&fixture, &format!("cannot remove {}", second.display()));

    // The state that a crash between the removal of a data file and that of its trail file leaves.
    fs::remove_dir_all(second).unwrap();
    assert_eq!(anchored(&fixture).verify(&fixture.path()).unwrap().first_segment, 1);
    let logs = start(builder(), sink(&fixture).retain_age(SECOND));
    wait_until_gone(&trail_of(second));
    shut_down(&logs);
    assert!(anchored(&fixture).verify(&fixture.path()).unwrap().removed.is_some());
}

/// Starts a sink with retention until a diagnostic of it has the text.
fn run_until_it_reports(fixture: &Fixture, text: &str) {
    let end = Instant::now() + TIMEOUT;
    loop {
        let logs = start(builder(), sink(fixture).retain_age(SECOND));
        log_payloads(&logs, 1);
        let reports = format!("{:?}", logs.diagnostics());
        shut_down(&logs);
        if reports.contains(text) {
            return;
        }
        assert!(Instant::now() < end, "{reports}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn wait_until_gone(path: &Path) {
    let end = Instant::now() + TIMEOUT;
    while path.exists() {
        assert!(Instant::now() < end, "{} is not removed", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn files_that_do_not_verify_are_evidence_and_stay() {
    let fixture = fixture();
    let oldest = trail_of(&rotated(fixture.directory.path())[0]);
    let mut bytes = fs::read(&oldest).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&oldest, &bytes).unwrap();
    run_until_it_reports(&fixture, "old files of the trail are not removed");
    assert_eq!(fs::read(&oldest).unwrap(), bytes);
}

#[test]
fn torn_ends_are_removed_with_the_age_of_their_names() {
    let fixture = fixture();
    let torn = |millis: u64| fixture.directory.path().join(format!("audit.jsonl.torn-7-{millis}"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    for millis in [1, now] {
        fs::write(torn(millis), "half").unwrap();
    }
    let logs = start(builder(), sink(&fixture).retain_age(HOUR));
    wait_until_gone(&torn(1));
    shut_down(&logs);
    assert!(torn(now).exists());
}

#[test]
fn proofs_are_made_of_the_files_that_stay() {
    let fixture = fixture();
    let verified = remove_old(&fixture);
    let key = fixture.verifying_key();
    let text = RecordSelector::Containing(b"\"record\":7,".to_vec());
    let proof = fixture.verifier().prove(&fixture.path(), &text).unwrap();
    assert!(proof.verify(&key).is_ok());
    let by_number = fixture.verifier().prove(&fixture.path(), &RecordSelector::Number(0));
    assert!(matches!(by_number, Err(ProofError::FilesMissing { segment }) if segment == verified.first_segment));
    let notes = fs::read_to_string(fixture.anchor_path()).unwrap();
    let mut proven = 0;
    for note in split_notes(&notes) {
        let size = Checkpoint::verify(note, &key).unwrap().size;
        match fixture.verifier().prove_consistency(&fixture.path(), size) {
            Ok(proof) => proven += usize::from(verify_consistency_proof(&proof.to_text(), note, &key).is_ok()),
            Err(error) => assert!(matches!(error, ProofError::FilesMissing { .. }), "{error}"),
        }
    }
    assert!(proven > 2, "{proven}");
}

#[test]
fn a_file_is_rotated_at_the_end_of_its_period_without_further_events() {
    let fixture = Fixture::new();
    let logs = start(builder(), fixture.sink().rotate_every(SECOND));
    log_payloads(&logs, 1);
    let end = Instant::now() + TIMEOUT;
    while rotated(fixture.directory.path()).is_empty() {
        assert!(Instant::now() < end, "not rotated");
        std::thread::sleep(Duration::from_millis(10));
    }
    shut_down(&logs);
    assert_eq!(fixture.verify().unwrap().records, 40);
}

/// Appends entries to the open trail file of a directory as the holder of keys can.
struct Forger {
    bytes: Vec<u8>,
    path: PathBuf,
    key: ChainKey,
    chain: [u8; 32],
    tree: TreeFrontier,
    opened: u64,
    trail_id: [u8; 16],
    segment: u64,
}

impl Forger {
    fn new(directory: &Path) -> Self {
        let path = directory.join("audit.jsonl.trail");
        let bytes = fs::read(&path).unwrap();
        let key = read_chain_key(&directory.join("audit.jsonl.chain-key")).unwrap();
        let (open, ..) = TrailEntry::read(&bytes).unwrap();
        let EntryBody::Open(body) = open.body else { panic!("no OPEN") };
        let (opened, trail_id, segment) = (open.unix_nanos, body.trail_id, body.segment);
        let mut forger = Self { path, key, chain: [0; 32], tree: body.tree, opened, trail_id, segment, bytes };
        let mut at = 0;
        while at < forger.bytes.len() {
            let (entry, leaf, chain) = TrailEntry::read(&forger.bytes[at..]).unwrap();
            if entry.is_leaf() {
                forger.tree.push(leaf_hash(leaf));
            }
            (at, forger.chain) = (at + leaf.len() + 32, chain);
        }
        forger
    }

    fn push(&mut self, unix_nanos: u64, body: EntryBody) {
        let entry = TrailEntry { sequence: self.tree.size(), unix_nanos, epoch: self.key.epoch(), body };
        let leaf = entry.to_bytes();
        self.chain = self.key.link(&self.chain, &leaf);
        if entry.is_leaf() {
            self.tree.push(leaf_hash(&leaf));
        }
        self.bytes.extend_from_slice(&leaf);
        self.bytes.extend_from_slice(&self.chain);
    }

    fn push_checkpoint(&mut self, fixture: &Fixture) {
        let extension = TrailExtension {
            trail_id: self.trail_id,
            segment: self.segment,
            epoch: self.key.epoch(),
            unix_nanos: self.opened,
            chain: self.chain,
        };
        let (size, root, origin) = (self.tree.size(), self.tree.root(), "example.com/audit".to_owned());
        let note = Checkpoint { origin, size, root, extension }.sign(&read_signing_key(&fixture.keys.signing).unwrap());
        self.push(self.opened, EntryBody::Checkpoint(note));
    }

    fn write(&self) {
        fs::write(&self.path, &self.bytes).unwrap();
    }
}

/// A running trail, as its files are, and the state before its live file.
fn running() -> (Fixture, tempfile::TempDir, RemovalBody) {
    let fixture = Fixture::new();
    let logs = start(builder(), sink(&fixture).retain_age(HOUR));
    log_payloads(&logs, 6);
    let directory = copy(fixture.directory.path());
    shut_down(&logs);
    let bytes = fs::read(directory.path().join("audit.jsonl.trail")).unwrap();
    let (open, ..) = TrailEntry::read(&bytes).unwrap();
    let EntryBody::Open(open) = open.body else { panic!("no OPEN") };
    let removal =
        RemovalBody { first_kept: open.segment, leaves: open.tree.size(), root: open.root, retain_nanos: 1_000 };
    (fixture, directory, removal)
}

/// The removal of the oldest file alone.
fn first_file_removed(directory: &Path) -> RemovalBody {
    let bytes = fs::read(trail_of(&rotated(directory)[1])).unwrap();
    let (open, ..) = TrailEntry::read(&bytes).unwrap();
    let EntryBody::Open(open) = open.body else { panic!("no OPEN") };
    RemovalBody { first_kept: open.segment, leaves: open.tree.size(), root: open.root, retain_nanos: 0 }
}

fn remove_rotated(directory: &Path) {
    for data in rotated(directory) {
        fs::remove_file(&data).unwrap();
        fs::remove_file(trail_of(&data)).unwrap();
    }
}

#[test]
fn a_removal_that_no_checkpoint_has_signed_explains_nothing() {
    let (fixture, directory, removal) = running();
    remove_rotated(directory.path());
    let live = directory.path().join("audit.jsonl");
    let verifier = Verifier::new(fixture.verifying_key());
    let mut forger = Forger::new(directory.path());
    forger.push(forger.opened + 1_000, EntryBody::Removal(removal));
    forger.write();
    assert_eq!(damage(verifier.verify(&live)).0, DamageKind::Removed);
    forger.push_checkpoint(&fixture);
    forger.write();
    assert!(verifier.verify(&live).unwrap().removed.is_some());
}

#[test]
fn a_removal_whose_checkpoint_a_crash_has_taken_is_recorded_again() {
    let (fixture, directory, removal) = running();
    let mut forger = Forger::new(directory.path());
    forger.push(forger.opened + 1_000, EntryBody::Removal(removal));
    forger.write();
    let crashed = Fixture { keys: fixture.keys.clone(), directory };
    let logs = start(builder(), sink(&crashed).checkpoint_blocks(1000).retain_age(SECOND));
    let end = Instant::now() + TIMEOUT;
    while !rotated(crashed.directory.path()).is_empty() {
        assert!(Instant::now() < end, "not removed");
        std::thread::sleep(SECOND);
        // A look follows a rotation.
        log_payloads(&logs, 1);
        logs.rotate(TIMEOUT).unwrap();
        let verified = crashed.verifier().running().verify(&crashed.path()).unwrap();
        if verified.removed.is_some() {
            break;
        }
    }
    shut_down(&logs);
    assert!(crashed.verify().unwrap().removed.is_some());
}

#[test]
fn a_removal_that_is_none_of_the_trail_is_found() {
    let (fixture, directory, removal) = running();
    let live = directory.path().join("audit.jsonl");
    let verify = |removal: RemovalBody, age: u64| {
        let directory = copy(directory.path());
        let mut forger = Forger::new(directory.path());
        forger.push(forger.opened + age, EntryBody::Removal(removal));
        forger.push_checkpoint(&fixture);
        forger.write();
        fixture.verifier().verify(&directory.path().join("audit.jsonl"))
    };
    assert!(verify(removal, 1_000).is_ok());
    // Recorded again with fewer files, behind a change of the setting.
    let again = copy(directory.path());
    let mut forger = Forger::new(again.path());
    forger.push(forger.opened + 1_000, EntryBody::Removal(removal));
    forger.push(forger.opened + 1_000, EntryBody::Removal(first_file_removed(again.path())));
    forger.push_checkpoint(&fixture);
    forger.write();
    assert!(fixture.verifier().verify(&again.path().join("audit.jsonl")).is_ok());
    assert_eq!(damage(verify(removal, 999)).0, DamageKind::Removed, "before its time");
    for other in [
        RemovalBody { first_kept: 0, ..removal },
        RemovalBody { first_kept: removal.first_kept + 1, ..removal },
        RemovalBody { leaves: removal.leaves + 1, ..removal },
        RemovalBody { root: [1; 32], ..removal },
    ] {
        assert_eq!(damage(verify(other, 1_000)).0, DamageKind::Altered, "{other:?}");
    }
    assert!(fixture.verifier().verify(&live).is_ok());
}
