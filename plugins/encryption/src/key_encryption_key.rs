//! Keys that encrypt keys, which both sides have.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    derive::{derive, derive_key},
    error::EncryptError,
    key_text::{self, KeyTextError},
    recipient::ShortId,
    secret_key::{AesKey, KEY_BYTES, SecretKey},
};

const ID_INFO: &[u8] = b"fapilog key id v1";
const WRAP_INFO: &[u8] = b"fapilog key wrap v1";
const KEY_BEGINS: &str = "fapilog-key-1";

/// A key-encryption key of 256 bits, which encrypts and decrypts: from a key management service, or a file that the writer and the
/// readers have. Zeroed when the last clone is dropped, and never in `Debug` output.
///
/// Its text is that of [`to_secret_text`](Self::to_secret_text), or 64 hexadecimal digits, as `openssl rand -hex 32` prints them.
#[derive(Clone)]
pub struct KeyEncryptionKey(Arc<SharedKey>);

struct SharedKey {
    key: SecretKey,
    wrapping: AesKey,
    id: ShortId,
}

impl KeyEncryptionKey {
    /// A new key, at random.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, EncryptError> {
        Self::of(SecretKey::random()?)
    }

    fn of(key: SecretKey) -> Result<Self, EncryptError> {
        let mut id = ShortId::default();
        derive(key.bytes(), &[], ID_INFO, &mut id)?;
        let wrapping = derive_key(key.bytes(), &[], WRAP_INFO)?.cipher()?;
        Ok(Self(Arc::new(SharedKey { key, wrapping, id })))
    }

    /// The key as text, `fapilog-key-1...`.
    #[must_use]
    pub fn to_secret_text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(key_text::write(key_text::KEY, self.0.key.bytes()))
    }

    /// The id that frames have of it: derived from the key, and no secret. 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        crate::hex::write(&self.0.id)
    }

    pub(crate) fn short_id(&self) -> ShortId {
        self.0.id
    }

    pub(crate) fn cipher(&self) -> &AesKey {
        &self.0.wrapping
    }
}

impl FromStr for KeyEncryptionKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let text = text.trim();
        let key = if text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let mut key = SecretKey::zeroed();
            crate::hex::read(text, key.bytes_mut()).ok_or(KeyTextError::Checksum)?;
            key
        } else {
            key_text::read(key_text::KEY, KEY_BEGINS, text)?
        };
        // The lengths of ids and keys are those that the functions take.
        Self::of(key).map_err(|_| KeyTextError::Length { bytes: KEY_BYTES })
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEncryptionKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text_and_from_hexadecimal_digits() {
        let key = KeyEncryptionKey::generate().unwrap();
        assert_eq!(key.to_secret_text().parse::<KeyEncryptionKey>().unwrap().id(), key.id());
        let digits = crate::hex::write(key.0.key.bytes());
        assert_eq!(format!("{}\n", digits.to_uppercase()).parse::<KeyEncryptionKey>().unwrap().id(), key.id());
    }

    #[test]
    fn debug_output_has_the_id_only_and_the_id_is_no_part_of_the_key() {
        let key: KeyEncryptionKey = "ab".repeat(32).parse().unwrap();
        assert_eq!(format!("{key:?}"), format!("KeyEncryptionKey {{ id: {:?}, .. }}", key.id()));
        assert!(!key.id().contains("abab"));
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_and_its_error_has_no_part_of_it() {
        for text in ["", "hunter2", &"ab".repeat(31), &"ag".repeat(32)] {
            let error = text.parse::<KeyEncryptionKey>().unwrap_err();
            assert_eq!(error.to_string(), "the text is no key: a character of it is missing or wrong");
        }
        let recipient = crate::Identity::generate().unwrap().recipient().to_string();
        let expected = KeyTextError::Kind { expected: "fapilog-key-1" };
        assert_eq!(recipient.parse::<KeyEncryptionKey>().unwrap_err(), expected);
    }
}
