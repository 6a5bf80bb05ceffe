//! Readers of files that anybody may have written: they refuse, and never panic or hang.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{fs, path::Path, sync::OnceLock};

use fapilog_audit_trail::{
    format::{Checkpoint, TrailEntry},
    keys::{ChainKey, SigningKey, VerifyingKey},
    proof::{RecordSelector, verify_consistency_proof, verify_inclusion_proof},
    verify::Verifier,
};
use proptest::prelude::*;
use support::Fixture;

struct Valid {
    fixture: Fixture,
    trail: Vec<u8>,
    proof: Vec<u8>,
    consistency: Vec<u8>,
    note: String,
}

fn valid() -> &'static Valid {
    static VALID: OnceLock<Valid> = OnceLock::new();
    VALID.get_or_init(|| {
        let fixture = Fixture::new();
        fixture.write(fixture.sink(), 3);
        let trail = fs::read(fixture.trail_path()).unwrap();
        let path = fixture.path();
        let proof = fixture.verifier().prove(&path, &RecordSelector::Number(5)).unwrap().to_text();
        let consistency = fixture.verifier().prove_consistency(&path, 3).unwrap().to_text();
        let note = fixture.verify().unwrap().last_checkpoint.unwrap();
        Valid { fixture, trail, proof: proof.into_bytes(), consistency: consistency.into_bytes(), note }
    })
}

/// A change: bytes at a place are replaced by others.
type Edit = (prop::sample::Index, usize, Vec<u8>);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"CKPT\xff\xff\x03\0".to_vec()),
        Just(b"OPEN".to_vec()),
        Just(vec![0xff; 8]),
        Just(Vec::new()),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..200, bytes), 1..4)
}

fn edited(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, removed, put) in edits {
        let start = at.index(bytes.len() + 1);
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, put.iter().copied());
    }
    bytes
}

fn verifiers(fixture: &Fixture) -> [Verifier; 2] {
    [fixture.verifier(), Verifier::new(fixture.verifying_key())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_trail_file_that_was_changed_is_refused(edits in edits()) {
        let valid = valid();
        let changed = edited(&valid.trail, &edits);
        for verifier in verifiers(&valid.fixture) {
            let verified = verifier.verify_entries(Path::new("trail"), &changed);
            let is_shorter = valid.trail.starts_with(&changed) && !changed.is_empty();
            // A file that was cut between two entries is a valid, shorter one.
            prop_assert!(verified.is_err() || is_shorter);
        }
    }

    #[test]
    fn any_bytes_are_no_trail(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let [verifier, _] = verifiers(&valid().fixture);
        prop_assert!(verifier.verify_entries(Path::new("trail"), &bytes).is_err());
        let _ = TrailEntry::read(&bytes);
    }

    #[test]
    fn proofs_and_notes_that_were_changed_are_read_without_a_panic(edits in edits()) {
        let valid = valid();
        let key = valid.fixture.verifying_key();
        let proof = String::from_utf8_lossy(&edited(&valid.proof, &edits)).into_owned();
        let _ = verify_inclusion_proof(&proof, &key);
        let consistency = String::from_utf8_lossy(&edited(&valid.consistency, &edits)).into_owned();
        let _ = verify_consistency_proof(&consistency, &valid.note, &key);
        let note = edited(valid.note.as_bytes(), &edits);
        let is_same = note == valid.note.as_bytes();
        let note = String::from_utf8_lossy(&note).into_owned();
        prop_assert_eq!(Checkpoint::verify(&note, &key).is_ok(), is_same);
        let _ = Verifier::new(key).anchor(&note, "anchor");
    }

    #[test]
    fn any_text_is_read_as_a_key_or_refused(text in "(PRIVATE\\+KEY\\+|fapilog-chain-key/v1 )?[ -~é+]{0,80}") {
        let _ = (SigningKey::from_text(&text), VerifyingKey::from_text(&text), ChainKey::from_text(&text));
    }
}

#[test]
fn a_trail_file_that_was_cut_is_valid_between_two_entries_only() {
    let valid = valid();
    let verifier = valid.fixture.verifier();
    // Checkpoints stand among the entries, and are not counted with them.
    let whole = verifier.verify(&valid.fixture.path()).unwrap();
    let is_valid = |bytes: &usize| verifier.verify_entries(Path::new("trail"), &valid.trail[..*bytes]).is_ok();
    let ends = (1..=valid.trail.len()).filter(is_valid);
    assert_eq!(ends.count() as u64, whole.entries + whole.checkpoints);
}
