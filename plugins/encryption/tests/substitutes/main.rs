//! Sealed values and tokens: containers that write them, readers, and keys that are erased.
//!
//! The second reader, `unseal.py`, needs `python3` with the package `cryptography`. Without them its test does nothing, unless
//! `NO_SKIPPED_TESTS` is set. `WRITE_GOLDEN=1 cargo test -p fapilog-encryption --test substitutes write` writes the golden files anew, with new
//! keys.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod allocations;
mod golden;
mod keys;
mod settings;
#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::HashSet,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use fapilog::{
    Container, Settings, format, info,
    redact::{Action, DataClass, Redact, SensitiveValue, Substitute},
    sink,
};
use fapilog_encryption::{
    DecryptExit, DecryptionKeys, Encryption, Identity, KeyEncryptionKey, KeyStore, Seal, SubjectKeys, Tokenize,
    UnsealError, UnsealSummary, Unsealer,
};
use support::{TIMEOUT, holds};

const EMAIL: &str = "ada@example.com";
const NAME: &str = "Ada \"the Countess\" Lovelace";

/// A directory with a log, a file with a key, and a place for a key store.
struct Place {
    directory: tempfile::TempDir,
    identity: Identity,
    key: KeyEncryptionKey,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyEncryptionKey::generate().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, &*key.to_secret_text()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Self { directory, identity: Identity::generate().unwrap(), key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn store(&self) -> KeyStore {
        KeyStore::open(self.path("subjects")).unwrap()
    }

    fn subjects(&self) -> SubjectKeys {
        SubjectKeys::open(self.store(), [self.key.clone()]).unwrap()
    }

    /// `key = { file = "..." }`
    fn key_setting(&self) -> String {
        format!("key = {{ file = \"{}\" }}", self.path("key").display())
    }

    fn store_setting(&self) -> String {
        format!("key_store = \"{}\"", self.path("subjects").display())
    }

    fn settings(&self, tables: &str) -> Result<Settings, fapilog::error::SettingsError> {
        let path = self.path("settings.toml");
        let text = format!(
            "preset = \"production\"\nsinks = [\"file\"]\nredactors = [\"redact\"]\n[plugin_config.file]\npath = \"{}\"\n{tables}",
            self.path("app.log").display()
        );
        fs::write(&path, text).unwrap();
        Settings::from_file(&path)
    }

    /// The problems of settings that are refused.
    fn problems(&self, tables: &str) -> String {
        let error = self.settings(tables).and_then(|settings| settings.into_builder().map(drop)).unwrap_err();
        error.problems.iter().map(|problem| format!("{problem}\n")).collect()
    }

    /// Runs a container of these settings, and returns what is in its log.
    fn log_of(&self, tables: &str) -> Vec<u8> {
        let logs = self.settings(tables).unwrap().into_builder().unwrap().start().unwrap();
        log_orders(&logs);
        let accounts = logs.shutdown(TIMEOUT).unwrap();
        accounts.check().unwrap();
        assert_eq!(accounts.lost_total(), 0, "{accounts}");
        let log = fs::read(self.path("app.log")).unwrap();
        assert!(holds(&log, "order paid"));
        for clear in [EMAIL, "Lovelace", "Countess", "4111"] {
            assert!(!holds(&log, clear), "{clear}: {}", String::from_utf8_lossy(&log));
        }
        log
    }

    /// The lines as a reader with all keys has them.
    fn unsealed(&self, log: &[u8]) -> (Vec<serde_json::Value>, UnsealSummary) {
        let keys = DecryptionKeys::new().identity(self.identity.clone()).key(self.key.clone());
        let keys = if self.path("subjects").exists() { keys.key_store(self.store()) } else { keys };
        let (clear, summary) = unseal(log, keys);
        let lines = clear.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events = lines.map(|line| serde_json::from_slice(line).unwrap());
        (events.filter(|event: &serde_json::Value| event["message"] == "order paid").collect(), summary)
    }
}

/// Two events of one customer, one of another, one that names nobody.
fn log_orders(logs: &Container) {
    let log = logs.logger("shop");
    for customer in ["c1", "c1", "c2"] {
        info!(log, "order paid", customer, email = EMAIL, full_name = NAME, card = "4111 1111 1111 1111");
    }
    info!(log, "order paid", email = EMAIL);
}

fn unseal(log: &[u8], keys: DecryptionKeys) -> (Vec<u8>, UnsealSummary) {
    let mut clear = Vec::new();
    let summary = Unsealer::new(keys).unwrap().unseal_line(log, &mut clear);
    (clear, summary)
}

/// The text that stands for a value.
fn put(substitute: &dyn Substitute, value: &str, subject: Option<&str>) -> String {
    let mut out = String::new();
    let value = SensitiveValue::new(DataClass::Email, "context.email", value).of_subject(subject);
    substitute.substitute(&value, &mut out).unwrap();
    out
}

#[test]
fn values_are_sealed_by_settings_and_the_recipient_has_them_back() {
    let place = Place::new();
    let log = place.log_of(&format!(
        "[plugin_config.redact]\nactions = {{ default = \"seal\" }}\n[plugin_config.seal]\nrecipients = [\"{}\"]",
        place.identity.recipient()
    ));
    let (events, summary) = place.unsealed(&log);
    assert_eq!((summary.unsealed, summary.exit()), (10, DecryptExit::Success));
    assert_eq!(events.len(), 4);
    for event in &events[..3] {
        assert_eq!(event["context"]["email"], EMAIL);
        assert_eq!(event["context"]["full_name"], NAME);
        assert_eq!(event["context"]["card"], "4111 1111 1111 1111");
        assert_eq!(
            event["context"]["redacted"],
            serde_json::json!(["context.email", "context.full_name", "context.card"])
        );
    }
    let (same, summary) = unseal(&log, DecryptionKeys::new().identity(Identity::generate().unwrap()));
    assert!(same == log && (summary.no_key, summary.exit()) == (10, DecryptExit::NoKey), "{summary:?}");
}

#[test]
fn values_of_a_subject_come_back_until_its_key_is_erased() {
    let place = Place::new();
    let (key, store) = (place.key_setting(), place.store_setting());
    let log = place.log_of(&format!(
        "[plugin_config.redact]\nsubject = \"context.customer\"\n\
         actions = {{ default = \"seal\", email = \"tokenize\" }}\n\
         [plugin_config.seal]\n{key}\n{store}\n[plugin_config.tokenize]\n{key}\n{store}"
    ));
    let (events, summary) = place.unsealed(&log);
    assert_eq!((summary.unsealed, summary.exit()), (9, DecryptExit::Success));
    assert!(
        events[..3].iter().all(|event| event["context"]["email"] == EMAIL && event["context"]["full_name"] == NAME)
    );
    assert_eq!(events[3]["context"]["email"], "[redacted]", "the event names no subject");

    let before = [0, 1, 2].map(|at| serde_json::from_slice::<serde_json::Value>(lines(&log)[at]).unwrap());
    let emails = [0, 1, 2].map(|at| before[at]["context"]["email"].clone());
    assert!(emails[0] == emails[1] && emails[0] != emails[2], "tokens are equal within a subject: {emails:?}");

    assert!(place.subjects().shred("c1").unwrap());
    let (events, summary) = place.unsealed(&log);
    assert_eq!((summary.unsealed, summary.shredded, summary.exit()), (3, 6, DecryptExit::Shredded));
    assert_eq!(events[..2], before[..2], "they stay as they are");
    assert_eq!(events[2]["context"]["full_name"], NAME);
    assert!(!place.subjects().shred("c1").unwrap(), "a reader makes no key");
}

/// The lines of the test's events.
fn lines(log: &[u8]) -> Vec<&[u8]> {
    log.split(|byte| *byte == b'\n').filter(|line| holds(line, "order paid")).collect()
}

#[test]
fn events_without_a_subject_are_sealed_for_recipients_if_there_are_any() {
    let place = Place::new();
    let log = place.log_of(&format!(
        "[plugin_config.redact]\nsubject = \"customer\"\nactions = {{ default = \"seal\" }}\n\
         [plugin_config.seal]\nrecipients = [\"{}\"]\n{}\n{}\nrotate_after = \"10m\"",
        place.identity.recipient(),
        place.key_setting(),
        place.store_setting()
    ));
    let by_key = unseal(&log, DecryptionKeys::new().key(place.key.clone()).key_store(place.store())).1;
    assert_eq!((by_key.unsealed, by_key.no_key), (9, 1), "the program's key opens the values of subjects alone");
    assert_eq!(place.unsealed(&log).1.unsealed, 10);
}

#[test]
fn lines_are_joined_by_tokens_and_a_reader_has_the_keys_of_before_too() {
    let place = Place::new();
    let tables = format!(
        "[plugin_config.redact]\nactions = {{ default = \"tokenize\" }}\n[plugin_config.tokenize]\n{}",
        place.key_setting()
    );
    let log = place.log_of(&tables);
    let events = lines(&log).into_iter().map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    let tokens: HashSet<String> = events.map(|event| event["context"]["email"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens.iter().all(|token| token.starts_with(&format!("tok1:{}:", place.key.id())) && token.len() == 64));

    let new = KeyEncryptionKey::generate().unwrap();
    let token = put(&Tokenize::with(&new).unwrap(), EMAIL, None);
    assert!(!tokens.contains(&token));
    let both = [&log[..], token.as_bytes()].concat();
    let (_, summary) = unseal(&both, DecryptionKeys::new().key(new.clone()).key(place.key.clone()));
    assert_eq!((summary.unsealed, summary.no_key), (11, 0));
    let (_, summary) = unseal(&both, DecryptionKeys::new().key(new));
    assert_eq!((summary.unsealed, summary.no_key), (1, 10));
}

#[test]
fn a_builder_takes_substitutes_too_and_the_same_value_is_sealed_to_another_text_each_time() {
    let place = Place::new();
    let encryption = Encryption::builder().key(place.key.clone()).build().unwrap();
    let redact = Redact::builder()
        .action(DataClass::Email, Action::Substitute(Arc::new(Seal::to(encryption))))
        .action(DataClass::PersonName, Action::Substitute(Arc::new(Tokenize::with(&place.key).unwrap())))
        .build();
    let file = sink::File::new(place.path("app.log"), format::Json::new);
    let logs = Container::builder().redactor_from(redact.into_factory()).sink("file", file).start().unwrap();
    log_orders(&logs);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    let log = fs::read(place.path("app.log")).unwrap();
    assert!(!holds(&log, EMAIL) && !holds(&log, "Lovelace"));
    let events = lines(&log).into_iter().map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    let sealed: HashSet<String> = events.map(|event| event["context"]["email"].to_string()).collect();
    assert_eq!(sealed.len(), 4);
    let (events, summary) = place.unsealed(&log);
    assert_eq!((summary.unsealed, summary.exit()), (7, DecryptExit::Success));
    assert!(events.iter().all(|event| event["context"]["email"] == EMAIL));
}

#[test]
fn a_value_that_cannot_be_sealed_is_masked_and_counted() {
    let place = Place::new();
    let seal = Seal::by_subject(place.subjects());
    let redact = Redact::builder()
        .action_of_all(&Action::Substitute(Arc::new(seal.clone())))
        .subject("context.customer")
        .build();
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().redactor_from(redact.into_factory()).sink("memory", sink).start().unwrap();
    let log = logs.logger("shop");
    info!(log, "order paid", customer = "", email = EMAIL);
    info!(log, "order paid", email = EMAIL);
    logs.flush(TIMEOUT).unwrap();
    assert_eq!(seal.failures().last.unwrap(), "the event names no subject, by whose key its values are encrypted");
    fs::remove_dir_all(place.path("subjects")).unwrap();
    info!(log, "order paid", customer = "planted", email = EMAIL);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
    assert!(events.lines().iter().all(|line| line.contains(r#""email":"[redacted]""#)), "{:?}", events.lines());
    let failures = seal.failures();
    let reason = failures.last.unwrap();
    assert_eq!(failures.values, 3);
    assert!(reason.starts_with("cannot lock ") && !reason.contains("planted") && !reason.contains(EMAIL), "{reason}");
    let metrics = logs.metrics();
    let redact = metrics.plugins.iter().find(|plugin| plugin.name == "redact").unwrap();
    assert!(redact.counters.contains(&("substitute_failed".to_owned(), 3)), "{:?}", redact.counters);
}
