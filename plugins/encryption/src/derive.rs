//! Keys and ids that are derived from others: HKDF with SHA-256 (RFC 5869).

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::{error::EncryptError, secret_key::SecretKey};

struct DerivedLength(usize);

impl KeyType for DerivedLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Fills `out` with what HKDF makes of a secret.
pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), EncryptError> {
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info];
    let okm = pseudorandom.expand(&info, DerivedLength(out.len()));
    okm.and_then(|okm| okm.fill(out)).map_err(|_| EncryptError::Cipher)
}

/// A key that HKDF makes of a secret.
pub(crate) fn derive_key(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<SecretKey, EncryptError> {
    let mut key = SecretKey::zeroed();
    derive(secret, salt, info, key.bytes_mut())?;
    Ok(key)
}
