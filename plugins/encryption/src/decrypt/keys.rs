//! The keys of a reader.

use std::collections::{HashMap, hash_map::Entry};

use ring::digest::{Context, SHA256};

use super::UnreadableFrame;
use crate::{
    error::KeyStoreError,
    key_encryption_key::KeyEncryptionKey,
    key_store::{FoundKey, KeyStore, UtcDay},
    recipient::Identity,
    secret_key::{AesKey, NONCE_BYTES, SecretKey},
    wrap::{KeyId, OpenedWrap, ReadWrap, WrappedRole, open_wrap, open_wrapped, read_wraps},
};

/// Data keys that a reader keeps.
const DATA_KEYS_KEPT: usize = 4096;

/// The keys that a reader has: identities, key-encryption keys, and key stores where the log is shredded by day. More than one
/// of each, so that frames of before a change of keys stay readable.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DecryptionKeys {
    identities: Vec<Identity>,
    keys: Vec<KeyEncryptionKey>,
    stores: Vec<KeyStore>,
}

impl DecryptionKeys {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity: for frames that are encrypted for its recipient.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Adds a key-encryption key.
    pub fn key(mut self, key: KeyEncryptionKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds the key store of a log that is shredded by day.
    pub fn key_store(mut self, store: KeyStore) -> Self {
        self.stores.push(store);
        self
    }

    /// The key in a list of wraps.
    fn open(&self, wraps: &[u8], role: WrappedRole<'_>) -> Result<SecretKey, UnreadableFrame> {
        let wraps = read_wraps(wraps).ok_or(UnreadableFrame::Damaged)?;
        let mut found = UnreadableFrame::NoKey;
        for wrap in &wraps {
            let opened = match wrap {
                ReadWrap::DayKey { day, id, nonce, wrapped } => self.open_by_day(*day, id, *nonce, wrapped, role),
                wrap => known(open_wrap(wrap, role, &self.identities, &self.keys)),
            };
            match opened {
                Ok(key) => return Ok(key),
                Err(UnreadableFrame::NoKey) => {}
                Err(error) => found = error,
            }
        }
        Err(found)
    }

    fn open_by_day(
        &self,
        day: UtcDay,
        id: &KeyId,
        nonce: [u8; NONCE_BYTES],
        wrapped: &[u8],
        role: WrappedRole<'_>,
    ) -> Result<SecretKey, UnreadableFrame> {
        let key = self.day_key(day, id)?.cipher().map_err(|_| UnreadableFrame::Damaged)?;
        open_wrapped(wrapped, &key, nonce, role).ok_or(UnreadableFrame::Damaged)
    }

    /// The key of a day. A store that has erased it decides, whatever another store has.
    fn day_key(&self, day: UtcDay, id: &KeyId) -> Result<SecretKey, UnreadableFrame> {
        let mut found = Err(UnreadableFrame::NoKey);
        for store in &self.stores {
            match store.find_day_key(day, id).map_err(UnreadableFrame::KeyStore)? {
                FoundKey::Shredded => return Err(UnreadableFrame::Shredded(day)),
                FoundKey::Absent => {}
                FoundKey::File(file, path) => {
                    found = match file.open(&self.identities, &self.keys) {
                        OpenedWrap::Damaged => Err(UnreadableFrame::KeyStore(KeyStoreError::BadFile { path })),
                        opened => known(opened),
                    }
                }
            }
        }
        found
    }
}

fn known(opened: OpenedWrap) -> Result<SecretKey, UnreadableFrame> {
    match opened {
        OpenedWrap::Key(key) => Ok(key),
        OpenedWrap::NoKey => Err(UnreadableFrame::NoKey),
        OpenedWrap::Damaged => Err(UnreadableFrame::Damaged),
    }
}

fn name_of(id: &KeyId, wraps: &[u8]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(id);
    hash.update(wraps);
    // SHA-256 has 32 bytes.
    hash.finish().as_ref().try_into().unwrap_or_default()
}

/// The data keys that were opened, by a hash of their ids and wraps: a forged frame with the id of another data key does not take its
/// place, and long wraps take no memory.
#[derive(Debug, Default)]
pub(super) struct DataKeys(HashMap<[u8; 32], AesKey>);

impl DataKeys {
    /// The data key of this id, from the wraps of a frame unless it is known.
    pub(super) fn get_or_open(
        &mut self,
        id: &KeyId,
        wraps: &[u8],
        keys: &DecryptionKeys,
    ) -> Result<&AesKey, UnreadableFrame> {
        let name = name_of(id, wraps);
        if self.0.len() >= DATA_KEYS_KEPT && !self.0.contains_key(&name) {
            self.0.clear();
        }
        match self.0.entry(name) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let key = keys.open(wraps, WrappedRole::data_key(id))?;
                Ok(place.insert(key.cipher().map_err(|_| UnreadableFrame::Damaged)?))
            }
        }
    }
}
