//! A reader of texts that stand for values.

use std::fmt;

use thiserror::Error;

use super::{
    text::SubstituteText,
    token_key::TokenKey,
    tokenize::{associated, subject_associated, token_key},
    value_key,
};
use crate::{
    DecryptExit, DecryptionKeys,
    error::KeyStoreError,
    frame::nonce_of,
    key_encryption_key::KeyEncryptionKey,
    key_ring::{DataKeys, KeyRing, Unopened},
    key_store::{KeyStore, SubjectError, SubjectKeys},
    recipient::ShortId,
};

/// The file of a store with keys of subjects.
const SUBJECTS: &str = "subjects.key";

/// Why a text does not give its value. It holds no part of the value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The text is none that stands for a value.
    #[error("the text is no sealed value and no token: they begin with \"sealed1:\" and \"tok1:\"")]
    NotSealed,
    /// The text was changed, or a part of it is absent.
    #[error("the text is damaged")]
    Damaged,
    /// Its key was erased.
    #[error("the key of the text was erased")]
    Shredded,
    /// None of the keys at hand opens it.
    #[error("none of the keys at hand opens the text")]
    NoKey,
    /// A key store cannot be used.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
}

impl UnsealError {
    /// The exit code that a command should have. A text that is none is no error of a log.
    #[must_use]
    pub fn exit(&self) -> DecryptExit {
        match self {
            Self::NotSealed => DecryptExit::Success,
            Self::Shredded => DecryptExit::Shredded,
            Self::NoKey => DecryptExit::NoKey,
            Self::Damaged => DecryptExit::Damaged,
            Self::KeyStore(_) => DecryptExit::NotReadable,
        }
    }
}

impl From<SubjectError> for UnsealError {
    fn from(error: SubjectError) -> Self {
        match error {
            SubjectError::NotSealed => Self::NotSealed,
            SubjectError::Damaged => Self::Damaged,
            SubjectError::Shredded => Self::Shredded,
            SubjectError::NoKey => Self::NoKey,
            SubjectError::KeyStore(error) => Self::KeyStore(error),
        }
    }
}

impl From<Unopened> for UnsealError {
    fn from(reason: Unopened) -> Self {
        match reason {
            Unopened::Damaged => Self::Damaged,
            Unopened::NoKey => Self::NoKey,
            Unopened::Shredded(_) => Self::Shredded,
            Unopened::KeyStore(error) => Self::KeyStore(error),
        }
    }
}

/// Gives back the values that [`Seal`](crate::Seal) and [`Tokenize`](crate::Tokenize) have replaced by texts: of a single text, or of
/// all texts in a line.
pub struct Unsealer {
    keys: KeyRing,
    subjects: Vec<SubjectKeys>,
    tokens: Vec<(ShortId, TokenKey)>,
    data_keys: DataKeys,
}

impl Unsealer {
    /// A reader with these keys. Nothing is written into key stores.
    ///
    /// # Errors
    /// If none of the keys opens a key store of subjects, or a store cannot be read.
    pub fn new(keys: DecryptionKeys) -> Result<Self, KeyStoreError> {
        let DecryptionKeys(ring) = keys;
        let KeyRing { keys, stores, .. } = &ring;
        // Without a key, no key of a subject opens, and the store may be that of days.
        let has_subjects = |store: &&KeyStore| !keys.is_empty() && store.directory().join(SUBJECTS).exists();
        let open = |store: &KeyStore| SubjectKeys::open_existing(store.clone(), keys.clone());
        let subjects = stores.iter().filter(has_subjects).map(open).collect::<Result<_, _>>()?;
        let token = |key: &KeyEncryptionKey| Ok((key.short_id(), token_key(key)?));
        let tokens = keys.iter().map(token).collect::<Result<_, KeyStoreError>>()?;
        Ok(Self { keys: ring, subjects, tokens, data_keys: DataKeys::default() })
    }

    /// The value for which a text stands.
    ///
    /// # Errors
    /// If the text is none, or was changed, or its key is not at hand or was erased.
    pub fn unseal(&mut self, text: &str) -> Result<String, UnsealError> {
        match SubstituteText::read(text).ok_or(UnsealError::NotSealed)? {
            SubstituteText::OfSubject => self.of_subject(|subjects| subjects.unseal(text)),
            SubstituteText::Sealed { id, wraps, number, sealed } => {
                let key = self.data_keys.get_or_open(&id, &wraps, &self.keys, value_key::role(&id))?;
                opened(sealed, |sealed| key.open(nonce_of(number), &value_key::associated(&id), sealed))
            }
            SubstituteText::Token { key: id, sealed } => {
                let mut found = UnsealError::NoKey;
                // Two keys may have one id by chance.
                for (_, key) in self.tokens.iter().filter(|(own, _)| *own == id) {
                    match opened(sealed.clone(), |sealed| key.open(&associated(&id), sealed)) {
                        Ok(value) => return Ok(value),
                        Err(error) => found = error,
                    }
                }
                Err(found)
            }
            SubstituteText::SubjectToken { subject, key: id, sealed } => {
                let key = self.of_subject(|subjects| subjects.existing_key_of_tokens(subject, &id))?;
                opened(sealed, |sealed| key.open(&subject_associated(&subject, &id), sealed))
            }
        }
    }

    /// The first result of the stores. A store that has erased a key decides, whatever another store has.
    fn of_subject<T>(&self, open: impl Fn(&SubjectKeys) -> Result<T, SubjectError>) -> Result<T, UnsealError> {
        let mut found = Err(UnsealError::NoKey);
        for subjects in &self.subjects {
            match open(subjects) {
                Err(SubjectError::Shredded) => return Err(UnsealError::Shredded),
                Err(SubjectError::NoKey) => {}
                result => found = result.map_err(UnsealError::from),
            }
        }
        found
    }
}

fn opened(
    mut sealed: Vec<u8>,
    open: impl for<'b> FnOnce(&'b mut [u8]) -> Option<&'b [u8]>,
) -> Result<String, UnsealError> {
    let value = open(&mut sealed).ok_or(UnsealError::Damaged)?;
    // Only texts are sealed.
    String::from_utf8(value.to_vec()).map_err(|_| UnsealError::Damaged)
}

impl fmt::Debug for Unsealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsealer").field("keys", &self.keys).finish_non_exhaustive()
    }
}
