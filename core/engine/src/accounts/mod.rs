//! The accounts, and their law: submitted = delivered + filtered + lost + pending.
//!
//! 1. **Writers.** Each counter has one writer, and any thread reads it. Counts of a thread live with its
//!    [lane](crate::producer), counts of a sink with its worker on the drain; an [`Accounts`] adds them up. Calls that never
//!    had a lane share a counter, which has many writers and adds atomically.
//! 2. **Order.** A lane counts a call as submitted before it publishes the frame, and the drain counts a frame as drained
//!    before it releases its space. So no sum of pending events is too low.
//! 3. **Once.** Each call is in one counter. A call that finds the shared lane closed, before or after its attempt, is
//!    counted as refused.
//! 4. **End.** Events published after a shard's last look are in no counter. Accounts that are read once the shard has
//!    stopped add them as lost: they load `stopped` with *acquire* before any count.
//!
//! All accesses to counters are relaxed: a sum of counters is exact only when the container is quiet, and a flush or
//! shutdown that has returned synchronizes with that.

mod by_level;
mod counters;
mod delivery_figures;
mod losses;
mod serialize;
mod state;

use std::fmt;

use thiserror::Error;

pub use crate::accounts::{
    by_level::CountsByLevel,
    losses::{LossReason, Losses},
    state::{BreakerState, HealthLevel, PluginState},
};
pub(crate) use crate::accounts::{
    by_level::LevelCounters,
    counters::{LaneCounters, LaneTotals, LossCounters, PluginCounters, ShardCounters, SinkCounters},
    delivery_figures::DeliveryFigures,
    serialize::counts_by_name,
    state::HealthGauge,
};

/// The accounts of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkAccounts {
    /// The sink's name in the container.
    pub name: String,
    /// Events that came as far as this sink.
    pub offered: u64,
    /// Events that the sink has delivered, by its own report.
    pub delivered: u64,
    /// Events that are not for this sink: its route excludes them, or they came before it was
    /// added or while it was disabled.
    pub filtered: u64,
    /// Events lost at this sink.
    pub lost: Losses,
    /// Events in payloads that are being filled or delivered.
    pub pending: u64,
    /// Bytes delivered.
    pub bytes: u64,
    /// Deliveries that failed.
    pub errors: u64,
    /// How often the sink retried.
    pub retries: u64,
    /// How it writes, as the sink describes it.
    pub writer: String,
    /// Counters of the sink's own, by name, such as `files_rotated` of a file sink.
    pub counters: Vec<(&'static str, u64)>,
}

impl SinkAccounts {
    /// The account of a sink that has had no event.
    pub(crate) fn empty() -> Self {
        Self {
            name: String::new(),
            offered: 0,
            delivered: 0,
            filtered: 0,
            lost: Losses::default(),
            pending: 0,
            bytes: 0,
            errors: 0,
            retries: 0,
            writer: String::new(),
            counters: Vec::new(),
        }
    }

    /// The count of one of the sink's own counters; 0 if it has none of this name.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

/// The accounts of all events of a container.
#[doc(alias = "BatchResult")]
#[doc(alias = "DrainResult")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounts {
    /// Events that a log call was made for and that passed the level threshold, and the library's own in the log.
    pub submitted: u64,
    /// Events taken out by a processor (or by an enricher, which it is not meant for), by its name.
    pub filtered: Vec<(String, u64)>,
    /// Events lost before any sink.
    pub lost: Losses,
    /// Those among them whose level is known: the events that a log call could not put into a ring, and those that a
    /// [redactor](fapilog_plugin::kind::PluginKind::Redactor) failed for.
    pub lost_by_level: CountsByLevel,
    /// Events in rings, and in the batch that a drain has in hand.
    pub pending: u64,
    /// Events of which a part was cut, because the record or the message was too long (see
    /// [`Event::is_cut`](fapilog_plugin::event::Event::is_cut)). An event that a plugin cuts is not among them.
    pub cut: u64,
    /// Events that were for no sink: the route of each excludes them, or it is disabled; and reports of losses that no sink has
    /// taken. Each sink's account has them among its filtered ones.
    pub unrouted: u64,
    /// Each sink's own account.
    pub sinks: Vec<SinkAccounts>,
}

/// The law does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "accounts do not balance at sink {sink:?}: submitted {submitted}, but delivered {delivered} + filtered {filtered} + lost {lost} + pending {pending} is {}",
    delivered + filtered + lost + pending
)]
pub struct AccountingError {
    /// The sink at which the sums differ.
    pub sink: String,
    /// Events submitted.
    pub submitted: u64,
    /// Events delivered by this sink.
    pub delivered: u64,
    /// Events filtered.
    pub filtered: u64,
    /// Events lost, at this sink and before it.
    pub lost: u64,
    /// Events pending, at this sink and before it.
    pub pending: u64,
}

