//! Keys of tokens: AES-SIV (RFC 5297), by which a value has one ciphertext.

use aes_siv::{KeyInit, Tag, siv::Aes256Siv};
use zeroize::Zeroizing;

use crate::{derive::derive, error::EncryptError, secret_key::SecretKey};

/// The synthetic nonce, which is the tag as well. It stands in front of the ciphertext.
pub(crate) const SIV_BYTES: usize = 16;
const KEY_INFO: &[u8] = b"fapilog token key v1";
/// A key of CMAC and a key of CTR, of 256 bits each.
const SIV_KEY_BYTES: usize = 64;

/// A key that makes tokens and opens them. Zeroed when it is dropped.
///
/// The rounds of AES are made of it for each value, in registers and on the stack, where they are zeroed: a kept cipher would need a
/// lock, because its CMAC has a state.
pub(crate) struct TokenKey(Box<Zeroizing<[u8; SIV_KEY_BYTES]>>);

impl TokenKey {
    /// The key that belongs to a key of 256 bits.
    pub(crate) fn derived(secret: &SecretKey) -> Result<Self, EncryptError> {
        let mut key = Self(Box::new(Zeroizing::new([0; SIV_KEY_BYTES])));
        derive(secret.bytes(), &[], KEY_INFO, &mut **key.0)?;
        Ok(key)
    }

    fn cipher(&self) -> Result<Aes256Siv, EncryptError> {
        Aes256Siv::new_from_slice(&**self.0).map_err(|_| EncryptError::Cipher)
    }

    /// Encrypts in place what stands behind the first [`SIV_BYTES`], and puts the synthetic nonce there.
    pub(crate) fn seal(&self, associated: &[u8], bytes: &mut [u8]) -> Result<(), EncryptError> {
        let (front, value) = bytes.split_at_mut_checked(SIV_BYTES).ok_or(EncryptError::Cipher)?;
        let nonce = self.cipher()?.encrypt_inout_detached([associated], value.into());
        front.copy_from_slice(&nonce.map_err(|_| EncryptError::Cipher)?);
        Ok(())
    }

    /// Decrypts in place. `None` if the bytes are not those that this key has made with these associated data.
    pub(crate) fn open<'b>(&self, associated: &[u8], bytes: &'b mut [u8]) -> Option<&'b [u8]> {
        let (front, value) = bytes.split_at_mut_checked(SIV_BYTES)?;
        let nonce = Tag::try_from(&*front).ok()?;
        let mut cipher = self.cipher().ok()?;
        cipher.decrypt_inout_detached([associated], (&mut *value).into(), &nonce).ok()?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn key(bytes: [u8; SIV_KEY_BYTES]) -> TokenKey {
        TokenKey(Box::new(Zeroizing::new(bytes)))
    }

    /// The bytes were computed by `AESSIV` of Python's `cryptography`.
    #[test]
    fn a_value_has_these_bytes() {
        let key = key(std::array::from_fn(|at| at as u8));
        let mut bytes = [&[0; SIV_BYTES][..], b"ada@example.com"].concat();
        key.seal(b"front", &mut bytes).unwrap();
        assert_eq!(HEXLOWER.encode(&bytes), "d072605fa4f032ae710dad74cb1065cbcf385851fb50816c08d786b4fafa84");
        assert_eq!(key.open(b"front", &mut bytes.clone()), Some(&b"ada@example.com"[..]));
        assert_eq!(key.open(b"other", &mut bytes), None);
    }

    #[test]
    fn a_changed_byte_and_a_text_that_is_too_short_open_nothing() {
        let key = key([7; SIV_KEY_BYTES]);
        let mut sealed = [0; SIV_BYTES + 1];
        key.seal(b"", &mut sealed).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed;
            changed[at] ^= 1;
            assert_eq!(key.open(b"", &mut changed), None, "byte {at}");
        }
        assert_eq!(key.open(b"", &mut [0; SIV_BYTES - 1]), None);
        assert!(key.seal(b"", &mut [0; SIV_BYTES - 1]).is_err());
    }
}
