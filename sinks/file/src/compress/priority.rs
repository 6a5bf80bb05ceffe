//! The priority of a thread that compresses.

use rustix::process::setpriority_process;

/// The lowest priority of a thread that the scheduler still runs on a busy processor.
const NICE: i32 = 19;
/// From `linux/ioprio.h`: a thread, and the lowest of the eight levels of the class `best effort`.
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
const IOPRIO_BEST_EFFORT_LOWEST: libc::c_int = (2 << 13) | 7;

/// Gives the calling thread the lowest priority for processors and disks.
///
/// Not `SCHED_IDLE`: a thread that is hardly ever run may hold a transaction of the file system's journal, which all others wait for.
///
/// Errors are ignored: a sandbox may refuse the calls, and the thread does the same work at a higher priority.
pub(crate) fn lower_priority() {
    // On Linux, the priority of process 0 is that of the calling thread.
    let _ = setpriority_process(None, NICE);
    set_batch_scheduling();
    // SAFETY: a system call with numbers only.
    unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT_LOWEST) };
}

/// `SCHED_BATCH`: the thread displaces no other thread when it wakes up. By a system call, because musl's function does nothing.
fn set_batch_scheduling() {
    // SAFETY: `sched_param` is a struct of numbers, for which zero is a value; the policy has no priority.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads the struct during the call.
    unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_BATCH, &raw const parameters) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_lowers_its_own_priority_alone() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let thread = std::thread::spawn(|| {
            lower_priority();
            // SAFETY: a system call with numbers only.
            let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
            // SAFETY: a system call with numbers only.
            let ioprio = unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) };
            (rustix::process::getpriority_process(None).unwrap(), policy, ioprio)
        });
        let expected = (NICE, libc::SCHED_BATCH.into(), IOPRIO_BEST_EFFORT_LOWEST.into());
        assert_eq!(thread.join().unwrap(), expected);
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }
}
