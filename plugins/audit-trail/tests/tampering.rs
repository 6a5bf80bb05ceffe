//! A thousand tamperings, each found and placed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use fapilog_audit_trail::{
    keys::{ChainKey, SigningKey},
    verify::{DamageKind, TrailDamage, Verifier, VerifyError},
};
use support::{
    Fixture, copy,
    tamper::{Random, WAYS, tamper},
};

/// A trail of several files, and the verifier of an auditor.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().rotate_bytes(32 * 1024), 6);
    fixture.write(fixture.sink().rotate_bytes(32 * 1024), 4);
    assert!(fixture.verify().unwrap().segments >= 3);
    fixture
}

/// 1,000, or more where a search for rare cases asks for them.
fn tamperings() -> u64 {
    std::env::var("AUDIT_TRAIL_TAMPERINGS").map_or(1000, |number| number.parse().unwrap())
}

fn verifier(fixture: &Fixture) -> Verifier {
    fixture.verifier().anchor(&fs::read_to_string(fixture.anchor_path()).unwrap(), "anchor.notes")
}

fn damage(verifier: &Verifier, directory: &Path) -> Option<TrailDamage> {
    match verifier.verify(&directory.join("audit.jsonl")) {
        Ok(_) => None,
        Err(VerifyError::Damage(damage)) => Some(damage),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_thousand_random_tamperings_are_found_and_placed() {
    let (fixture, other) = (fixture(), Fixture::new());
    other.write(other.sink(), 3);
    let verifier = verifier(&fixture);
    assert_eq!(damage(&verifier, fixture.directory.path()), None);
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for case in 0..tamperings() {
        let directory = copy(fixture.directory.path());
        let mut random = Random::new(case);
        let expected = tamper(directory.path(), other.directory.path(), case as usize % WAYS, &mut random);
        let what = &expected.what;
        let Some(damage) = damage(&verifier, directory.path()) else { panic!("case {case} is not found: {what}") };
        let place = (damage.file.clone(), damage.offset);
        assert!(expected.kinds.contains(&damage.kind), "case {case}, {expected:?}: {damage}");
        assert_eq!(place, (expected.file.clone(), expected.offset), "case {case}, {expected:?}: {damage}");
        *found.entry(damage.kind.name()).or_default() += 1;
    }
    assert!(found.len() >= 9 && found.values().sum::<usize>() as u64 == tamperings(), "{found:?}");
}

#[test]
fn a_wrong_key_is_a_kind_of_its_own() {
    let fixture = fixture();
    let signing = SigningKey::from_seed("example.com/audit", &[1; 32]).unwrap();
    let wrong_signature = Verifier::new(signing.verifying_key().clone()).chain_key(fixture.first_key());
    let wrong_chain = Verifier::new(fixture.verifying_key()).chain_key(ChainKey::from_bytes(&[1; 32]));
    for verifier in [wrong_signature, wrong_chain] {
        let damage = damage(&verifier, fixture.directory.path()).unwrap();
        assert_eq!((damage.kind, damage.offset, damage.kind.exit_code()), (DamageKind::WrongKey, 0, 17));
    }
}

#[test]
fn without_the_chain_key_a_forged_block_is_found_at_the_next_checkpoint() {
    let fixture = fixture();
    let verifier = Verifier::new(fixture.verifying_key());
    for case in 0..20 {
        let directory = copy(fixture.directory.path());
        tamper(directory.path(), fixture.directory.path(), 16, &mut Random::new(case));
        let damage = damage(&verifier, directory.path()).unwrap();
        assert_eq!(damage.kind, DamageKind::CheckpointInconsistent, "{damage}");
    }
}

#[test]
fn a_history_that_was_written_anew_with_all_keys_is_found_by_the_anchor() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let old = copy(fixture.directory.path());
    fixture.write(fixture.sink(), 3);
    let anchored = fs::read_to_string(fixture.anchor_path()).unwrap();
    for name in ["audit.jsonl", "audit.jsonl.trail", "audit.jsonl.chain-key"] {
        fs::copy(old.path().join(name), fixture.directory.path().join(name)).unwrap();
    }
    fixture.write(fixture.sink(), 4);
    assert!(fixture.verify().is_ok(), "who has all keys can write another history");
    let verifier = fixture.verifier().anchor(&anchored, "anchor");
    assert_eq!(damage(&verifier, fixture.directory.path()).unwrap().kind, DamageKind::CheckpointInconsistent);
}

#[test]
fn exit_codes_are_those_of_the_page_and_differ() {
    let codes: Vec<u8> = DamageKind::ALL.iter().map(|kind| kind.exit_code()).collect();
    assert_eq!(codes, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn the_time_of_the_last_entry_is_one_that_is_signed() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 2);
    let verifier = Verifier::new(fixture.verifying_key());
    let before = verifier.verify(&fixture.path()).unwrap().last_nanos;
    let mut bytes = fs::read(fixture.trail_path()).unwrap();
    let at = bytes.windows(4).rposition(|tag| tag == b"CKPT").unwrap();
    bytes[at + 16..at + 24].copy_from_slice(&1u64.to_le_bytes());
    fs::write(fixture.trail_path(), bytes).unwrap();
    assert_eq!(verifier.verify(&fixture.path()).unwrap().last_nanos, before);
}

/// Runs on a thread of its own: a reader that hangs fails the test.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    result.recv_timeout(support::TIMEOUT).unwrap_or_else(|_| panic!("the reader hangs"))
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_does_not_hang() {
    for name in ["audit.jsonl", "audit.jsonl.trail"] {
        let fixture = Fixture::new();
        fixture.write(fixture.sink(), 1);
        let path = fixture.directory.path().join(name);
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (verifier, live) = (verifier(&fixture), fixture.path());
        let error = in_time(move || verifier.verify(&live)).unwrap_err();
        assert!(matches!(&error, VerifyError::Io { path: found, .. } if *found == path), "{error}");
        let sink = fixture.sink();
        in_time(move || support::builder().sink("audit", sink).start().map(|_| ())).unwrap_err();
    }
}

#[test]
fn a_device_without_an_end_in_the_place_of_a_trail_file_is_refused() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    fs::remove_file(fixture.trail_path()).unwrap();
    std::os::unix::fs::symlink("/dev/zero", fixture.trail_path()).unwrap();
    assert!(matches!(verifier(&fixture).verify(&fixture.path()), Err(VerifyError::Io { .. })));
}

#[test]
fn a_trail_file_of_a_terabyte_of_zeros_is_not_read_into_memory() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let trail = fs::OpenOptions::new().write(true).open(fixture.trail_path()).unwrap();
    let length = trail.metadata().unwrap().len();
    trail.set_len(length + 7).unwrap();
    let short = damage(&verifier(&fixture), fixture.directory.path()).unwrap();
    trail.set_len(1 << 40).unwrap();
    let damage = damage(&verifier(&fixture), fixture.directory.path()).unwrap();
    assert_eq!((damage.kind, damage.offset), (DamageKind::Altered, length));
    assert_eq!(short, damage);
}
