//! `fapilog prove` and `fapilog verify-proof`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod trails;

use std::fs;

use command::{json, stderr, stdout};
use serde_json::Value;
use trails::{Trail, log, shut_down};

/// Writes a proof to the file `proof`.
fn prove(trail: &Trail, arguments: &[&str]) -> String {
    let output = trail.run(&[&["prove", "audit.jsonl", "--keys", "keys"], arguments].concat());
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    fs::write(trail.path("proof"), stdout(&output)).unwrap();
    stdout(&output)
}

/// The record that the file `proof` proves.
fn proven(trail: &Trail) -> String {
    let output = trail.run(&["verify-proof", "proof", "--key", "keys/verifying.key", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    json(&output)["record"].as_str().unwrap().trim_end().to_owned()
}

fn assert_refused(trail: &Trail, arguments: &[&str], code: i32, message: &str) {
    let output = trail.run(arguments);
    let text = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(code), ""), "{arguments:?}: {text}");
    assert!(text.contains(message), "{arguments:?}: {text}");
}

#[test]
fn a_record_is_proven_by_its_number_place_event_and_text() {
    let trail = Trail::closed();
    let records = trail.records();
    let event: Value = serde_json::from_str(&records[70]).unwrap();
    let offset = (records[..70].iter().map(|record| record.len() + 1).sum::<usize>() + 3).to_string();
    for selector in [
        ["--record", "70"],
        ["--event-id", event["event_id"].as_str().unwrap()],
        ["--offset", &offset],
        ["--containing", "\"payload\":1,\"record\":30,"],
    ] {
        prove(&trail, &selector);
        assert_eq!(proven(&trail), records[70], "{selector:?}");
    }
    prove(&trail, &["--block", "1"]);
    assert!(proven(&trail).starts_with(&records[0]));
}

#[test]
fn a_proof_comes_from_standard_input_too_and_the_report_names_block_and_checkpoint() {
    let trail = Trail::closed();
    let proof = prove(&trail, &["--record", "3"]);
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\n"));
    let output = trail.run(&["verify-proof", "proof", "--keys", "keys"]);
    let text = stdout(&output);
    assert!(text.starts_with("ok  the record is in the trail\n  block        1, written at 2"), "{text}");
    assert!(text.contains(" entries, signed for example.com/audit\n  record       {\"timestamp\":"), "{text}");
    let piped = trail.run_with(proof.as_bytes(), &["verify-proof", "-", "--keys", "keys"]);
    assert_eq!(stdout(&piped), text);
    let as_json = json(&trail.run(&["prove", "audit.jsonl", "--keys", "keys", "--record", "3", "--json"]));
    assert_eq!(as_json["proof"], proof);
}

