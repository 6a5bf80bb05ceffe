//! The keys of a reader, and the data keys that they have opened.

use std::collections::{HashMap, hash_map::Entry};

use ring::digest::{Context, SHA256};

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

/// All keys that a reader of frames or of single values has. More than one of each: for what is of before a change of keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    pub(crate) identities: Vec<Identity>,
    pub(crate) keys: Vec<KeyEncryptionKey>,
    pub(crate) stores: Vec<KeyStore>,
}

/// The reason why no key of a ring opens a list of wraps.
#[derive(Debug)]
pub(crate) enum Unopened {
    Damaged,
    NoKey,
    Shredded(UtcDay),
    KeyStore(KeyStoreError),
}

impl KeyRing {
    /// The key in a list of wraps.
    fn open(&self, wraps: &[u8], role: WrappedRole<'_>) -> Result<SecretKey, Unopened> {
        let wraps = read_wraps(wraps).ok_or(Unopened::Damaged)?;
        let mut found = Unopened::NoKey;
        for wrap in &wraps {
            let opened = match wrap {
                ReadWrap::DayKey { day, id, nonce, wrapped } => self.open_by_day(*day, id, *nonce, wrapped, role),
                wrap => known(open_wrap(wrap, role, &self.identities, &self.keys)),
            };
            match opened {
                Ok(key) => return Ok(key),
                Err(Unopened::NoKey) => {}
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
    ) -> Result<SecretKey, Unopened> {
        let key = self.day_key(day, id)?.cipher().map_err(|_| Unopened::Damaged)?;
        open_wrapped(wrapped, &key, nonce, role).ok_or(Unopened::Damaged)
    }

    /// The key of a day. A store that has erased it decides, whatever another store has.
    fn day_key(&self, day: UtcDay, id: &KeyId) -> Result<SecretKey, Unopened> {
        let mut found = Err(Unopened::NoKey);
        for store in &self.stores {
            match store.find_day_key(day, id).map_err(Unopened::KeyStore)? {
                FoundKey::Shredded => return Err(Unopened::Shredded(day)),
                FoundKey::Absent => {}
                FoundKey::File(file, path) => {
                    found = match file.open(&self.identities, &self.keys) {
                        OpenedWrap::Damaged => Err(Unopened::KeyStore(KeyStoreError::BadFile { path })),
                        opened => known(opened),
                    }
                }
            }
        }
        found
    }
}

fn known(opened: OpenedWrap) -> Result<SecretKey, Unopened> {
    match opened {
        OpenedWrap::Key(key) => Ok(key),
        OpenedWrap::NoKey => Err(Unopened::NoKey),
        OpenedWrap::Damaged => Err(Unopened::Damaged),
    }
}

fn name_of(id: &KeyId, wraps: &[u8]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(id);
    hash.update(wraps);
    // SHA-256 has 32 bytes.
    hash.finish().as_ref().try_into().unwrap_or_default()
}

/// The data keys that were opened, by a hash of their ids and wraps: a forgery with the id of another data key does not take its
/// place, and long wraps take no memory.
#[derive(Debug, Default)]
pub(crate) struct DataKeys(HashMap<[u8; 32], AesKey>);

impl DataKeys {
    /// The data key of this id, from its wraps unless it is known.
    pub(crate) fn get_or_open(
        &mut self,
        id: &KeyId,
        wraps: &[u8],
        keys: &KeyRing,
        role: WrappedRole<'_>,
    ) -> Result<&AesKey, Unopened> {
        let name = name_of(id, wraps);
        if self.0.len() >= DATA_KEYS_KEPT && !self.0.contains_key(&name) {
            self.0.clear();
        }
        match self.0.entry(name) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let key = keys.open(wraps, role)?;
                Ok(place.insert(key.cipher().map_err(|_| Unopened::Damaged)?))
            }
        }
    }
}
