//! The container's redaction of texts that are in no event: diagnostics, emergency lines, the reasons of dead letters, the names of
//! loggers.

use std::sync::{Arc, Mutex};

use fapilog_plugin::{text_redactor::TextRedactor, threads::lock};

/// The redactor of a container, for all who write such texts. A change of the pipeline replaces it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextRedaction(Arc<Mutex<Option<TextRedactor>>>);

impl TextRedaction {
    pub(crate) fn new(redactor: Option<TextRedactor>) -> Self {
        Self(Arc::new(Mutex::new(redactor)))
    }

    pub(crate) fn replace(&self, redactor: Option<TextRedactor>) {
        let old = std::mem::replace(&mut *lock(&self.0), redactor);
        // A redactor is a program's own: its drop may panic, and comes behind the lock.
        fapilog_record::user_code::drop_catching_panics(old);
    }

    /// Has texts pass this redactor too, behind the former one, which is returned.
    pub(crate) fn add(&self, redactor: Option<TextRedactor>) -> Option<TextRedactor> {
        let mut current = lock(&self.0);
        let former = current.clone();
        if let Some(redactor) = redactor {
            *current = Some(match current.take() {
                Some(former) => former.then(redactor),
                None => redactor,
            });
        }
        former
    }

    /// Whether there is a redactor.
    pub(crate) fn is_on(&self) -> bool {
        lock(&self.0).is_some()
    }

    /// The text without sensitive data.
    pub(crate) fn redact(&self, text: String) -> String {
        // Cloned: the redactor may report a diagnostic itself, and comes back for the lock.
        let redactor = lock(&self.0).clone();
        match redactor {
            Some(redactor) => redactor.redact(&text).into_owned(),
            None => text,
        }
    }
}
