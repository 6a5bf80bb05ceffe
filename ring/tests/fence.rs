//! The asymmetric fences, on real processors (and under miri, where both are full ones).
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod litmus;

use fapilog_ring::fence;

#[test]
fn of_two_threads_that_write_and_look_one_sees_the_other() {
    litmus::assert_that_one_side_sees_the_other();
}

#[test]
fn a_heavy_fence_is_had_where_the_kernel_has_granted_it() {
    let _granted = fence::is_asymmetric();
    assert!(fence::heavy());
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn the_fences_are_asymmetric_where_the_kernel_offers_membarrier() {
    // SAFETY: `membarrier` takes three integers and touches no memory of ours.
    let commands = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) };
    let is_offered = commands > 0 && commands & libc::c_long::from(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
    assert_eq!(fence::is_asymmetric(), is_offered);
}
