//! Token buckets, in integers: a sum of fractions would fall short of a token, and let too few events pass.

use fapilog_record::timestamp::Timestamp;

/// The credit of one token. The unit of credit is a billionth of a token: in a nanosecond, a bucket gains as many of them as
/// events may pass in a second.
const TOKEN_CREDIT: u64 = 1_000_000_000;

/// The furthest that the time of one producer lies behind another's. A time further back is one after a step of the clock.
const BEHIND_MAX_NANOS: u64 = 10_000_000_000;

/// Holds tokens, one for each event that may pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenBucket {
    credit: u64,
    /// When it was filled up last.
    filled: Timestamp,
    /// Number of events that found it empty since its last report.
    pub(super) dropped: u64,
}

/// How fast buckets are filled, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) events_per_second: u64,
    pub(super) burst_events: u64,
}

impl Rate {
    /// The credit of a full bucket. It holds 18 billion events at most.
    fn full_credit(self) -> u64 {
        self.burst_events.saturating_mul(TOKEN_CREDIT)
    }
}

impl TokenBucket {
    pub(super) fn full(rate: Rate) -> Self {
        Self { credit: rate.full_credit(), filled: Timestamp::from_unix_nanos(0), dropped: 0 }
    }

    /// Fills the bucket up to `now`, and takes a token. `false` if there is none. The time of another producer may lie
    /// before that of the last, and then fills nothing. A clock that was set back fills the bucket from its new time on.
    #[inline]
    pub(super) fn take(&mut self, now: Timestamp, rate: Rate) -> bool {
        if now > self.filled {
            self.credit = self.credit_at(now, rate);
            self.filled = now;
        } else if self.filled.unix_nanos() - now.unix_nanos() > BEHIND_MAX_NANOS {
            self.filled = now;
        }
        let left = self.credit.checked_sub(TOKEN_CREDIT);
        match left {
            Some(left) => self.credit = left,
            None => self.dropped += 1,
        }
        left.is_some()
    }

    #[inline]
    fn credit_at(&self, now: Timestamp, rate: Rate) -> u64 {
        let passed_nanos = now.unix_nanos().saturating_sub(self.filled.unix_nanos());
        // More than fits is more than full.
        let gained = passed_nanos.saturating_mul(rate.events_per_second);
        self.credit.saturating_add(gained).min(rate.full_credit())
    }

    /// Whether it is as good as new: full by `now`, with nothing to report.
    pub(super) fn is_as_new(&self, now: Timestamp, rate: Rate) -> bool {
        self.dropped == 0 && self.credit_at(now, rate) >= rate.full_credit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the events pass that come at these times.
    fn passed(rate: Rate, times: impl Iterator<Item = u64>) -> usize {
        let mut bucket = TokenBucket::full(rate);
        times.filter(|nanos| bucket.take(Timestamp::from_unix_nanos(*nanos), rate)).count()
    }

    #[test]
    fn exactly_the_rate_passes_at_a_burst_of_one() {
        // Periods of whole nanoseconds, and so many events in each.
        for (events_per_second, events_per_period) in [(100, 10), (1000, 1), (8, 5), (1_000_000, 4), (20_000_000, 2)] {
            let rate = Rate { events_per_second, burst_events: 1 };
            let gap_nanos = 1_000_000_000 / events_per_second / events_per_period;
            let periods = 10_000;
            let times = (0..periods * events_per_period).map(|event| (event + 1) * gap_nanos);
            assert_eq!(passed(rate, times) as u64, periods, "{rate:?}");
        }
    }

    #[test]
    fn a_steady_rate_passes_whole_for_an_hour() {
        let rate = Rate { events_per_second: 10, burst_events: 1 };
        assert_eq!(passed(rate, (0..36_000).map(|event| event * 100_000_000)), 36_000);
    }

    #[test]
    fn a_clock_that_is_set_back_an_hour_stops_no_bucket_for_an_hour() {
        let rate = Rate { events_per_second: 10, burst_events: 1 };
        let hour = 3_600_000_000_000;
        let times = (0..20).map(|event| if event < 10 { hour + event * 100_000_000 } else { event * 100_000_000 });
        assert_eq!(passed(rate, times), 19, "all but the first behind the step");
    }

    #[test]
    fn a_producer_that_is_behind_fills_nothing() {
        let rate = Rate { events_per_second: 10, burst_events: 1 };
        let second = 1_000_000_000;
        assert_eq!(passed(rate, [9 * second, 2 * second, 9 * second].into_iter()), 1);
    }

    #[test]
    fn the_greatest_rate_and_burst_do_not_overflow() {
        let rate = Rate { events_per_second: u64::MAX, burst_events: u64::MAX };
        assert_eq!(passed(rate, [0, 1, u64::MAX, u64::MAX].into_iter()), 4);
        assert_eq!(passed(Rate { events_per_second: 0, burst_events: 1 }, [1, u64::MAX].into_iter()), 1);
    }
}
