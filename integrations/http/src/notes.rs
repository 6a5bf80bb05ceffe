//! Fields of the canonical event that handlers add.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
#[derive(Debug, Clone)]
pub struct RequestNotes(
    /// `None` behind the end of the request.
    Arc<Mutex<Option<Vec<Scope>>>>,
);

impl Default for RequestNotes {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }
}

impl RequestNotes {
    /// Adds fields, written as those of a log call: `scope!(user_id, metrics.rows = 7)`. The last value under a key counts, and
    /// the fields that the event has by itself count before all. After the end of the request, nothing is added.
    pub fn add(&self, fields: Scope) {
        if let Some(added) = &mut *self.lock() {
            added.push(fields);
        }
    }

    /// All of them, at the end of the request: a task that works on adds nothing more.
    pub(crate) fn take(&self) -> Vec<Scope> {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Scope>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the scopes in reverse order, as they must be left.
pub(crate) struct EnteredNotes(Vec<ScopeGuard>);

impl EnteredNotes {
    /// Enters all of them, the last innermost.
    pub(crate) fn of(notes: &[Scope]) -> Self {
        Self(notes.iter().map(Scope::enter).collect())
    }
}

impl Drop for EnteredNotes {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use fapilog::scope;

    use super::*;

    #[test]
    fn notes_behind_the_end_of_the_request_are_not_kept() {
        let notes = RequestNotes::default();
        notes.add(scope!(user_id = 42));
        assert_eq!(notes.take().len(), 1);
        (0..100).for_each(|rows| notes.add(scope!(rows = rows)));
        assert_eq!(notes.take().len(), 0);
    }
}
