//! Conditions that tests wait for.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The time limit of [`wait_until`]: far longer than any step of a test takes, also on a machine with much other work.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The time between two looks at a condition.
const POLL: Duration = Duration::from_millis(2);

/// Waits until a condition is met, for at most 30 s. Panics at the deadline, with `wanted` as the text.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use fapilog_test_servers::wait_until;
///
/// static DONE: AtomicBool = AtomicBool::new(false);
/// std::thread::spawn(|| DONE.store(true, Ordering::SeqCst));
/// wait_until("the thread is done", || DONE.load(Ordering::SeqCst));
/// ```
#[track_caller]
pub fn wait_until(wanted: &str, is_met: impl FnMut() -> bool) {
    wait_until_within(WAIT_MAX, wanted, is_met);
}

/// As [`wait_until`], with another time limit.
#[track_caller]
pub fn wait_until_within(limit: Duration, wanted: &str, mut is_met: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_met() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {wanted}");
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_looked_at_until_it_is_met() {
        let mut looks = 0;
        wait_until("three looks", || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    fn a_condition_that_is_met_needs_no_time() {
        wait_until_within(Duration::ZERO, "nothing", || true);
    }

    #[test]
    #[should_panic(expected = "not within 10ms: the sky is green")]
    fn a_condition_that_is_not_met_is_named_at_the_deadline() {
        wait_until_within(Duration::from_millis(10), "the sky is green", || false);
    }
}
