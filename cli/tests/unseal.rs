//! `fapilog unseal`: values in the place of sealed texts and tokens, reports of those that stay, and exit codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod command;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Output, sync::Arc, time::Duration};

use command::{run_in, run_in_with, stderr, stdout};
use fapilog::{
    Container, format, info,
    redact::{Action, DataClass, Redact},
    sink,
};
use fapilog_encryption::{Encryption, KeyStore, Seal, SubjectKeys, Tokenize};
use tempfile::TempDir;

const NAME: &str = "Ada \"the Countess\"\nLovelace";

/// A directory with `app.log`, two events of a customer and one that names nobody; with `keys/` and the store `subjects/`.
struct SealedLog(TempDir);

impl SealedLog {
    fn new() -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        for arguments in [&["keys", "encryption", "keys"][..], &["keys", "encryption", "keys", "--shared"]] {
            assert_eq!(log.run(arguments).status.code(), Some(0));
        }
        let key = |name: &str| fs::read_to_string(log.path("keys").join(name)).unwrap();
        let shared = key("key-encryption.key").parse().unwrap();
        let store = KeyStore::open(log.path("subjects")).unwrap();
        let subjects = SubjectKeys::open(store, [Clone::clone(&shared)]).unwrap();
        let encryption = Encryption::builder().recipient(key("recipient.key").parse().unwrap()).build().unwrap();
        let redact = Redact::builder()
            .subject("context.customer")
            .action(DataClass::PersonName, Action::Substitute(Arc::new(Seal::by_subject(subjects).or_to(encryption))))
            .action(DataClass::Email, Action::Substitute(Arc::new(Tokenize::with(&shared).unwrap())))
            .build();
        let file = sink::File::new(log.path("app.log"), format::Json::new);
        let logs = Container::builder().redactor_from(redact.into_factory()).sink("file", file).start().unwrap();
        let logger = logs.logger("shop");
        for order in 1..=2 {
            info!(logger, "paid", order, customer = "c1", full_name = NAME, email = "ada@example.com");
        }
        info!(logger, "paid", order = 3, full_name = NAME, email = "ada@example.com");
        let accounts = logs.shutdown(Duration::from_secs(30)).unwrap();
        accounts.check().unwrap();
        assert_eq!(accounts.lost_total() + accounts.pending_total(), 0, "{accounts}");
        log
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.0.path(), arguments)
    }

    /// Runs `unseal`, and checks the exit code and standard error. Returns the events.
    #[track_caller]
    fn unseal(&self, arguments: &[&str], code: i32, message: &str) -> Vec<serde_json::Value> {
        let output = self.run(&[&["unseal", "app.log"], arguments].concat());
        assert_eq!((output.status.code(), &*stderr(&output)), (Some(code), message), "{arguments:?}");
        events(&stdout(&output))
    }
}

fn events(lines: &str) -> Vec<serde_json::Value> {
    let events = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    events.filter(|event: &serde_json::Value| event["message"] == "paid").collect()
}

const ALL_KEYS: [&str; 6] =
    ["--identity", "keys/identity.key", "--key", "keys/key-encryption.key", "--key-store", "subjects"];

#[test]
fn values_are_back_and_json_stays_json() {
    let log = SealedLog::new();
    let bytes = fs::read_to_string(log.path("app.log")).unwrap();
    assert!(!bytes.contains("Lovelace") && !bytes.contains("ada@example.com"));
    let events = log.unseal(&ALL_KEYS, 0, "");
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["context"]["full_name"] == NAME));
    assert!(events.iter().all(|event| event["context"]["email"] == "ada@example.com"));
}

