//! The circuit breaker of a sink's destination.
//!
//! Closed, every payload is delivered. After so many failed attempts in a row it is *open*: no attempt is made until the
//! cool-down is over. Then it is *half-open*: a single attempt, the probe, decides. If it succeeds, the breaker is closed; if it
//! fails, the breaker is open again, for twice as long.
//!
//! It is not the breaker of the [supervisor](crate::supervisor), which counts calls that panic or take too long.

use std::time::{Duration, Instant};

use fapilog_plugin::sink::DeliveryPolicy;

use crate::accounts::BreakerState;

/// The breaker of one sink of a shard.
#[derive(Debug)]
pub(super) struct DeliveryBreaker {
    circuit: Circuit,
    /// The failures in a row that open it; 0: it stays closed.
    failures_max: u32,
    cool_down_min: Duration,
    cool_down_max: Duration,
    /// How long it is open the next time.
    cool_down: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circuit {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// The probe is in flight.
    HalfOpen,
}

impl DeliveryBreaker {
    pub(super) fn new(policy: &DeliveryPolicy) -> Self {
        Self {
            circuit: Circuit::Closed { failures: 0 },
            // A sink without a queue has a breaker of its own, if it has one.
            failures_max: if policy.is_direct() { 0 } else { policy.breaker_failures },
            cool_down_min: policy.cool_down,
            cool_down_max: policy.cool_down_max,
            cool_down: policy.cool_down,
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.circuit {
            Circuit::Closed { .. } => BreakerState::Closed,
            Circuit::Open { .. } => BreakerState::Open,
            Circuit::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// Whether the destination is taken to be down.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.circuit, Circuit::Closed { .. })
    }

    /// Whether an attempt could start now, and would not have to wait for another one.
    pub(super) fn allows_attempt(&self, now: Instant) -> bool {
        match self.circuit {
            Circuit::Closed { .. } => true,
            Circuit::Open { until } => until <= now,
            Circuit::HalfOpen => false,
        }
    }

    /// Whether an attempt may start. If the cool-down is over, that attempt is the probe.
    pub(super) fn begin_attempt(&mut self, now: Instant) -> bool {
        match self.circuit {
            Circuit::Closed { .. } => true,
            Circuit::Open { until } if until <= now => {
                self.circuit = Circuit::HalfOpen;
                true
            }
            Circuit::Open { .. } | Circuit::HalfOpen => false,
        }
    }

    /// The end of the cool-down, while it is open.
    pub(super) fn open_until(&self) -> Option<Instant> {
        match self.circuit {
            Circuit::Open { until } => Some(until),
            Circuit::Closed { .. } | Circuit::HalfOpen => None,
        }
    }

    /// Ends the cool-down now: the sink stops, and the next attempt is the last.
    pub(super) fn end_cool_down(&mut self, now: Instant) {
        if let Circuit::Open { until } = &mut self.circuit {
            *until = now.min(*until);
        }
    }

    /// The destination has answered.
    pub(super) fn succeed(&mut self) {
        self.circuit = Circuit::Closed { failures: 0 };
        self.cool_down = self.cool_down_min;
    }

    /// An attempt has failed. Returns whether the breaker opens. An attempt that began before the breaker opened changes nothing.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        match &mut self.circuit {
            Circuit::Closed { failures } => {
                *failures = failures.saturating_add(1);
                self.failures_max > 0 && *failures >= self.failures_max && self.open(now)
            }
            Circuit::HalfOpen => self.open(now),
            Circuit::Open { .. } => false,
        }
    }

    /// Opens it for a cool-down, whatever the number of failures.
    pub(super) fn open(&mut self, now: Instant) -> bool {
        // A cool-down beyond the end of time ends at once.
        self.circuit = Circuit::Open { until: now.checked_add(self.cool_down).unwrap_or(now) };
        self.cool_down = self.cool_down.saturating_mul(2).min(self.cool_down_max);
        debug_assert!(self.cool_down >= self.cool_down_min, "a cool-down out of bounds: {self:?}");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> DeliveryBreaker {
        DeliveryBreaker::new(&DeliveryPolicy::default().breaker(2, SECOND, 3 * SECOND))
    }

    fn opened(now: Instant) -> DeliveryBreaker {
        let mut breaker = breaker();
        assert!(!breaker.fail(now) && breaker.fail(now));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let now = Instant::now();
        let mut breaker = breaker();
        assert!(!breaker.fail(now));
        breaker.succeed();
        assert!(!breaker.fail(now) && breaker.is_closed() && breaker.fail(now));
        assert_eq!((breaker.state(), breaker.open_until()), (BreakerState::Open, Some(now + SECOND)));
    }

    #[test]
    fn a_single_probe_starts_after_the_cool_down() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(!breaker.begin_attempt(now) && breaker.begin_attempt(now + SECOND));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(!breaker.begin_attempt(now + 9 * SECOND), "a second probe");
    }

    #[test]
    fn a_probe_that_succeeds_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(breaker.begin_attempt(now + SECOND));
        breaker.succeed();
        assert!(breaker.is_closed() && breaker.begin_attempt(now + SECOND));
    }

    #[test]
    fn a_probe_that_fails_doubles_the_cool_down_up_to_the_longest() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for cool_down in [2, 3, 3] {
            now += 3 * SECOND;
            assert!(breaker.begin_attempt(now) && breaker.fail(now));
            assert_eq!(breaker.open_until(), Some(now + cool_down * SECOND));
        }
        assert!(breaker.begin_attempt(now + 3 * SECOND));
        breaker.succeed();
        assert!(!breaker.fail(now) && breaker.fail(now));
        assert_eq!(breaker.open_until(), Some(now + SECOND), "the cool-down starts again");
    }

    #[test]
    fn an_attempt_that_began_before_it_opened_changes_nothing_by_its_failure() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert!(!breaker.fail(now + SECOND));
        assert_eq!(breaker.open_until(), Some(now + SECOND));
    }

    #[test]
    fn without_a_number_of_failures_it_stays_closed() {
        let mut breaker = DeliveryBreaker::new(&DeliveryPolicy::default().breaker(0, SECOND, SECOND));
        assert!((0..99).all(|_| !breaker.fail(Instant::now())));
    }
}
