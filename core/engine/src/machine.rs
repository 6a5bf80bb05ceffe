//! Questions about the machine, as a container would ask them when it starts: for programs that report on the machine.

use crate::{clock::StampSource, host::probe, host::probe::GlommioUnavailable};

/// Asks the machine for everything that a glommio executor needs, whether or not this program is built with glommio. Without an
/// error, [`Executor::Auto`](crate::executor::Executor::Auto) stands for glommio in a program that is.
///
/// # Errors
/// The first requirement that is not met.
pub fn glommio() -> Result<(), GlommioUnavailable> {
    probe::machine()
}

/// Asks the machine for io_uring alone.
///
/// # Errors
/// The system call that failed.
pub fn io_uring() -> Result<(), GlommioUnavailable> {
    probe::io_uring()
}

/// Whether a log call reads the processor's time-stamp counter. `false`: the kernel does not trust it, and each call asks the
/// system for the time.
#[must_use]
pub fn has_trusted_counter() -> bool {
    StampSource::best().is_counter()
}

/// Whether the kernel offers `membarrier` to this process. `false`: each log call runs a full fence.
#[must_use]
pub fn has_membarrier() -> bool {
    fapilog_ring::fence::is_asymmetric()
}

/// The CPUs that this process could use when it was loaded, in order; empty where the system does not report them.
#[must_use]
pub fn cpus() -> Vec<usize> {
    probe::allowed_cpus()
}

/// The CPUs that so many shards are pinned to, if the settings name none. `None`: there are not enough to leave one over, and
/// the shards are not pinned.
#[must_use]
pub fn cpus_of_shards(shards: usize) -> Option<Vec<usize>> {
    probe::choose_cpus(None, shards)
}

#[cfg(all(test, not(fapilog_loom)))]
mod tests {
    use super::*;

    #[test]
    fn shards_have_cpus_of_the_process_and_leave_one_over() {
        let all = cpus();
        for shards in 1..=all.len() + 1 {
            let chosen = cpus_of_shards(shards);
            assert_eq!(chosen.is_some(), shards < all.len(), "{shards}");
            assert!(chosen.unwrap_or_default().iter().all(|cpu| all.contains(cpu)));
        }
    }

    #[test]
    fn a_machine_that_glommio_can_run_on_is_one_that_has_io_uring() {
        // Both answers are right; they do not differ from those of a start.
        if cfg!(feature = "glommio") {
            assert_eq!(glommio(), probe::glommio());
        }
    }
}
