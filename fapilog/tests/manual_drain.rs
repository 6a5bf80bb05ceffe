//! A drain that the program runs itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::time::{Duration, Instant};

use fapilog::{Container, container::Executor, error::StartError, info, metrics::LossReason};
use law::{TIMEOUT, balanced, end, memory, only, started_manual};

#[test]
fn nothing_happens_without_a_turn() {
    let (container, mut drain, events) = started_manual(Container::builder().flush_interval(Duration::ZERO));
    info!(container.logger("manual"), "waiting");
    assert_eq!((container.accounts().pending, events.lines().len()), (1, 0));
    drain.run_until_idle();
    assert_eq!((container.accounts().pending, events.lines().len()), (0, 1));
    end(&container, &mut drain);
}

#[test]
fn a_turn_says_whether_there_was_anything_to_do() {
    let (container, mut drain, _events) = started_manual(Container::builder());
    assert!(!drain.turn());
    info!(container.logger("manual"), "something");
    assert!(drain.turn());
    end(&container, &mut drain);
}

#[test]
fn a_turn_takes_a_batch_at_most() {
    let (container, mut drain, _events) = started_manual(Container::builder().batch_events_max(10));
    let log = container.logger("manual");
    (0..25).for_each(|number| info!(log, "numbered", number));
    let mut pending = 25;
    while drain.turn() {
        let left = container.accounts().pending;
        assert!(pending - left <= 10, "{pending} before, {left} after");
        pending = left;
    }
    assert_eq!(pending, 0);
    end(&container, &mut drain);
}

#[test]
fn what_is_not_due_stays_until_a_flush_is_asked_for() {
    let (container, mut drain, events) = started_manual(Container::builder().flush_interval(TIMEOUT));
    info!(container.logger("manual"), "encoded");
    drain.run_until_idle();
    assert!(events.lines().is_empty());
    container.request_flush();
    drain.run_until_idle();
    assert_eq!(only(&events)["message"], "encoded");
    end(&container, &mut drain);
}

#[test]
fn an_urgent_event_is_due_within_a_millisecond() {
    let (container, mut drain, events) = started_manual(Container::builder().flush_interval(TIMEOUT));
    fapilog::error!(container.logger("manual"), "urgent");
    drain.run_until_idle();
    std::thread::sleep(Duration::from_millis(2));
    drain.run_until_idle();
    assert_eq!(only(&events)["message"], "urgent");
    end(&container, &mut drain);
}

#[test]
fn run_until_idle_ends_the_drain_after_a_shutdown_was_asked_for() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("manual"), "last");
    container.request_shutdown(Instant::now() + TIMEOUT);
    assert!(!drain.has_ended());
    drain.run_until_idle();
    assert!(drain.has_ended());
    assert_eq!(balanced(container.accounts()).delivered_total(), 1);
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn shutdown_returns_the_accounts_of_a_drain_that_has_ended() {
    let (container, mut drain, _events) = started_manual(Container::builder());
    info!(container.logger("manual"), "last");
    end(&container, &mut drain);
    assert_eq!(container.shutdown(TIMEOUT).unwrap().delivered_total(), 1);
}

#[test]
fn a_drain_that_has_ended_does_nothing_more() {
    let (container, mut drain, events) = started_manual(Container::builder());
    end(&container, &mut drain);
    info!(container.logger("manual"), "too late");
    assert!(!drain.turn());
    assert!(events.lines().is_empty());
    assert_eq!(balanced(container.accounts()).lost.of(LossReason::ContainerClosed), 1);
}

#[test]
fn dropping_the_drain_counts_what_is_left_as_lost() {
    let (container, drain, events) = started_manual(Container::builder());
    let log = container.logger("manual");
    (0..10).for_each(|number| info!(log, "numbered", number));
    drop(drain);
    assert_eq!(balanced(container.accounts()).lost.of(LossReason::ShutdownDeadline), 10);
    assert!(events.lines().is_empty());
}

#[test]
fn dropping_the_container_first_asks_the_drain_to_end() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("manual"), "last");
    drop(container);
    drain.run_until_idle();
    assert!(drain.has_ended());
    assert_eq!(events.lines().len(), 1);
}

#[test]
fn a_manual_container_has_no_executor_and_one_shard() {
    let (container, mut drain, _events) = started_manual(Container::builder());
    assert_eq!(container.executor(), None);
    end(&container, &mut drain);
    let (sink, _events) = memory();
    let two = Container::builder().executor(Executor::Thread).shards(2).sink("memory", sink).start_manual();
    assert!(matches!(two, Err(StartError::Settings(_))));
}
