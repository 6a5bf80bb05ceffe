//! The heartbeat: an event with the accounts, once an interval.

use std::time::{Duration, Instant};

use fapilog_plugin::event::{Batch, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::accounts::Accounts;

/// Emits the accounts of the container as an event, once an interval. Only the first shard of a container has it.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    due: Instant,
}

impl Heartbeat {
    /// The first one comes after an interval.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, due: now + interval }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Puts the event into the batch: what became of all events so far, as metrics.
    pub(super) fn beat(&mut self, now: Instant, accounts: &Accounts, batch: &mut Batch<'_>) {
        // From now, not from when it was due: beats missed in a long sleep are not made up for.
        self.due = now + self.interval;
        let metric = |name, count| FieldRef { group: FieldGroup::Metrics, name, value: ValueRef::U64(count) };
        let fields = [
            metric("submitted", accounts.submitted),
            metric("delivered", accounts.delivered_total()),
            metric("filtered", accounts.filtered_total()),
            metric("lost", accounts.lost_total()),
            metric("pending", accounts.pending_total()),
        ];
        batch.emit(Level::Info, "fapilog::heartbeat", "heartbeat", &fields);
    }
}
