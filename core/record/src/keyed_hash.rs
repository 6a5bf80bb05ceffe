//! Keyed hashes: texts that stand for values, and that only the holder of the key can make.
//!
//! [`Pii`](crate::value::Pii) and the redactor's action `hash` make them, so that a value has the same text by both.

use std::fmt::{self, Write};

use sha2::{
    Digest, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::text::hex::hex;

/// The least length of a key, in bytes: as many as the hash has bits of strength (RFC 2104, section 3).
pub const KEY_MIN_BYTES: usize = 16;
/// The longest id of a key, in bytes.
pub const KEY_ID_MAX_BYTES: usize = 16;

/// In front of the key's id.
const PREFIX: &str = "hmac:";
/// How much of the hash is shown, in bytes: two of 2^64 values share a text by chance.
const SHOWN_BYTES: usize = 16;
/// `hmac:`, an id, `:`, and two digits for each byte of the hash.
pub(crate) const HASH_TEXT_MAX_BYTES: usize = PREFIX.len() + KEY_ID_MAX_BYTES + 1 + 2 * SHOWN_BYTES;

/// A block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// The state of SHA-256 between two blocks.
const STATE_BYTES: usize = 32;
/// The bytes that the key's block is combined with, for the inner and the outer hash.
const PADS: [u8; 2] = [0x36, 0x5c];
const STATE_WORDS: usize = STATE_BYTES / 8;
/// The words of the states of the inner and the outer hash behind the key's block.
pub(crate) const STATES_WORDS: usize = 2 * STATE_WORDS;

/// HMAC-SHA-256 under a key with an id. Its text is `hmac:ID:` and the first 128 bits as 32 hexadecimal digits.
///
/// A plain hash would hide nothing: there are few card numbers and e-mail addresses, and anyone can hash them all. The id names the key,
/// so that hashes before and behind a change of the key differ visibly.
///
/// ```
/// use fapilog_record::keyed_hash::KeyedHash;
///
/// let hash = KeyedHash::new("2026-11", b"a key of 16 bytes or more")?;
/// let mut text = String::new();
/// hash.put("ada@example.com", &mut text);
/// assert_eq!(text, "hmac:2026-11:e87f444f0ea8f598218c573578f5ae59");
/// # Ok::<(), fapilog_record::keyed_hash::HashKeyError>(())
/// ```
///
/// `openssl mac` has the same: `printf ada@example.com | openssl mac -digest SHA256 -macopt "key:a key of 16 bytes or more" HMAC`.
///
/// # Memory
/// The key itself is not kept, but the two states of the hash that it leads to, as RFC 2104 advises in section 4. They are as secret as the key, and
/// overwritten when the value is dropped.
#[derive(Clone)]
pub struct KeyedHash {
    /// Filled up with zeros.
    id: [u8; KEY_ID_MAX_BYTES],
    id_bytes: u32,
    /// The inner one first. In words, which are overwritten faster than bytes.
    states: [u64; STATES_WORDS],
}

/// A key that is refused. The error holds nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashKeyError {
    /// The key can be guessed.
    #[error("the key {id:?} has {bytes} bytes; it must have {KEY_MIN_BYTES} at least, from a random source")]
    Short {
        /// The id of the key.
        id: String,
        /// The length of the key.
        bytes: usize,
    },
    /// All bytes of the key are equal, as those of a key that nobody has filled.
    #[error("all {bytes} bytes of the key {id:?} are equal; allowed are random bytes, as of `openssl rand 32`")]
    NotRandom {
        /// The id of the key.
        id: String,
        /// The length of the key.
        bytes: usize,
    },
    /// The id is empty or too long.
    #[error("the id {id:?} of the key has {bytes} bytes; allowed are 1 to {KEY_ID_MAX_BYTES}")]
    IdLength {
        /// The id.
        id: String,
        /// Its length.
        bytes: usize,
    },
    /// The id has a character that is not allowed: it stands in each text.
    #[error(
        "the id {id:?} of the key has the character {found:?}; allowed are ASCII letters and digits, `-`, `_` and `.`"
    )]
    IdCharacter {
        /// The id.
        id: String,
        /// The first character that is not allowed.
        found: char,
    },
}

impl KeyedHash {
    /// A hash under this key: 16 bytes at least, from a random source. The id has 1 to 16 ASCII letters, digits, `-`, `_` and `.`.
    ///
    /// # Errors
    /// When the key is too short or all its bytes are equal, or the id has a length or characters that are not allowed.
    pub fn new(key_id: &str, key: &[u8]) -> Result<Self, HashKeyError> {
        check_id(key_id)?;
        let (id, bytes) = (key_id.to_owned(), key.len());
        if bytes < KEY_MIN_BYTES {
            return Err(HashKeyError::Short { id, bytes });
        }
        if key.iter().all(|byte| key.first() == Some(byte)) {
            return Err(HashKeyError::NotRandom { id, bytes });
        }
        Ok(Self::of_key(key_id, key))
    }

