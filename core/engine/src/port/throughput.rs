//! Throughput: how many events a shard takes a second.
//!
//! The drain counts the events of each batch under the second in which it takes the batch. So a shard that sleeps has nothing to do:
//! the seconds in which it took nothing have no count, and count as zero. A single word holds the number of the second and its count,
//! so that a reader never takes the count of another second.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde::Serialize;

/// The seconds that are kept: more than the longest window.
const SECONDS_KEPT: usize = 64;

/// The windows, in seconds.
const SHORT_SECONDS: u64 = 10;
const LONG_SECONDS: u64 = 60;

/// Events that the drain has taken out of rings, a second, over a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Throughput {
    /// Over the last ten seconds, or since the start of the container.
    pub events_per_second_10s: f64,
    /// Over the last 60 seconds, or since the start of the container.
    pub events_per_second_60s: f64,
}

impl Throughput {
    pub(crate) fn add(&mut self, other: &Self) {
        self.events_per_second_10s += other.events_per_second_10s;
        self.events_per_second_60s += other.events_per_second_60s;
    }
}

/// The events of one shard, second by second. Figures for reports, on which nothing depends: no model need see them.
#[derive(Debug)]
pub(crate) struct EventsBySecond {
    start: Instant,
    /// In the upper half of each the second, counted from 1 at the start; in the lower half the events. At a place of their own, so
    /// that a port stays small.
    seconds: Box<[AtomicU64]>,
}

impl Default for EventsBySecond {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

impl EventsBySecond {
    fn new(start: Instant) -> Self {
        Self { start, seconds: (0..SECONDS_KEPT).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts the events of a batch. Only the shard may call this.
    #[inline]
    pub(crate) fn record(&self, now: Instant, events: u64) {
        if events == 0 || cfg!(fapilog_loom) {
            return;
        }
        let second = self.second(now);
        let Some(word) = self.seconds.get(second as usize % SECONDS_KEPT) else { return };
        // Relaxed, both: one writer, and readers want a figure only.
        let sum = events_in(word.load(Ordering::Relaxed), second).saturating_add(events).min(u64::from(u32::MAX));
        word.store(second << 32 | sum, Ordering::Relaxed);
    }

    /// The throughput at this time.
    pub(crate) fn read(&self, now: Instant) -> Throughput {
        Throughput {
            events_per_second_10s: self.rate(now, SHORT_SECONDS),
            events_per_second_60s: self.rate(now, LONG_SECONDS),
        }
    }

    /// Events a second over the second that `now` is in, and those before it, `seconds` in all. Within the first second of the
    /// container, its events count as those of a whole second.
    fn rate(&self, now: Instant, seconds: u64) -> f64 {
        let last = self.second(now);
        let first = last.saturating_sub(seconds - 1).max(1);
        // Relaxed: see `record`.
        let of = |second: u64| {
            let word = self.seconds.get(second as usize % SECONDS_KEPT);
            word.map_or(0, |word| events_in(word.load(Ordering::Relaxed), second))
        };
        let events: u64 = (first..=last).map(of).sum();
        let begin = Duration::from_secs(first - 1);
        let time = now.saturating_duration_since(self.start).saturating_sub(begin);
        events as f64 / time.as_secs_f64().max(1.0)
    }

    /// The number of the second, from 1: a word that was never written is of none.
    fn second(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.start).as_secs() + 1).min(u64::from(u32::MAX))
    }
}

/// The events in a word, if it is of this second.
fn events_in(word: u64, second: u64) -> u64 {
    if word >> 32 == second { word & u64::from(u32::MAX) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_steady_stream_has_its_rate_in_both_windows() {
        let start = Instant::now();
        let events = EventsBySecond::new(start);
        (0..1000).for_each(|batch| events.record(start + millis(batch * 100), 50));
        let read = events.read(start + millis(99_950));
        assert!((read.events_per_second_10s - 500.0).abs() < 10.0, "{read:?}");
        assert!((read.events_per_second_60s - 500.0).abs() < 10.0, "{read:?}");
    }

    #[test]
    fn a_shard_that_sleeps_has_a_rate_that_goes_down_to_zero() {
        let start = Instant::now();
        let events = EventsBySecond::new(start);
        events.record(start + millis(300), 6000);
        let at = |time| {
            let read = events.read(start + millis(time));
            (read.events_per_second_10s, read.events_per_second_60s)
        };
        assert_eq!(at(10_000 - 1000), (6000.0 / 9.0, 6000.0 / 9.0));
        assert_eq!(at(10_000), (0.0, 600.0));
        assert_eq!(at(59_000), (0.0, 6000.0 / 59.0));
        // A whole round of the words later, and at any later time, the old count is not seen.
        for time in [60_000, 64_000, 64_500, 1_000_000] {
            assert_eq!(at(time), (0.0, 0.0), "{time}");
        }
    }

    #[test]
    fn a_word_is_used_again_by_a_later_second() {
        let start = Instant::now();
        let events = EventsBySecond::new(start);
        events.record(start, 1000);
        events.record(start + Duration::from_secs(SECONDS_KEPT as u64), 7);
        let read = events.read(start + Duration::from_secs(SECONDS_KEPT as u64) + millis(999));
        assert!((read.events_per_second_10s * 9.999 - 7.0).abs() < 0.001, "{read:?}");
    }

    #[test]
    fn the_first_events_of_a_container_are_no_burst() {
        let start = Instant::now();
        let events = EventsBySecond::new(start);
        events.record(start, 10);
        assert_eq!(events.read(start + millis(1)).events_per_second_10s, 10.0);
    }

    #[test]
    fn a_count_beyond_its_half_of_the_word_stays_at_the_greatest() {
        let start = Instant::now();
        let events = EventsBySecond::new(start);
        (0..3).for_each(|_| events.record(start, u64::from(u32::MAX)));
        assert_eq!(events.read(start).events_per_second_10s, f64::from(u32::MAX));
    }
}
