//! Values that could not be replaced.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use fapilog_plugin::{error::PluginError, threads::lock};
use thiserror::Error;

use crate::error::{EncryptError, KeyStoreError};

/// Values that could not be replaced, for which the redactor's mask stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SubstituteFailures {
    /// Their number.
    pub values: u64,
    /// The last reason, with its sources. It has neither a value nor the name of a subject.
    pub last: Option<String>,
}

/// Why there is no text for a value.
#[derive(Debug, Error)]
pub(super) enum SubstituteError {
    #[error("the event names no subject, by whose key its values are encrypted")]
    NoSubject,
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
}

/// Counts values that could not be replaced.
#[derive(Debug, Default)]
pub(super) struct SubstituteFailureCounters {
    values: AtomicU64,
    last: Mutex<Option<String>>,
}

impl SubstituteFailureCounters {
    pub(super) fn read(&self) -> SubstituteFailures {
        // Relaxed: a counter, alone; pairs with `counted`. The text is read under its lock.
        SubstituteFailures { values: self.values.load(Ordering::Relaxed), last: lock(&self.last).clone() }
    }

    /// Counts a failure, and makes the error of a plugin of it.
    pub(super) fn counted(&self, error: SubstituteError) -> PluginError {
        self.values.fetch_add(1, Ordering::Relaxed); // Relaxed: pairs with `read`
        let sources = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let text = sources.fold(error.to_string(), |text, source| format!("{text}: {source}"));
        *lock(&self.last) = Some(text);
        PluginError::failed(error)
    }
}
