//! The counters behind the accounts: each has one writer, and any thread reads it.

use std::sync::{Arc, OnceLock};

use crossbeam_utils::CachePadded;
use fapilog_plugin::{plugin_counts::PluginCounts, threads};
use fapilog_record::{level::Level, user_code::drop_catching_panics};
use fapilog_ring::{
    seeded,
    sync::{AtomicU64, Ordering},
};

use crate::{
    accounts::{CountsByLevel, DeliveryFigures, LevelCounters, LossReason, Losses, PluginState},
    watchdog::call_word::{Abandoned, CallWord, UserCall},
};

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct SingleWriterCounter(AtomicU64);

impl SingleWriterCounter {
    /// Adds `n`. Only its one writer may call this: it is a load and a store, not an atomic addition.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed, both: one writer, and readers want a figure only.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds `n` where several threads may write at once.
    pub(crate) fn add_shared(&self, n: u64) {
        if seeded::bug("shared_counter_by_load_and_store") {
            return self.add(n);
        }
        // Relaxed: see `add`.
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[inline(always)]
    #[must_use]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: see `add`.
        self.0.load(Ordering::Relaxed)
    }
}

/// Losses by reason, and their sum.
#[derive(Debug, Default)]
pub(crate) struct LossCounters {
    /// Models see the sum alone: with a place to branch for each reason, they would not end.
    by_reason: [std::sync::atomic::AtomicU64; LossReason::ALL.len()],
    sum: SingleWriterCounter,
}

impl LossCounters {
    pub(crate) fn add(&self, reason: LossReason, n: u64) {
        if let Some(counter) = self.by_reason.get(reason.index()) {
            // Relaxed, both: one writer, as in `SingleWriterCounter::add`.
            counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
            self.sum.add(n);
        }
    }

    pub(crate) fn add_shared(&self, reason: LossReason, n: u64) {
        if let Some(counter) = self.by_reason.get(reason.index()) {
            // Relaxed: as in `SingleWriterCounter::add_shared`.
            counter.fetch_add(n, Ordering::Relaxed);
            self.sum.add_shared(n);
        }
    }

    /// Adds the counts of another, which is written no more.
    pub(crate) fn add_all(&self, losses: &Losses) {
        losses.iter().for_each(|(reason, n)| self.add(reason, n));
    }

    pub(crate) fn read(&self) -> Losses {
        let mut losses = Losses::default();
        for (count, counter) in losses.0.iter_mut().zip(&self.by_reason) {
            // Relaxed: as in `SingleWriterCounter::get`.
            *count = counter.load(Ordering::Relaxed);
        }
        losses
    }

    /// The losses since `seen` was read, if there are any. `seen` is brought up to date. Where there are none, a single load
    /// shows that.
    pub(crate) fn read_new(&self, seen: &mut Losses) -> Option<Losses> {
        if self.sum.get() == seen.total() {
            return None;
        }
        let now = self.read();
        let new = now.since(seen);
        *seen = now;
        Some(new)
    }
}

/// The counters of one producing thread, and the drain's counter of it. Each group has cache lines of its own: the first
/// is written with every call, the second rarely, the third by another thread.
#[derive(Debug, Default)]
pub(crate) struct LaneCounters {
    pub(crate) submitted: CachePadded<SingleWriterCounter>,
    pub(crate) refused: CachePadded<RefusedCounters>,
    /// Frames taken out of the ring. Written by the drain.
    pub(crate) drained: CachePadded<SingleWriterCounter>,
    /// Code that an abandoned shard has called may still refer to the ring, whose space is never released: its thread takes
    /// another ring once this one is full. A hint, which a thread that misses it finds at its next attempt: no model need see it.
    is_held: std::sync::atomic::AtomicBool,
}

/// Events that a producing thread dropped or cut.
#[derive(Debug, Default)]
pub(crate) struct RefusedCounters {
    pub(crate) lost: LossCounters,
    lost_by_level: LevelCounters,
    pub(crate) cut: SingleWriterCounter,
}

