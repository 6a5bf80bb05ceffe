//! Threads of the library do not inherit what the thread that starts a container has.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this program is test code")]

mod law;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use fapilog::{
    Container,
    container::Executor,
    format,
    sink::{self, Sink, SinkContext, SinkError, SinkFactory},
};
use law::executors;

/// The CPUs, the scheduling policy and the nice value of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Properties {
    cpus: String,
    policy: i32,
    nice: i32,
}

impl Properties {
    fn of_this_thread() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        // SAFETY: takes a number and touches no memory of ours.
        let policy = unsafe { libc::sched_getscheduler(0) };
        // SAFETY: takes numbers and touches no memory of ours.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        Self { cpus: line.trim().to_owned(), policy, nice }
    }
}

/// Keeps the properties of the drain thread, which makes it.
struct Observed(Arc<Mutex<Option<Properties>>>);

impl SinkFactory for Observed {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        *self.0.lock().unwrap() = Some(Properties::of_this_thread());
        sink::Null::new(format::Json::new).make(context)
    }
}

/// The properties of a drain that this thread starts, which is not pinned.
fn drain(executor: Executor, shards: usize) -> Properties {
    let seen = Arc::<Mutex<Option<Properties>>>::default();
    let builder = Container::builder().executor(executor).shards(shards);
    let container = builder.sink("observed", Observed(Arc::clone(&seen))).start().unwrap();
    drop(container);
    let seen = seen.lock().unwrap().clone();
    seen.unwrap()
}

/// Pins this thread to the first CPU, and gives it a real-time priority where it may. Returns whether it may.
fn pin_and_hurry() -> bool {
    // SAFETY: all zeros are an empty set.
    let mut cpus = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
    let first = *fapilog_plugin::threads::inherited::cpus_at_load().unwrap().first().unwrap();
    // SAFETY: the number is below the size of the set.
    unsafe { libc::CPU_SET(first, &mut cpus) };
    // SAFETY: the set outlives the call.
    assert_eq!(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cpus) }, 0);
    // With musl, it has more fields.
    // SAFETY: all zeros are valid parameters.
    let mut parameters = unsafe { std::mem::zeroed::<libc::sched_param>() };
    parameters.sched_priority = 1;
    // SAFETY: the parameters outlive the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) == 0 }
}

#[test]
fn a_drain_inherits_neither_the_cpu_nor_the_priority_of_the_thread_that_starts_it() {
    let process = Properties::of_this_thread();
    // As many shards as CPUs: none is pinned.
    let shards = fapilog_plugin::threads::inherited::cpus_at_load().unwrap().len().min(64);
    let executors = executors();
    std::thread::spawn(move || {
        if !pin_and_hurry() {
            eprintln!("NOT TESTED with a real-time priority: this user may not have one");
        }
        assert_ne!(Properties::of_this_thread(), process);
        for executor in executors {
            assert_eq!(drain(executor, shards), process, "{executor}");
        }
        let (name, seen) = ("of a sink", Arc::<Mutex<Option<Properties>>>::default());
        let of_sink = Arc::clone(&seen);
        let look = move || *of_sink.lock().unwrap() = Some(Properties::of_this_thread());
        fapilog_plugin::threads::spawn_thread(name, look).unwrap().join().unwrap();
        assert_eq!(seen.lock().unwrap().clone(), Some(process));
    })
    .join()
    .unwrap();
}

#[test]
fn a_thread_that_is_pinned_may_choose_another_cpu_for_the_drain() {
    let cpus = fapilog_plugin::threads::inherited::cpus_at_load().unwrap();
    let last = *cpus.last().unwrap();
    std::thread::spawn(move || {
        pin_and_hurry();
        let seen = Arc::<Mutex<Option<Properties>>>::default();
        let builder = Container::builder().drain_cpus([last]).sink("observed", Observed(Arc::clone(&seen)));
        drop(builder.start().unwrap());
        assert_eq!(seen.lock().unwrap().clone().unwrap().cpus, last.to_string());
    })
    .join()
    .unwrap();
}
