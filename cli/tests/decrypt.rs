//! `fapilog decrypt`: records, reports of damage, and an exit code for each kind of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod encrypted;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use command::{json, stderr, stdout};
use encrypted::{DAY, EncryptedLog};

/// Decrypts the log, and checks the exit code and a part of standard error. Returns the records.
fn assert_exit(log: &EncryptedLog, arguments: &[&str], code: i32, message: &str) -> String {
    let output = log.run(&[&["decrypt", "app.log"], arguments].concat());
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(message), "{arguments:?}: {text}");
    stdout(&output)
}

const IDENTITY: [&str; 2] = ["--identity", "keys/identity.key"];

#[test]
fn records_are_written_as_they_were_before_the_encryption() {
    let log = EncryptedLog::of_pair();
    assert!(!String::from_utf8_lossy(&fs::read(log.path("app.log")).unwrap()).contains("paid"));
    let output = log.run(&["decrypt", "app.log", "--identity", "keys/identity.key"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let records = stdout(&output);
    let lines: Vec<serde_json::Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["context"]["order"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let shown = log.run_with(records.as_bytes(), &["cat", "-", "--where", "order = 2"]);
    assert!(stdout(&shown).contains("paid order=2") && stdout(&shown).lines().count() == 1);
}

#[test]
fn other_commands_name_this_one_for_an_encrypted_file() {
    let log = EncryptedLog::of_pair();
    for command in [&["cat", "app.log"][..], &["stats", "app.log"], &["tail", "app.log"], &["tail", "-f", "app.log"]] {
        let output = log.run(command);
        let expected = "fapilog: app.log: it is encrypted; `fapilog decrypt` writes its records, for `fapilog cat -`\n";
        assert!(stderr(&output).ends_with(expected), "{command:?}: {}", stderr(&output));
        assert_eq!((stdout(&output).contains("fapienc"), output.status.code()), (false, Some(1)), "{command:?}");
    }
}

#[test]
fn standard_input_and_compressed_files_are_read_too() {
    let log = EncryptedLog::of_pair();
    let bytes = fs::read(log.path("app.log")).unwrap();
    let expected = assert_exit(&log, &IDENTITY, 0, "");
    fs::write(log.path("app.log.zst"), zstd::encode_all(&*bytes, 1).unwrap()).unwrap();
    for output in [
        log.run_with(&bytes, &["decrypt", "--identity", "keys/identity.key"]),
        log.run_with(&bytes, &["decrypt", "-", "--identity", "keys/identity.key"]),
        log.run(&["decrypt", "app.log.zst", "--identity", "keys/identity.key"]),
    ] {
        assert_eq!((stdout(&output), output.status.code()), (expected.clone(), Some(0)));
    }
}

#[test]
fn a_new_file_of_records_is_readable_by_its_owner_alone_and_is_not_overwritten() {
    let log = EncryptedLog::of_pair();
    let expected = assert_exit(&log, &IDENTITY, 0, "");
    let to_file = [&IDENTITY[..], &["--output", "plain.log"]].concat();
    assert_eq!(assert_exit(&log, &to_file, 0, ""), "");
    assert_eq!(fs::read_to_string(log.path("plain.log")).unwrap(), expected);
    assert_eq!(fs::metadata(log.path("plain.log")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_exit(&log, &to_file, 1, "fapilog: plain.log: the file cannot be written: File exists");
}

#[test]
fn a_shared_key_decrypts_too() {
    let log = EncryptedLog::of_shared_key();
    let records = assert_exit(&log, &["--key", "keys/key-encryption.key"], 0, "");
    assert_eq!(records.lines().count(), 3);
}

#[test]
fn a_day_whose_key_was_erased_ends_with_10() {
    let log = EncryptedLog::shredded_by_day();
    let keys = [&IDENTITY[..], &["--key-store", "store"]].concat();
    assert_eq!(assert_exit(&log, &keys, 0, "").lines().count(), 3);
    let shred = log.run(&["shred", "store", "--day", DAY, "--yes"]);
    assert_eq!((stdout(&shred), shred.status.code()), (format!("{DAY}: 1 key(s) erased\n"), Some(0)));
    let erased = format!("app.log: byte 0: the frame is of {DAY}, whose key was erased");
    assert_eq!(assert_exit(&log, &keys, 10, &erased), "");
}

#[test]
fn a_torn_end_ends_with_11_and_the_other_frames_are_written() {
    let log = EncryptedLog::of_pair();
    log.change(|bytes| bytes.truncate(bytes.len() - 5));
    assert_eq!(assert_exit(&log, &IDENTITY, 11, "the last frame is torn").lines().count(), 2);
}

#[test]
fn bytes_that_are_no_frame_end_with_12_and_their_place() {
    let log = EncryptedLog::of_pair();
    let length = fs::metadata(log.path("app.log")).unwrap().len();
    log.change(|bytes| bytes.extend_from_slice(b"plain text\n"));
    let message = format!("fapilog: app.log: byte {length}: 11 bytes are no frame\n");
    assert_eq!(assert_exit(&log, &IDENTITY, 12, &message).lines().count(), 3);
    let output = log.run(&["decrypt", "app.log", "--identity", "keys/identity.key", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((&error["kind"], &error["file"]), (&"input".into(), &"app.log".into()));
    assert_eq!((&error["offset"], &error["exit_code"]), (&length.into(), &12.into()));
}

#[test]
fn a_frame_of_a_later_version_ends_with_13() {
    let log = EncryptedLog::of_pair();
    log.change(|bytes| bytes[VERSION_AT] = 99);
    assert_eq!(assert_exit(&log, &IDENTITY, 13, "a frame has version 99").lines().count(), 2);
}

#[test]
fn another_identity_ends_with_14() {
    let (log, other) = (EncryptedLog::of_pair(), EncryptedLog::of_pair());
    let path = other.path("keys/identity.key");
    let records = assert_exit(&log, &["--identity", path.to_str().unwrap()], 14, "none of the keys at hand opens");
    assert_eq!(records, "");
    // A single key of several is enough.
    let both = ["--identity", path.to_str().unwrap(), "--identity", "keys/identity.key"];
    assert_eq!(assert_exit(&log, &both, 0, "").lines().count(), 3);
}

#[test]
fn a_damaged_frame_ends_with_15_and_the_others_are_written() {
    let log = EncryptedLog::of_pair();
    log.change(|bytes| {
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
    });
    assert_eq!(assert_exit(&log, &IDENTITY, 15, ": a frame is damaged (").lines().count(), 2);
}

#[test]
fn a_file_that_cannot_be_read_ends_with_16_and_the_others_are_decrypted() {
    let log = EncryptedLog::of_pair();
    let records = assert_exit(&log, &["absent.log", "--identity", "keys/identity.key"], 16, "absent.log: No such file");
    assert_eq!(records.lines().count(), 3);
}

#[test]
fn keys_that_are_none_are_invalid_arguments_and_nothing_of_them_is_shown() {
    let log = EncryptedLog::of_pair();
    fs::write(log.path("typed.key"), "hunter2-hunter2-hunter2-hunter2-\n").unwrap();
    fs::set_permissions(log.path("typed.key"), Permissions::from_mode(0o600)).unwrap();
    let secret = fs::read_to_string(log.path("keys/identity.key")).unwrap();
    fs::write(log.path("open.key"), &secret).unwrap();
    fs::set_permissions(log.path("open.key"), Permissions::from_mode(0o644)).unwrap();
    for (arguments, message) in [
        (&["--identity", "keys/recipient.key"][..], "fapilog: --identity: keys/recipient.key: "),
        (&["--identity", "typed.key"], "fapilog: --identity: typed.key: the text is no key"),
        (&["--key", "typed.key"], "fapilog: --key: typed.key: the text is no key"),
        (&["--key", "keys/identity.key"], "fapilog: --key: keys/identity.key: the text is a key of another kind"),
        (
            &["--identity", "open.key"],
            "fapilog: --identity: open.key: it has mode 644: other users can read or change it; `chmod 640` it\n",
        ),
        (&["--identity", "absent"], "fapilog: --identity: absent: No such file"),
        (
            &["--identity", "keys/identity.key", "--key-store", "none"],
            "fapilog: --key-store: none: there is no such directory\n",
        ),
        (&[], "error: the following required arguments were not provided:\n  <--identity <FILE>|--key <FILE>>"),
    ] {
        let output = log.run(&[&["decrypt", "app.log"], arguments].concat());
        let text = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{arguments:?}: {text}");
        assert!(text.starts_with(message), "{arguments:?}: {text}");
        assert!(!text.contains("hunter") && !text.contains(secret.trim_end()), "{arguments:?}: {text}");
    }
    assert!(!log.path("none").exists());
}

#[test]
fn keys_of_an_encrypted_log_are_made_once_and_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let make =
        |arguments: &[&str]| command::run(&[&["keys", "encryption", keys.to_str().unwrap()], arguments].concat());
    let output = make(&["--json"]);
    let paths = json(&output);
    assert_eq!(output.status.code(), Some(0));
    let secret = fs::read_to_string(paths["identity"].as_str().unwrap()).unwrap();
    assert!(secret.starts_with("fapilog-identity-1") && !stdout(&output).contains(secret.trim_end()));
    let recipient = fs::read_to_string(paths["recipient_file"].as_str().unwrap()).unwrap();
    assert_eq!(paths["recipient"], recipient.trim_end());
    assert_eq!(fs::metadata(keys.join("identity.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = make(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("identity.key: the file cannot be written: File exists"), "{}", stderr(&again));
    assert_eq!(fs::read_to_string(keys.join("identity.key")).unwrap(), secret);
    let shared = make(&["--shared"]);
    let key = fs::read_to_string(keys.join("key-encryption.key")).unwrap();
    assert!(key.starts_with("fapilog-key-1") && !stdout(&shared).contains(key.trim_end()));
    assert_eq!(fs::metadata(keys.join("key-encryption.key")).unwrap().permissions().mode() & 0o777, 0o600);
}

/// The place of the version in the first frame.
const VERSION_AT: usize = 8;
