//! Keyed hashes: texts that stand for values, and that only the holder of the key can make.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The least length of a key, in bytes: as many as the hash has bits of strength (RFC 2104, section 3).
pub const KEY_MIN_BYTES: usize = 16;
/// How much of the hash is shown, in bytes: two of 2^64 values share a text by chance.
const SHOWN_BYTES: usize = 16;

/// HMAC-SHA-256 under a key with an id. Its text is `hmac:ID:` and the first 128 bits as 32 hexadecimal digits.
///
/// A plain hash would hide nothing: there are few card numbers and e-mail addresses, and anyone can hash them all. The id names the key,
/// so that hashes before and behind a change of the key differ visibly.
///
/// ```
/// use fapilog_builtin::redact::KeyedHash;
///
/// let hash = KeyedHash::new("2026-11", b"a key of 16 bytes or more")?;
/// let mut text = String::new();
/// hash.put("ada@example.com", &mut text);
/// assert!(text.starts_with("hmac:2026-11:") && text.len() == "hmac:2026-11:".len() + 32);
/// # Ok::<(), fapilog_builtin::redact::HashKeyError>(())
/// ```
#[derive(Clone)]
pub struct KeyedHash {
    key_id: String,
    /// With the key taken in already.
    keyed: Hmac<Sha256>,
}

/// A key that is refused. The error holds nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashKeyError {
    /// It can be found by trying.
    #[error("the key has {bytes} bytes; it must have {KEY_MIN_BYTES} at least, from a random source")]
    Short {
        /// The length of the key.
        bytes: usize,
    },
    /// The id is no name.
    #[error("the id of the key is {id:?}; allowed are 1 to 32 letters, digits, `_`, `-` and `.`")]
    Id {
        /// The id.
        id: String,
    },
}

impl KeyedHash {
    /// A hash under this key.
    ///
    /// # Errors
    /// [`HashKeyError`]
    pub fn new(key_id: &str, key: &[u8]) -> Result<Self, HashKeyError> {
        let is_id_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if key_id.is_empty() || key_id.len() > 32 || !key_id.chars().all(is_id_char) {
            return Err(HashKeyError::Id { id: key_id.to_owned() });
        }
        let short = HashKeyError::Short { bytes: key.len() };
        if key.len() < KEY_MIN_BYTES {
            return Err(short);
        }
        // HMAC takes keys of any length.
        let keyed = Hmac::new_from_slice(key).map_err(|_any_length| short)?;
        Ok(Self { key_id: key_id.to_owned(), keyed })
    }

    /// Appends the text that stands for `text`.
    pub fn put(&self, text: &str, out: &mut String) {
        let mut hash = self.keyed.clone();
        hash.update(text.as_bytes());
        let hash = hash.finalize().into_bytes();
        out.push_str("hmac:");
        out.push_str(&self.key_id);
        out.push(':');
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        for byte in hash.iter().take(SHOWN_BYTES) {
            out.extend([digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Without the key.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHash").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(key: &[u8], text: &str) -> String {
        let mut out = String::new();
        KeyedHash::new("k1", key).unwrap().put(text, &mut out);
        out
    }

    #[test]
    fn the_text_is_that_of_rfc_4231() {
        // Test case 1: 20 bytes of 0x0b, "Hi There".
        assert_eq!(text_of(&[0x0b; 20], "Hi There"), "hmac:k1:b0344c61d8db38535ca8afceaf0bf12b");
    }

    #[test]
    fn another_key_makes_another_text() {
        assert_ne!(text_of(&[1; 32], "ada"), text_of(&[2; 32], "ada"));
    }

    #[test]
    fn a_short_key_and_an_odd_id_are_refused_without_the_key() {
        let short = KeyedHash::new("k1", b"hunter2").unwrap_err();
        assert_eq!(short, HashKeyError::Short { bytes: 7 });
        assert!(!format!("{short} {short:?}").contains("hunter2"));
        assert_eq!(KeyedHash::new("a b", &[0; 32]).unwrap_err(), HashKeyError::Id { id: "a b".to_owned() });
        let debug = format!("{:?}", KeyedHash::new("k1", &[7; 16]).unwrap());
        assert_eq!(debug, "KeyedHash { key_id: \"k1\", .. }");
    }
}
