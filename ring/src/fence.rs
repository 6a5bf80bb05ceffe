//! An asymmetric pair of fences, for rule 8.
//!
//! The doorbell needs a store-load order on both sides: *publish, then look at the flag* and *raise the flag, then look
//! at the rings*. A full fence gives it, but costs a producer about ten nanoseconds an event, for the sake of a
//! consumer that sleeps once in a while. So the producer passes [`light`], which stops the compiler only, and the
//! consumer passes [`heavy`], which has the kernel run a full fence on every core that runs a thread of this process
//! (`membarrier(2)`, private expedited, Linux 4.14). Wherever in the producer's program that fence falls, one of the
//! two orders holds: either the publish comes before it, and the consumer's look finds the frame; or the look at the
//! flag comes after it, and finds the flag.
//!
//! The litmus in `ring/tests/litmus` sees a kernel's part that is absent. No test sees an absent compiler fence: today's
//! compiler keeps an atomic load behind a release store anyway. The language allows it to swap the two, so the fence stays.
//!
//! Where the kernel lacks the call, refuses it, or is not Linux, both are full fences. Loom knows no asymmetric fences:
//! a model runs with full ones (see the front page of `loom-tests` for what covers the difference).

use crate::sync::{Ordering, fence};

#[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
mod membarrier {
    use std::sync::atomic::{AtomicU8, Ordering};

    const UNKNOWN: u8 = 0;
    const REGISTERED: u8 = 1;
    const REFUSED: u8 = 2;

    /// Goes from `UNKNOWN` to one of the others, and from `REGISTERED` to `REFUSED` if the kernel changes its mind.
    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    fn call(command: libc::c_int) -> bool {
        // SAFETY: `membarrier` takes three integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Relaxed: the answer never changes while a consumer relies on it, but for the worse (see `heavy`); and before it
    /// is known, `light` is a full fence, which is never wrong.
    #[inline(always)]
    pub(super) fn is_registered() -> bool {
        STATE.load(Ordering::Relaxed) == REGISTERED
    }

    /// Asks the kernel once.
    pub(super) fn register() -> bool {
        // Relaxed: a stale value only asks the kernel once more, which is harmless.
        match STATE.load(Ordering::Relaxed) {
            REGISTERED => true,
            REFUSED => false,
            _ => {
                let state = if call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) { REGISTERED } else { REFUSED };
                // Relaxed: two threads that race store the same answer.
                STATE.store(state, Ordering::Relaxed);
                state == REGISTERED
            }
        }
    }

    /// Runs a full fence on every core that runs a thread of this process.
    pub(super) fn run() -> bool {
        let done = call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        if !done {
            // Relaxed: `light` runs a full fence from now on, and a late change of fence is the caller's to bear: `heavy` returns
            // `false`.
            STATE.store(REFUSED, Ordering::Relaxed);
        }
        done
    }
}

/// The producer's half: free where `membarrier` is to be had, a full fence elsewhere.
#[inline(always)]
pub fn light() {
    #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
    if membarrier::is_registered() {
        // Compiler fence: the processor's order comes from the consumer's `membarrier`. pairs: `heavy`.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        return;
    }
    // SeqCst: a full fence. pairs: `heavy`.
    fence(Ordering::SeqCst);
}

/// The consumer's half: orders what this thread did before it against everything that any thread did around its
/// [`light`].
///
/// Returns `false` when the order could not be had this time: the kernel took the call back, and a producer may have
/// passed a free `light` meanwhile. The consumer must not park without a time limit then.
#[must_use]
pub fn heavy() -> bool {
    #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
    if membarrier::register() {
        // SeqCst: the order of this thread in the language's terms, which know no system call. The kernel's part covers
        // this core too, so no test sees the difference. pairs: `light`.
        fence(Ordering::SeqCst);
        return membarrier::run();
    }
    // SeqCst: without `membarrier`, both sides run a full fence. pairs: `light`.
    fence(Ordering::SeqCst);
    true
}

/// Whether [`light`] is free on this machine: `false` means that each costs a full fence.
#[must_use]
pub fn is_asymmetric() -> bool {
    #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
    {
        membarrier::register()
    }
    #[cfg(not(all(target_os = "linux", not(miri), not(fapilog_loom))))]
    {
        false
    }
}
