//! Log calls on a full ring: each strategy, counted exactly.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Overflow},
    error, info,
    metrics::LossReason,
};
use law::{TIMEOUT, balanced, end, parsed, started_manual, until};

const RING_BYTES: usize = 16 * 1024;

/// Small rings, so that they are soon full.
fn builder(overflow: Overflow) -> ContainerBuilder {
    Container::builder().ring_capacity_bytes(RING_BYTES).record_max_bytes(1024).overflow(overflow)
}

/// Logs until an event is lost, and returns how many were not.
fn fill(container: &Container, log: &Logger) -> u64 {
    let lost_before = container.accounts().lost_total();
    for number in 0_u64.. {
        info!(log, "filler", number);
        if container.accounts().lost_total() > lost_before {
            return number;
        }
    }
    unreachable!("a ring that is never full")
}

/// The events that are no report of losses.
fn users(events: &fapilog::sink::MemoryEvents) -> Vec<serde_json::Value> {
    parsed(events).into_iter().filter(|event| event["source"] != "fapilog").collect()
}

#[test]
fn a_producer_that_waits_for_space_drops_nothing() {
    let (container, mut drain, events) = started_manual(builder(Overflow::Block { timeout: TIMEOUT }));
    let log = container.logger("overflow");
    thread::scope(|scope| {
        let producer = scope.spawn(move || (0..20_000).for_each(|number| info!(log, "numbered", number)));
        // The drain does nothing until the producer waits.
        until("the ring is full", || container.accounts().pending * 32 > RING_BYTES as u64 / 2);
        until("the producer is done", || {
            drain.run_until_idle();
            producer.is_finished()
        });
    });
    let accounts = end(&container, &mut drain);
    assert_eq!((accounts.submitted, accounts.lost_total()), (20_000, 0));
    let numbers: Vec<_> = parsed(&events).iter().map(|event| event["context"]["number"].as_u64().unwrap()).collect();
    assert!(numbers.into_iter().eq(0..20_000));
}

#[test]
fn an_event_that_waited_in_vain_is_lost_and_counted() {
    let timeout = Duration::from_millis(20);
    let (container, mut drain, events) = started_manual(builder(Overflow::Block { timeout }));
    let log = container.logger("overflow");
    let kept = fill(&container, &log);
    let start = Instant::now();
    // The first call waited, when the ring was filled: after a wait in vain, no call waits until there is space.
    (0..1000).for_each(|_| info!(log, "too much"));
    let took = start.elapsed();
    assert!(took < timeout * 100, "{took:?}");
    drain.run_until_idle();
    let refilled = fill(&container, &log);
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.lost.of(LossReason::RingFull), 1000 + 2);
    assert_eq!(users(&events).len() as u64, kept + refilled);
}

#[test]
fn drop_newest_does_not_wait_and_counts_each_event() {
    let (container, mut drain, events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("overflow");
    (0..10_000).for_each(|number| info!(log, "numbered", number));
    let accounts = end(&container, &mut drain);
    let delivered = users(&events);
    assert!(!delivered.is_empty() && delivered.len() < 10_000);
    assert_eq!(accounts.lost.of(LossReason::RingFull), 10_000 - delivered.len() as u64);
    // Those that are there are the oldest.
    assert!(delivered.iter().enumerate().all(|(index, event)| event["context"]["number"] == index));
}

#[test]
fn after_a_loss_there_is_room_again_as_soon_as_the_drain_has_been_there() {
    let (container, mut drain, events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("overflow");
    let kept = fill(&container, &log);
    drain.run_until_idle();
    info!(log, "room again");
    assert_eq!(end(&container, &mut drain).lost_total(), 1);
    assert_eq!(users(&events).len() as u64, kept + 1);
}

#[test]
fn drop_low_severity_keeps_the_last_eighth_for_errors() {
    let (container, mut drain, events) = started_manual(builder(Overflow::DropLowSeverity));
    let log = container.logger("overflow");
    let kept = fill(&container, &log);
    let mut errors = 0_u64;
    while container.accounts().lost_total() == 1 {
        error!(log, "grave", errors);
        errors += 1;
    }
    // The last one was lost.
    errors -= 1;
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.lost.of(LossReason::RingFull), 2);
    // Both kinds of record are equally long.
    let (low, high) = (kept as f64, errors as f64);
    assert!((high / (low + high) - 0.125).abs() < 0.01, "{low} low and {high} high");
    let delivered = users(&events);
    assert_eq!(delivered.iter().filter(|event| event["level"] == "ERROR").count() as u64, errors);
}

#[test]
fn one_threads_full_ring_stops_no_other_thread() {
    let (container, mut drain, events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("overflow");
    fill(&container, &log);
    thread::scope(|scope| {
        scope.spawn(|| info!(log, "from another thread"));
    });
    assert_eq!(end(&container, &mut drain).lost_total(), 1);
    assert!(users(&events).iter().any(|event| event["message"] == "from another thread"));
}

#[test]
fn the_log_itself_reports_a_loss() {
    let (container, mut drain, events) = started_manual(builder(Overflow::DropNewest));
    let log = container.logger("overflow");
    let kept = fill(&container, &log);
    (0..4).for_each(|number| info!(log, "too much", number));
    let accounts = end(&container, &mut drain);
    let reports: Vec<_> = parsed(&events).into_iter().filter(|event| event["source"] == "fapilog").collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["message"], "5 events lost: ring_full");
    assert_eq!(reports[0]["level"], "WARNING");
    assert_eq!(reports[0]["metrics"]["ring_full"], 5);
    // The report is an event like any other to the accounts.
    assert_eq!((accounts.submitted, accounts.delivered_total()), (kept + 5 + 1, kept + 1));
}

#[test]
fn a_loss_is_reported_while_the_program_runs() {
    let (sink, events) = law::memory();
    let container = law::thread_builder().overflow(Overflow::DropNewest).ring_capacity_bytes(RING_BYTES);
    let container = container.record_max_bytes(1024).sink("memory", sink).start().unwrap();
    let log = container.logger("overflow");
    while container.accounts().lost_total() == 0 {
        (0..1000).for_each(|number| info!(log, "numbered", number));
    }
    until("the loss is reported", || {
        // An idle drain reports nothing: an event wakes it.
        info!(log, "something");
        parsed(&events).iter().any(|event| event["source"] == "fapilog")
    });
    balanced(container.shutdown(TIMEOUT).unwrap());
}

#[test]
fn threads_beyond_the_limit_share_a_ring_and_drop_nothing() {
    let (sink, events) = law::memory();
    let container = law::thread_builder().threads_max(2).overflow(Overflow::Block { timeout: TIMEOUT });
    let container = container.sink("memory", sink).start().unwrap();
    let log = container.logger("overflow");
    let all_started = std::sync::Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                info!(log, "first");
                all_started.wait();
                (0..500).for_each(|number| info!(log, "numbered", number));
            });
        }
    });
    assert!(container.rings() <= 3);
    assert_eq!(law::shut_down(&container).lost_total(), 0);
    assert_eq!(events.lines().len(), 8 * 501);
}

