//! The key of pseudonyms: one for the process, read by log calls without a lock.
//!
//! The key is in atomics behind a version, which is odd while a thread changes them. A reader copies them and looks at the
//! version again. A reader that finds no key that stands still, because the changing thread is preempted, or does not exist behind a
//! fork, has no key: its value is `[redacted]`. No log call waits.

use std::{
    fmt,
    sync::{
        Mutex, TryLockError,
        atomic::{AtomicU32, AtomicU64, Ordering, fence},
    },
};

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// The longest id of a key, in bytes.
pub const KEY_ID_MAX_BYTES: usize = 16;

const KEY_BYTES: usize = 32;
const KEY_WORDS: usize = KEY_BYTES / 8;
const ID_WORDS: usize = KEY_ID_MAX_BYTES / 8;
/// How often a reader looks again while the key changes: some microseconds, and the change takes less.
const ATTEMPTS: usize = 1000;

/// A key of pseudonyms was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PseudonymKeyError {
    /// The id is empty or too long.
    #[error("the id {id:?} of a pseudonym key has {bytes} bytes; allowed are 1 to {KEY_ID_MAX_BYTES}")]
    IdLength {
        /// The id.
        id: String,
        /// Its length.
        bytes: usize,
    },
    /// The id has a character that is not allowed: it stands in each pseudonym.
    #[error(
        "the id {id:?} of a pseudonym key has the character {found:?}; allowed are ASCII letters and digits, `-`, `_` and `.`"
    )]
    IdCharacter {
        /// The id.
        id: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// All bytes of the key are equal, as those of a key that nobody has filled.
    #[error(
        "all {KEY_BYTES} bytes of the pseudonym key {id:?} are equal; allowed are random bytes, as of `openssl rand 32`"
    )]
    NotRandom {
        /// The id.
        id: String,
    },
    /// Another thread sets or removes the key at this moment.
    #[error("another thread changes the pseudonym key at this moment; allowed is one change at a time")]
    Busy,
}

/// Sets the key by which [`Pii`](super::Pii) values are logged as pseudonyms, for the whole process. The id stands in front of each
/// pseudonym, so that a reader of the log sees by which key it was made.
///
/// The key is 32 random bytes that the program keeps as it keeps other secrets: whoever has it can test whether a pseudonym is
/// that of a person he knows. A new key takes the place of the former one, whose memory is overwritten.
///
/// # Errors
/// When the id has characters or a length that are not allowed, all bytes of the key are equal, or another thread changes the key
/// at this moment. The former key stays.
pub fn set_pseudonym_key(key_id: &str, key: [u8; 32]) -> Result<(), PseudonymKeyError> {
    let key = Zeroizing::new(key);
    check_id(key_id)?;
    if key.iter().all(|byte| key.first() == Some(byte)) {
        return Err(PseudonymKeyError::NotRandom { id: key_id.to_owned() });
    }
    KEY.set(&PseudonymKey::new(key_id, &key))
}

/// Removes the key, and overwrites its memory: [`Pii`](super::Pii) values are logged as `[redacted]` from now on.
///
/// # Errors
/// When another thread changes the key at this moment.
pub fn remove_pseudonym_key() -> Result<(), PseudonymKeyError> {
    KEY.set(&PseudonymKey::NONE)
}

fn check_id(id: &str) -> Result<(), PseudonymKeyError> {
    if id.is_empty() || id.len() > KEY_ID_MAX_BYTES {
        return Err(PseudonymKeyError::IdLength { id: id.to_owned(), bytes: id.len() });
    }
    match id.chars().find(|&c| !is_id_character(c)) {
        Some(found) => Err(PseudonymKeyError::IdCharacter { id: id.to_owned(), found }),
        None => Ok(()),
    }
}

