//! A kernel that refuses `membarrier` from the start. The answer holds for the whole process, so this program has a single test.
#![cfg(all(target_os = "linux", not(miri)))]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod litmus;
mod refusing;

use std::thread;

use fapilog_ring::fence;

#[test]
fn full_fences_stand_in_for_a_membarrier_that_was_refused_once() {
    let refused = thread::spawn(|| {
        refusing::refuse_membarrier();
        assert!(fence::heavy());
        assert!(!fence::is_asymmetric());
        litmus::assert_that_one_side_sees_the_other();
    });
    refused.join().unwrap();
    // The kernel grants it to this thread. A fence that became free now would not fit the full ones of other consumers.
    assert!(!fence::is_asymmetric());
    assert!(fence::heavy());
}
