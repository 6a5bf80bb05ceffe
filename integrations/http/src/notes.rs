//! Fields of the canonical event that handlers add.

use std::sync::{Arc, Mutex, PoisonError};

use fapilog::{Scope, scope::ScopeGuard};

/// Fields that handlers add to the canonical event of their request: a user's id, how many rows were read, the time that a
/// database took. Clones share them.
///
/// ```
/// use fapilog::scope;
/// use fapilog_http::RequestNotes;
///
/// let notes = RequestNotes::default();
/// notes.add(scope!(user_id = 42, metrics.rows = 7));
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestNotes(Arc<Mutex<Vec<Scope>>>);

impl RequestNotes {
    /// Adds fields, written as those of a log call: `scope!(user_id, metrics.rows = 7)`. The last value under a key counts, and
    /// the fields that the event has by itself count before all. After the end of the request, nothing is added.
    pub fn add(&self, fields: Scope) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fields);
    }

    /// Enters all of them, the last innermost.
    pub(crate) fn enter(&self) -> EnteredNotes {
        let added = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        EnteredNotes(added.iter().map(Scope::enter).collect())
    }
}

/// Leaves the scopes in reverse order, as they must be left.
pub(crate) struct EnteredNotes(Vec<ScopeGuard>);

impl Drop for EnteredNotes {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}
