//! A drain that a sink holds back.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

mod law;

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog::{LossReason, info};

fn cpu_time() -> Duration {
    // SAFETY: plain data, for which zeros are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes to the struct it is given.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) }, 0);
    let span = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.try_into().unwrap()) + Duration::from_micros(time.tv_usec.try_into().unwrap())
    };
    span(usage.ru_utime) + span(usage.ru_stime)
}

#[test]
fn a_drain_that_is_held_back_does_not_spin() {
    const WATCHED: Duration = Duration::from_secs(1);
    for executor in law::executors() {
        let container = fapilog::Container::builder().executor(executor).sink("full", law::Full).start().unwrap();
        info!(container.logger("held"), "goes nowhere");
        // A flush that is never answered is no reason to spin either.
        container.request_flush();
        let (before, start) = (cpu_time(), Instant::now());
        thread::sleep(WATCHED);
        let (used, watched) = (cpu_time() - before, start.elapsed());
        assert!(used < watched / 2, "{executor}: {used:?} in {watched:?}");
        assert!(container.shutdown(Duration::from_millis(10)).is_err());
        assert_eq!(law::lawful(container.accounts()).lost.of(LossReason::ShutdownDeadline), 1);
    }
}
