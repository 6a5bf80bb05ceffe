//! Properties that a thread inherits from the thread that starts it, and that a thread of the library must not have.
//!
//! A thread of a latency-critical server is pinned to a CPU and has a real-time priority, and so have the threads that it
//! starts: a drain would share the CPU with the very thread that must not wait. So the library's threads take back the CPUs
//! and the nice value that the process had when it was loaded, and the ordinary scheduling policy.

#[cfg(all(target_os = "linux", not(miri)))]
use std::sync::OnceLock;

/// The CPUs and the nice value of the process when it was loaded. Set before `main`, by the thread that will run it.
#[cfg(all(target_os = "linux", not(miri)))]
static AT_LOAD: OnceLock<AtLoad> = OnceLock::new();

#[cfg(all(target_os = "linux", not(miri)))]
struct AtLoad {
    /// `None` on a machine of more than 1,024 CPUs, which the set has no bits for.
    cpus: Option<libc::cpu_set_t>,
    nice: libc::c_int,
}

/// Called by the loader, before `main`.
#[cfg(all(target_os = "linux", not(miri)))]
#[used]
// SAFETY: the section has pointers to functions without a result, which the loader calls in turn with arguments that a C
// function may ignore; the function allocates nothing and does not unwind.
#[unsafe(link_section = ".init_array")]
static REMEMBER: extern "C" fn() = remember;

#[cfg(all(target_os = "linux", not(miri)))]
extern "C" fn remember() {
    let _ = AT_LOAD.set(AtLoad { cpus: cpus_of_this_thread(), nice: nice_of_this_thread() });
}

/// The CPUs that the process could use when it was loaded, in order; `None` where that is not known.
#[must_use]
pub fn cpus_at_load() -> Option<Vec<usize>> {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        Some(numbers_of(&AT_LOAD.get()?.cpus?))
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// The CPUs that this thread may use, in order; `None` where that is not known.
#[must_use]
pub fn cpus_now() -> Option<Vec<usize>> {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        cpus_of_this_thread().as_ref().map(numbers_of)
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// Gives this thread the CPUs and the nice value that the process had when it was loaded, and the ordinary scheduling policy.
/// Properties that the system does not let it change stay as they are.
pub fn shed() {
    #[cfg(all(target_os = "linux", not(miri)))]
    if let Some(AtLoad { cpus, nice }) = AT_LOAD.get() {
        set_ordinary_policy();
        if nice_of_this_thread() != *nice {
            // SAFETY: takes numbers and touches no memory of ours; zero stands for this thread.
            let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, *nice) };
        }
        if let Some(cpus) = cpus {
            // SAFETY: the set is whole and outlives the call; zero stands for this thread.
            let _ = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const *cpus) };
        }
    }
}

/// Pins this thread to a CPU. Returns whether the system did that.
#[must_use]
pub fn pin_to(cpu: usize) -> bool {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        // Behind its end, the set has no bit.
        if !usize::try_from(libc::CPU_SETSIZE).is_ok_and(|cpu_count| cpu < cpu_count) {
            return false;
        }
        // SAFETY: all zeros are an empty set.
        let mut cpus = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
        // SAFETY: the set is whole, and the number is below its size.
        unsafe { libc::CPU_SET(cpu, &mut cpus) };
        // SAFETY: the set is whole and outlives the call; zero stands for this thread.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cpus) == 0 }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    {
        let _ = cpu;
        false
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn numbers_of(cpus: &libc::cpu_set_t) -> Vec<usize> {
    let cpu_count = usize::try_from(libc::CPU_SETSIZE).unwrap_or(0);
    // SAFETY: the set is whole, and the number is below its size.
    let has = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, cpus) };
    (0..cpu_count).filter(has).collect()
}

#[cfg(all(target_os = "linux", not(miri)))]
fn cpus_of_this_thread() -> Option<libc::cpu_set_t> {
    // SAFETY: all zeros are an empty set.
    let mut cpus = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
    // SAFETY: the set is of the given length, and outlives the call; zero stands for this thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut cpus) } != 0;
    (!failed).then_some(cpus)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn nice_of_this_thread() -> libc::c_int {
    // SAFETY: takes numbers and touches no memory of ours; zero stands for this thread. An error looks like -1, which
    // a thread that may read its own value does not meet.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn set_ordinary_policy() {
    // SAFETY: takes a number and touches no memory of ours; zero stands for this thread.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if policy == libc::SCHED_OTHER {
        return;
    }
    // SAFETY: all zeros are valid parameters: priority 0, which the ordinary policy has.
    let parameters = unsafe { std::mem::zeroed::<libc::sched_param>() };
    // SAFETY: the parameters outlive the call; zero stands for this thread.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) };
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_pinned_to_a_cpu_that_there_is_and_to_no_other() {
        let cpu = cpus_at_load().unwrap()[0];
        let pinned = std::thread::spawn(move || (pin_to(cpu), cpus_now().unwrap()));
        assert_eq!(pinned.join().unwrap(), (true, vec![cpu]));
        assert!(!pin_to(1024) && !pin_to(usize::MAX));
    }
}
