//! The key of pseudonyms: one for the process, read by log calls without a lock.
//!
//! The key is in atomics behind a version, which is odd while a thread changes them. A reader copies them and looks at the
//! version again. A reader that finds no key that stands still, because the changing thread is preempted, or does not exist behind a
//! fork, has no key: its value is `[redacted]`. No log call waits.

use std::sync::{
    Mutex, TryLockError,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::keyed_hash::{HashKeyError, KEY_ID_MAX_BYTES, KeyedHash, STATES_WORDS};

const ID_WORDS: usize = KEY_ID_MAX_BYTES / 8;
/// How often a reader looks again while the key changes: some microseconds, and the change takes less.
const ATTEMPTS: usize = 1000;

/// A key of pseudonyms was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PseudonymKeyError {
    /// The key or its id is not allowed.
    #[error(transparent)]
    Key(#[from] HashKeyError),
    /// Another thread sets or removes the key at this moment.
    #[error("another thread changes the pseudonym key at this moment; allowed is one change at a time")]
    Busy,
}

/// Sets the key by which [`Pii`](super::Pii) values are logged as pseudonyms, for the whole process. The id stands in front of each
/// pseudonym, so that a reader of the log sees by which key it was made.
///
/// The key is 16 random bytes at least that the program keeps as it keeps other secrets: whoever has it can test whether a pseudonym is
/// that of a person he knows. A new key takes the place of the former one, whose memory is overwritten. The memory of `key` is the caller's.
///
/// # Errors
/// When the key is too short, all its bytes are equal, the id has characters or a length that are not allowed, or another thread changes the key
/// at this moment. The former key stays.
pub fn set_pseudonym_key(key_id: &str, key: &[u8]) -> Result<(), PseudonymKeyError> {
    KEY.set(Some(&KeyedHash::new(key_id, key)?))
}

/// Removes the key, and overwrites its memory: [`Pii`](super::Pii) values are logged as `[redacted]` from now on.
///
/// # Errors
/// When another thread changes the key at this moment.
pub fn remove_pseudonym_key() -> Result<(), PseudonymKeyError> {
    KEY.set(None)
}

/// The key of the process, if there is one, and it stands still.
#[inline]
pub(super) fn pseudonym_key() -> Option<KeyedHash> {
    KEY.get()
}

/// The memory of the key.
struct KeyCell {
    /// Odd while a thread changes what is below.
    version: AtomicU32,
    id_bytes: AtomicU32,
    id: [AtomicU64; ID_WORDS],
    /// The states that the key leads to: as secret as the key.
    states: [AtomicU64; STATES_WORDS],
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
            states: [const { AtomicU64::new(0) }; STATES_WORDS],
            changing: Mutex::new(()),
        }
    }

    fn set(&self, new: Option<&KeyedHash>) -> Result<(), PseudonymKeyError> {
        // A lock that another thread held when the process forked is held for ever in the child: nobody waits for it.
        let _held = match self.changing.try_lock() {
            Ok(held) => held,
            // No panic comes between two stores.
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(PseudonymKeyError::Busy),
        };
        let (id, id_bytes, states) = new.map_or((&[0; _], 0, &[0; _]), KeyedHash::parts);
        // Relaxed: only the holder of the lock changes it.
        let version = self.version.load(Ordering::Relaxed);
        // Relaxed: the fence orders it before the stores below.
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Release: pairs with the fence in `get`. A reader that has a word of the new key finds the odd version.
        fence(Ordering::Release);
        // Relaxed: ordered by the fence above and the store below.
        self.id_bytes.store(id_bytes, Ordering::Relaxed);
        put_words(&self.id, id);
        for (word, new) in self.states.iter().zip(states) {
            // Relaxed: as above.
            word.store(*new, Ordering::Relaxed);
        }
        // Release: pairs with the first load in `get`.
        self.version.store(version.wrapping_add(2), Ordering::Release);
        Ok(())
    }

    #[inline]
    fn get(&self) -> Option<KeyedHash> {
        (0..ATTEMPTS).find_map(|_| {
            let copy = self.copy();
            if copy.is_none() {
                std::hint::spin_loop();
            }
            copy
        })?
    }

    /// A copy that no change came into, if that holds; in it the key, if there is one.
    fn copy(&self) -> Option<Option<KeyedHash>> {
        // Acquire: pairs with the last store in `set`.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            return None;
        }
        let (mut id, mut states) = ([0; KEY_ID_MAX_BYTES], Zeroizing::new([0; STATES_WORDS]));
        // Relaxed: ordered by the load above and the fence below.
        let id_bytes = self.id_bytes.load(Ordering::Relaxed);
        take_words(&self.id, &mut id);
        for (copied, word) in states.iter_mut().zip(&self.states) {
            // Relaxed: as above.
            *copied = word.load(Ordering::Relaxed);
        }
        // Acquire: pairs with the fence in `set`.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence.
        let is_same = self.version.load(Ordering::Relaxed) == version;
        is_same.then(|| KeyedHash::of_parts(id, id_bytes, &states))
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

    /// A key of states that show whether they are of one key.
    fn key_of(byte: u8) -> KeyedHash {
        let (mut id, id_bytes) = ([0; KEY_ID_MAX_BYTES], u32::from(byte % 16) + 1);
        id[..id_bytes as usize].fill(b'k');
        KeyedHash::of_parts(id, id_bytes, &[byte.into(); STATES_WORDS]).unwrap()
    }

    #[test]
    fn a_key_is_read_as_it_was_set_until_it_is_removed() {
        let cell = KeyCell::empty();
        assert!(cell.get().is_none());
        for byte in [1, 200] {
            cell.set(Some(&key_of(byte))).unwrap();
            assert_eq!(cell.get().unwrap().parts(), key_of(byte).parts());
        }
        cell.set(None).unwrap();
        assert!(cell.get().is_none());
        // Relaxed: no other thread has the cell.
        assert!(cell.states.iter().all(|word| word.load(Ordering::Relaxed) == 0), "the memory is overwritten");
    }

    #[test]
    fn a_reader_never_has_parts_of_two_keys() {
        let (cell, is_over) = (KeyCell::empty(), AtomicBool::new(false));
        let changes = if cfg!(miri) { 30 } else { 20_000 };
        cell.set(Some(&key_of(1))).unwrap();
        let found = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut found, deadline) = (0, Instant::now() + Duration::from_secs(60));
                // Relaxed: nothing is read on its account.
                while !is_over.load(Ordering::Relaxed) || found == 0 {
                    assert!(Instant::now() < deadline, "no key stood still");
                    let Some(Some(key)) = cell.copy() else { continue };
                    let (_, _, [first, ..]) = key.parts();
                    assert_eq!(key.parts(), key_of(*first as u8).parts());
                    found += 1;
                }
                found
            });
            for change in 0..changes {
                cell.set(Some(&key_of(change as u8))).unwrap();
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
        cell.set(Some(&key_of(1))).unwrap();
        // Relaxed: no other thread has the cell.
        cell.version.store(7, Ordering::Relaxed);
        assert!(cell.get().is_none());
    }

    #[test]
    fn a_second_change_at_the_same_time_is_refused() {
        let cell = KeyCell::empty();
        let _held = cell.changing.lock().unwrap();
        assert_eq!(cell.set(Some(&key_of(1))), Err(PseudonymKeyError::Busy));
    }

    #[test]
    fn a_wrong_key_is_refused() {
        let error = set_pseudonym_key("a:b", b"a key of 16 bytes or more").unwrap_err();
        assert_eq!(error, PseudonymKeyError::Key(HashKeyError::IdCharacter { id: "a:b".to_owned(), found: ':' }));
        assert!(error.to_string().contains("has the character ':'"), "{error}");
    }
}