    /// The id and the key are checked.
    fn of_key(key_id: &str, key: &[u8]) -> Self {
        let mut new = Self { id: [0; KEY_ID_MAX_BYTES], id_bytes: 0, states: [0; STATES_WORDS] };
        new.id.iter_mut().zip(key_id.as_bytes()).for_each(|(to, from)| *to = *from);
        // `KEY_ID_MAX_BYTES` at most.
        new.id_bytes = key_id.len() as u32;
        let block = block_of(key);
        let (states, _) = new.states.as_chunks_mut::<STATE_WORDS>();
        for (state, pad) in states.iter_mut().zip(PADS) {
            *state = state_behind(&block, pad);
        }
        new
    }

    /// A hash of the parts that [`parts`](Self::parts) has returned; `None` if the id has no length.
    #[inline]
    pub(crate) fn of_parts(id: [u8; KEY_ID_MAX_BYTES], id_bytes: u32, states: &[u64; STATES_WORDS]) -> Option<Self> {
        (id_bytes > 0).then(|| Self { id, id_bytes, states: *states })
    }

    /// The id, filled up with zeros; its length; the states.
    pub(crate) fn parts(&self) -> (&[u8; KEY_ID_MAX_BYTES], u32, &[u64; STATES_WORDS]) {
        (&self.id, self.id_bytes, &self.states)
    }

    /// The id of the key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        let id = self.id.get(..self.id_bytes as usize).unwrap_or_default();
        std::str::from_utf8(id).unwrap_or_default()
    }

    /// Appends the text that stands for `text`.
    pub fn put(&self, text: &str, out: &mut String) {
        out.push_str(self.hash(text).as_str());
    }

    pub(crate) fn hash(&self, text: &str) -> HashText {
        let mut hasher = self.hasher();
        hasher.inner.update(text.as_bytes());
        hasher.finish()
    }

    /// For a text that comes piece by piece.
    pub(crate) fn hasher(&self) -> TextHasher<'_> {
        TextHasher { key: self, inner: self.resumed(0) }
    }

    /// The inner or the outer hash, with the key's block taken in.
    fn resumed(&self, place: usize) -> Sha256 {
        let (states, _) = self.states.as_chunks::<STATE_WORDS>();
        resumed(states.get(place).unwrap_or(&[0; STATE_WORDS]))
    }
}

/// Without the key.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHash").field("key_id", &self.key_id()).finish_non_exhaustive()
    }
}

impl Drop for KeyedHash {
    fn drop(&mut self) {
        self.states.zeroize();
    }
}

fn check_id(id: &str) -> Result<(), HashKeyError> {
    if id.is_empty() || id.len() > KEY_ID_MAX_BYTES {
        return Err(HashKeyError::IdLength { id: id.to_owned(), bytes: id.len() });
    }
    match id.chars().find(|&c| !is_id_character(c)) {
        Some(found) => Err(HashKeyError::IdCharacter { id: id.to_owned(), found }),
        None => Ok(()),
    }
}

fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The key, filled up with zeros; the hash of a key that is longer than a block.
fn block_of(key: &[u8]) -> Zeroizing<[u8; BLOCK_BYTES]> {
    let mut block = Zeroizing::new([0; BLOCK_BYTES]);
    let mut put = |key: &[u8]| block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    if key.len() > BLOCK_BYTES {
        let mut hash = Sha256::digest(key);
        put(&hash);
        hash.as_mut_slice().zeroize();
    } else {
        put(key);
    }
    block
}

fn state_behind(block: &[u8; BLOCK_BYTES], pad: u8) -> [u64; STATE_WORDS] {
    let padded = Zeroizing::new(block.map(|byte| byte ^ pad));
    let mut serialized = Sha256::new_with_prefix(*padded).serialize();
    let mut state = [0; STATE_WORDS];
    let (words, _) = serialized.as_slice().as_chunks::<8>();
    state.iter_mut().zip(words).for_each(|(to, from)| *to = u64::from_le_bytes(*from));
    serialized.as_mut_slice().zeroize();
    state
}

/// The hash in this state behind one block.
#[inline]
fn resumed(state: &[u64; STATE_WORDS]) -> Sha256 {
    // The state, the number of blocks as `u64` in little-endian form, and a buffer that is empty.
    let mut serialized = SerializedState::<Sha256>::default();
    let (words, _) = serialized.as_mut_slice().as_chunks_mut::<8>();
    words.iter_mut().zip(state.iter().chain(&[1])).for_each(|(to, from)| *to = from.to_le_bytes());
    let hash = Sha256::deserialize(&serialized);
    if let Some(state) = serialized.get_mut(..STATE_BYTES) {
        state.zeroize();
    }
    // The form is valid. A hash by other means would still be one that needs the key.
    hash.unwrap_or_else(|_| Sha256::new_with_prefix(state.map(u64::to_le_bytes).as_flattened()))
}

/// Hashes a text piece by piece.
pub(crate) struct TextHasher<'k> {
    key: &'k KeyedHash,
    /// Overwrites its state when it is dropped.
    inner: Sha256,
}

