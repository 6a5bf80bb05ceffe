//! The keys of a reader.

use crate::{key_encryption_key::KeyEncryptionKey, key_ring::KeyRing, key_store::KeyStore, recipient::Identity};

/// The keys that a reader of frames, or of sealed values and tokens, has: identities, key-encryption keys, and key stores. More than one
/// of each, so that frames and texts of before a change of keys stay readable.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DecryptionKeys(pub(crate) KeyRing);

impl DecryptionKeys {
    /// No keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity: for frames and values that are encrypted for its recipient.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.0.identities.push(identity);
        self
    }

    /// Adds a key-encryption key: for frames and values that are encrypted for it, for tokens by it, and for the keys of subjects that it
    /// wraps.
    pub fn key(mut self, key: KeyEncryptionKey) -> Self {
        self.0.keys.push(key);
        self
    }

    /// Adds a key store: of a log that is shredded by day, or with the keys of subjects.
    pub fn key_store(mut self, store: KeyStore) -> Self {
        self.0.stores.push(store);
        self
    }
}
