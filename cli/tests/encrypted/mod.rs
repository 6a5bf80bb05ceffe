//! Encrypted logs of the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use std::{fs, path::PathBuf, process::Output, time::Duration};

use fapilog::{
    Container, Level,
    container::{Executor, ManualClock},
    event::Timestamp,
    format, info, sink,
};
use fapilog_encryption::{Encryption, EncryptionBuilder, KeyStore};
use tempfile::TempDir;

use crate::command::{run_in, run_in_with};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The day of all events.
pub(crate) const DAY: &str = "2026-01-02";
/// 12:00 of it.
const NOON: Timestamp = Timestamp::from_unix_nanos((20_455 * 24 + 12) * 3600 * 1_000_000_000);

/// A directory with `app.log`, three frames with a record each, and the keys that `fapilog keys encryption` made.
pub(crate) struct EncryptedLog(TempDir);

impl EncryptedLog {
    /// A log for the identity of a pair.
    pub(crate) fn of_pair() -> Self {
        let log = Self::with_keys(&[]);
        log.write(Encryption::builder().recipient(log.key("recipient.key").parse().unwrap()));
        log
    }

    /// A log for a key that writer and reader share.
    pub(crate) fn of_shared_key() -> Self {
        let log = Self::with_keys(&["--shared"]);
        log.write(Encryption::builder().key(log.key("key-encryption.key").parse().unwrap()));
        log
    }

    /// A log for the identity of a pair, each day of which has a key in `store`.
    pub(crate) fn shredded_by_day() -> Self {
        let log = Self::with_keys(&[]);
        let store = KeyStore::open(log.path("store")).unwrap();
        let recipient = log.key("recipient.key").parse().unwrap();
        log.write(Encryption::builder().recipient(recipient).shred_by_day(store));
        log
    }

    fn with_keys(arguments: &[&str]) -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        let made = log.run(&[&["keys", "encryption", "keys"], arguments].concat());
        assert_eq!((made.status.code(), made.stderr.as_slice()), (Some(0), &[][..]));
        log
    }

    fn key(&self, name: &str) -> String {
        fs::read_to_string(self.path("keys").join(name)).unwrap()
    }

    fn write(&self, encryption: EncryptionBuilder) {
        let encryption = encryption.build().unwrap();
        let file = sink::File::new(self.path("app.log"), move || encryption.around(format::Json::new()));
        let clock = ManualClock::new(NOON);
        let builder = Container::builder().executor(Executor::Thread).level(Level::Info).manual_clock(&clock);
        let logs = builder.sink("file", file).start().unwrap();
        let log = logs.logger("shop");
        for order in 1..=3 {
            info!(log, "paid", order);
            logs.flush(TIMEOUT).unwrap();
        }
        let accounts = logs.shutdown(TIMEOUT).unwrap();
        accounts.check().unwrap();
        assert_eq!(accounts.pending_total(), 0, "{accounts}");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command in the directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run_in(self.0.path(), arguments)
    }

    /// Runs the command with bytes as its standard input.
    pub(crate) fn run_with(&self, input: &[u8], arguments: &[&str]) -> Output {
        run_in_with(self.0.path(), input, arguments)
    }

    /// Changes the log.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path("app.log")).unwrap();
        change(&mut bytes);
        fs::write(self.path("app.log"), bytes).unwrap();
    }
}
