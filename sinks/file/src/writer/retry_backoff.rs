//! The wait between a failed write and its retry.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

pub(super) const RETRY_MIN: Duration = Duration::from_millis(10);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(1);

/// Rule 7: how long writes wait after a failure: at random between a half and the whole of a wait that doubles. Sinks that fail
/// together, because their disk is full, do not all come back at once.
#[derive(Debug)]
pub(super) struct RetryBackoff {
    wait: Duration,
    pub(super) not_before: Option<Instant>,
}

impl RetryBackoff {
    pub(super) fn new() -> Self {
        Self { wait: RETRY_MIN, not_before: None }
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + jittered(self.wait));
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}

/// A time at random, from the half of this one to the whole.
fn jittered(wait: Duration) -> Duration {
    // The standard library seeds it anew for each call.
    let random = RandomState::new().hash_one(());
    let half = wait / 2;
    half + half.mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_differ() {
        let now = Instant::now();
        let mut backoff = RetryBackoff::new();
        for most in [10, 20, 40, 80, 160, 320, 640, 1000, 1000].map(Duration::from_millis) {
            backoff.failed(now);
            let wait = backoff.not_before.unwrap() - now;
            assert!(most / 2 <= wait && wait <= most, "{wait:?} of {most:?}");
        }
        let waits: std::collections::HashSet<Duration> = (0..20).map(|_| jittered(RETRY_MAX)).collect();
        assert!(waits.len() > 10, "{waits:?}");
    }
}
