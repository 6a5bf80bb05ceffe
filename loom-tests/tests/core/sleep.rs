//! Rule 10 of the drain: a shard never sleeps on a new ring, a change or a ring whose thread has ended.

use std::sync::Arc;

use loom::thread;
use loom_tests::{
    model::{DEADLOCK, ENDLESS, holds, holds_within, is_caught},
    sleeper::Sleeper,
    small_log::{start, start_read_by},
};

/// The ring and its frame are all that the drain can see of this event: there is no request.
fn the_first_event_of_a_thread() {
    let reader = Sleeper::new();
    let (log, drain) = start_read_by(&reader);
    let logger = {
        let reader = Arc::clone(&reader);
        thread::spawn(move || {
            let mut lane = log.open_lane();
            lane.log();
            reader.sleep();
            log.request_shutdown();
        })
    };
    drain.run();
    logger.join().unwrap();
}

#[test]
fn a_drain_never_sleeps_on_the_first_event_of_a_thread() {
    holds(the_first_event_of_a_thread);
}

#[test]
fn a_last_look_that_leaves_out_new_rings_is_caught() {
    let test = a_drain_never_sleeps_on_the_first_event_of_a_thread;
    is_caught("last_look_without_new_rings", &[DEADLOCK], test);
}

fn a_change() {
    let (log, drain) = start();
    let changer = thread::spawn(move || {
        log.change();
        log.request_shutdown();
    });
    drain.run();
    changer.join().unwrap();
}

#[test]
fn a_drain_never_sleeps_on_a_change() {
    holds(a_change);
}

#[test]
fn a_last_look_that_leaves_out_changes_is_caught() {
    is_caught("last_look_without_changes", &[DEADLOCK], a_drain_never_sleeps_on_a_change);
}

/// The thread has logged nothing, so its end is all that the drain has to see.
fn the_end_of_a_thread() {
    let (log, drain) = start();
    let lanes = log.lanes();
    let lane = log.open_lane();
    let ender = thread::spawn(move || {
        drop(lane);
        while log.lanes() > lanes {
            thread::yield_now();
        }
        log.request_shutdown();
    });
    drain.run();
    ender.join().unwrap();
}

#[test]
fn a_drain_never_sleeps_on_the_ring_of_a_thread_that_has_ended() {
    holds_within(2, the_end_of_a_thread);
}

#[test]
fn an_end_of_a_thread_that_does_not_ring_the_doorbell_is_caught() {
    is_caught("lane_ends_unheard", &[ENDLESS], a_drain_never_sleeps_on_the_ring_of_a_thread_that_has_ended);
}

#[test]
fn a_last_look_that_leaves_out_closed_rings_is_caught() {
    is_caught(
        "last_look_without_closed_rings",
        &[ENDLESS],
        a_drain_never_sleeps_on_the_ring_of_a_thread_that_has_ended,
    );
}
