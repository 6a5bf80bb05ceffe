//! The times of a span: busy while a thread is in it, idle while none is.

use std::time::{Duration, Instant};

use crate::fork_lock::ForkLock;

/// The times of a span since it was made.
#[derive(Debug)]
pub(crate) struct SpanTimes(ForkLock<TimesSoFar>);

#[derive(Debug)]
struct TimesSoFar {
    busy: Duration,
    idle: Duration,
    /// The time up to which both are counted.
    counted_to: Instant,
    /// How often threads are in the span just now.
    entered: usize,
}

impl SpanTimes {
    pub(crate) fn begin() -> Self {
        Self(ForkLock::new(TimesSoFar {
            busy: Duration::ZERO,
            idle: Duration::ZERO,
            counted_to: Instant::now(),
            entered: 0,
        }))
    }

    pub(crate) fn enter(&self) {
        self.count_to(Instant::now(), |times| times.entered += 1);
    }

    pub(crate) fn exit(&self) {
        self.count_to(Instant::now(), |times| times.entered = times.entered.saturating_sub(1));
    }

    /// Busy and idle time up to now.
    pub(crate) fn so_far(&self) -> (Duration, Duration) {
        self.count_to(Instant::now(), |times| (times.busy, times.idle)).unwrap_or_default()
    }

    fn count_to<R>(&self, now: Instant, then: impl FnOnce(&mut TimesSoFar) -> R) -> Option<R> {
        let mut times = self.0.lock()?;
        let passed = now.saturating_duration_since(times.counted_to);
        if times.entered > 0 {
            times.busy += passed
        } else {
            times.idle += passed
        }
        times.counted_to = times.counted_to.max(now);
        Some(then(&mut times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_busy_from_the_first_enter_to_the_last_exit() {
        let times = SpanTimes::begin();
        let start = times.0.lock().unwrap().counted_to;
        let at =
            |millis: u64, change: fn(&mut TimesSoFar)| times.count_to(start + Duration::from_millis(millis), change);
        at(10, |times| times.entered += 1);
        at(15, |times| times.entered += 1);
        at(30, |times| times.entered -= 1);
        at(50, |times| times.entered -= 1);
        at(57, |_| {}).unwrap();
        let times = times.0.lock().unwrap();
        assert_eq!((times.busy, times.idle), (Duration::from_millis(40), Duration::from_millis(17)));
    }
}
