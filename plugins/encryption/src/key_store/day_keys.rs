//! The keys of days, as the writer uses them.

use std::sync::{Arc, Mutex};

use fapilog_plugin::threads::lock;

use super::{FoundKey, KEY_SUFFIX, KeyFile, KeyFileKind, KeyStore, UtcDay};
use crate::{
    encryption::KeyHolders,
    error::{EncryptError, KeyStoreError},
    secret_key::{AesKey, SecretKey, random},
    wrap::KeyId,
};

/// Days whose keys are kept: around midnight, the batches of two shards may be of two days.
const DAYS_KEPT: usize = 2;

/// Makes a key for each day on which it is asked for one. A key that an earlier run of the program made is not used again: it is
/// wrapped, and the writer may be unable to open it.
#[derive(Debug)]
pub(crate) struct DayKeys {
    store: KeyStore,
    holders: KeyHolders,
    /// The youngest last.
    kept: Mutex<Vec<Arc<DayKey>>>,
}

#[derive(Debug)]
pub(crate) struct DayKey {
    day: UtcDay,
    pub(crate) id: KeyId,
    pub(crate) cipher: AesKey,
}

impl DayKeys {
    pub(crate) fn new(store: KeyStore, holders: KeyHolders) -> Self {
        Self { store, holders, kept: Mutex::default() }
    }

    /// The key of a day. A new one is in the store, durably, before anything is encrypted by it.
    pub(crate) fn key_of(&self, day: UtcDay) -> Result<Arc<DayKey>, EncryptError> {
        let mut kept = lock(&self.kept);
        if let Some(place) = kept.iter().position(|key| key.day == day) {
            let key = kept.remove(place);
            if matches!(self.store.find_day_key(day, &key.id)?, FoundKey::File(..)) {
                kept.push(Arc::clone(&key));
                return Ok(key);
            }
            // It was erased: nothing is encrypted by it any more.
        }
        let key = Arc::new(self.make(day)?);
        kept.push(Arc::clone(&key));
        let too_many = kept.len().saturating_sub(DAYS_KEPT);
        kept.drain(..too_many);
        Ok(key)
    }

    fn make(&self, day: UtcDay) -> Result<DayKey, EncryptError> {
        let (key, id) = (SecretKey::random()?, random()?);
        let file = KeyFile::new(KeyFileKind::Day, id, &key, &self.holders)?;
        let path = self.store.path(&KeyStore::day_stem(day, &id), KEY_SUFFIX);
        if !file.store(&self.store, &path)? {
            return Err(KeyStoreError::BadFile { path }.into());
        }
        Ok(DayKey { day, id, cipher: key.cipher()? })
    }
}
