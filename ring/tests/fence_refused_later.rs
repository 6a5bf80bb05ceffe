//! A kernel that grants `membarrier` and takes it back. The answer holds for the whole process, so this program has a
//! single test.
#![cfg(all(target_os = "linux", not(miri)))]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod litmus;
mod refusing;

use fapilog_ring::fence;

#[test]
fn a_membarrier_that_is_taken_back_is_reported_once_and_full_fences_stand_in_for_it() {
    if !fence::is_asymmetric() {
        println!("this kernel grants no membarrier: none can be taken back");
        return;
    }
    refusing::refuse_membarrier();
    assert!(!fence::heavy(), "a producer may have passed a free fence meanwhile");
    assert!(fence::heavy());
    assert!(!fence::is_asymmetric());
    litmus::assert_that_one_side_sees_the_other();
}
