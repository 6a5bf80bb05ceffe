//! Token buckets.

use fapilog_record::timestamp::Timestamp;

/// Holds tokens, one for each event that may pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenBucket {
    tokens: f64,
    /// When it was filled up last.
    filled: Timestamp,
    /// Number of events that found it empty since its last report.
    pub(super) dropped: u64,
}

/// How fast buckets are filled, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) events_per_nano: f64,
    pub(super) burst_events: f64,
}

impl TokenBucket {
    pub(super) fn full(rate: Rate) -> Self {
        Self { tokens: rate.burst_events, filled: Timestamp::from_unix_nanos(0), dropped: 0 }
    }

    /// Fills the bucket up to `now`, and takes a token. `false` if there is none. The time of another producer may lie
    /// before that of the last, and then fills nothing.
    #[inline]
    pub(super) fn take(&mut self, now: Timestamp, rate: Rate) -> bool {
        if now > self.filled {
            self.tokens = self.tokens_at(now, rate);
            self.filled = now;
        }
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        } else {
            self.dropped += 1;
        }
        has_one
    }

    #[inline]
    fn tokens_at(&self, now: Timestamp, rate: Rate) -> f64 {
        let passed = now.unix_nanos().saturating_sub(self.filled.unix_nanos());
        (self.tokens + passed as f64 * rate.events_per_nano).min(rate.burst_events)
    }

    /// Whether it is as good as new: full by `now`, with nothing to report.
    pub(super) fn is_as_new(&self, now: Timestamp, rate: Rate) -> bool {
        self.dropped == 0 && self.tokens_at(now, rate) >= rate.burst_events
    }
}
