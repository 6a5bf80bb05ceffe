//! The places where events are lost, and the texts of the reports.

use std::cmp::Reverse;

use bumpalo::collections::Vec as BumpVec;
use fapilog_plugin::event::{Batch, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    accounts::{LossReason, Losses},
    audit_notes::AuditNote,
    diagnostics::DiagnosticLog,
};

/// A place where events are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LossPlace {
    /// At a ring: the call of a thread that has one.
    Threads,
    /// A call that had no ring.
    Calls,
    /// In the shard, before any sink, and by no plugin.
    Pipeline,
    Plugin(String),
    Sink(String),
}

impl LossPlace {
    /// The place in the texts of reports, behind "events lost".
    fn text(&self) -> String {
        match self {
            Self::Threads => String::new(),
            Self::Calls => " by calls without a ring".to_owned(),
            Self::Pipeline => " in the pipeline".to_owned(),
            Self::Plugin(name) => format!(" by plugin {name}"),
            Self::Sink(name) => format!(" at sink {name}"),
        }
    }

    /// Whether it is the sink of this name.
    pub(super) fn is_sink(&self, name: &str) -> bool {
        matches!(self, Self::Sink(sink) if sink == name)
    }

    /// The tag of the report's event.
    fn tag(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Threads | Self::Calls | Self::Pipeline => None,
            Self::Plugin(name) => Some(("plugin", name)),
            Self::Sink(name) => Some(("sink", name)),
        }
    }

    /// Puts an event into the batch that reports the losses. Its text and fields are the library's own.
    pub(super) fn emit(&self, losses: &Losses, batch: &mut Batch<'_>) {
        let mut fields = BumpVec::new_in(batch.arena());
        if let Some((tag, name)) = self.tag() {
            let value = ValueRef::Text(batch.arena().alloc_str(name));
            fields.push(FieldRef { group: FieldGroup::Tags, name: tag, value });
        }
        fields.extend(losses.iter().map(|(reason, count)| FieldRef {
            group: FieldGroup::Metrics,
            name: reason.name(),
            value: ValueRef::U64(count),
        }));
        batch.emit(Level::Warning, "fapilog", &self.message(losses), &fields);
    }

    /// The note for an audit event.
    pub(super) fn note(&self, losses: &Losses) -> AuditNote {
        let object = match self {
            Self::Threads => "rings".to_owned(),
            Self::Calls => "calls without a ring".to_owned(),
            Self::Pipeline => "pipeline".to_owned(),
            Self::Plugin(name) | Self::Sink(name) => name.clone(),
        };
        let reasons: Vec<&str> = losses.iter().map(|(reason, _)| reason.name()).collect();
        let note = AuditNote::new("events lost", object).failed();
        note.detail("count", losses.total()).detail("reasons", reasons.join(", "))
    }

    /// "48 events lost at sink stdout: sink_busy, sink_failed": the most frequent reason first.
    fn message(&self, losses: &Losses) -> String {
        let mut by_count: Vec<(LossReason, u64)> = losses.iter().collect();
        by_count.sort_by_key(|(_, count)| Reverse(*count));
        let reasons: Vec<&str> = by_count.iter().map(|(reason, _)| reason.name()).collect();
        format!("{} events lost{}: {}", losses.total(), self.text(), reasons.join(", "))
    }

    /// The text has no counts, so that the log of diagnostics keeps it once.
    pub(super) fn add_diagnostic(&self, losses: &Losses, diagnostics: &DiagnosticLog) {
        let reasons: Vec<&str> = losses.iter().map(|(reason, _)| reason.name()).collect();
        let text = format!("events lost{}: {}; the accounts have the counts", self.text(), reasons.join(", "));
        diagnostics.add("losses", text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(counts: &[(LossReason, u64)]) -> Losses {
        let mut losses = Losses::default();
        counts.iter().for_each(|(reason, count)| losses.add_of(*reason, *count));
        losses
    }

    #[test]
    fn a_report_has_its_reasons_in_the_order_of_their_counts() {
        let lost = losses(&[(LossReason::SinkBusy, 1), (LossReason::SinkFailed, 7), (LossReason::ShutdownDeadline, 3)]);
        let message = LossPlace::Sink("disk".to_owned()).message(&lost);
        assert_eq!(message, "11 events lost at sink disk: sink_failed, shutdown_deadline, sink_busy");
    }

    #[test]
    fn a_report_names_its_place() {
        let lost = losses(&[(LossReason::TooLong, 2)]);
        let places = [LossPlace::Threads, LossPlace::Calls, LossPlace::Pipeline, LossPlace::Plugin("geo".to_owned())];
        let messages = places.map(|place| place.message(&lost));
        let expected = [
            "2 events lost: too_long",
            "2 events lost by calls without a ring: too_long",
            "2 events lost in the pipeline: too_long",
            "2 events lost by plugin geo: too_long",
        ];
        assert_eq!(messages, expected);
    }
}
