//! Rule 3 of the accounts, for threads without a ring: they share one, under a lock that is held for a try and not for a
//! call. So the lane may be closed before a call, between its try and the count of its loss, or after it.

use fapilog_engine::accounts::{Accounts, LossReason};
use loom::thread;
use loom_tests::{
    model::{holds, is_caught},
    small_log::{EVENTS_MAX, Log, start},
};

const INEXACT: &str = "a call is in no sum, or in two";

/// Two threads without a ring, each with a call while the log is closed and the drain takes its last looks.
fn what_comes_late_meanwhile(before: u64) -> (Log, Accounts) {
    let (log, drain) = start();
    (0..before).for_each(|_| log.log_shared());
    let loggers = [(); 2].map(|()| {
        let log = log.clone();
        thread::spawn(move || log.log_shared())
    });
    log.request_shutdown();
    drain.run();
    loggers.into_iter().for_each(|logger| logger.join().unwrap());
    let accounts = log.accounts();
    (log, accounts)
}

fn assert_exact(log: &Log, accounts: &Accounts, calls: u64) {
    let (full, closed) = (accounts.lost.of(LossReason::RingFull), accounts.lost.of(LossReason::ContainerClosed));
    // The log itself reports losses by events of its own: one for want of space, and one for calls that come too late, if the
    // drain hears of them.
    let submitted = accounts.submitted;
    assert!((calls..=calls + 2).contains(&submitted), "{INEXACT}: {accounts}");
    assert_eq!(accounts.delivered_total() + full + closed, submitted, "{INEXACT}: {accounts}");
    assert_eq!((accounts.pending_total(), accounts.lost_total()), (0, full + closed), "{INEXACT}: {accounts}");
    assert_eq!(log.written(), accounts.delivered_total(), "{INEXACT}: {accounts}");
}

fn with_space() {
    let (log, accounts) = what_comes_late_meanwhile(0);
    assert_exact(&log, &accounts, 2);
    assert_eq!(accounts.lost.of(LossReason::RingFull), 0, "{accounts}");
}

#[test]
fn a_late_call_that_races_a_shutdown_is_counted_once() {
    holds(with_space);
}

#[test]
fn a_call_that_finds_the_lane_closed_and_is_left_uncounted_is_caught() {
    is_caught("late_call_uncounted", &[INEXACT], a_late_call_that_races_a_shutdown_is_counted_once);
}

fn without_space() {
    let (log, accounts) = what_comes_late_meanwhile(EVENTS_MAX);
    assert_exact(&log, &accounts, EVENTS_MAX + 2);
}

#[test]
fn a_late_call_that_finds_no_space_before_a_shutdown_is_counted_once() {
    holds(without_space);
}

#[test]
fn a_loss_that_is_left_uncounted_because_the_lane_was_closed_is_caught() {
    let test = a_late_call_that_finds_no_space_before_a_shutdown_is_counted_once;
    is_caught("late_loss_uncounted", &[INEXACT], test);
}
