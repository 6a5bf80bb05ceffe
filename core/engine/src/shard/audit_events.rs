//! The log's audit events about itself, made of [notes](crate::audit_notes).
//!
//! They pass the enrichers and the redactors, and no processor: a filter must not hide a change of the log.

use std::time::Instant;

use bumpalo::collections::Vec as BumpVec;
use fapilog_plugin::event::{Batch, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    audit_notes::AuditNote,
    shard::{Shard, in_band::replace_unseen},
};

/// The target of the events.
const TARGET: &str = "fapilog::audit";
/// The one who acts: the log itself, and the program that changes it.
const WHO: &str = "fapilog";

impl Shard {
    /// Whether a note waits that this shard makes an event of: the first shard of a container does.
    pub(super) fn has_notes(&self) -> bool {
        self.info.index == 0 && self.frontend.audit_notes.has_some()
    }

    /// Makes events of the notes that wait, unless a sink has no room. Returns whether there are some.
    pub(super) fn write_notes(&mut self, now: Instant) -> bool {
        if !self.has_notes() || !self.sinks.are_ready(now) {
            return false;
        }
        self.write_waiting_notes(now);
        true
    }

    #[cold]
    fn write_waiting_notes(&mut self, now: Instant) {
        let notes = self.frontend.audit_notes.take();
        self.set_batch_time(now);
        let mut batch = Batch::new_in(&self.arena, notes.len(), &self.stages.internal);
        let emit = |batch: &mut Batch<'_>| notes.iter().for_each(|note| emit(note, batch));
        emit(&mut batch);
        self.port.counters.internal.add(batch.len() as u64);
        self.port.counters.in_hand.set(0, batch.len() as u64);
        self.source.losses.add_pipeline(&self.port);
        if !self.stages.pipeline.run_report(&mut batch, &self.port) {
            replace_unseen(emit, &mut batch, &self.port);
        }
        // An audit event that the pipeline drops makes no other.
        let _ = self.source.losses.read_pipeline(&self.port);
        self.sinks.encode(&batch, &self.port, now);
        drop(batch);
        self.arena.reset();
        self.port.counters.in_hand.set(0, 0);
    }

    /// Notes that sinks fail, or work again.
    pub(super) fn note_impaired_sinks(&mut self, now: Instant) {
        if self.frontend.audit_notes.is_on() {
            self.note_changes_of_sinks(now);
        }
    }

    #[cold]
    fn note_changes_of_sinks(&mut self, now: Instant) {
        for worker in &mut self.sinks.workers {
            let is_impaired = worker.impairment(now).is_some();
            if worker.is_noted_as_impaired == is_impaired {
                continue;
            }
            worker.is_noted_as_impaired = is_impaired;
            let note = match is_impaired {
                true => AuditNote::new("sink fails", worker.name()).failed(),
                false => AuditNote::new("sink works again", worker.name()),
            };
            self.frontend.add_audit_note(note);
        }
    }
}

/// The event has the fields that audit events have: who, outcome, origin, object. Its message states what happened.
fn emit(note: &AuditNote, batch: &mut Batch<'_>) {
    let process = format!("process {}", std::process::id());
    let field = |name, value| FieldRef { group: FieldGroup::Context, name, value: ValueRef::Text(value) };
    let mut fields = BumpVec::new_in(batch.arena());
    fields.extend([
        field("who", WHO),
        field("outcome", note.outcome),
        field("origin", &process),
        field("object", &note.object),
    ]);
    fields.extend(note.details.iter().map(|(name, value)| field(name, value)));
    batch.emit(Level::Audit, TARGET, note.what, &fields);
}
