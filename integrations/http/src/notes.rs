//! Facts for the canonical event that the code around and inside the handler adds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fapilog::{
    Scope,
    event::{FieldGroup, ValueRef},
    scope::ScopeGuard,
};

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
    Arc<Mutex<Option<TakenNotes>>>,
);

/// All that was noted.
#[derive(Debug, Default)]
pub(crate) struct TakenNotes {
    /// The fields, in the order in which they were added.
    pub(crate) fields: Vec<Scope>,
    /// The fields `panic` and `location`, if the handler or the body panicked.
    pub(crate) panic: Option<Scope>,
}

impl Default for RequestNotes {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(TakenNotes::default()))))
    }
}

impl RequestNotes {
    /// Adds fields, written as those of a log call: `scope!(user_id, metrics.rows = 7)`. The last value under a key counts, before
    /// the ids of the trace that came with the request. All other fields that the event has by itself count before these. After the end of the request, nothing is added.
    pub fn add(&self, fields: Scope) {
        if let Some(notes) = &mut *self.lock() {
            notes.fields.push(fields);
        }
    }

    /// Notes a panic that was caught: the canonical event has its message in the field `panic`, its place in the field `location`,
    /// and the outcome [`Panicked`](crate::RequestOutcome::Panicked).
    ///
    /// Returns whether the event will have it. It will not behind the end of the request, or where a panic was noted before: the caller
    /// logs such a panic by itself.
    #[must_use = "a panic that is not noted is to be logged"]
    pub fn note_panic(&self, message: &str, location: Option<&str>) -> bool {
        let fields = Scope::new().field(FieldGroup::Context, "panic", ValueRef::Text(message));
        let fields = match location {
            Some(location) => fields.field(FieldGroup::Context, "location", ValueRef::Text(location)),
            None => fields,
        };
        match &mut *self.lock() {
            Some(notes) if notes.panic.is_none() => {
                notes.panic = Some(fields);
                true
            }
            _ => false,
        }
    }

    /// All of them, at the end of the request: a task that works on adds nothing more.
    pub(crate) fn take(&self) -> TakenNotes {
        self.lock().take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<TakenNotes>> {
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
        assert_eq!(notes.take().fields.len(), 1);
        (0..100).for_each(|rows| notes.add(scope!(rows = rows)));
        assert_eq!(notes.take().fields.len(), 0);
    }

    #[test]
    fn the_first_panic_before_the_end_is_noted_and_no_other() {
        let notes = RequestNotes::default();
        assert!(notes.note_panic("first", Some("src/orders.rs:12:5")));
        assert!(!notes.note_panic("second", None));
        assert!(notes.take().panic.is_some());
        assert!(!notes.note_panic("behind the end", None));
    }
}
