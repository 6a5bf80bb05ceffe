//! The wait between a failed write and its retry.

use std::time::{Duration, Instant};

pub(super) const RETRY_MIN: Duration = Duration::from_millis(10);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(1);

/// Rule 7: how long writes wait after a failure.
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
        self.not_before = Some(now + self.wait);
        self.wait = (self.wait * 2).min(RETRY_MAX);
    }
}
