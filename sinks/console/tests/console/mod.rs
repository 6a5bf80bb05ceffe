//! Shared by the tests of the console sink.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this is test code")]

use std::{
    fs,
    io::{PipeWriter, Read},
    os::fd::{AsFd, OwnedFd},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::{Accounts, LossReason},
    container::Container,
    error::ShutdownError,
};
use fapilog_sink_console::Console;
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    pipe::fcntl_setpipe_size,
};

use crate::lines::{MessageLines, TIMEOUT};

/// The timeout of a shutdown with a stuck sink, and the most time that it may take: the timeout, the stop of the sinks, and
/// the delay of a busy machine.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
pub(crate) const TAKES_AT_MOST: Duration = Duration::from_secs(8);

/// The minimum of a queue.
pub(crate) const QUEUE_BYTES_MIN: usize = 64 << 10;

/// A sink of lines for this descriptor, which stays open.
pub(crate) fn sink(fd: &impl AsFd, name: &str) -> Console {
    let fd: OwnedFd = fd.as_fd().try_clone_to_owned().unwrap();
    Console::descriptor(fd, name, || MessageLines)
}

/// Reads to the end, on a thread of its own.
pub(crate) fn read_all(mut reader: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all);
        all
    })
}

/// Makes a pipe as small as it can be: a page.
pub(crate) fn shrink(pipe: &PipeWriter) {
    assert_eq!(fcntl_setpipe_size(pipe, 4096).unwrap(), 4096);
}

pub(crate) fn flags(fd: &impl AsFd) -> OFlags {
    fcntl_getfl(fd).unwrap()
}

pub(crate) fn set_nonblocking(fd: &impl AsFd) {
    fcntl_setfl(fd, flags(fd) | OFlags::NONBLOCK).unwrap();
}

/// Shuts down a container with a stuck sink `name`. Asserts that the shutdown ends at its timeout, that the loss is counted,
/// and that the accounts balance. Returns the accounts.
#[track_caller]
pub(crate) fn shut_down_stuck(container: &Container, name: &str) -> Accounts {
    let start = Instant::now();
    let ended = container.shutdown(SHUTDOWN_TIMEOUT);
    let took = start.elapsed();
    let Err(ShutdownError::Deadline { accounts, .. }) = ended else { panic!("{ended:?}") };
    assert!(took < TAKES_AT_MOST, "{took:?}");
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    assert!(lost(&accounts, name, LossReason::ShutdownDeadline) > 0, "{accounts}");
    *accounts
}

/// The number of events that the sink `name` lost for this reason.
pub(crate) fn lost(accounts: &Accounts, name: &str, reason: LossReason) -> u64 {
    accounts.sinks.iter().find(|sink| sink.name == name).unwrap().lost.of(reason)
}

/// The CPU time of the thread of this sink. The kernel has the first 15 characters of its name.
pub(crate) fn cpu_time(sink: &str) -> Duration {
    let name: String = format!("fapilog-{sink}").chars().take(15).collect();
    let times: Vec<u64> = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().path())
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name))
        .map(|task| fs::read_to_string(task.join("schedstat")).unwrap())
        .map(|times| times.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(times.len(), 1, "threads of the name {name}");
    Duration::from_nanos(times[0])
}

/// Asserts that the thread of this sink uses less than 5 % of a CPU.
#[track_caller]
pub(crate) fn assert_sleeps(sink: &str) {
    const WINDOW: Duration = Duration::from_millis(400);
    let before = cpu_time(sink);
    thread::sleep(WINDOW);
    let had = cpu_time(sink) - before;
    assert!(had < WINDOW / 20, "{had:?} of {WINDOW:?}");
}

/// Waits until the thread of this sink uses no CPU time.
pub(crate) fn wait_until_stuck(sink: &str) {
    let start = Instant::now();
    let mut before = cpu_time(sink);
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = cpu_time(sink);
        if now == before {
            return;
        }
        before = now;
        assert!(start.elapsed() < TIMEOUT, "it never sleeps");
    }
}
