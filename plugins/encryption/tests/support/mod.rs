//! Frames without a container, and containers that write them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

use std::time::{Duration, Instant};

use fapilog::format;
use fapilog_encryption::{DecryptError, DecryptedFrame, DecryptionKeys, Decryptor, Encrypted, Encryption, Identity};
use fapilog_plugin::{
    event::Batch,
    formatter::Formatter,
    testing::{TestBatches, test_event},
    timestamp::Timestamp,
};

/// Far longer than any step of a test takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The day of all batches.
pub(crate) const DAY: &str = "2026-01-02";

/// An identity, and an encryption for it alone.
pub(crate) fn pair() -> (Identity, Encryption) {
    let identity = Identity::generate().unwrap();
    let encryption = Encryption::builder().recipient(identity.recipient()).build().unwrap();
    (identity, encryption)
}

pub(crate) fn keys(identity: &Identity) -> DecryptionKeys {
    DecryptionKeys::new().identity(identity.clone())
}

/// Formats a batch of events with these messages.
pub(crate) fn format(formatter: &mut Encrypted, messages: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    with_batch(messages, |batch| formatter.try_format(batch, &mut out).unwrap());
    out
}

pub(crate) fn with_batch<R>(messages: &[&str], test: impl FnOnce(&Batch<'_>) -> R) -> R {
    let events: Vec<_> = messages.iter().map(|message| test_event(message)).collect();
    // 12:00 of the day.
    let taken = Timestamp::from_unix_nanos((20_455 * 24 + 12) * 3600 * 1_000_000_000);
    TestBatches::new().taken(taken, Instant::now()).events(&events, |batch| test(batch))
}

/// A frame for each list of messages, and the records in it.
pub(crate) fn frames(encryption: &Encryption, batches: &[&[&str]]) -> Vec<Vec<u8>> {
    let mut formatter = encryption.around(format::Minimal::new());
    batches.iter().map(|messages| format(&mut formatter, messages)).collect()
}

/// The plaintext of messages, by the formatter of [`frames`].
pub(crate) fn plain(messages: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    with_batch(messages, |batch| format::Minimal::new().format(batch, &mut out)).unwrap();
    out
}

pub(crate) fn decrypt(bytes: &[u8], keys: DecryptionKeys) -> Vec<Result<DecryptedFrame, DecryptError>> {
    Decryptor::new(bytes, keys).collect()
}

/// The records of all frames that can be read.
pub(crate) fn records(bytes: &[u8], keys: DecryptionKeys) -> Vec<u8> {
    Decryptor::new(bytes, keys).filter_map(Result::ok).flat_map(|frame| frame.records).collect()
}

/// Whether the text stands in the bytes.
pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