pub(super) fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A key and its id.
#[derive(Clone)]
pub(super) struct PseudonymKey {
    key: [u8; KEY_BYTES],
    /// Filled up with zeros.
    id: [u8; KEY_ID_MAX_BYTES],
    /// 0: there is no key.
    id_bytes: u32,
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PseudonymKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Drop for PseudonymKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl PseudonymKey {
    const NONE: Self = Self { key: [0; KEY_BYTES], id: [0; KEY_ID_MAX_BYTES], id_bytes: 0 };

    pub(super) fn new(id: &str, key: &[u8; KEY_BYTES]) -> Self {
        let mut new = Self { key: *key, ..Self::NONE };
        new.id.iter_mut().zip(id.as_bytes()).for_each(|(to, from)| *to = *from);
        // Held to `KEY_ID_MAX_BYTES` by `check_id`.
        new.id_bytes = id.len() as u32;
        new
    }

    /// That of the process, if there is one, and it stands still.
    #[inline]
    pub(super) fn current() -> Option<Self> {
        KEY.get()
    }

    pub(super) fn id(&self) -> &str {
        let id = self.id.get(..self.id_bytes as usize).unwrap_or_default();
        std::str::from_utf8(id).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

/// The memory of the key.
struct KeyCell {
    /// Odd while a thread changes what is below.
    version: AtomicU32,
    id_bytes: AtomicU32,
    id: [AtomicU64; ID_WORDS],
    key: [AtomicU64; KEY_WORDS],
    /// Held by the thread that changes it.
    changing: Mutex<()>,
}

static KEY: KeyCell = KeyCell::empty();

impl KeyCell {
    const fn empty() -> Self {
        Self {
            version: AtomicU32::new(0),
            id_bytes: AtomicU32::new(0),
            id: [const { AtomicU64::new(0) }; ID_WORDS],
            key: [const { AtomicU64::new(0) }; KEY_WORDS],
            changing: Mutex::new(()),
        }
    }

    fn set(&self, new: &PseudonymKey) -> Result<(), PseudonymKeyError> {
        // A lock that another thread held when the process forked is held for ever in the child: nobody waits for it.
        let _held = match self.changing.try_lock() {
            Ok(held) => held,
            // No panic comes between two stores.
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(PseudonymKeyError::Busy),
        };
        // Relaxed: only the holder of the lock changes it.
        let version = self.version.load(Ordering::Relaxed);
        // Relaxed: the fence orders it before the stores below.
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Release: pairs with the fence in `get`. A reader that has a word of the new key finds the odd version.
        fence(Ordering::Release);
        // Relaxed: ordered by the fence above and the store below.
        self.id_bytes.store(new.id_bytes, Ordering::Relaxed);
        put_words(&self.id, &new.id);
        put_words(&self.key, &new.key);
        // Release: pairs with the first load in `get`.
        self.version.store(version.wrapping_add(2), Ordering::Release);
        Ok(())
    }

    #[inline]
    fn get(&self) -> Option<PseudonymKey> {
        (0..ATTEMPTS).find_map(|_| {
            let copy = self.copy();
            if copy.is_none() {
                std::hint::spin_loop();
            }
            copy
        })?
    }

    /// A copy that no change came into, if that holds; in it the key, if there is one.
    fn copy(&self) -> Option<Option<PseudonymKey>> {
        // Acquire: pairs with the last store in `set`.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            return None;
        }
        let mut copy = PseudonymKey::NONE;
        // Relaxed: ordered by the load above and the fence below.
        copy.id_bytes = self.id_bytes.load(Ordering::Relaxed);
        take_words(&self.id, &mut copy.id);
        take_words(&self.key, &mut copy.key);
        // Acquire: pairs with the fence in `set`.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence.
        let is_same = self.version.load(Ordering::Relaxed) == version;
        is_same.then(|| (copy.id_bytes > 0).then_some(copy))
    }
}

fn put_words(words: &[AtomicU64], bytes: &[u8]) {
    let (chunks, _) = bytes.as_chunks::<8>();
    for (word, chunk) in words.iter().zip(chunks) {
        // Relaxed: see `KeyCell::set`.
        word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
}

fn take_words(words: &[AtomicU64], bytes: &mut [u8]) {
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (word, chunk) in words.iter().zip(chunks) {
        // Relaxed: see `KeyCell::copy`.
        *chunk = word.load(Ordering::Relaxed).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicBool,
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    fn key_of(byte: u8) -> PseudonymKey {
        PseudonymKey::new(&"k".repeat(usize::from(byte % 16) + 1), &[byte; KEY_BYTES])
    }

    #[test]
    fn a_key_is_read_as_it_was_set_until_it_is_removed() {
        let cell = KeyCell::empty();
        assert!(cell.get().is_none());
        for byte in [1, 200] {
            cell.set(&key_of(byte)).unwrap();
            let key = cell.get().unwrap();
            assert_eq!((key.bytes(), key.id()), (&[byte; KEY_BYTES], key_of(byte).id()));
        }
        cell.set(&PseudonymKey::NONE).unwrap();
        assert!(cell.get().is_none());
        // Relaxed: no other thread has the cell.
        assert!(cell.key.iter().all(|word| word.load(Ordering::Relaxed) == 0), "the memory is overwritten");
    }

    #[test]
    fn a_reader_never_has_parts_of_two_keys() {
        let (cell, is_over) = (KeyCell::empty(), AtomicBool::new(false));
        let changes = if cfg!(miri) { 30 } else { 20_000 };
        cell.set(&key_of(1)).unwrap();
        let found = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut found, deadline) = (0, Instant::now() + Duration::from_secs(60));
                // Relaxed: nothing is read on its account.
                while !is_over.load(Ordering::Relaxed) || found == 0 {
                    assert!(Instant::now() < deadline, "no key stood still");
                    let Some(Some(key)) = cell.copy() else { continue };
                    let [first, ..] = *key.bytes();
                    assert_eq!((key.bytes(), key.id()), (&[first; KEY_BYTES], key_of(first).id()));
                    found += 1;
                }
                found
            });
            for change in 0..changes {
                cell.set(&key_of(change as u8)).unwrap();
            }
            // Relaxed: see above.
            is_over.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        assert!(found > 0);
    }

    #[test]
    fn a_key_that_never_stands_still_is_none() {
        let cell = KeyCell::empty();
        cell.set(&key_of(1)).unwrap();
        // Relaxed: no other thread has the cell.
        cell.version.store(7, Ordering::Relaxed);
        assert!(cell.get().is_none());
    }

    #[test]
    fn a_second_change_at_the_same_time_is_refused() {
        let cell = KeyCell::empty();
        let _held = cell.changing.lock().unwrap();
        assert_eq!(cell.set(&key_of(1)), Err(PseudonymKeyError::Busy));
    }

    #[test]
    fn a_wrong_key_is_refused_by_an_error_that_has_no_key() {
        let random: [u8; KEY_BYTES] = std::array::from_fn(|index| index as u8 + 100);
        for (id, key, text) in [
            ("", random, r#"the id "" of a pseudonym key has 0 bytes; allowed are 1 to 16"#),
            (
                "12345678901234567",
                random,
                r#"the id "12345678901234567" of a pseudonym key has 17 bytes; allowed are 1 to 16"#,
            ),
            ("a:b", random, r#"has the character ':'; allowed are ASCII letters and digits, `-`, `_` and `.`"#),
            ("k1", [0; 32], r#"all 32 bytes of the pseudonym key "k1" are equal; allowed are random bytes"#),
            ("k1", [7; 32], r#"all 32 bytes of the pseudonym key "k1" are equal"#),
        ] {
            let error = set_pseudonym_key(id, key).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
            assert!(!error.contains("100"), "{error}");
        }
    }

    #[test]
    fn debug_shows_the_id_alone() {
        assert_eq!(format!("{:?}", PseudonymKey::new("k1", &[200; 32])), r#"PseudonymKey { id: "k1", .. }"#);
    }
}
