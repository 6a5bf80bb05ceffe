//! Checks of the machine, before a host relies on it.
//!
//! Glommio panics or exits the process where io_uring is missing or memory may not be locked. So both are checked first.

use fapilog_plugin::threads::inherited;
use thiserror::Error;

/// The reason why glommio cannot run in this process.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GlommioUnavailable {
    /// The kernel has no io_uring for us.
    #[error(
        "io_uring is not available (errno {errno}): a kernel older than 5.8, kernel.io_uring_disabled, or a seccomp profile such as Docker's default"
    )]
    IoUring {
        /// The error number of the system call.
        errno: i32,
    },
    /// Too little memory may be locked.
    #[error(
        "the locked-memory limit is {limit_bytes} bytes, and glommio needs {needed_bytes} (raise it with `ulimit -l`, LimitMEMLOCK=, or memlock in limits.conf)"
    )]
    LockedMemory {
        /// The limit `RLIMIT_MEMLOCK`.
        limit_bytes: u64,
        /// The memory that glommio needs.
        needed_bytes: u64,
    },
    /// The process has had so many executors that it gets no more: each leaves a descriptor open.
    #[error("this process has had {made} glommio executors, and glommio 0.9 keeps a descriptor of each for ever")]
    Spent {
        /// How many there were.
        made: u32,
    },
    /// The library was built without the feature.
    #[error("the library was built without its `glommio` feature")]
    NotBuilt,
    /// The executor did not come up, though nothing forbade it.
    #[error("the executor did not start")]
    DidNotStart,
}

/// The memory that a glommio executor locks: 512 KiB, by its documentation.
pub(crate) const GLOMMIO_LOCKED_BYTES: u64 = 512 * 1024;

/// Asks the system for everything that a glommio executor will ask it for.
pub(crate) fn glommio() -> Result<(), GlommioUnavailable> {
    if cfg!(not(all(target_os = "linux", feature = "glommio", not(fapilog_loom), not(miri)))) {
        return Err(GlommioUnavailable::NotBuilt);
    }
    machine()
}

/// Asks the system, whether or not the library is built with glommio.
pub(crate) fn machine() -> Result<(), GlommioUnavailable> {
    locked_memory()?;
    io_uring()
}

/// Sets up the smallest of rings, asks for its operations, executes one that does nothing, and closes the ring again: the
/// three system calls of io_uring. A sandbox may allow some and refuse the others.
#[cfg(all(target_os = "linux", not(fapilog_loom), not(miri)))]
pub(crate) fn io_uring() -> Result<(), GlommioUnavailable> {
    let probed = io_uring::IoUring::new(2).and_then(|mut ring| {
        ring.submitter().register_probe(&mut io_uring::Probe::new())?;
        let nothing = io_uring::opcode::Nop::new().build();
        // SAFETY: the operation refers to no memory.
        let is_queued = unsafe { ring.submission().push(&nothing) };
        is_queued.map_err(std::io::Error::other)?;
        ring.submit_and_wait(1).map(drop)
    });
    probed.map_err(|error| GlommioUnavailable::IoUring { errno: error.raw_os_error().unwrap_or(0) })
}

#[cfg(not(all(target_os = "linux", not(fapilog_loom), not(miri))))]
pub(crate) fn io_uring() -> Result<(), GlommioUnavailable> {
    Err(GlommioUnavailable::NotBuilt)
}

fn locked_memory() -> Result<(), GlommioUnavailable> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills the structure that it is given.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } != 0;
    if failed || limit.rlim_cur >= GLOMMIO_LOCKED_BYTES || limit.rlim_cur == libc::RLIM_INFINITY {
        return Ok(());
    }
    Err(GlommioUnavailable::LockedMemory { limit_bytes: limit.rlim_cur, needed_bytes: GLOMMIO_LOCKED_BYTES })
}

/// The CPUs that this process could use when it was loaded, in order; empty where the system does not report them. The
/// thread that asks may be pinned to one of them.
pub(crate) fn allowed_cpus() -> Vec<usize> {
    inherited::cpus_at_load().unwrap_or_default()
}

/// Whether a thread can be pinned to this CPU: the process may have got more CPUs since it was loaded.
pub(crate) fn can_pin(cpu: usize) -> bool {
    let attempt = std::thread::Builder::new().spawn(move || {
        inherited::shed();
        inherited::pin_to(cpu)
    });
    attempt.is_ok_and(|thread| thread.join().unwrap_or(false))
}

/// The CPUs for the shards: those asked for, or the last ones allowed, since programs and interrupts favour the first. Those
/// that the starting thread is pinned to are taken last: it may use them up. `None` where there are not enough to give each
/// shard its own and leave one over.
pub(crate) fn choose_cpus(wanted: Option<&[usize]>, shards: usize) -> Option<Vec<usize>> {
    if let Some(wanted) = wanted {
        return Some(wanted.to_vec());
    }
    last_cpus(allowed_cpus(), &inherited::cpus_now().unwrap_or_default(), shards)
}

/// The last CPUs of those allowed, and of those that are not `avoided` if there are enough.
fn last_cpus(mut allowed: Vec<usize>, avoided: &[usize], shards: usize) -> Option<Vec<usize>> {
    // Stable: within both parts, the order stays.
    allowed.sort_by_key(|cpu| !avoided.contains(cpu));
    let first = allowed.len().checked_sub(shards).filter(|first| *first > 0)?;
    Some(allowed.split_off(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_the_last_cpus() {
        assert_eq!(last_cpus(vec![0, 1, 2, 3], &[0, 1, 2, 3], 2), Some(vec![2, 3]));
        assert_eq!(last_cpus(vec![0, 1, 2, 3], &[], 1), Some(vec![3]));
        assert_eq!(last_cpus(vec![0, 1], &[], 2), None);
        assert_eq!(last_cpus(vec![], &[], 1), None);
    }

    #[test]
    fn shards_share_the_cpus_of_a_pinned_starter_only_where_there_are_no_others() {
        assert_eq!(last_cpus(vec![0, 1, 2, 3], &[3], 1), Some(vec![2]));
        assert_eq!(last_cpus(vec![0, 1, 2, 3], &[2, 3], 2), Some(vec![0, 1]));
        assert_eq!(last_cpus(vec![0, 1, 2, 3], &[2, 3], 3), Some(vec![3, 0, 1]));
    }
}
