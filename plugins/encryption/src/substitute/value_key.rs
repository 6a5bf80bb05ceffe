//! Data keys of sealed values: each encrypts values for a while, and each text contains its key, wrapped.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime},
};

use data_encoding::BASE64URL_NOPAD;
use fapilog_plugin::threads::process::OwnProcess;

use super::text::{SEALED_BEGINS, append_encrypted};
use crate::{
    data_key::RotationLimits,
    encryption::Encryption,
    error::EncryptError,
    frame::nonce_of,
    key_store::UtcDay,
    secret_key::{AesKey, SecretKey, TAG_BYTES, random},
    wrap::{KeyId, WrapList, WrappedRole},
};

const WRAP_LABEL: &[u8] = b"fapilog sealed values v1";
const VALUE_LABEL: &[u8] = b"fapilog sealed value v1";
/// The number of a value under its key.
const NUMBER_BYTES: usize = 8;

/// The role of a data key of values in its wraps.
pub(super) fn role(id: &KeyId) -> WrappedRole<'_> {
    WrappedRole::stored_key(WRAP_LABEL, id)
}

/// The associated data of a value.
pub(super) fn associated(id: &KeyId) -> Vec<u8> {
    [VALUE_LABEL, id].concat()
}

/// A random key, and the text in front of all values under it: its id, and its wraps. It has no copy: a number is used once.
pub(super) struct ValueKey {
    cipher: AesKey,
    /// `sealed1:`, the id, `:`, the wraps, `:`.
    front: String,
    associated: Vec<u8>,
    next: AtomicU64,
    sealed_bytes: AtomicU64,
    made: Instant,
    day: Option<UtcDay>,
    process: OwnProcess,
}

impl ValueKey {
    /// A new key, wrapped for those who may read.
    pub(super) fn new(encryption: &Encryption) -> Result<Self, EncryptError> {
        let (key, id) = (SecretKey::random()?, random()?);
        let mut wraps = WrapList::new(&key, role(&id));
        let day = encryption.add_wraps(&mut wraps, today())?;
        Self::of(&key, &id, &wraps.into_bytes(), day)
    }

    fn of(key: &SecretKey, id: &KeyId, wraps: &[u8], day: Option<UtcDay>) -> Result<Self, EncryptError> {
        Ok(Self {
            cipher: key.cipher()?,
            front: format!("{SEALED_BEGINS}{}:{}:", BASE64URL_NOPAD.encode(id), BASE64URL_NOPAD.encode(wraps)),
            associated: associated(id),
            next: AtomicU64::new(0),
            sealed_bytes: AtomicU64::new(0),
            made: Instant::now(),
            day,
            process: OwnProcess::this(),
        })
    }

    /// Whether it may encrypt more values: in a forked child, parent and child would use the same nonces.
    pub(super) fn is_usable(&self, limits: &RotationLimits) -> bool {
        // Relaxed: a key that serves some values more than its bytes allow is no danger; pairs with `seal`.
        self.sealed_bytes.load(Ordering::Relaxed) < limits.bytes
            && self.made.elapsed() < limits.age
            && self.process.is_this()
            && self.day.is_none_or(|day| day == today())
    }

    /// Appends the text of a value. `false`, and nothing is appended, if the key has no number left.
    pub(super) fn seal(&self, value: &str, limits: &RotationLimits, out: &mut String) -> Result<bool, EncryptError> {
        // Relaxed: the numbers are to differ, and nothing else depends on them. A number is used up, whatever happens.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= limits.frames.min(RotationLimits::FRAMES_MAX) {
            return Ok(false);
        }
        self.sealed_bytes.fetch_add(value.len() as u64, Ordering::Relaxed); // Relaxed: pairs with `is_usable`
        let start = out.len();
        out.push_str(&self.front);
        let sealed = append_encrypted(value, [NUMBER_BYTES, TAG_BYTES], out, |bytes| self.encrypt(number, bytes));
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed.map(|()| true)
    }

    /// Encrypts in place what stands between the number and the tag.
    fn encrypt(&self, number: u64, bytes: &mut [u8]) -> Result<(), EncryptError> {
        let (front, behind) = bytes.split_first_chunk_mut::<NUMBER_BYTES>().ok_or(EncryptError::Cipher)?;
        let (value, tag) = behind.split_last_chunk_mut::<TAG_BYTES>().ok_or(EncryptError::Cipher)?;
        *front = number.to_be_bytes();
        *tag = self.cipher.seal(nonce_of(number), &self.associated, value)?;
        Ok(())
    }
}

fn today() -> UtcDay {
    UtcDay::of_time(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: RotationLimits = RotationLimits { frames: u64::MAX, bytes: u64::MAX, age: Duration::from_secs(3600) };

    fn key() -> ValueKey {
        let key = SecretKey::from_slice(&std::array::from_fn::<u8, 32, _>(|at| at as u8)).unwrap();
        ValueKey::of(&key, &[0xd1; 16], &[0, 0], None).unwrap()
    }

    fn sealed(key: &ValueKey) -> String {
        let mut out = String::new();
        assert!(key.seal("ada@example.com", &LIMITS, &mut out).unwrap());
        out
    }

    /// The bytes were computed by Python's `cryptography`.
    #[test]
    fn values_of_a_key_have_these_texts() {
        let key = key();
        assert_eq!(
            sealed(&key),
            "sealed1:0dHR0dHR0dHR0dHR0dHR0Q:AAA:AAAAAAAAAABv2NSe0FTi0HjEzBt7Q_zlRvkQ4ZZvklZZJMzbVoCe"
        );
        assert_eq!(
            sealed(&key),
            "sealed1:0dHR0dHR0dHR0dHR0dHR0Q:AAA:AAAAAAAAAAF0st68IYxRc35CNBePyVc2vnOohe3w7Sps-w87JV1Y"
        );
    }

    #[test]
    fn a_key_has_2_to_the_32_numbers_and_serves_its_bytes_its_age_and_a_day() {
        let mut key = key();
        key.next = AtomicU64::new((1 << 32) - 1);
        let mut out = "in front".to_owned();
        assert!(key.seal("a", &LIMITS, &mut out).unwrap());
        out.truncate(8);
        assert!(!key.seal("a", &LIMITS, &mut out).unwrap());
        assert_eq!(out, "in front");
        assert!(key.is_usable(&LIMITS));
        assert!(!key.is_usable(&RotationLimits { bytes: 1, ..LIMITS }));
        assert!(!key.is_usable(&RotationLimits { age: Duration::ZERO, ..LIMITS }));
        key.day = UtcDay::of_number(1);
        assert!(!key.is_usable(&LIMITS), "it is not 1970");
    }
}
