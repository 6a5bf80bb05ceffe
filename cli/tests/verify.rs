//! `fapilog verify`: the verdict, and an exit code for each kind of damage.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod trails;

use std::{
    fs,
    time::{Duration, Instant},
};

use command::{json, stderr, stdout};
use fapilog_audit_trail::format::{EntryBody, GapBody, RestartBody, TrailEntry};
use serde_json::Value;
use trails::{Trail, log, shut_down};

/// The report about a trail, and the exit code.
fn verify(trail: &Trail, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = trail.run(&[&["verify", "audit.jsonl", "--json"], arguments].concat());
    (json(&output)["trails"][0].clone(), output.status.code())
}

/// Changes a closed trail, and checks that this damage is found.
fn assert_damage(kind: &str, code: i32, change: impl FnOnce(&Trail)) {
    let trail = Trail::closed();
    change(&trail);
    let (report, found) = verify(&trail, &["--keys", "keys"]);
    assert_eq!((&report["verdict"], &report["kind"], found), (&"damaged".into(), &kind.into(), Some(code)), "{report}");
    assert_eq!(report["exit_code"], code);
}

#[test]
fn a_trail_without_damage_is_ok_and_the_report_has_its_parts() {
    let trail = Trail::closed();
    let output = trail.run(&["verify", "audit.jsonl", "--keys", "keys", "--anchor", "anchor.notes"]);
    let text = stdout(&output);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{text}");
    assert!(text.starts_with("ok       audit.jsonl\n  trail  ") && text.contains(" of example.com/audit\n"), "{text}");
    assert!(text.contains("  files        1, from number 0 on; closed\n  records      160 in "), "{text}");
    assert!(text.contains("Z to 2") && !text.contains("not verified"), "{text}");
}

#[test]
fn the_report_in_json_has_numbers_times_and_the_last_checkpoint() {
    let trail = Trail::closed();
    let (report, code) = verify(&trail, &["--keys", "keys", "--anchor", "anchor.notes"]);
    assert_eq!((&report["verdict"], code), (&"ok".into(), Some(0)));
    assert_eq!((&report["records"], &report["origin"]), (&160.into(), &"example.com/audit".into()));
    assert_eq!(report["blocks"], trail.blocks().len());
    assert_eq!((&report["is_chain_verified"], &report["not_verified"]), (&true.into(), &serde_json::json!([])));
    assert!(report["first_time"].as_str().unwrap() < report["last_time"].as_str().unwrap(), "{report}");
    let anchored = fs::read_to_string(trail.path("anchor.notes")).unwrap();
    assert!(anchored.ends_with(report["last_checkpoint"].as_str().unwrap()));
}

#[test]
fn parts_that_nothing_proves_are_named() {
    let trail = Trail::closed();
    let text = stdout(&trail.run(&["verify", "audit.jsonl", "--key", "keys/verifying.key"]));
    assert!(text.contains("  not verified the chain: no --chain-key is given"), "{text}");
    assert!(text.contains("  not verified the end: no --anchor is given"), "{text}");
    let text = stdout(&trail.run(&[
        "verify",
        "audit.jsonl",
        "--key",
        "keys/verifying.key",
        "--chain-key",
        "keys/first-chain.key",
    ]));
    assert!(text.starts_with("ok ") && !text.contains("not verified the chain"), "{text}");
}

#[test]
fn entries_behind_the_last_checkpoint_are_not_proven_without_the_chain_key() {
    let trail = Trail::keys();
    let logs = trail.start(trail.sink().checkpoint_blocks(1000));
    log(&logs, 1);
    let text = stdout(&trail.run(&["verify", "audit.jsonl", "--key", "keys/verifying.key"]));
    assert!(text.contains("so nothing proves the ") && text.contains("; open\n"), "{text}");
    shut_down(&logs);
}