impl Accounts {
    /// Events taken out by plugins, and events that were for no sink.
    #[must_use]
    pub fn filtered_total(&self) -> u64 {
        self.filtered_by_plugins() + self.unrouted
    }

    fn filtered_by_plugins(&self) -> u64 {
        self.filtered.iter().map(|(_, count)| count).sum()
    }

    /// Events that every sink they were for has delivered (the count of the sink that is farthest behind). Events that were
    /// for no sink are not among them.
    #[must_use]
    pub fn delivered_total(&self) -> u64 {
        let least = self.sinks.iter().map(|sink| sink.delivered + sink.filtered).min().unwrap_or(0);
        least.saturating_sub(self.unrouted)
    }

    /// Events lost: before any sink, and at the sink that has lost most.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.total() + self.sinks.iter().map(|sink| sink.lost.total()).max().unwrap_or(0)
    }

    /// Events lost before any sink that are not among those [by level](Self::lost_by_level): they were left in a ring at the end, or
    /// taken by a plugin that panicked or hung.
    #[must_use]
    pub fn lost_of_unknown_level(&self) -> u64 {
        self.lost.total().saturating_sub(self.lost_by_level.total())
    }

    /// Events pending: in rings, and at the sink that has most of them still to deliver.
    #[must_use]
    pub fn pending_total(&self) -> u64 {
        self.pending + self.sinks.iter().map(|sink| sink.pending).max().unwrap_or(0)
    }

    /// Checks the law at every sink: submitted = delivered + filtered + lost + pending. It holds whenever the container
    /// is quiet; while threads log, the counts are of different moments.
    ///
    /// # Errors
    /// The first sink at which it does not hold.
    pub fn check(&self) -> Result<(), AccountingError> {
        for sink in &self.sinks {
            let filtered = self.filtered_by_plugins() + sink.filtered;
            let lost = self.lost.total() + sink.lost.total();
            let pending = self.pending + sink.pending;
            if self.submitted != sink.delivered + filtered + lost + pending {
                return Err(AccountingError {
                    sink: sink.name.clone(),
                    submitted: self.submitted,
                    delivered: sink.delivered,
                    filtered,
                    lost,
                    pending,
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} submitted, {} delivered, {} filtered, {} lost, {} pending",
            self.submitted,
            self.delivered_total(),
            self.filtered_total(),
            self.lost_total(),
            self.pending_total()
        )?;
        for (reason, count) in self.lost.iter() {
            write!(f, "; {reason}: {count}")?;
        }
        for sink in &self.sinks {
            for (reason, count) in sink.lost.iter() {
                write!(f, "; {reason} at {}: {count}", sink.name)?;
            }
            if sink.pending > 0 {
                write!(f, "; pending at {}: {}", sink.name, sink.pending)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink(name: &str, delivered: u64, filtered: u64, busy: u64, pending: u64) -> SinkAccounts {
        let mut lost = Losses::default();
        lost.add_of(LossReason::SinkBusy, busy);
        SinkAccounts {
            name: name.to_owned(),
            offered: delivered + filtered + busy + pending,
            delivered,
            filtered,
            lost,
            pending,
            bytes: 0,
            errors: 0,
            retries: 0,
            writer: String::new(),
            counters: Vec::new(),
        }
    }

    fn accounts(sinks: Vec<SinkAccounts>) -> Accounts {
        Accounts {
            submitted: 10,
            filtered: Vec::new(),
            lost: Losses::default(),
            lost_by_level: CountsByLevel::default(),
            pending: 0,
            cut: 0,
            unrouted: 0,
            sinks,
        }
    }

    #[test]
    fn what_is_not_for_a_sink_does_not_hide_what_another_has_lost() {
        let accounts = accounts(vec![sink("errors", 0, 10, 0, 0), sink("all", 7, 0, 2, 1)]);
        assert_eq!((accounts.delivered_total(), accounts.lost_total(), accounts.pending_total()), (7, 2, 1));
        accounts.check().unwrap();
    }

    #[test]
    fn a_report_names_each_sink_that_has_not_delivered_all() {
        let accounts = accounts(vec![sink("all", 7, 0, 2, 1), sink("audit", 10, 0, 0, 0)]);
        let report = "10 submitted, 7 delivered, 0 filtered, 2 lost, 1 pending; sink_busy at all: 2; pending at all: 1";
        assert_eq!(accounts.to_string(), report);
    }
}
