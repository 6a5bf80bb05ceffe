//! Keys of 256 bits in memory.

use std::{fmt, mem::MaybeUninit, ops::Deref};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroize;

use crate::error::EncryptError;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;

/// Fills bytes at random, from the system.
pub(crate) fn fill_at_random(bytes: &mut [u8]) -> Result<(), EncryptError> {
    SystemRandom::new().fill(bytes).map_err(|_| EncryptError::NoRandomness)
}

/// Random bytes that are no secret, such as an id.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], EncryptError> {
    let mut bytes = [0; N];
    fill_at_random(&mut bytes)?;
    Ok(bytes)
}

/// A key of 256 bits. Zeroed when it is dropped; on the heap, so that a move copies no bytes of it.
pub(crate) struct SecretKey(Box<[u8; KEY_BYTES]>);

impl SecretKey {
    pub(crate) fn zeroed() -> Self {
        Self(Box::new([0; KEY_BYTES]))
    }

    pub(crate) fn random() -> Result<Self, EncryptError> {
        let mut key = Self::zeroed();
        fill_at_random(&mut *key.0)?;
        Ok(key)
    }

    /// `None` if it is not as long as a key.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zeroed();
        (bytes.len() == KEY_BYTES).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        &mut self.0
    }

    pub(crate) fn cipher(&self) -> Result<AesKey, EncryptError> {
        AesKey::new(self)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([redacted])")
    }
}

/// A key in a form of ring's, which does not zero it: zeroed when it is dropped; on the heap, so that a move copies no bytes of it.
pub(crate) struct Wiped<T>(Box<MaybeUninit<T>>);

impl<T> Wiped<T> {
    /// The memory is zeroed in place of a drop.
    const HAS_NO_DROP: () = assert!(!std::mem::needs_drop::<T>());

    pub(crate) fn new(key: T) -> Self {
        let () = Self::HAS_NO_DROP;
        Self(Box::new(MaybeUninit::new(key)))
    }

    /// By a volatile write, which the compiler keeps although the memory is freed next.
    fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl<T> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` has initialized it, and only `wipe` changes it, in the drop.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// A key in the form that AES-256-GCM uses: the schedule of its rounds.
pub(crate) struct AesKey(Wiped<LessSafeKey>);

impl AesKey {
    fn new(key: &SecretKey) -> Result<Self, EncryptError> {
        let unbound = UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| EncryptError::Cipher)?;
        Ok(Self(Wiped::new(LessSafeKey::new(unbound))))
    }

    /// Encrypts the bytes in place, and returns the tag. A nonce must be used once only.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], EncryptError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag: Tag =
            self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), bytes).map_err(|_| EncryptError::Cipher)?;
        tag.as_ref().try_into().map_err(|_| EncryptError::Cipher)
    }

    /// Decrypts in place bytes that end in their tag. `None` if the tag is another: the bytes are zeros then.
    pub(crate) fn open<'b>(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        bytes: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(associated), bytes).ok().map(|plain| &*plain)
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_of<T>(key: &Wiped<T>) -> Vec<u8> {
        let start = key.0.as_ptr().cast::<u8>();
        let byte = |at: usize| {
            // SAFETY: `at` is within the value, whose box is alive.
            let place = unsafe { start.add(at) };
            // SAFETY: a byte of the value is readable; padding of it, which is read too, was written as zeros or as a copy.
            unsafe { place.read_volatile() }
        };
        (0..size_of::<T>()).map(byte).collect()
    }

    #[test]
    fn a_wiped_key_has_zeros_in_place_of_its_schedule() {
        let mut key = SecretKey::from_slice(&[7; KEY_BYTES]).unwrap().cipher().unwrap();
        let is_there = memory_of(&key.0).windows(8).any(|window| window == [7; 8]);
        assert!(is_there, "the first round's key is the key itself");
        key.0.wipe();
        assert!(memory_of(&key.0).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_wiped_key_of_hmac_has_zeros_in_place_of_its_states() {
        use ring::hmac::{HMAC_SHA256, Key};
        let mut key = Wiped::new(Key::new(HMAC_SHA256, &[7; KEY_BYTES]));
        assert!(memory_of(&key).iter().any(|byte| *byte != 0));
        key.wipe();
        assert!(memory_of(&key).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn no_key_is_in_debug_output() {
        let key = SecretKey::from_slice(&[0xab; KEY_BYTES]).unwrap();
        assert_eq!(format!("{key:?} {:?}", key.cipher().unwrap()), "SecretKey([redacted]) AesKey([redacted])");
    }

    #[test]
    fn an_opened_text_is_the_sealed_one_and_another_tag_opens_nothing() {
        let key = SecretKey::random().unwrap().cipher().unwrap();
        let mut bytes = b"text".to_vec();
        let tag = key.seal([1; NONCE_BYTES], b"front", &mut bytes).unwrap();
        bytes.extend_from_slice(&tag);
        assert_eq!(key.open([1; NONCE_BYTES], b"front", &mut bytes.clone()), Some(&b"text"[..]));
        assert_eq!(key.open([1; NONCE_BYTES], b"other", &mut bytes.clone()), None);
        assert_eq!(key.open([2; NONCE_BYTES], b"front", &mut bytes), None);
    }
}
