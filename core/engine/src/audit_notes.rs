//! Notes of events in the life of the log itself, for its audit events: starts, stops, changes, losses, sinks that fail.
//!
//! Any thread leaves a note, and the first shard of the container makes an event of it. The notes never go through a ring: a ring may be
//! full, and a note may be of the shard's own thread.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use fapilog_plugin::threads::lock;

/// The most notes that wait. There are more only while no sink takes events.
const NOTES_MAX: usize = 256;

/// The names of the outcomes, as audit events have them.
pub(crate) const SUCCESS: &str = "success";
pub(crate) const FAILURE: &str = "failure";

/// Something that happened to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditNote {
    pub(crate) what: &'static str,
    /// The part of the log that it happened to.
    pub(crate) object: String,
    pub(crate) outcome: &'static str,
    pub(crate) details: Vec<(&'static str, String)>,
}

impl AuditNote {
    pub(crate) fn new(what: &'static str, object: impl Into<String>) -> Self {
        Self { what, object: object.into(), outcome: SUCCESS, details: Vec::new() }
    }

    /// With the outcome of a change, and its error.
    pub(crate) fn of<T, E: ToString>(self, result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => self,
            Err(error) => self.failed().detail("error", error.to_string()),
        }
    }

    pub(crate) fn failed(self) -> Self {
        Self { outcome: FAILURE, ..self }
    }

    pub(crate) fn detail(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }
}

/// The notes of a container that no event was made of yet.
#[derive(Debug)]
pub(crate) struct AuditNotes {
    is_on: bool,
    waiting: Mutex<WaitingNotes>,
    /// Not one of the models': they make no audit events, and each atomic of theirs counts.
    has_some: AtomicBool,
}

#[derive(Debug, Default)]
struct WaitingNotes {
    notes: Vec<AuditNote>,
    /// Notes that had no room.
    missed: u64,
    /// Whether the note of the stop was left: several threads may shut a container down.
    has_stop: bool,
}

impl AuditNotes {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on, waiting: Mutex::default(), has_some: AtomicBool::new(false) }
    }

    /// Whether events are made of notes.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Leaves a note. The caller rings the doorbell of the first shard.
    pub(crate) fn add(&self, note: AuditNote) {
        if self.is_on {
            self.add_to(&mut lock(&self.waiting), note);
        }
    }

    /// Leaves the note of the stop, unless it was left before.
    pub(crate) fn add_stop(&self, note: AuditNote) {
        if !self.is_on {
            return;
        }
        let mut waiting = lock(&self.waiting);
        if !std::mem::replace(&mut waiting.has_stop, true) {
            self.add_to(&mut waiting, note);
        }
    }

    fn add_to(&self, waiting: &mut WaitingNotes, note: AuditNote) {
        if waiting.notes.len() < NOTES_MAX {
            waiting.notes.push(note);
        } else {
            waiting.missed += 1;
        }
        // Release, pairs with `has_some`: the note is there when the flag is seen. The lock orders it, too.
        self.has_some.store(true, Ordering::Release);
    }

    /// Whether a note waits.
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        // Acquire, pairs with `add`.
        self.is_on && self.has_some.load(Ordering::Acquire)
    }

    /// Takes all notes, oldest first; behind them, one for those that had no room.
    pub(crate) fn take(&self) -> Vec<AuditNote> {
        let mut waiting = lock(&self.waiting);
        // Relaxed: under the lock, which the next `add` takes.
        self.has_some.store(false, Ordering::Relaxed);
        let mut notes = std::mem::take(&mut waiting.notes);
        let missed = std::mem::take(&mut waiting.missed);
        drop(waiting);
        if missed > 0 {
            notes.push(AuditNote::new("audit events missed", "log").failed().detail("count", missed));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_taken_in_order_and_those_without_room_are_counted() {
        let notes = AuditNotes::new(true);
        assert!(!notes.has_some());
        (0..NOTES_MAX + 3).for_each(|number| notes.add(AuditNote::new("changed", number.to_string())));
        assert!(notes.has_some());
        let taken = notes.take();
        assert_eq!(taken.len(), NOTES_MAX + 1);
        assert_eq!(
            (taken[0].object.as_str(), taken[NOTES_MAX].details.clone()),
            ("0", vec![("count", "3".to_owned())])
        );
        assert!(!notes.has_some() && notes.take().is_empty());
    }

    #[test]
    fn the_stop_is_noted_once_also_when_the_first_note_was_taken() {
        let notes = AuditNotes::new(true);
        let stop = || AuditNote::new("log stopped", "container 1");
        notes.add_stop(stop());
        notes.add_stop(stop());
        assert_eq!(notes.take(), [stop()]);
        notes.add_stop(stop());
        assert!(!notes.has_some());
    }

    #[test]
    fn nothing_is_kept_while_no_events_are_made_of_notes() {
        let notes = AuditNotes::new(false);
        notes.add(AuditNote::new("changed", "x"));
        notes.add_stop(AuditNote::new("stopped", "x"));
        assert!(!notes.has_some() && notes.take().is_empty());
    }
}
