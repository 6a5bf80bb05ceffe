//! Keys of the chain. Each checkpoint replaces the key by one that is derived from it, and the old one is erased.

use std::fmt;

use data_encoding::BASE64;
use zeroize::{Zeroize, Zeroizing};

use crate::{format::CHAIN_BYTES, keys::KeyError};

/// The context of BLAKE3's key derivation from a key to the next.
const NEXT_KEY: &str = "fapilog audit-trail v1 next chain key";
/// The context of the id of a trail's first key.
const KEY_ID: &str = "fapilog audit-trail v1 chain key id";
const FORM: &str =
    "\"fapilog-chain-key/v1 ID EPOCH KEY\", with 16 hexadecimal digits, a number, and 32 bytes in Base64";

type KeyBytes = Zeroizing<[u8; 32]>;

/// A key of the chain: the first one, or one that was derived from it.
#[derive(Clone)]
pub struct ChainKey {
    /// In a box: a move of the value leaves no copy of the bytes.
    key: Box<KeyBytes>,
    epoch: u64,
    id: [u8; 8],
}

impl ChainKey {
    /// A first key, of the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Box::new(KeyBytes::default());
        getrandom::fill(&mut **key).map_err(|error| KeyError::Random(error.into()))?;
        Ok(Self::first(key))
    }

    /// The first key of these bytes.
    #[must_use]
    pub fn from_bytes(key: &[u8; 32]) -> Self {
        Self::first(boxed(key))
    }

    fn first(key: Box<KeyBytes>) -> Self {
        let mut id = [0; 8];
        derive(KEY_ID, &key, &mut id);
        Self { key, epoch: 0, id }
    }

    /// The number of derivations since the first key: the number of checkpoints.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The id of the first key. It is public.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    /// The chain value of an entry: keyed BLAKE3 of the value before it, and the entry.
    #[must_use]
    pub fn link(&self, previous: &[u8; CHAIN_BYTES], entry: &[u8]) -> [u8; CHAIN_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let value = hasher.update(previous).update(entry).finalize().into();
        // It has the key.
        hasher.zeroize();
        value
    }

    /// The key behind the next checkpoint.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut key = Box::new(KeyBytes::default());
        derive(NEXT_KEY, &self.key, &mut **key);
        Self { key, epoch: self.epoch.saturating_add(1), id: self.id }
    }

    /// The key of a later epoch; `None` if `epoch` lies before this key's.
    #[must_use]
    pub fn at_epoch(&self, epoch: u64) -> Option<Self> {
        let steps = epoch.checked_sub(self.epoch)?;
        let mut key = self.clone();
        for _ in 0..steps {
            key = key.next();
        }
        Some(key)
    }

    /// The text of a key file.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let id = u64::from_be_bytes(self.id);
        let key = Zeroizing::new(BASE64.encode(&**self.key));
        Zeroizing::new(format!("fapilog-chain-key/v1 {id:016x} {} {}\n", self.epoch, *key))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When it has another form, or the id of a first key is another's.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed { wanted: "chain key", form: FORM };
        Self::read(text.trim_end()).ok_or(malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        if words.next() != Some("fapilog-chain-key/v1") {
            return None;
        }
        let id = words.next().filter(|id| id.len() == 16)?;
        let id = u64::from_str_radix(id, 16).ok()?.to_be_bytes();
        let epoch = words.next()?.parse().ok()?;
        let bytes = Zeroizing::new(BASE64.decode(words.next()?.as_bytes()).ok()?);
        let key = boxed(bytes.as_slice().try_into().ok()?);
        if words.next().is_some() || (epoch == 0 && Self::from_bytes(&key).id != id) {
            return None;
        }
        Some(Self { key, epoch, id })
    }
}

fn boxed(key: &[u8; 32]) -> Box<KeyBytes> {
    let mut boxed = Box::new(KeyBytes::default());
    boxed.copy_from_slice(key);
    boxed
}

/// Derives bytes from a key. The state of the derivation is wiped: it leads to them.
fn derive(context: &str, key: &KeyBytes, out: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    let mut reader = hasher.update(&**key).finalize_xof();
    reader.fill(out);
    reader.zeroize();
    hasher.zeroize();
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainKey").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let first = ChainKey::from_bytes(&[7; 32]);
        for key in [first.clone(), first.next().next()] {
            let read = ChainKey::from_text(&key.to_text()).unwrap();
            assert_eq!(
                (read.epoch(), read.id(), read.link(&[0; 32], b"x")),
                (key.epoch(), key.id(), key.link(&[0; 32], b"x"))
            );
        }
    }

    #[test]
    fn a_later_key_is_reached_from_an_earlier_one_and_not_back() {
        let first = ChainKey::from_bytes(&[7; 32]);
        let third = first.next().next();
        assert_eq!(first.at_epoch(2).unwrap().to_text(), third.to_text());
        assert!(third.at_epoch(1).is_none());
    }

    #[test]
    fn nothing_of_a_key_is_in_its_debug_text_or_in_errors() {
        let key = ChainKey::from_bytes(&[0x5a; 32]);
        assert_eq!(format!("{key:?}"), "ChainKey { epoch: 0, .. }");
        let text = key.to_text().replace("fapilog", "other");
        let error = ChainKey::from_text(&text).unwrap_err();
        let secret = BASE64.encode(&[0x5a; 32]);
        assert!(!format!("{error} {error:?}").contains(&secret));
    }

    #[test]
    fn a_text_whose_id_is_another_keys_is_refused() {
        let one = ChainKey::from_bytes(&[1; 32]).to_text().to_string();
        let two = ChainKey::from_bytes(&[2; 32]).to_text().to_string();
        let mixed = format!("{}{}", &one[..38], &two[38..]);
        assert!(ChainKey::from_text(&mixed).is_err());
    }
}
