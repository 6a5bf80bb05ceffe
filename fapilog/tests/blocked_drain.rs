//! A drain that is blocked by a sink.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

mod law;

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog::{info, metrics::LossReason};

/// The drain sleeps for 100 us between two passes, and asks once or twice in a pass. A drain that spins asks hundreds of times.
const ASKED_MAX_PER_MILLISECOND: u128 = 30;

#[test]
fn a_drain_that_is_blocked_by_a_sink_does_not_spin() {
    for executor in law::executors() {
        let full = law::sinks::Full::default();
        let container = fapilog::Container::builder().executor(executor).sink("full", full.clone()).start().unwrap();
        info!(container.logger("held"), "goes nowhere");
        // A flush that is never answered is no reason to spin either.
        container.request_flush();
        let (before, start) = (full.asked(), Instant::now());
        thread::sleep(Duration::from_secs(1));
        let (asked, watched) = (full.asked() - before, start.elapsed());
        assert!(asked > 0, "{executor}: the drain does not look for room");
        assert!(
            u128::from(asked) < watched.as_millis() * ASKED_MAX_PER_MILLISECOND,
            "{executor}: {asked} in {watched:?}"
        );
        assert!(container.shutdown(Duration::from_millis(10)).is_err());
        assert_eq!(law::balanced(container.accounts()).lost.of(LossReason::ShutdownDeadline), 1);
    }
}
