//! Rules 1, 3 and 9 of the drain: a shutdown delivers everything that came before it, and whatever comes meanwhile is
//! delivered or lost, for the right reason.

use fapilog_engine::accounts::LossReason;
use loom::thread;
use loom_tests::{
    model::{holds, holds_within, is_caught},
    small_log::start,
};

const LEFT_OUT: &str = "a shutdown left out an event that came before it";
const UNCOUNTED: &str = "an event is in no sum, or in two, or in a wrong one";

/// The thread's ring is new when it has the drain end.
fn what_came_before() {
    let (log, drain) = start();
    let ender = thread::spawn(move || {
        let mut lane = log.open_lane();
        lane.log();
        let accounts = log.shutdown();
        assert_eq!((accounts.submitted, accounts.delivered_total(), log.written()), (1, 1, 1), "{LEFT_OUT}");
    });
    drain.run();
    ender.join().unwrap();
}

#[test]
fn a_shutdown_delivers_what_came_before_it() {
    holds(what_came_before);
}

#[test]
fn rings_that_are_looked_at_before_the_request_are_caught() {
    is_caught("looks_before_stop", &[LEFT_OUT], a_shutdown_delivers_what_came_before_it);
}

/// A thread logs for the first time, and ends, while the drain takes its last looks.
fn what_came_meanwhile() {
    let (log, drain) = start();
    let logger = {
        let log = log.clone();
        thread::spawn(move || log.open_lane().log())
    };
    log.request_shutdown();
    drain.run();
    logger.join().unwrap();
    let accounts = log.accounts();
    let (delivered, closed) = (accounts.delivered_total(), accounts.lost.of(LossReason::ContainerClosed));
    assert_eq!((accounts.submitted, delivered + closed), (1, 1), "{UNCOUNTED}: {accounts}");
    assert_eq!((accounts.pending_total(), accounts.lost_total()), (0, closed), "{UNCOUNTED}: {accounts}");
    assert_eq!(log.written(), delivered, "{UNCOUNTED}: {accounts}");
}

#[test]
fn an_event_that_races_a_shutdown_is_delivered_or_lost_to_it() {
    holds_within(2, what_came_meanwhile);
}

#[test]
fn a_drain_that_ends_with_a_payload_unshipped_is_caught() {
    let test = an_event_that_races_a_shutdown_is_delivered_or_lost_to_it;
    is_caught("ends_with_a_payload_unshipped", &[UNCOUNTED], test);
}
