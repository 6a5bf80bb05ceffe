//! The rules of the accounts: each counter has one writer, and the sums are exact once a flush or shutdown has returned
//! (`flush.rs` and `shutdown.rs` check them too). In between, no sum is ever too low (rule 6 of the drain) and no event
//! is in two.

use fapilog_engine::accounts::LossReason;
use loom::thread;
use loom_tests::{
    model::{holds, holds_within, is_caught},
    small_log::{EVENTS_MAX, start},
};

const INEXACT: &str = "the sums are not exact";
const TOO_LATE: &str = "a producer has the space, but not the count";
const TWICE: &str = "a delivered event counts as lost too";

/// A single event more than the ring holds, so that the last one is lost unless the drain is quick.
fn a_full_ring() {
    let (log, drain) = start();
    let mut lane = log.open_lane();
    (0..EVENTS_MAX).for_each(|_| lane.log());
    let logger = {
        let log = log.clone();
        thread::spawn(move || {
            lane.log();
            assert!(log.accounts().pending <= EVENTS_MAX, "{TOO_LATE}");
            drop(lane);
            log.request_shutdown();
        })
    };
    drain.run();
    logger.join().unwrap();
    let accounts = log.accounts();
    let (delivered, full) = (accounts.delivered_total(), accounts.lost.of(LossReason::RingFull));
    // The log itself reports a loss, by an event of its own.
    let submitted = EVENTS_MAX + 1 + full;
    assert_eq!((accounts.submitted, delivered + full), (submitted, submitted), "{INEXACT}: {accounts}");
    assert_eq!((accounts.pending_total(), accounts.lost_total(), log.written()), (0, full, delivered), "{INEXACT}");
}

#[test]
fn every_event_is_delivered_or_lost_and_counted_once() {
    holds_within(2, a_full_ring);
}

#[test]
fn a_frame_that_is_published_before_it_is_counted_is_caught() {
    let test = every_event_is_delivered_or_lost_and_counted_once;
    is_caught("submitted_counted_after_publish", &["more is drained than was submitted"], test);
}

#[test]
fn space_that_is_given_back_before_it_is_counted_is_caught() {
    is_caught("released_before_counted", &[TOO_LATE], every_event_is_delivered_or_lost_and_counted_once);
}

/// A thread logs and reads the sums while the drain ends, and waits for no other thread.
fn sums_at_the_end() {
    let (log, drain) = start();
    let mut lane = log.open_lane();
    log.request_shutdown();
    let reader = thread::spawn(move || {
        lane.log();
        let accounts = log.accounts();
        assert!(accounts.delivered_total() + accounts.lost.total() <= 1, "{TWICE}: {accounts}");
    });
    drain.run();
    reader.join().unwrap();
}

#[test]
fn what_is_drained_never_counts_as_left() {
    holds(sums_at_the_end);
}

#[test]
fn a_relaxed_look_at_stopped_is_caught() {
    is_caught("stopped_relaxed", &[TWICE], what_is_drained_never_counts_as_left);
}

/// Calls that never come as far as a lane share a counter.
fn refused_calls() {
    let (log, _drain) = start();
    let callers = [(); 2].map(|()| {
        let log = log.clone();
        thread::spawn(move || log.log_closed())
    });
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    let accounts = log.accounts();
    assert_eq!((accounts.submitted, accounts.lost.of(LossReason::ContainerClosed)), (2, 2), "{INEXACT}: {accounts}");
}

#[test]
fn refused_calls_are_counted_each() {
    holds(refused_calls);
}

#[test]
fn two_writers_of_a_counter_for_one_are_caught() {
    is_caught("shared_counter_by_load_and_store", &[INEXACT], refused_calls_are_counted_each);
}