impl TextHasher<'_> {
    pub(crate) fn finish(self) -> HashText {
        let mut outer = self.key.resumed(1);
        outer.update(self.inner.finalize());
        let mut digits = [[0; 2]; SHOWN_BYTES];
        digits.iter_mut().zip(outer.finalize()).for_each(|(to, byte)| *to = hex(byte));
        HashText::of_parts(&[PREFIX.as_bytes(), self.key.key_id().as_bytes(), b":", digits.as_flattened()])
    }
}

impl Write for TextHasher<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.inner.update(piece.as_bytes());
        Ok(())
    }
}

/// The text of a keyed hash, or another one in its place.
pub(crate) struct HashText {
    /// Filled up with zeros.
    bytes: [u8; HASH_TEXT_MAX_BYTES],
    len: usize,
}

impl HashText {
    /// The text of parts that have `HASH_TEXT_MAX_BYTES` together, at most.
    #[inline]
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut text = Self { bytes: [0; HASH_TEXT_MAX_BYTES], len: 0 };
        for part in parts {
            if let Some(room) = text.bytes.get_mut(text.len..).and_then(|room| room.get_mut(..part.len())) {
                room.copy_from_slice(part);
                text.len += part.len();
            }
        }
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }
}

/// Whether a text has the form of a keyed hash.
pub(crate) fn is_hash_text(text: &str) -> bool {
    let parts = text.strip_prefix(PREFIX).and_then(|parts| parts.split_once(':'));
    parts.is_some_and(|(id, hash)| {
        is_id(id) && hash.len() == 2 * SHOWN_BYTES && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_id(id: &str) -> bool {
    (1..=KEY_ID_MAX_BYTES).contains(&id.len()) && id.chars().all(is_id_character)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;

    /// Keys of the vectors are not random.
    fn text_of(key: &[u8], text: &str) -> String {
        KeyedHash::of_key("k1", key).hash(text).as_str().to_owned()
    }

    #[test]
    fn the_text_is_that_of_rfc_4231() {
        // The test cases whose data are text: 1, 2, 5 (published in 128 bits), 6 and 7.
        let long = "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed \
                    before being used by the HMAC algorithm.";
        let cases: [(&[u8], &str, &str); 5] = [
            (&[0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b"),
            (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
            (&[0x0c; 20], "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f",
            ),
            (&[0xaa; 131], long, "9b09ffa71b942fcb27635fbcd5b0e944"),
        ];
        for (key, text, expected) in cases {
            assert_eq!(text_of(key, text), format!("hmac:k1:{expected}"), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn the_hash_is_that_of_the_crate_hmac(
            key in prop::collection::vec(any::<u8>(), 0..200), pieces in prop::collection::vec(".{0,80}", 0..4),
        ) {
            let mut reference = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let hash = KeyedHash::of_key("k1", &key);
            let mut hasher = hash.hasher();
            for piece in &pieces {
                reference.update(piece.as_bytes());
                hasher.write_str(piece).unwrap();
            }
            let expected: String = reference.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let text = hasher.finish();
            prop_assert_eq!(text.as_str(), &format!("hmac:k1:{expected}"));
            let whole = hash.hash(&pieces.concat());
            prop_assert_eq!(whole.as_str(), text.as_str());
        }
    }

    #[test]
    fn the_longest_id_has_room() {
        let hash = KeyedHash::new("2026-11-30.k_345", b"a key of 16 bytes or more").unwrap();
        let text = hash.hash("ada");
        assert_eq!((text.len, hash.key_id()), (HASH_TEXT_MAX_BYTES, "2026-11-30.k_345"));
        assert!(text.as_str().starts_with("hmac:2026-11-30.k_345:") && is_hash_text(text.as_str()));
    }

    #[test]
    fn a_wrong_key_is_refused_by_an_error_that_has_no_key() {
        let random: [u8; 32] = std::array::from_fn(|index| index as u8 + 100);
        for (id, key, text) in [
            ("", &random[..], r#"the id "" of the key has 0 bytes; allowed are 1 to 16"#),
            (
                "12345678901234567",
                &random,
                r#"the id "12345678901234567" of the key has 17 bytes; allowed are 1 to 16"#,
            ),
            ("a:b", &random, r#"has the character ':'; allowed are ASCII letters and digits, `-`, `_` and `.`"#),
            ("k1", &random[..15], r#"the key "k1" has 15 bytes; it must have 16 at least"#),
            ("k1", &[0; 32], r#"all 32 bytes of the key "k1" are equal; allowed are random bytes"#),
            ("k1", &[7; 16], r#"all 16 bytes of the key "k1" are equal"#),
        ] {
            let error = KeyedHash::new(id, key).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            assert!(!format!("{error} {error:?}").contains("100"), "{error:?}");
        }
    }

    #[test]
    fn debug_shows_the_id_alone() {
        let hash = KeyedHash::of_key("k1", &[200; 32]);
        assert_eq!(format!("{hash:?}"), r#"KeyedHash { key_id: "k1", .. }"#);
    }
}
