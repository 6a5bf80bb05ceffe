//! `fapilog shred`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod encrypted;

use std::fs;

use command::{json, stderr, stdout};
use encrypted::{DAY, EncryptedLog};
use fapilog_encryption::{KeyStore, SubjectError, SubjectKeys};

#[test]
fn nothing_is_erased_without_yes_and_the_keys_are_named() {
    let log = EncryptedLog::shredded_by_day();
    for arguments in [["--day", DAY], ["--before", "2026-02-01"]] {
        let output = log.run(&[&["shred", "store"][..], &arguments].concat());
        let expected = format!(
            "fapilog: --yes: it is not given, and nothing is erased; with it, the command erases the keys of {DAY}, for ever\n"
        );
        assert_eq!((stderr(&output), output.status.code()), (expected, Some(2)));
    }
    assert_eq!(KeyStore::open(log.path("store")).unwrap().days().unwrap().len(), 1);
    let output = log.run(&["shred", "store", "--day", "2026-01-01"]);
    assert!(stderr(&output).ends_with("with it, nothing is erased either: the store has no key of these days\n"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn all_days_before_one_are_erased() {
    let log = EncryptedLog::shredded_by_day();
    let output = log.run(&["shred", "store", "--before", DAY, "--yes"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("no keys to erase\n", Some(30)));
    let output = log.run(&["shred", "store", "--before", "2026-01-03", "--yes", "--json"]);
    assert_eq!(json(&output), serde_json::json!({ "days": [{ "day": DAY, "keys": 1 }] }));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_day_without_keys_ends_with_30_and_a_day_that_is_not_over_with_1() {
    let log = EncryptedLog::shredded_by_day();
    let output = log.run(&["shred", "store", "--day", "2026-01-01", "--yes"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("2026-01-01: 0 key(s) erased\n", Some(30)));
    let output = log.run(&["shred", "store", "--day", "9999-12-31", "--yes", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((&error["kind"], output.status.code()), (&"keys".into(), Some(1)));
    assert!(error["error"].as_str().unwrap().starts_with("the keys of 9999-12-31 are in use until that day is over"));
}

#[test]
fn the_key_of_a_subject_is_erased_and_its_values_are_unreadable() {
    let log = EncryptedLog::of_shared_key();
    let key = fs::read_to_string(log.path("keys/key-encryption.key")).unwrap().parse().unwrap();
    let subjects = SubjectKeys::open(KeyStore::open(log.path("subjects")).unwrap(), [key]).unwrap();
    let sealed = subjects.seal("customer 4711", "Rosa Pardo").unwrap();
    let shred = ["shred", "subjects", "--subject", "customer 4711", "--key", "keys/key-encryption.key"];
    let output = log.run(&shred);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the command erases the key of the subject \"customer 4711\", for ever"));
    assert_eq!(subjects.unseal(&sealed).unwrap(), "Rosa Pardo");
    let shred = [&shred[..], &["--yes"]].concat();
    let output = log.run(&shred);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("the subject's key is erased\n", Some(0)));
    assert!(matches!(subjects.unseal(&sealed), Err(SubjectError::Shredded)));
    let output = log.run(&[&shred[..], &["--json"]].concat());
    assert_eq!((json(&output), output.status.code()), (serde_json::json!({ "subject_erased": false }), Some(30)));
}

#[test]
fn invalid_arguments_make_no_store_and_erase_nothing() {
    let log = EncryptedLog::shredded_by_day();
    fs::rename(log.path("keys"), log.path("pair")).unwrap();
    let made = log.run(&["keys", "encryption", "keys", "--shared"]);
    assert_eq!(made.status.code(), Some(0));
    for (arguments, message) in [
        (&["none", "--day", DAY, "--yes"][..], "fapilog: KEY_STORE: none: there is no such directory"),
        (&["store", "--yes"], "error: the following required arguments were not provided"),
        (&["store", "--day", "today"], "error: invalid value 'today' for '--day <DAY>': \"today\" is no day"),
        (&["store", "--subject", "a", "--yes"], "error: the following required arguments were not provided:\n  --key"),
        (
            &["store", "--subject", "a", "--key", "keys/key-encryption.key", "--yes"],
            "fapilog: KEY_STORE: store: the store has no keys of subjects",
        ),
    ] {
        let output = log.run(&[&["shred"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with(message), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!log.path("none").exists() && !log.path("store/subjects.key").exists());
}
