//! The law: submitted = delivered + filtered + lost + pending.
//!
//! Each counter has one writer and is read by anyone; all are relaxed, because a sum of them is exact only when the
//! container is quiet, and being quiet is known by other means (a flush or shutdown that has returned). Counts of a
//! thread live with its [lane](crate::intake), counts of a sink with its outlet on the drain; a [`Accounts`] adds them up.

use std::fmt;

use crossbeam_utils::CachePadded;
use fapilog_ring::{
    seeded,
    sync::{AtomicU64, Ordering},
};
use thiserror::Error;

/// Why an event was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossReason {
    /// The thread's ring was full, and the overflow strategy gave up.
    RingFull,
    /// Not even the fixed part of the event fits a record.
    TooLong,
    /// The container was shut down before the call, or while it ran.
    ContainerClosed,
    /// The call came from a forked child, and the container belongs to its parent.
    Forked,
    /// A sink had no room, and its policy is to lose.
    SinkBusy,
    /// A sink failed for good.
    SinkFailed,
    /// A plugin panicked while it held the event.
    PluginPanicked,
    /// A redactor failed, and what it has not seen must not go on.
    RedactorFailed,
    /// The event was not delivered before the shutdown's deadline.
    ShutdownDeadline,
    /// The record could not be read back: a bug in the library, counted so that it is seen.
    Unreadable,
}

impl LossReason {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::RingFull,
        Self::TooLong,
        Self::ContainerClosed,
        Self::Forked,
        Self::SinkBusy,
        Self::SinkFailed,
        Self::PluginPanicked,
        Self::RedactorFailed,
        Self::ShutdownDeadline,
        Self::Unreadable,
    ];

    /// The reason's name in reports and in the log itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::TooLong => "too_long",
            Self::ContainerClosed => "container_closed",
            Self::Forked => "forked",
            Self::SinkBusy => "sink_busy",
            Self::SinkFailed => "sink_failed",
            Self::PluginPanicked => "plugin_panicked",
            Self::RedactorFailed => "redactor_failed",
            Self::ShutdownDeadline => "shutdown_deadline",
            Self::Unreadable => "unreadable",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    /// Adds `n`. Only its one writer may call this: it is a load and a store, not an atomic addition.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed, both: one writer, and readers want a figure only.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds `n` where several threads may write at once.
    pub(crate) fn add_shared(&self, n: u64) {
        if seeded::bug("shared_tally_by_load_and_store") {
            return self.add(n);
        }
        // Relaxed: see `add`.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[inline(always)]
    #[must_use]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: see the module's page.
        self.0.load(Ordering::Relaxed)
    }
}

/// Losses by reason.
#[derive(Debug, Default)]
pub(crate) struct LossTallies([Tally; LossReason::ALL.len()]);

impl LossTallies {
    pub(crate) fn add(&self, reason: LossReason, n: u64) {
        if let Some(tally) = self.0.get(reason.index()) {
            tally.add(n);
        }
    }

    pub(crate) fn add_shared(&self, reason: LossReason, n: u64) {
        if let Some(tally) = self.0.get(reason.index()) {
            tally.add_shared(n);
        }
    }

    pub(crate) fn read(&self) -> Losses {
        let mut losses = Losses::default();
        for (count, tally) in losses.0.iter_mut().zip(&self.0) {
            *count = tally.get();
        }
        losses
    }
}

/// What one producing thread counts, and what the drain counts of it. Each group on cache lines of its own: the first
/// is written with every call, the second hardly ever, the third by another thread.
#[derive(Debug, Default)]
pub(crate) struct LaneTallies {
    pub(crate) submitted: CachePadded<Tally>,
    pub(crate) refused: CachePadded<Refused>,
    /// Frames taken out of the ring. Written by the drain.
    pub(crate) drained: CachePadded<Tally>,
}

/// What a producing thread could not hand over whole.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    pub(crate) lost: LossTallies,
    pub(crate) cut: Tally,
}

impl LaneTallies {
    pub(crate) fn read(&self) -> LaneTotals {
        LaneTotals {
            submitted: self.submitted.get(),
            lost: self.refused.lost.read(),
            cut: self.refused.cut.get(),
            drained: self.drained.get(),
        }
    }
}

/// Sums over lanes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneTotals {
    pub(crate) submitted: u64,
    pub(crate) lost: Losses,
    pub(crate) cut: u64,
    pub(crate) drained: u64,
}

impl LaneTotals {
    /// Events in rings.
    pub(crate) fn pending(&self) -> u64 {
        self.submitted.saturating_sub(self.lost.total()).saturating_sub(self.drained)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.submitted += other.submitted;
        self.lost.add(&other.lost);
        self.cut += other.cut;
        self.drained += other.drained;
    }
}

/// What one shard counts of one sink.
#[derive(Debug, Default)]
pub(crate) struct SinkTallies {
    /// Events that came as far as this sink.
    pub(crate) offered: Tally,
    pub(crate) delivered: Tally,
    /// Events that are not for this sink.
    pub(crate) filtered: Tally,
    pub(crate) lost: LossTallies,
    pub(crate) bytes: Tally,
    pub(crate) errors: Tally,
    pub(crate) retries: Tally,
}

/// What one shard counts.
#[derive(Debug, Default)]
pub(crate) struct ShardTallies {
    pub(crate) lost: LossTallies,
    /// Events that the library itself put into the stream.
    pub(crate) own: Tally,
    /// Events that came as far as the sinks.
    pub(crate) passed: Tally,
}

