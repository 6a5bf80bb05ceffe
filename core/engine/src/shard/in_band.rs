//! Losses are reported in the log itself.

use std::time::{Duration, Instant};

use bumpalo::collections::Vec as BumpVec;
use fapilog_plugin::event::{Batch, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::accounts::Losses;

/// The least time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sums up losses, and reports them at most once a second.
#[derive(Debug, Default)]
pub(super) struct LossReport {
    unreported: Losses,
    last: Option<Instant>,
}

impl LossReport {
    pub(super) fn add(&mut self, losses: &Losses) {
        self.unreported.add(losses);
    }

    /// Whether there is a loss to report, and it is time to. `is_last`: no other report follows.
    pub(super) fn is_due(&self, now: Instant, is_last: bool) -> bool {
        let waited = self.last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        self.unreported.total() > 0 && (waited || is_last)
    }

    /// Puts an event into the batch that reports the losses.
    pub(super) fn emit(&mut self, now: Instant, batch: &mut Batch<'_>) {
        self.last = Some(now);
        let losses = std::mem::take(&mut self.unreported);
        let message = format!("{} events lost", losses.total());
        let mut fields = BumpVec::new_in(batch.arena());
        fields.extend(losses.iter().map(|(reason, count)| FieldRef {
            group: FieldGroup::Metrics,
            name: reason.name(),
            value: ValueRef::U64(count),
        }));
        batch.emit(Level::Warning, "fapilog", &message, &fields);
    }
}