#[test]
fn a_waiting_producer_goes_on_when_the_container_is_shut_down() {
    let (container, mut drain, _events) = started_manual(builder(Overflow::Block { timeout: TIMEOUT }));
    let log = container.logger("overflow");
    let start = Instant::now();
    thread::scope(|scope| {
        let producer = scope.spawn(|| (0..2000).for_each(|number| info!(log, "numbered", number)));
        until("the ring is full", || container.accounts().pending * 32 > RING_BYTES as u64 / 2);
        container.request_shutdown(Instant::now());
        until("the producer is done", || {
            drain.turn();
            producer.is_finished()
        });
    });
    assert!(start.elapsed() < TIMEOUT);
    // Events published after the drain's last look are settled when its thread is gone.
    until("nothing is pending", || container.accounts().pending_total() == 0);
    assert!(balanced(container.accounts()).lost_total() > 0);
}

/// A container whose one ring for threads is taken, and whose ring for all others is full. The drain has made space since the
/// last wait in vain.
fn with_a_full_late_ring(overflow: Overflow) -> (Container, fapilog::container::ManualDrain, Logger) {
    let (container, mut drain, _events) = started_manual(builder(overflow).threads_max(1));
    let log = container.logger("overflow");
    info!(log, "takes the ring");
    let fitting = thread::scope(|scope| scope.spawn(|| fill(&container, &log)).join().unwrap());
    drain.run_until_idle();
    thread::scope(|scope| {
        scope.spawn(|| (0..fitting).for_each(|number| info!(log, "filler", number)));
    });
    assert_eq!(container.accounts().lost_total(), 1);
    (container, drain, log)
}

#[test]
fn threads_without_a_ring_wait_for_space_side_by_side() {
    const THREADS: u32 = 8;
    let timeout = Duration::from_millis(200);
    let (container, mut drain, log) = with_a_full_late_ring(Overflow::Block { timeout });
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| info!(log, "too much"));
        }
    });
    let took = start.elapsed();
    assert!(took >= timeout && took < timeout * THREADS / 2, "{took:?}");
    assert_eq!(end(&container, &mut drain).lost.of(LossReason::RingFull), u64::from(THREADS) + 1);
}

#[test]
fn a_shutdown_is_not_held_up_by_threads_without_a_ring_that_wait() {
    let (container, mut drain, _events) =
        started_manual(builder(Overflow::Block { timeout: 10 * TIMEOUT }).threads_max(1));
    let log = container.logger("overflow");
    info!(log, "takes the ring");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| (0..2000).for_each(|number| info!(log, "numbered", number)));
        until("the other threads' ring is full", || container.accounts().pending * 32 > RING_BYTES as u64 / 2);
        let start = Instant::now();
        container.request_shutdown(Instant::now());
        assert!(start.elapsed() < TIMEOUT);
        until("the thread that waited is done", || waiting.is_finished());
    });
    assert!(end(&container, &mut drain).lost_total() > 0);
}