/// What one shard counts of one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginTallies {
    /// Batches.
    pub(crate) calls: Tally,
    pub(crate) nanos: Tally,
    pub(crate) panics: Tally,
    pub(crate) errors: Tally,
    /// Batches that took too long.
    pub(crate) slow: Tally,
    /// How often it was switched off.
    pub(crate) pauses: Tally,
    /// Events that it took out.
    pub(crate) filtered: Tally,
    /// A figure for reports, on which nothing depends: no model need see it.
    state: std::sync::atomic::AtomicU8,
}

/// Whether a plugin works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PluginState {
    /// It is called.
    #[default]
    Active,
    /// It failed too often, and is left out for a while.
    Off,
    /// It is left out because the program said so.
    Disabled,
    /// It has been removed.
    Removed,
}

impl PluginState {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Off => "off",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much of a container's pipeline works: what is given up first, when things fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rung {
    /// Everything works.
    #[default]
    Full,
    /// Several plugins are left out for failing: of enrichers and processors, only the essential ones are called.
    EssentialPlugins,
    /// A sink fails; the others get everything.
    WorkingSinks,
    /// No sink works: stderr is told, in one line a second at most.
    Emergency,
}

impl Rung {
    const ALL: [Self; 4] = [Self::Full, Self::EssentialPlugins, Self::WorkingSinks, Self::Emergency];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::EssentialPlugins => "essential_plugins",
            Self::WorkingSinks => "working_sinks",
            Self::Emergency => "emergency",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The rung of one shard. A figure for reports, on which nothing depends: no model need see it.
#[derive(Debug, Default)]
pub(crate) struct RungGauge(std::sync::atomic::AtomicU8);

impl RungGauge {
    pub(crate) fn set(&self, rung: Rung) {
        // Relaxed: see the type.
        self.0.store(rung as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Rung {
        // Relaxed: see the type.
        let byte = self.0.load(Ordering::Relaxed);
        Rung::ALL.into_iter().find(|rung| *rung as u8 == byte).unwrap_or_default()
    }
}

impl PluginTallies {
    pub(crate) fn set_state(&self, state: PluginState) {
        // Relaxed: a figure for reports.
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> PluginState {
        let states = [PluginState::Active, PluginState::Off, PluginState::Disabled, PluginState::Removed];
        // Relaxed: see `set_state`.
        let byte = self.state.load(Ordering::Relaxed);
        states.into_iter().find(|state| *state as u8 == byte).unwrap_or_default()
    }
}

/// A count for each [`LossReason`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses([u64; LossReason::ALL.len()]);

impl Losses {
    /// How many were lost for this reason.
    #[must_use]
    pub fn of(&self, reason: LossReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// How many were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons for which something was lost, with the counts.
    pub fn iter(&self) -> impl Iterator<Item = (LossReason, u64)> + '_ {
        LossReason::ALL.into_iter().map(|reason| (reason, self.of(reason))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add_of(&mut self, reason: LossReason, n: u64) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count += n;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// What has come since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        for (count, before) in since.0.iter_mut().zip(earlier.0) {
            *count = count.saturating_sub(before);
        }
        since
    }
}

/// What one sink has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkAccounts {
    /// The sink's name in the container.
    pub name: String,
    /// Events that came as far as this sink.
    pub offered: u64,
    /// Events that the sink has said are delivered.
    pub delivered: u64,
    /// Events that are not for this sink: its route says so, or they came before it was added or while it was disabled.
    pub filtered: u64,
    /// Events lost at this sink.
    pub lost: Losses,
    /// Events in payloads that are being filled or delivered.
    pub pending: u64,
    /// Bytes delivered.
    pub bytes: u64,
    /// Deliveries that failed.
    pub errors: u64,
    /// How often the sink tried again.
    pub retries: u64,
    /// How it writes, in its own words.
    pub writer: String,
}

/// What became of all events of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounts {
    /// Events that a log call was made for and that passed the level threshold, and the library's own in the log.
    pub submitted: u64,
    /// Events taken out by a processor (or by an enricher, which it is not meant for), by its name.
    pub filtered: Vec<(String, u64)>,
    /// Events lost before any sink.
    pub lost: Losses,
    /// Events in rings.
    pub pending: u64,
    /// Events delivered with something cut off (see [`Event::is_cut`](crate::Event::is_cut)).
    pub cut: u64,
    /// Each sink's own account.
    pub sinks: Vec<SinkAccounts>,
}

/// The law does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "accounts do not balance at sink {sink:?}: submitted {submitted}, but delivered {delivered} + filtered {filtered} + lost {lost} + pending {pending} is {}",
    delivered + filtered + lost + pending
)]
pub struct Imbalance {
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
    /// Events taken out by plugins.
    #[must_use]
    pub fn filtered_total(&self) -> u64 {
        self.filtered.iter().map(|(_, count)| count).sum()
    }

    /// Events that every sink they were for has delivered (the count of the sink that is farthest behind).
    #[must_use]
    pub fn delivered_total(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.delivered + sink.filtered).min().unwrap_or(0)
    }

    /// Events lost: before any sink, and at the sink that has lost most.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost.total() + self.sinks.iter().map(|sink| sink.lost.total()).max().unwrap_or(0)
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
    pub fn check(&self) -> Result<(), Imbalance> {
        for sink in &self.sinks {
            let filtered = self.filtered_total() + sink.filtered;
            let lost = self.lost.total() + sink.lost.total();
            let pending = self.pending + sink.pending;
            if self.submitted != sink.delivered + filtered + lost + pending {
                return Err(Imbalance {
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
        }
    }

    fn accounts(sinks: Vec<SinkAccounts>) -> Accounts {
        Accounts { submitted: 10, filtered: Vec::new(), lost: Losses::default(), pending: 0, cut: 0, sinks }
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
