//! Threads without a ring of their own, on real processors: the model in `loom-tests` has two of them, which never wait.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

mod law;

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use fapilog::{Logger, container::Overflow, info, metrics::LossReason};
use law::{TIMEOUT, balanced, memory, thread_builder, until};

const THREADS: u64 = 8;
const CALLS: u64 = 1000;
/// The first thread has a ring of its own, all others share a ring. Both are soon full.
const RING_BYTES: usize = 16 * 1024;

fn log_calls(log: &Logger, all_started: &Barrier) {
    all_started.wait();
    (0..CALLS).for_each(|number| info!(log, "numbered", number));
}

/// All threads log, and wait for space side by side, while the container is shut down behind so many events.
fn shut_down_behind(events_before: u64) {
    let (sink, events) = memory();
    let builder = thread_builder().overflow(Overflow::Block { timeout: 2 * TIMEOUT }).threads_max(1);
    let builder = builder.ring_capacity_bytes(RING_BYTES).record_max_bytes(1024);
    let container = builder.sink("memory", sink).start().unwrap();
    let log = container.logger("shared lane");
    info!(log, "takes the ring");
    let all_started = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        (0..THREADS).for_each(|_| _ = scope.spawn(|| log_calls(&log, &all_started)));
        until("so much is logged", || container.accounts().submitted >= events_before);
        container.shutdown(TIMEOUT).unwrap();
    });
    // Events published after the drain's last look are settled when its thread is gone.
    until("nothing is pending", || container.accounts().pending_total() == 0);
    let accounts = balanced(container.accounts());
    let reports = events.lines().iter().filter(|line| line.contains("events lost")).count() as u64;
    assert_eq!(accounts.submitted, 1 + THREADS * CALLS + reports, "{accounts}");
    assert_eq!(accounts.lost_total(), accounts.lost.of(LossReason::ContainerClosed), "{accounts}");
    assert_eq!(accounts.delivered_total(), events.lines().len() as u64, "{accounts}");
    assert!(container.rings() <= 2);
}

#[test]
fn each_call_of_threads_without_a_ring_is_counted_once_whenever_the_container_is_shut_down() {
    const TIME: Duration = Duration::from_secs(2);
    let start = Instant::now();
    // The shutdown comes at the start, in the middle, and when nearly all is logged.
    let shares = (0..16).cycle().map(|sixteenths| THREADS * CALLS * sixteenths / 16);
    shares.take_while(|_| start.elapsed() < TIME).for_each(shut_down_behind);
}