#[test]
fn standard_input_compressed_files_and_a_new_file_have_the_same_lines() {
    let log = SealedLog::new();
    let bytes = fs::read(log.path("app.log")).unwrap();
    let expected = stdout(&log.run(&[&["unseal", "app.log"][..], &ALL_KEYS].concat()));
    fs::write(log.path("app.log.zst"), zstd::encode_all(&*bytes, 1).unwrap()).unwrap();
    for output in [
        run_in_with(log.0.path(), &bytes, &[&["unseal"][..], &ALL_KEYS].concat()),
        run_in_with(log.0.path(), &bytes, &[&["unseal", "-"][..], &ALL_KEYS].concat()),
        log.run(&[&["unseal", "app.log.zst"][..], &ALL_KEYS].concat()),
    ] {
        assert_eq!((stdout(&output), output.status.code()), (expected.clone(), Some(0)));
    }
    let to_file = [&["unseal", "app.log", "--output", "clear.log"][..], &ALL_KEYS].concat();
    assert_eq!(log.run(&to_file).status.code(), Some(0));
    assert_eq!(fs::read_to_string(log.path("clear.log")).unwrap(), expected);
    assert_eq!(fs::metadata(log.path("clear.log")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(log.run(&to_file).status.code(), Some(1), "it is not overwritten");
}

#[test]
fn values_of_an_erased_subject_stay_and_end_with_10() {
    let log = SealedLog::new();
    let shred = ["shred", "subjects", "--subject", "c1", "--key", "keys/key-encryption.key", "--yes"];
    assert_eq!(log.run(&shred).status.code(), Some(0));
    let events = log.unseal(&ALL_KEYS, 10, "fapilog: app.log: 2 value(s) stay sealed: their keys were erased\n");
    let names: Vec<&str> = events.iter().map(|event| event["context"]["full_name"].as_str().unwrap()).collect();
    assert!(names.iter().take(2).all(|name| name.starts_with("sealed1:")) && names.last() == Some(&NAME), "{names:?}");
    // Tokens by the shared key are not erased with a subject.
    assert!(events.iter().all(|event| event["context"]["email"] == "ada@example.com"));
}

#[test]
fn values_without_a_key_at_hand_stay_and_end_with_14() {
    let log = SealedLog::new();
    let events = log.unseal(
        &["--identity", "keys/identity.key"],
        14,
        "fapilog: app.log: 5 value(s) stay sealed: none of the keys at hand opens them\n",
    );
    assert_eq!(events.iter().filter(|event| event["context"]["full_name"] == NAME).count(), 1);
    let output = log.run(&["unseal", "app.log", "--identity", "keys/identity.key", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((&report["values"], &report["exit_code"], &report["file"]), (&5.into(), &14.into(), &"app.log".into()));
}

#[test]
fn a_damaged_value_ends_with_15_and_a_file_that_is_absent_with_16() {
    let log = SealedLog::new();
    let text = fs::read_to_string(log.path("app.log")).unwrap();
    let place = text.find("tok1:").unwrap() + 30;
    let (front, behind) = text.split_at(place);
    let other = if behind.starts_with('A') { "B" } else { "A" };
    fs::write(log.path("app.log"), format!("{front}{other}{}", behind.get(1..).unwrap())).unwrap();
    log.unseal(&ALL_KEYS, 15, "fapilog: app.log: 1 value(s) stay sealed: they are damaged\n");
    let output = log.run(&[&["unseal", "absent.log", "app.log"][..], &ALL_KEYS].concat());
    assert_eq!(output.status.code(), Some(16));
    assert!(stderr(&output).starts_with("fapilog: absent.log: No such file"), "{}", stderr(&output));
    assert_eq!(events(&stdout(&output)).len(), 3);
}

#[test]
fn invalid_keys_are_refused_and_no_store_is_made() {
    let log = SealedLog::new();
    fs::create_dir(log.path("empty")).unwrap();
    fs::set_permissions(log.path("empty"), fs::Permissions::from_mode(0o700)).unwrap();
    let by_key = ["--key", "keys/key-encryption.key", "--key-store"];
    for (arguments, code, message) in [
        (&[][..], 2, "error: the following required arguments were not provided:\n  --identity <FILE>"),
        (&["--key", "keys/recipient.key"], 2, "fapilog: --key: keys/recipient.key: "),
        (&[&by_key[..], &["none"]].concat(), 2, "fapilog: --key-store: none: there is no such directory\n"),
        (&["--identity", "keys/identity.key", "--key-store", "subjects"], 14, "fapilog: app.log: 5 value(s) stay"),
    ] {
        let output = log.run(&[&["unseal", "app.log"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with(message), "{arguments:?}: {}", stderr(&output));
    }
    log.run(&[&["unseal", "app.log"], &by_key[..], &["empty"]].concat());
    assert_eq!(fs::read_dir(log.path("empty")).unwrap().count(), 0);
    assert!(!log.path("none").exists());
}
