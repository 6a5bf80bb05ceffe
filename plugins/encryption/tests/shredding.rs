//! Keys of days: their erasure makes frames unreadable, and changes no byte of them.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod support;

use std::time::Instant;

use fapilog::format;
use fapilog_encryption::{
    DecryptError, DecryptExit, DecryptionKeys, Decryptor, Encrypted, Encryption, Identity, KeyStore, UtcDay,
};
use fapilog_plugin::{
    testing::{TestBatches, test_event},
    timestamp::Timestamp,
};
use ring::digest::{SHA256, digest};
use support::{decrypt, keys, plain, records};

const DAY_NANOS: u64 = 24 * 60 * 60 * 1_000_000_000;

struct Shredding {
    _directory: tempfile::TempDir,
    identity: Identity,
    store: KeyStore,
    encryption: Encryption,
}

fn shredding() -> Shredding {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::generate().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let builder = Encryption::builder().recipient(identity.recipient()).shred_by_day(store.clone());
    Shredding { _directory: directory, identity, store, encryption: builder.build().unwrap() }
}

impl Shredding {
    fn keys(&self) -> DecryptionKeys {
        keys(&self.identity).key_store(self.store.clone())
    }
}

/// The frame of a batch that was taken on this day.
fn frame_of(formatter: &mut Encrypted, day: &str, message: &str) -> Vec<u8> {
    let number = day.parse::<UtcDay>().unwrap();
    let since: u64 =
        (0..).find(|days| UtcDay::of_time(Timestamp::from_unix_nanos(days * DAY_NANOS).into()) == number).unwrap();
    let taken = Timestamp::from_unix_nanos(since * DAY_NANOS + DAY_NANOS / 2);
    let mut out = Vec::new();
    let batches = TestBatches::new().taken(taken, Instant::now());
    batches.events(&[test_event(message)], |batch| formatter.try_format(batch, &mut out).unwrap());
    out
}

#[test]
fn an_erased_day_is_unreadable_and_its_bytes_and_other_days_stay() {
    let shredding = shredding();
    let mut formatter = shredding.encryption.around(format::Minimal::new());
    let log = ["2026-01-01", "2026-01-02", "2026-01-03"].map(|day| frame_of(&mut formatter, day, day)).concat();
    assert_eq!(records(&log, shredding.keys()), plain(&["2026-01-01", "2026-01-02", "2026-01-03"]));
    let hash = digest(&SHA256, &log);

    let erased = "2026-01-02".parse::<UtcDay>().unwrap();
    assert_eq!(shredding.store.shred_day(erased).unwrap().keys, 1);

    assert_eq!(digest(&SHA256, &log).as_ref(), hash.as_ref(), "a hash chain over the frames still holds");
    assert_eq!(records(&log, shredding.keys()), plain(&["2026-01-01", "2026-01-03"]));
    let summary = Decryptor::new(&*log, shredding.keys()).copy_to(Vec::new()).unwrap();
    assert!(matches!(summary.errors[..], [DecryptError::Shredded { day, .. }] if day == erased), "{summary:?}");
    assert_eq!(summary.exit(), DecryptExit::Shredded);
}

#[test]
fn a_copy_of_a_key_of_another_store_does_not_undo_an_erasure() {
    let shredding = shredding();
    let copy = tempfile::tempdir().unwrap();
    let log = frame_of(&mut shredding.encryption.around(format::Minimal::new()), "2026-01-02", "text");
    let other = KeyStore::open(copy.path().join("keys")).unwrap();
    for entry in std::fs::read_dir(shredding.store.directory()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.directory().join(entry.file_name())).unwrap();
    }
    shredding.store.shred_days_before("2026-02-01".parse().unwrap()).unwrap();
    let both = shredding.keys().key_store(other.clone());
    assert!(matches!(decrypt(&log, both)[..], [Err(DecryptError::Shredded { .. })]));
    // The copy alone still opens it: copies have to be erased, too.
    assert_eq!(records(&log, keys(&shredding.identity).key_store(other)), plain(&["text"]));
}

#[test]
fn the_identity_alone_opens_nothing_of_a_log_that_is_shredded_by_day() {
    let shredding = shredding();
    let log = frame_of(&mut shredding.encryption.around(format::Minimal::new()), "2026-01-02", "text");
    assert!(matches!(decrypt(&log, keys(&shredding.identity))[..], [Err(DecryptError::NoKey { .. })]));
    let store_only = DecryptionKeys::new().key_store(shredding.store.clone());
    assert!(matches!(decrypt(&log, store_only)[..], [Err(DecryptError::NoKey { .. })]));
}

#[test]
fn formatters_of_one_encryption_share_the_key_of_a_day() {
    let shredding = shredding();
    let mut formatters = [(); 3].map(|()| shredding.encryption.around(format::Minimal::new()));
    for formatter in &mut formatters {
        frame_of(formatter, "2026-01-02", "text");
        frame_of(formatter, "2026-01-03", "text");
    }
    let keys = std::fs::read_dir(shredding.store.directory()).unwrap().count();
    assert_eq!(keys, 2);
}

#[test]
fn a_damaged_key_file_is_reported_and_other_days_are_read() {
    let shredding = shredding();
    let mut formatter = shredding.encryption.around(format::Minimal::new());
    let first = frame_of(&mut formatter, "2026-01-01", "one");
    let file = std::fs::read_dir(shredding.store.directory()).unwrap().next().unwrap().unwrap().path();
    let log = [first, frame_of(&mut formatter, "2026-01-02", "two")].concat();
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        if let Some(byte) = damaged.get_mut(at) {
            *byte ^= 1;
        }
        std::fs::write(&file, damaged).unwrap();
        let read = decrypt(&log, shredding.keys());
        assert!(
            matches!(read.first(), Some(Err(DecryptError::KeyStore { .. } | DecryptError::NoKey { .. }))),
            "{at}: {read:?}"
        );
        assert_eq!(records(&log, shredding.keys()), plain(&["two"]), "byte {at}");
    }
}