#[test]
fn an_altered_byte_ends_with_10_and_its_place() {
    let trail = Trail::closed();
    let block = trail.blocks()[2].0.clone();
    trail.change("audit.jsonl", |bytes| bytes[block.start + 9] ^= 1);
    let output = trail.run(&["verify", "audit.jsonl", "--keys", "keys"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(10));
    assert!(text.starts_with("damaged  audit.jsonl\n  kind         altered\n"), "{text}");
    assert!(text.contains(&format!("place        audit.jsonl, byte {}, entry ", block.start)), "{text}");
    let (report, _) = verify(&trail, &["--keys", "keys"]);
    assert_eq!((&report["offset"], &report["file"]), (&block.start.into(), &"audit.jsonl".into()));
}

#[test]
fn a_data_file_that_is_removed_ends_with_11() {
    assert_damage("removed", 11, |trail| fs::remove_file(trail.path("audit.jsonl")).unwrap());
}

#[test]
fn blocks_that_changed_places_end_with_12() {
    assert_damage("reordered", 12, |trail| {
        let blocks = trail.blocks();
        let (one, other) = (blocks[0].0.clone(), blocks[1].0.clone());
        trail.change("audit.jsonl", |bytes| {
            let swapped = [&bytes[other.clone()], &bytes[one.clone()], &bytes[other.end..]].concat();
            *bytes = swapped;
        });
    });
}

#[test]
fn a_line_that_is_inserted_ends_with_13() {
    assert_damage("inserted", 13, |trail| {
        trail.change("audit.jsonl", |bytes| drop(bytes.splice(0..0, *b"{\"message\":\"forged\"}\n")));
    });
}

#[test]
fn a_data_file_that_is_truncated_ends_with_14() {
    assert_damage("truncated", 14, |trail| trail.change("audit.jsonl", |bytes| bytes.truncate(bytes.len() / 2)));
}

#[test]
fn a_trail_behind_its_anchor_ends_with_14() {
    let trail = Trail::closed();
    let old = trail.copy();
    let logs = trail.start(trail.sink());
    log(&logs, 2);
    shut_down(&logs);
    let anchor = trail.path("anchor.notes");
    let (report, code) = verify(&old, &["--keys", "keys", "--anchor", anchor.to_str().unwrap()]);
    assert_eq!((&report["kind"], code), (&"truncated".into(), Some(14)), "{report}");
}

#[test]
fn files_that_the_sink_has_removed_are_reported_and_no_damage() {
    let trail = Trail::keys();
    let sink = || trail.sink().rotate_bytes(8 * 1024).retain_age(Duration::from_secs(1));
    let end = Instant::now() + Duration::from_secs(30);
    let arguments = ["--keys", "keys", "--anchor", "anchor.notes"];
    let (report, code) = loop {
        let logs = trail.start(sink());
        log(&logs, 2);
        shut_down(&logs);
        let (report, code) = verify(&trail, &arguments);
        if report["first_file"] != 0 {
            break (report, code);
        }
        assert!(Instant::now() < end, "{report}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((code, &report["not_verified"]), (Some(0), &serde_json::json!([])), "{report}");
    assert_eq!(
        (&report["removed"]["first_kept_file"], &report["removed"]["retain_age"]),
        (&report["first_file"], &"1s".into())
    );
    let text = stdout(&trail.run(&[&["verify", "audit.jsonl"], &arguments[..]].concat()));
    let line = format!("  retention    files before number {} were removed at 2", report["first_file"]);
    assert!(text.contains(&line) && text.contains(", as older than 1s (entry "), "{text}");
}

#[test]
fn numbers_that_anybody_can_write_behind_the_last_checkpoint_are_shown_and_do_not_overflow() {
    let trail = Trail::keys();
    let logs = trail.start(trail.sink());
    log(&logs, 1);
    let copy = trail.copy();
    shut_down(&logs);
    copy.change("audit.jsonl.trail", |bytes| {
        let (mut size, mut epoch, mut at) = (0, 0, 0);
        while at < bytes.len() {
            let (entry, leaf, _) = TrailEntry::read(&bytes[at..]).unwrap();
            (size, epoch) = if entry.is_leaf() { (size + 1, epoch) } else { (size, epoch + 1) };
            at += leaf.len() + 32;
        }
        for payloads in [u64::MAX, 1] {
            let body = EntryBody::Gap(GapBody { payloads, bytes: 0 });
            bytes.extend_from_slice(&TrailEntry { sequence: size, unix_nanos: 1, epoch, body }.to_bytes());
            bytes.extend_from_slice(&[0; 32]);
            size += 1;
        }
        let body = RestartBody {
            data_bytes: fs::metadata(copy.path("audit.jsonl")).unwrap().len(),
            cut_data_bytes: 1,
            cut_trail_bytes: 1,
            cut_digest: [0; 32],
            cut_name: String::new(),
        };
        let restart = TrailEntry { sequence: size, unix_nanos: 1, epoch, body: EntryBody::Restart(body) };
        bytes.extend_from_slice(&restart.to_bytes());
        bytes.extend_from_slice(&[0; 32]);
    });
    let output = copy.run(&["verify", "audit.jsonl", "--key", "keys/verifying.key"]);
    let text = stdout(&output);
    assert!(text.contains("18446744073709551615 payloads as missing, 1 restarts"), "{text}{}", stderr(&output));
}

#[test]
fn another_file_in_place_of_the_data_ends_with_15() {
    assert_damage("replaced", 15, |trail| trail.change("audit.jsonl", |bytes| bytes.fill(b'x')));
}

#[test]
fn bytes_behind_the_last_entry_of_an_open_trail_end_with_16() {
    let trail = Trail::keys();
    let logs = trail.start(trail.sink());
    log(&logs, 1);
    trail.wait_for_anchor();
    let copy = trail.copy();
    shut_down(&logs);
    copy.change("audit.jsonl", |bytes| bytes.extend_from_slice(b"{}\n"));
    let (report, code) = verify(&copy, &["--keys", "keys"]);
    assert_eq!((&report["kind"], code), (&"unrecorded".into(), Some(16)), "{report}");
    // They may be a write in flight.
    let (report, code) = verify(&copy, &["--keys", "keys", "--running", "--anchor", "anchor.notes"]);
    assert_eq!((&report["unrecorded_bytes"], code), (&3.into(), Some(0)), "{report}");
    let expected = "the last 3 bytes of the data: a write in flight, without its entry";
    assert_eq!(report["not_verified"], serde_json::json!([expected]));
}

#[test]
fn the_key_of_another_trail_ends_with_17() {
    let (trail, other) = (Trail::closed(), Trail::keys());
    let key = other.path("keys/verifying.key");
    let (report, code) = verify(&trail, &["--key", key.to_str().unwrap()]);
    assert_eq!((&report["kind"], code), (&"wrong_key".into(), Some(17)), "{report}");
}

#[test]
fn an_anchor_without_a_valid_checkpoint_ends_with_18() {
    let trail = Trail::closed();
    trail.change("anchor.notes", |bytes| bytes[2] ^= 1);
    let (report, code) = verify(&trail, &["--keys", "keys", "--anchor", "anchor.notes"]);
    assert_eq!((&report["kind"], code), (&"checkpoint_invalid".into(), Some(18)), "{report}");
}

#[test]
fn a_block_that_is_forged_with_its_hash_ends_with_19_without_the_chain_key() {
    let trail = Trail::closed();
    let (block, entry) = trail.blocks()[0].clone();
    trail.change("audit.jsonl", |bytes| bytes[block.start + 5] ^= 1);
    let digest = fapilog_audit_trail::format::block_digest(&fs::read(trail.path("audit.jsonl")).unwrap()[block]);
    trail.change("audit.jsonl.trail", |bytes| bytes[entry.start + 48..entry.start + 80].copy_from_slice(&digest));
    let (report, code) = verify(&trail, &["--key", "keys/verifying.key"]);
    assert_eq!((&report["kind"], code), (&"checkpoint_inconsistent".into(), Some(19)), "{report}");
    // With the chain key, the entry itself is found.
    assert_eq!(verify(&trail, &["--keys", "keys"]).1, Some(10));
}

#[test]
fn a_path_without_a_trail_ends_with_1_and_damage_of_another_has_its_own_code() {
    let trail = Trail::closed();
    let output = trail.run(&["verify", "absent.jsonl", "audit.jsonl", "--keys", "keys"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "fapilog: there is no trail file for absent.jsonl\n");
    assert!(stdout(&output).starts_with("ok       audit.jsonl\n"));
    let output = trail.run(&["verify", "absent.jsonl", "--keys", "keys", "--json"]);
    let error: Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((&error["kind"], &error["file"]), (&"input".into(), &"absent.jsonl".into()));
    assert_eq!((&json(&output)["ok"], &json(&output)["trails"][0]["verdict"]), (&false.into(), &"unreadable".into()));
    trail.change("audit.jsonl", |bytes| bytes[0] ^= 1);
    let output = trail.run(&["verify", "absent.jsonl", "audit.jsonl", "--keys", "keys"]);
    assert_eq!(output.status.code(), Some(10));
}

#[test]
fn keys_that_are_none_are_invalid_arguments_and_nothing_of_them_is_shown() {
    let trail = Trail::closed();
    let secret = fs::read_to_string(trail.path("keys/signing.key")).unwrap();
    // PRIVATE+KEY+name+hash+key; the key may have a `+` itself.
    let secret = secret.trim_end().splitn(5, '+').nth(4).unwrap();
    for (arguments, message) in [
        (
            &["--key", "keys/signing.key"][..],
            "fapilog: --key: keys/signing.key: it is no verifying key; it must have the form",
        ),
        (&["--key", "absent.key"], "fapilog: --key: cannot read the key file absent.key: No such file"),
        (&["--keys", "."], "fapilog: --keys: cannot read the key file ./verifying.key: No such file"),
        (
            &["--keys", "keys", "--chain-key", "keys/signing.key"],
            "fapilog: --chain-key: keys/signing.key: it is no chain key",
        ),
        (
            &["--keys", "keys", "--chain-key", "audit.jsonl.chain-key"],
            "fapilog: --chain-key: audit.jsonl.chain-key: it is the chain key behind checkpoint ",
        ),
        (&["--keys", "keys", "--anchor", "empty"], "fapilog: --anchor: empty: there is no checkpoint in it"),
        (&[], "error: the following required arguments were not provided:\n  <--key <FILE>|--keys <DIRECTORY>>"),
        (
            &["--keys", "keys", "--key", "k"],
            "error: the argument '--keys <DIRECTORY>' cannot be used with '--key <FILE>'",
        ),
    ] {
        fs::write(trail.path("empty"), "\n").unwrap();
        let output = trail.run(&[&["verify", "audit.jsonl"], arguments].concat());
        let text = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{arguments:?}: {text}");
        assert!(text.starts_with(message) && !text.contains(secret), "{arguments:?}: {text}");
    }
}
