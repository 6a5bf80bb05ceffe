//! Several events.

use std::{ops::Range, time::Instant};

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_record::{level::Level, timestamp::Timestamp};

use crate::event::{
    Event, EventSubject, FieldRef,
    internal::{InternalEvent, InternalEvents},
};

/// Events on their way through a shard, with an arena for what plugins add to them.
///
/// A plugin sees a batch per call. Values that it [keeps in the arena](Batch::arena) live as long as the batch.
#[derive(Debug)]
pub struct Batch<'batch> {
    events: BumpVec<'batch, Event<'batch>>,
    arena: &'batch Bump,
    internal: &'batch InternalEvents,
    emitted: u64,
    /// The number of events that were taken out of rings.
    taken: u64,
    /// The subjects of emitted events, by sequence number.
    subjects: BumpVec<'batch, (u64, EventSubject<'batch>)>,
}

impl<'batch> Batch<'batch> {
    /// An empty batch with room for `events_max` events. Hidden, because only the engine and the test kit make batches.
    #[doc(hidden)]
    pub fn new_in(arena: &'batch Bump, events_max: usize, internal: &'batch InternalEvents) -> Self {
        let events = BumpVec::with_capacity_in(events_max, arena);
        Self { events, arena, internal, emitted: 0, taken: 0, subjects: BumpVec::new_in(arena) }
    }

    /// Appends an event. Hidden, because only the engine and the test kit read records; a plugin [emits](Self::emit) events.
    #[doc(hidden)]
    #[inline(always)]
    pub fn push(&mut self, event: Event<'batch>) {
        self.events.push(event);
        self.taken += 1;
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event<'batch>] {
        &self.events
    }

    /// The events, in order, for changes.
    pub fn events_mut(&mut self) -> &mut [Event<'batch>] {
        &mut self.events
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes out all events that `keep` is false for. The container counts them as filtered.
    pub fn retain(&mut self, mut keep: impl FnMut(&Event<'batch>) -> bool) {
        self.events.retain(|event| keep(event));
    }

    /// As [`retain`](Self::retain), and `keep` may change the events that stay.
    pub fn retain_mut(&mut self, keep: impl FnMut(&mut Event<'batch>) -> bool) {
        self.events.retain_mut(keep);
    }

    /// The events that `takes` is true for, as a batch of their own.
    pub fn subset(&self, takes: impl Fn(&Event<'batch>) -> bool) -> Self {
        let mut events = BumpVec::with_capacity_in(self.len(), self.arena);
        events.extend(self.events.iter().filter(|event| takes(event)).cloned());
        let subjects = BumpVec::new_in(self.arena);
        Self { events, arena: self.arena, internal: self.internal, emitted: 0, taken: 0, subjects }
    }

    /// The events at these places, as a batch of their own: for a sink that encodes some events apart from others. Places
    /// that there are not give none.
    ///
    /// ```
    /// use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter};
    ///
    /// /// Puts the level in front of the records of each run of events that have it.
    /// fn encode(formatter: &mut dyn Formatter, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
    ///     let mut start = 0;
    ///     for run in batch.events().chunk_by(|a, b| a.level() == b.level()) {
    ///         let end = start + run.len();
    ///         out.extend_from_slice(format!("[{}]\n", run[0].level()).as_bytes());
    ///         formatter.format(&batch.range(start..end), out)?;
    ///         start = end;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = encode;
    /// ```
    #[must_use]
    pub fn range(&self, places: Range<usize>) -> Self {
        let taken = self.events.get(places).unwrap_or_default();
        let mut events = BumpVec::with_capacity_in(taken.len(), self.arena);
        events.extend(taken.iter().cloned());
        let subjects = BumpVec::new_in(self.arena);
        Self { events, arena: self.arena, internal: self.internal, emitted: 0, taken: 0, subjects }
    }

    /// Adds an event of the plugin's own behind the others, as for a summary of the events it took out: from
    /// source `fapilog`, of now. It is counted as submitted, and the plugins behind see it like any other.
    ///
    /// `target` names the plugin, as in `fapilog::throttle`. Fields of groups without keys are ignored.
    pub fn emit(&mut self, level: Level, target: &str, message: &str, fields: &[FieldRef<'_>]) {
        let event = InternalEvent { level, target, message, fields };
        if let Ok(event) = self.internal.make(&event, self.arena) {
            self.events.push(event);
            self.emitted += 1;
        }
    }

    /// As [`emit`](Self::emit), for an event that sums up others: it goes to every sink that they go to.
    pub fn emit_about(
        &mut self,
        subject: &EventSubject<'_>,
        level: Level,
        target: &str,
        message: &str,
        fields: &[FieldRef<'_>],
    ) {
        let emitted_before = self.emitted;
        self.emit(level, target, message, fields);
        let Some(event) = self.events.last().filter(|_| self.emitted > emitted_before) else { return };
        let kept = |text: &str| -> &'batch str { self.arena.alloc_str(text) };
        let subject =
            EventSubject { level: subject.level, target: subject.target.map(kept), source: subject.source.map(kept) };
        self.subjects.push((event.id().sequence, subject));
    }

    /// The events that an emitted event sums up. Hidden, because only the engine routes events.
    #[doc(hidden)]
    #[must_use]
    pub fn subject_of(&self, event: &Event<'_>) -> Option<EventSubject<'batch>> {
        if self.subjects.is_empty() || event.producer().id() != 0 {
            return None;
        }
        let sequence = event.id().sequence;
        self.subjects.iter().find(|(known, _)| *known == sequence).map(|(_, subject)| *subject)
    }

    /// How many events were [emitted](Self::emit) so far. Hidden, because only the engine counts them.
    #[doc(hidden)]
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Counts events that were taken out of rings and not pushed. Hidden, as [`taken`](Self::taken) is.
    #[doc(hidden)]
    pub fn add_taken(&mut self, events: u64) {
        self.taken += events;
    }

    /// How many events were taken out of rings. Hidden, because only the engine counts them.
    #[doc(hidden)]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// When the batch was taken, by the clock that stamps events.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.internal.now()
    }

    /// When the batch was taken, for reckoning with durations: real time, also where a
    /// `ManualClock` stamps events.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.internal.instant()
    }

    /// Memory that lives as long as the batch.
    #[must_use]
    pub fn arena(&self) -> &'batch Bump {
        self.arena
    }
}
