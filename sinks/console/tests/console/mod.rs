//! What tests of the console sink have in common.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this is test code")]

use std::{
    fs,
    io::{PipeWriter, Read},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::{Accounts, LossReason},
    container::Container,
    error::ShutdownError,
};
use fapilog_sink_console::ConsoleSink;

use crate::lines::{Lines, PATIENCE};

/// How long a host that is stuck is given, and how long it may take: the time given, a last word, and what a machine with
/// other things to do adds.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);
pub(crate) const TAKES_AT_MOST: Duration = Duration::from_secs(8);

/// The least queue.
pub(crate) const QUEUE_BYTES_MIN: usize = 64 << 10;

/// A sink of lines for this descriptor, which stays open.
pub(crate) fn sink(fd: &impl AsFd, name: &str) -> ConsoleSink {
    let fd: OwnedFd = fd.as_fd().try_clone_to_owned().unwrap();
    ConsoleSink::descriptor(fd, name, || Lines)
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
    // SAFETY: the descriptor is open.
    let bytes = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(bytes, 4096);
}

pub(crate) fn flags(fd: &impl AsFd) -> libc::c_int {
    // SAFETY: the descriptor is open.
    unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) }
}

pub(crate) fn set_nonblocking(fd: &impl AsFd) {
    let flags = flags(fd) | libc::O_NONBLOCK;
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETFL, flags) }, 0);
}

/// Shuts a container down that has a sink `name` which is stuck: it takes its time and not longer, the loss is counted,
/// and the law holds. Returns the accounts.
#[track_caller]
pub(crate) fn shut_down_stuck(container: &Container, name: &str) -> Accounts {
    let start = Instant::now();
    let ended = container.shutdown(TIMEOUT);
    let took = start.elapsed();
    let Err(ShutdownError::Deadline { accounts, .. }) = ended else { panic!("{ended:?}") };
    assert!(took < TAKES_AT_MOST, "{took:?}");
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    assert!(lost(&accounts, name, LossReason::ShutdownDeadline) > 0, "{accounts}");
    *accounts
}

/// What the sink `name` lost for this reason.
pub(crate) fn lost(accounts: &Accounts, name: &str, reason: LossReason) -> u64 {
    accounts.sinks.iter().find(|sink| sink.name == name).unwrap().lost.of(reason)
}

/// The CPU time that the thread of this sink has had. The kernel knows the first 15 characters of its name.
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

/// The thread of this sink does next to nothing.
#[track_caller]
pub(crate) fn assert_rests(sink: &str) {
    const WINDOW: Duration = Duration::from_millis(400);
    let before = cpu_time(sink);
    thread::sleep(WINDOW);
    let had = cpu_time(sink) - before;
    assert!(had < WINDOW / 20, "it had {had:?} of {WINDOW:?}");
}

/// Waits until the thread of this sink has done what it can.
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
        assert!(start.elapsed() < PATIENCE, "it never rests");
    }
}