impl RefusedCounters {
    /// Counts a lost event. Only the one writer may call this.
    #[inline]
    pub(crate) fn count_lost(&self, reason: LossReason, level: Level) {
        self.lost_by_level.add(level, 1);
        self.lost.add(reason, 1);
    }

    /// Counts a lost event where several threads may write at once.
    pub(crate) fn count_lost_shared(&self, reason: LossReason, level: Level) {
        self.lost_by_level.add_shared(level, 1);
        self.lost.add_shared(reason, 1);
    }

    /// Counts lost events where several threads may write at once.
    pub(crate) fn count_all_lost_shared(&self, reason: LossReason, events: &CountsByLevel) {
        self.lost_by_level.add_all_shared(events);
        self.lost.add_shared(reason, events.total());
    }
}

impl LaneCounters {
    /// The ring is held from now on.
    pub(crate) fn hold(&self) {
        // Relaxed: a hint.
        self.is_held.store(true, Ordering::Relaxed);
    }

    /// Whether the ring is held.
    pub(crate) fn is_held(&self) -> bool {
        // Relaxed: see `hold`.
        self.is_held.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self) -> LaneTotals {
        LaneTotals {
            submitted: self.submitted.get(),
            lost: self.refused.lost.read(),
            lost_by_level: self.refused.lost_by_level.read(),
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
    /// Those of a known level.
    pub(crate) lost_by_level: CountsByLevel,
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
        self.lost_by_level.add(&other.lost_by_level);
        self.cut += other.cut;
        self.drained += other.drained;
    }
}

/// The counters that one shard keeps for one sink.
#[derive(Debug, Default)]
pub(crate) struct SinkCounters {
    /// Events that came as far as this sink.
    pub(crate) offered: SingleWriterCounter,
    pub(crate) delivered: SingleWriterCounter,
    /// Events that are not for this sink.
    pub(crate) filtered: SingleWriterCounter,
    pub(crate) lost: LossCounters,
    pub(crate) bytes: SingleWriterCounter,
    pub(crate) errors: SingleWriterCounter,
    pub(crate) retries: SingleWriterCounter,
    pub(crate) delivery: DeliveryFigures,
}

/// The counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) lost: LossCounters,
    /// Those of a known level.
    pub(crate) lost_by_level: LevelCounters,
    /// Events that the library itself put into the stream.
    pub(crate) internal: SingleWriterCounter,
    /// Events that came as far as the sinks.
    pub(crate) passed: SingleWriterCounter,
    /// Events among these that were for no sink, or were an attempt to report losses that failed.
    pub(crate) unrouted: SingleWriterCounter,
    /// The batch in hand.
    pub(crate) in_hand: BatchInHand,
    /// Events that were whole in their rings, and that the sanitizer has cut.
    pub(crate) cut: SingleWriterCounter,
}

/// How many events of the batch in hand are counted elsewhere already: filtered, lost, or passed to the sinks. Their rings
/// have them still among the events that are not drained. Negative while plugins have added events.
///
/// A figure for reports while a drain hangs, on which nothing depends: no model need see it.
#[derive(Debug, Default)]
pub(crate) struct BatchInHand(std::sync::atomic::AtomicU64);

impl BatchInHand {
    /// Sets the number of events that were taken out of rings, and how many of the batch `left` are counted nowhere else.
    pub(crate) fn set(&self, taken: u64, left: u64) {
        // Relaxed: one writer, and readers want a figure only.
        self.0.store(taken.wrapping_sub(left), Ordering::Relaxed);
    }

    /// Subtracts the events that are counted elsewhere from those that are not drained.
    pub(crate) fn subtract_from(&self, not_drained: u64) -> u64 {
        // Relaxed: see `set`.
        let left = not_drained.wrapping_sub(self.0.load(Ordering::Relaxed));
        // The two are of different moments while threads log: a difference below zero is none.
        if left > u64::MAX / 2 { 0 } else { left }
    }
}

