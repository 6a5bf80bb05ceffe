//! Threads, forks and signals: for plugins that have threads of their own, or data of the whole process.

pub mod drain_thread;
pub mod fork;
pub mod inherited;
mod lock;
pub mod process;
pub mod signals;
pub mod standard_streams;

pub use lock::lock;

use std::{
    io,
    thread::{self, JoinHandle},
};

/// Whether this thread runs a drain of any container now, or works for a sink. Such a thread must not wait for a drain, as a flush does: it would
/// wait for itself.
#[must_use]
pub fn is_drain_thread() -> bool {
    drain_thread::is_marked()
}

/// Starts a thread that takes no signals, as all of the library's own: one that the program's handlers do not run on, and
/// that a SIGPIPE or SIGXFSZ of its own making does not kill the program by.
///
/// Nor does it inherit the CPUs, the scheduling policy and the nice value of the thread that starts it: it has those that the
/// process was loaded with, and the ordinary policy.
///
/// The thread counts as a [drain's](is_drain_thread): what it logs never waits for a drain, which may be waiting for this very
/// thread. So a client library that logs on a sink's thread slows nothing down. A thread that a sink starts otherwise, or that
/// its libraries start, should call [`work_for_a_sink`] first.
///
/// # Errors
/// When the system has no thread to give.
pub fn spawn_thread(name: impl Into<String>, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    spawn_waiting_thread(name, || {
        let _mark = drain_thread::enter();
        work();
    })
}

/// As [`spawn_thread`], but the thread does not count as a drain's: it may wait for a drain, by a flush or a shutdown. No drain
/// and no sink may wait for such a thread.
///
/// # Errors
/// When the system has no thread to give.
pub fn spawn_waiting_thread(
    name: impl Into<String>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // Threads inherit the mask of the one that starts them.
    let _blocked = signals::block_all();
    let unpinned = || {
        inherited::shed();
        work();
    };
    thread::Builder::new().name(name.into()).spawn(unpinned)
}

/// Marks this thread as one that works for a sink, for as long as it lives: its log calls never wait for a drain, as those on
/// a thread of [`spawn_thread`] do not. For threads of a runtime that the sink's client library brings along.
pub fn work_for_a_sink() {
    let _for_good = std::mem::ManuallyDrop::new(drain_thread::enter());
}

/// Runs `work` with no fork in the middle of it: for a lock of the whole process, which a child would otherwise inherit
/// locked, with nobody to unlock it. `work` is short, and calls neither this nor `fork`.
///
/// It holds from the moment on that the process has its first container, for forks by `fork(3)`.
pub fn undivided<R>(work: impl FnOnce() -> R) -> R {
    fork::undivided(work)
}