#[test]
fn a_trail_continues_an_older_checkpoint() {
    let trail = Trail::closed();
    fs::copy(trail.path("anchor.notes"), trail.path("old.notes")).unwrap();
    let logs = trail.start(trail.sink());
    log(&logs, 2);
    shut_down(&logs);
    let proof = prove(&trail, &["--continues", "old.notes"]);
    assert!(proof.starts_with("old "), "{proof}");
    let verify = ["verify-proof", "proof", "--keys", "keys", "--old"];
    let output = trail.run(&[&verify[..], &["old.notes"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("ok  the trail continues the older checkpoint\n  checkpoint   2"));
    assert_eq!(json(&trail.run(&[&verify[..], &["old.notes", "--json"]].concat()))["proof"], "consistency");
    // The newer checkpoint is another one than the proof begins with.
    assert_refused(&trail, &[&verify[..], &["anchor.notes"]].concat(), 27, "the older checkpoint has ");
    assert_refused(&trail, &verify[..4], 2, "--old: the proof is about an older checkpoint");
}

#[test]
fn a_proof_that_cannot_be_made_has_a_code_that_names_the_reason() {
    let trail = Trail::keys();
    let logs = trail.start(trail.sink().checkpoint_blocks(1000).rotate_bytes(16 * 1024));
    log(&logs, 1);
    let prove = ["prove", "audit.jsonl", "--keys", "keys"];
    assert_refused(&trail, &[&prove[..], &["--record", "999"]].concat(), 20, "no record of the trail is number 999");
    assert_refused(&trail, &[&prove[..], &["--record", "0"]].concat(), 21, "no checkpoint includes block 1 yet");
    log(&logs, 4);
    shut_down(&logs);
    let first = first_rotated(&trail);
    fs::remove_file(trail.path(&first)).unwrap();
    fs::remove_file(trail.path(&format!("{first}.trail"))).unwrap();
    assert_refused(&trail, &[&prove[..], &["--record", "9"]].concat(), 22, "this proof needs the files before it");
    let absent = ["prove", "absent.jsonl", "--keys", "keys", "--record", "0"];
    assert_refused(&trail, &absent, 1, "there is no trail file for absent.jsonl");
}

/// The name of the oldest rotated data file.
fn first_rotated(trail: &Trail) -> String {
    let mut names: Vec<String> = fs::read_dir(trail.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jsonl") && name != "audit.jsonl")
        .collect();
    names.sort();
    names[0].clone()
}

#[test]
fn a_trail_that_is_smaller_than_the_older_checkpoint_ends_with_23() {
    let trail = Trail::closed();
    let old = trail.copy();
    let logs = trail.start(trail.sink());
    log(&logs, 2);
    shut_down(&logs);
    let newer = trail.path("anchor.notes");
    let arguments = ["prove", "audit.jsonl", "--keys", "keys", "--continues", newer.to_str().unwrap()];
    assert_refused(&old, &arguments, 23, "entries under its last checkpoint");
}

#[test]
fn a_proof_that_does_not_verify_has_a_code_that_names_the_reason() {
    let trail = Trail::closed();
    let proof = prove(&trail, &["--record", "3"]);
    let verify = |text: &str, code: i32, message: &str| {
        fs::write(trail.path("forged"), text).unwrap();
        assert_refused(&trail, &["verify-proof", "forged", "--keys", "keys"], code, message);
    };
    verify("hello\n", 24, "it is no proof of this form");
    let (front, note) = proof.split_once("\n\n").unwrap();
    verify(
        &format!("{front}\n\n{}", note.replacen("example", "exbmple", 1)),
        18,
        "the checkpoint in the proof is invalid",
    );
    let mut lines: Vec<&str> = front.lines().collect();
    let hash = lines.pop().unwrap();
    verify(&format!("{}\n\n{note}", lines.join("\n")), 26, "do not lead to the root");
    // The last bytes of the block, in Base64, are those of the last record.
    let extra = lines[1].to_owned();
    let at = extra.len() - 40;
    let letter = if &extra[at..=at] == "A" { "B" } else { "A" };
    let changed = format!("{}{letter}{}", &extra[..at], &extra[at + 1..]);
    verify(
        &format!("{}\n{changed}\n{}\n{hash}\n\n{note}", lines[0], lines[2..].join("\n")),
        25,
        "the block in the proof",
    );
    let other = Trail::keys();
    let key = other.path("keys/verifying.key");
    let arguments = ["verify-proof", "proof", "--key", key.to_str().unwrap()];
    assert_refused(&trail, &arguments, 17, "it has no signature by example.com/audit+");
    assert_refused(&trail, &["verify-proof", "absent", "--keys", "keys"], 1, "absent: No such file");
    let old = ["verify-proof", "proof", "--keys", "keys", "--old", "anchor.notes"];
    assert_refused(&trail, &old, 2, "--old: the proof is about a record");
}

#[test]
fn damage_of_the_trail_has_the_code_of_verify() {
    let trail = Trail::closed();
    let block = trail.blocks()[0].0.clone();
    trail.change("audit.jsonl", |bytes| bytes[block.start] ^= 1);
    assert_refused(&trail, &["prove", "audit.jsonl", "--keys", "keys", "--record", "0"], 10, "altered: ");
}
