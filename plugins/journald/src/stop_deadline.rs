//! The deadline of the shutdown, from the shard to the thread of the client.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::threads::lock;

/// The time that the answer of the thread takes to reach the shard.
const ANSWER_TIME: Duration = Duration::from_millis(20);

/// By when deliveries must have ended; no time until the sink is stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopDeadline(Arc<Mutex<Option<Instant>>>);

impl StopDeadline {
    pub(crate) fn set(&self, deadline: Instant) {
        *lock(&self.0) = Some(deadline.checked_sub(ANSWER_TIME).unwrap_or(deadline));
    }

    /// `limit`, or the deadline if that is earlier.
    pub(crate) fn or_earlier(&self, limit: Instant) -> Instant {
        lock(&self.0).map_or(limit, |deadline| deadline.min(limit))
    }

    pub(crate) fn has_passed(&self) -> bool {
        lock(&self.0).is_some_and(|deadline| Instant::now() >= deadline)
    }
}
