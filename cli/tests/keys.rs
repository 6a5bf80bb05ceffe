//! `fapilog keys`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use command::{json, run, stderr, stdout};

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_of_a_trail_are_files_that_their_owner_alone_can_read_and_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let output = run(&["keys", "audit", keys.to_str().unwrap(), "--name", "example.com/audit"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert_eq!([mode_of(&keys), mode_of(&keys.join("signing.key"))], [0o700, 0o600]);
    assert_eq!(mode_of(&keys.join("verifying.key")), 0o644);
    let secret = fs::read_to_string(keys.join("signing.key")).unwrap();
    assert!(secret.starts_with("PRIVATE+KEY+example.com/audit+"));
    let text = stdout(&output);
    // The key may have a `+` itself.
    let key = secret.trim_end().splitn(5, '+').nth(4).unwrap();
    assert!(!text.contains(key), "{text}");
    assert!(text.contains("signing.key (secret: for the setting signing_key)\n"), "{text}");
}

#[test]
fn keys_that_exist_are_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["keys", "audit", directory.path().to_str().unwrap(), "--name", "a", "--json"];
    let paths = json(&run(&arguments));
    let signing = paths["signing_key"].as_str().unwrap();
    let before = fs::read(signing).unwrap();
    let output = run(&arguments);
    let error: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((output.status.code(), &error["kind"]), (Some(1), &"output".into()));
    assert!(error["error"].as_str().unwrap().contains("signing.key: File exists"), "{error}");
    assert_eq!(fs::read(signing).unwrap(), before);
}

#[test]
fn a_name_that_a_trail_cannot_have_and_a_directory_that_cannot_be_made_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&["keys", "audit", directory.path().to_str().unwrap(), "--name", "a b"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("\"a b\" is no name of a key; allowed are"), "{}", stderr(&output));
    let output = run(&["keys", "audit", "/no/such/keys", "--name", "a"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("/no/such/keys: the directory cannot be made: No such file"),
        "{}",
        stderr(&output)
    );
}