/// The counters that one shard keeps for one plugin.
#[derive(Debug, Default)]
pub(crate) struct PluginCounters {
    /// Batches.
    pub(crate) calls: SingleWriterCounter,
    pub(crate) nanos: SingleWriterCounter,
    pub(crate) panics: SingleWriterCounter,
    pub(crate) errors: SingleWriterCounter,
    /// Batches that took too long.
    pub(crate) slow: SingleWriterCounter,
    /// How often its breaker opened.
    pub(crate) cool_downs: SingleWriterCounter,
    /// Events that it took out.
    pub(crate) filtered: SingleWriterCounter,
    /// Events lost by it. The counter of the shard has them too.
    pub(crate) lost: LossCounters,
    /// A figure for reports, on which nothing depends: no model need see it.
    state: std::sync::atomic::AtomicU8,
    /// Likewise.
    is_running: std::sync::atomic::AtomicBool,
    /// Counters of the plugin's own. Read for reports, and set when the plugin is made.
    own: std::sync::Mutex<Option<PluginCounts>>,
    /// The calls of the shard, where a watchdog watches it.
    shard_calls: OnceLock<Arc<CallWord>>,
}

impl PluginCounters {
    /// Adds the figures of another, which is written no more.
    pub(crate) fn add_all(&self, other: &Self) {
        let Self { calls, nanos, panics, errors, slow, cool_downs, .. } = other;
        let pairs = [
            (&self.calls, calls),
            (&self.nanos, nanos),
            (&self.panics, panics),
            (&self.errors, errors),
            (&self.slow, slow),
            (&self.cool_downs, cool_downs),
        ];
        pairs.into_iter().for_each(|(sum, count)| sum.add(count.get()));
    }

    /// Sets the counters of the plugin's own.
    pub(crate) fn show_own(&self, own: Option<PluginCounts>) {
        let former = std::mem::replace(&mut *threads::lock(&self.own), own);
        drop_catching_panics(former);
    }

    /// The counters of the plugin's own.
    pub(crate) fn own(&self) -> Option<PluginCounts> {
        threads::lock(&self.own).clone()
    }

    /// Counts the calls of the plugin among those of its shard.
    pub(crate) fn count_calls(&self, calls: &Arc<CallWord>) {
        let _ = self.shard_calls.set(Arc::clone(calls));
    }

    /// The plugin is called.
    #[inline]
    pub(crate) fn begin_call(&self) -> Option<UserCall> {
        self.set_running(true);
        self.shard_calls.get().map(|calls| calls.begin())
    }

    /// The plugin has returned.
    ///
    /// # Errors
    /// When the shard was abandoned meanwhile: another one may use these counters.
    #[inline]
    pub(crate) fn end_call(&self, call: Option<UserCall>) -> Result<(), Abandoned> {
        if let (Some(calls), Some(call)) = (self.shard_calls.get(), call) {
            calls.end(call)?;
        }
        self.set_running(false);
        Ok(())
    }

    #[inline]
    pub(crate) fn set_running(&self, is_running: bool) {
        // Relaxed: a figure for reports.
        self.is_running.store(is_running, Ordering::Relaxed);
    }

    /// Whether the plugin is called and has not returned.
    pub(crate) fn is_running(&self) -> bool {
        // Relaxed: see `set_running`.
        self.is_running.load(Ordering::Relaxed)
    }

    pub(crate) fn set_state(&self, state: PluginState) {
        // Relaxed: a figure for reports.
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> PluginState {
        let states = [PluginState::Active, PluginState::CoolDown, PluginState::Disabled, PluginState::Removed];
        // Relaxed: see `set_state`.
        let byte = self.state.load(Ordering::Relaxed);
        states.into_iter().find(|state| *state as u8 == byte).unwrap_or_default()
    }
}
