//! Keys that encrypt keys, which both sides have.

use std::{fmt, str::FromStr, sync::Arc};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use fapilog_plugin::settings::SecretBytes;

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

    /// The key that a secret of the settings is: 32 bytes, or the text of a key. 32 characters that can be typed are a password,
    /// and refused.
    ///
    /// # Errors
    /// If it is neither.
    pub fn from_secret(secret: &SecretBytes) -> Result<Self, KeyTextError> {
        let is_typed = secret.expose_text().is_ok_and(|text| !text.contains(char::is_control));
        match SecretKey::from_slice(secret.expose()).filter(|_| !is_typed) {
            Some(key) => Self::of(key).map_err(|_| Self::REFUSED),
            None => secret.expose_text().map_err(|_| KeyTextError::Length { bytes: secret.len() })?.parse(),
        }
    }

    /// The lengths of keys and ids are those that the cipher takes, so that it never refuses them.
    const REFUSED: KeyTextError = KeyTextError::Length { bytes: KEY_BYTES };

    /// The key as text, `fapilog-key-1...`.
    #[must_use]
    pub fn to_secret_text(&self) -> zeroize::Zeroizing<String> {
        key_text::write(key_text::KEY, self.0.key.bytes())
    }

    /// The id that frames have of it: derived from the key, and no secret. 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        HEXLOWER.encode(&self.0.id)
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
        let mut key = SecretKey::zeroed();
        let is_hex = text.len() == 2 * KEY_BYTES
            && HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), key.bytes_mut()) == Ok(KEY_BYTES);
        let key = if is_hex { key } else { key_text::read(key_text::KEY, KEY_BEGINS, text)? };
        Self::of(key).map_err(|_| Self::REFUSED)
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
        let digits = HEXLOWER.encode(key.0.key.bytes());
        assert_eq!(format!("{}\n", digits.to_uppercase()).parse::<KeyEncryptionKey>().unwrap().id(), key.id());
    }

    #[test]
    fn a_secret_is_32_bytes_or_the_text_of_a_key_and_no_password() {
        let key: KeyEncryptionKey = "ab".repeat(32).parse().unwrap();
        let read = |bytes: &[u8]| KeyEncryptionKey::from_secret(&SecretBytes::copy_of(bytes));
        assert_eq!(read(&[0xab; 32]).unwrap().id(), key.id());
        assert_eq!(read(key.to_secret_text().as_bytes()).unwrap().id(), key.id());
        for password in ["a password of 32 characters, yes", "ein Kennwort, 32 Bytes: süß...", "пароль из 32 байт!!!"]
        {
            assert_eq!(password.len(), KEY_BYTES, "{password}");
            assert_eq!(read(password.as_bytes()).unwrap_err(), KeyTextError::Checksum);
        }
        assert_eq!(read(&[0xab; 31]).unwrap_err(), KeyTextError::Length { bytes: 31 });
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
