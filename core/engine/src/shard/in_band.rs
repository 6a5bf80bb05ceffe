//! What was lost appears in the log itself.

use std::time::{Duration, Instant};

use bumpalo::collections::Vec as BumpVec;
use fapilog_plugin::event::{Batch, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::accounts::Losses;

/// The least time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Gathers losses, and tells of them once in a while.
#[derive(Debug, Default)]
pub(super) struct LossReport {
    untold: Losses,
    last: Option<Instant>,
}

impl LossReport {
    pub(super) fn add(&mut self, losses: &Losses) {
        self.untold.add(losses);
    }

    /// Whether there is something to tell, and it is time to. `is_last`: there will be no other time.
    pub(super) fn is_due(&self, now: Instant, is_last: bool) -> bool {
        let waited = self.last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL);
        self.untold.total() > 0 && (waited || is_last)
    }

    /// Puts an event into the batch that says what was lost.
    pub(super) fn tell(&mut self, now: Instant, batch: &mut Batch<'_>) {
        self.last = Some(now);
        let losses = std::mem::take(&mut self.untold);
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
