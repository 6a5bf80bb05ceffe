//! The rate of a key: it follows the number of the key's events.

use crate::process::sampling::randomness::{SamplingThreshold, TraceRandomness};

/// The part of the latest interval in the moving average.
const WEIGHT: f64 = 0.5;
/// So many times its budget may a key use up at the rate with which an interval begins.
const BURST: f64 = 2.0;

/// The number of events of each key that are kept in an interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyBudget {
    /// The first events, which are kept at any rate.
    pub(super) first: u64,
    /// The target for the others.
    pub(super) events: f64,
}

/// The decision on an event of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RateChoice {
    /// It stays, and stands for itself.
    Whole,
    /// It stays, and stands for others, too: it was kept at this rate.
    Kept(f64),
    Dropped,
}

/// A key's rate, and its events in the interval.
#[derive(Debug, Clone)]
pub(super) struct KeyRate {
    rate: f64,
    threshold: SamplingThreshold,
    seen: u64,
    /// The events beyond the first that are kept before the rate is halved.
    allowance: f64,
    /// The events of an interval beyond the first: a moving average. `None` in the key's first interval.
    average: Option<f64>,
}

impl KeyRate {
    /// A new key's events are kept whole.
    pub(super) fn new(budget: KeyBudget) -> Self {
        let threshold = SamplingThreshold::of_rate(1.0);
        Self { rate: 1.0, threshold, seen: 0, allowance: BURST * budget.events, average: None }
    }

    /// Decides on the next event, and counts it.
    pub(super) fn choose(&mut self, budget: KeyBudget, randomness: impl FnOnce() -> TraceRandomness) -> RateChoice {
        self.seen += 1;
        if self.seen <= budget.first {
            return RateChoice::Whole;
        }
        let rate = self.rate;
        if rate < 1.0 && !self.threshold.keeps(randomness()) {
            return RateChoice::Dropped;
        }
        self.allowance -= 1.0;
        if self.allowance <= 0.0 {
            // More than expected. At half the rate, the budget lasts for twice as many events as the last did.
            self.set_rate(rate / 2.0);
            self.allowance = budget.events;
        }
        if rate < 1.0 { RateChoice::Kept(rate) } else { RateChoice::Whole }
    }

    /// Ends the interval, and as many empty ones behind it as make `intervals`. Sets the rate of the next.
    pub(super) fn end_interval(&mut self, budget: KeyBudget, intervals: u64) {
        let excess = self.seen.saturating_sub(budget.first) as f64;
        let average = self.average.map_or(excess, |average| WEIGHT * excess + (1.0 - WEIGHT) * average);
        let average = average * (1.0 - WEIGHT).powf(intervals.saturating_sub(1) as f64);
        self.average = Some(average);
        self.set_rate(if average > budget.events { budget.events / average } else { 1.0 });
        self.allowance = BURST * budget.events;
        self.seen = 0;
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.threshold = SamplingThreshold::of_rate(rate);
    }

    /// Whether the interval has no event of the key.
    pub(super) fn is_idle(&self) -> bool {
        self.seen == 0
    }

    /// Whether all events are kept, as those of a new key.
    pub(super) fn is_whole(&self) -> bool {
        self.rate >= 1.0
    }
}
