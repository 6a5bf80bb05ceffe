//! Proofs, and how they fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::fs;

use fapilog_audit_trail::{
    keys::SigningKey,
    proof::{ProofError, RecordSelector, verify_consistency_proof, verify_inclusion_proof},
};
use support::{Fixture, builder, log_payloads, shut_down, start};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().rotate_bytes(32 * 1024), 8);
    fixture
}

/// All records of the trail, in order.
fn records(fixture: &Fixture) -> Vec<String> {
    let data = fixture.names().into_iter().filter(|name| name.ends_with(".jsonl"));
    data.flat_map(|name| {
        let text = fs::read_to_string(fixture.directory.path().join(name)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn each_record_is_proven_by_its_number() {
    let fixture = fixture();
    let records = records(&fixture);
    for number in (0..records.len()).step_by(29) {
        let proof = fixture.verifier().prove(&fixture.path(), &RecordSelector::Number(number as u64)).unwrap();
        let proven = verify_inclusion_proof(&proof.to_text(), &fixture.verifying_key()).unwrap();
        assert_eq!(proven.record, format!("{}\n", records[number]).as_bytes(), "{number}");
        assert_eq!(proven.checkpoint.origin, "example.com/audit");
    }
}

#[test]
fn a_record_is_found_by_a_text_a_place_and_its_block() {
    let fixture = fixture();
    let records = records(&fixture);
    let wanted = "\"payload\":3,\"record\":7,";
    let line = records.iter().find(|line| line.contains(wanted)).unwrap();
    let by_text = RecordSelector::Containing(wanted.as_bytes().to_vec());
    let proof = fixture.verifier().prove(&fixture.path(), &by_text).unwrap();
    let proven = proof.verify(&fixture.verifying_key()).unwrap();
    assert_eq!(proven.record, format!("{line}\n").as_bytes());

    let by_place = RecordSelector::At { segment: 0, offset: records[0].len() as u64 + 3 };
    let proven =
        fixture.verifier().prove(&fixture.path(), &by_place).unwrap().verify(&fixture.verifying_key()).unwrap();
    assert_eq!(proven.record, format!("{}\n", records[1]).as_bytes());

    let by_block = RecordSelector::Block(proof.index);
    let block = fixture.verifier().prove(&fixture.path(), &by_block).unwrap().verify(&fixture.verifying_key()).unwrap();
    assert!(block.record.len() > line.len() && block.index == proof.index);
}

#[test]
fn a_change_of_any_part_of_a_proof_is_found() {
    let fixture = fixture();
    let proof = fixture.verifier().prove(&fixture.path(), &RecordSelector::Number(100)).unwrap();
    let key = fixture.verifying_key();
    let text = proof.to_text();
    let mut changed = 0;
    for at in (0..text.len()).step_by(text.len() / 300) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let Ok(forged) = String::from_utf8(bytes) else { continue };
        // The place of the record in its block is no part of the trail: another record of the block is as well in it.
        match verify_inclusion_proof(&forged, &key) {
            Err(_) => changed += 1,
            Ok(proven) => assert!(proof.block.windows(proven.record.len()).any(|part| part == proven.record)),
        }
    }
    assert!(changed > 250, "{changed}");
    let mut forged = proof.clone();
    forged.block[0] ^= 1;
    assert!(matches!(forged.verify(&key), Err(ProofError::BlockDiffers)));
    let mut forged = proof.clone();
    forged.path.pop();
    assert!(matches!(forged.verify(&key), Err(ProofError::RootDiffers)));
    let mut forged = proof;
    forged.index += 1;
    assert!(matches!(forged.verify(&key), Err(ProofError::RootDiffers)));
    let other = SigningKey::from_seed("example.com/audit", &[1; 32]).unwrap();
    assert!(matches!(verify_inclusion_proof(&text, other.verifying_key()), Err(ProofError::Checkpoint(_))));
}

#[test]
fn a_record_that_does_not_exist_or_is_not_signed_yet_has_no_proof() {
    let fixture = Fixture::new();
    let logs = start(builder(), fixture.sink().checkpoint_blocks(1000));
    log_payloads(&logs, 1);
    let prove = |selector| fixture.verifier().prove(&fixture.path(), &selector).unwrap_err();
    assert!(matches!(prove(RecordSelector::Number(0)), ProofError::NotSignedYet { entry: 1 }));
    assert!(matches!(prove(RecordSelector::Number(40)), ProofError::NoSuchRecord { .. }));
    let text = prove(RecordSelector::Containing(b"a secret".to_vec())).to_string();
    assert_eq!(text, "no record of the trail is one that contains the 8 bytes looked for");
    shut_down(&logs);
}

#[test]
fn checkpoints_of_an_anchor_are_continued_by_the_trail() {
    let fixture = fixture();
    let anchored = fs::read_to_string(fixture.anchor_path()).unwrap();
    let notes: Vec<&str> = anchored.split_inclusive("=\n\u{2014}").collect();
    assert!(notes.len() > 1 || anchored.matches('\u{2014}').count() > 3);
    let key = fixture.verifying_key();
    let mut size = 0;
    for note in split(&anchored) {
        let old = fapilog_audit_trail::format::Checkpoint::verify(&note, &key).unwrap();
        let proof = fixture.verifier().prove_consistency(&fixture.path(), old.size).unwrap();
        let new = verify_consistency_proof(&proof.to_text(), &note, &key).unwrap();
        assert!(new.size >= old.size && old.size > size);
        size = old.size;
        let mut forged = proof.clone();
        if let Some(hash) = forged.path.first_mut() {
            hash[0] ^= 1;
            assert!(matches!(forged.verify(&old, &key), Err(ProofError::RootDiffers)));
        }
        let other = fapilog_audit_trail::format::Checkpoint { root: [1; 32], ..old };
        assert!(proof.verify(&other, &key).is_err());
    }
    let error = fixture.verifier().prove_consistency(&fixture.path(), size + 1).unwrap_err();
    assert!(matches!(error, ProofError::NoSuchSize { .. }));
}

#[test]
fn a_part_of_a_record_is_no_record_of_a_proof() {
    let fixture = fixture();
    let proof = fixture.verifier().prove(&fixture.path(), &RecordSelector::Number(3)).unwrap();
    let key = fixture.verifying_key();
    assert!(proof.verify(&key).is_ok());
    let (start, end) = (proof.record.start, proof.record.end);
    for record in [start + 1..end, start..end - 1, start..start, start..end + 1] {
        let forged = fapilog_audit_trail::proof::InclusionProof::from_text(&{
            let mut forged = proof.clone();
            forged.record = record.clone();
            forged.to_text()
        });
        assert!(forged.unwrap().verify(&key).is_err(), "{record:?}");
    }
}

/// The notes of an anchor.
fn split(text: &str) -> Vec<String> {
    let mut notes = vec![String::new()];
    for line in text.split_inclusive('\n') {
        notes.last_mut().unwrap().push_str(line);
        if line.starts_with('\u{2014}') {
            notes.push(String::new());
        }
    }
    notes.pop();
    notes
}
