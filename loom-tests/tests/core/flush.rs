//! Rules 1, 2, 3 and 8 of the drain: a flush is answered when everything that came before it is delivered.

use loom::thread;
use loom_tests::{
    model::{DEADLOCK, holds, holds_within, is_caught},
    small_log::{Log, start},
};

const LEFT_OUT: &str = "a flush was answered without an event that came before it";
const UNCOUNTED: &str = "the sums are not exact after a flush";

/// The accounts that a flush must leave when it returns.
fn assert_delivered(log: &Log, events: u64) {
    assert_eq!(log.written(), events, "{LEFT_OUT}");
    let accounts = log.accounts();
    let sums = (accounts.submitted, accounts.delivered_total(), accounts.lost_total(), accounts.pending_total());
    assert_eq!(sums, (events, events, 0, 0), "{UNCOUNTED}");
}

/// The thread's ring is new when it flushes.
fn event_of_the_flushing_thread() {
    let (log, drain) = start();
    let flusher = thread::spawn(move || {
        let mut lane = log.open_lane();
        lane.log();
        log.flush();
        assert_delivered(&log, 1);
        log.request_shutdown();
    });
    drain.run();
    flusher.join().unwrap();
}

#[test]
fn a_flush_takes_what_its_thread_has_logged() {
    holds(event_of_the_flushing_thread);
}

/// Neither ring nor doorbell orders the event before the flush.
fn event_of_another_thread() {
    let (log, drain) = start();
    let mut lane = log.open_lane();
    let logger = thread::spawn(move || {
        lane.log();
        lane
    });
    let flusher = thread::spawn(move || {
        let _lane = logger.join().unwrap();
        log.flush();
        assert_delivered(&log, 1);
        log.request_shutdown();
    });
    drain.run();
    flusher.join().unwrap();
}

#[test]
fn a_flush_takes_what_its_thread_knows_to_be_logged() {
    holds_within(2, event_of_another_thread);
}

#[test]
fn a_relaxed_request_is_caught() {
    is_caught("flush_request_relaxed", &[LEFT_OUT], a_flush_takes_what_its_thread_knows_to_be_logged);
}

#[test]
fn a_relaxed_look_at_the_request_is_caught() {
    is_caught("flush_requested_relaxed", &[LEFT_OUT], a_flush_takes_what_its_thread_has_logged);
}

#[test]
fn snapshots_taken_before_the_request_is_read_are_caught() {
    is_caught("snapshot_before_request", &[LEFT_OUT], a_flush_takes_what_its_thread_has_logged);
}

#[test]
fn rings_adopted_after_the_snapshots_are_caught() {
    is_caught("registrations_after_snapshots", &[LEFT_OUT], a_flush_takes_what_its_thread_has_logged);
}

#[test]
fn a_drain_that_sleeps_without_a_last_look_is_caught() {
    is_caught("sleeps_without_a_last_look", &[DEADLOCK], a_flush_takes_what_its_thread_has_logged);
}

#[test]
fn a_flush_that_is_answered_before_its_events_are_delivered_is_caught() {
    is_caught("flush_answered_undelivered", &[LEFT_OUT, UNCOUNTED], a_flush_takes_what_its_thread_has_logged);
}
