//! After a refusal of the machine, the file is written another way, one diagnostic reports it, and the bytes are the same.
//!
//! A refusal by filter applies to the test's own thread, and to the drain that it starts. The locked-memory limit applies to
//! the process: its test is a separate program.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
#[path = "../../testing/refusing.rs"]
mod refusing;

use std::{error::Error, fs, os::fd::BorrowedFd, path::Path};

use fapilog_engine::{container::Container, error::StartError, executor::Executor};
use fapilog_sink_file::{File, FileEngine};
use lines::{
    BLOCK_BYTES, TIMEOUT, Way, assert_holds, builder, diagnostics, directory, log_bytes, manual_builder, shut_down,
    sink, until, ways,
};
use refusing::{refuse, refuse_on};
use rustix::fs::{OFlags, fcntl_getfl};

const AUTO: Way = Way { engine: FileEngine::Auto, direct: true };

/// A container with default options.
fn start(path: &Path) -> Container {
    builder().executor(Executor::Auto).sink("file", sink(path, AUTO)).start().unwrap()
}

/// Asserts that the container writes by `writer`, reports `diagnostic` once, and drops nothing.
#[track_caller]
fn assert_falls_back(container: &Container, path: &Path, writer: &str, diagnostic: &str) {
    let expected = log_bytes(&container.logger("test"), 500_001);
    let accounts = shut_down(container);
    assert_holds(path, &expected);
    assert_eq!(accounts.sinks[0].bytes, expected.len() as u64);
    assert!(accounts.sinks[0].writer.contains(writer), "{}", accounts.sinks[0].writer);
    let diagnostics = diagnostics(container);
    assert_eq!(diagnostics.matches(diagnostic).count(), 1, "{diagnostic:?} in {diagnostics}");
}

#[test]
fn where_io_uring_is_forbidden_a_thread_drains_and_pwrite_writes() {
    refuse(libc::SYS_io_uring_setup, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("forbidden.log");
    let container = start(&path);
    assert_eq!(container.executor(), Some(Executor::Thread));
    assert_falls_back(&container, &path, "pwrite", "pwrite instead of io_uring: Operation not permitted");
    assert_eq!(diagnostics(&container).matches("thread instead of glommio").count(), 1);
}

#[test]
fn where_a_ring_may_be_made_but_not_entered_pwrite_writes() {
    refuse(libc::SYS_io_uring_enter, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("entered.log");
    // Glommio itself does not detect this.
    let container = builder().sink("file", sink(&path, AUTO)).start().unwrap();
    assert_falls_back(&container, &path, "pwrite", "pwrite instead of io_uring");
}

#[test]
fn a_ring_that_is_refused_after_the_start_is_replaced_by_pwrite() {
    for way in ways().into_iter().filter(|way| way.engine == FileEngine::IoUring) {
        for errno in [libc::EPERM, libc::ENOSYS, libc::EBADF] {
            // The filter stays until the thread ends.
            std::thread::spawn(move || refused_while_it_writes(errno, way)).join().unwrap();
        }
    }
}

fn refused_while_it_writes(errno: i32, way: Way) {
    let directory = directory();
    let path = directory.path().join("refused-later.log");
    let (container, mut drain) = manual_builder().sink("file", sink(&path, way)).start_manual().unwrap();
    let log = container.logger("test");
    let mut expected = log_bytes(&log, 100_000);
    drain.run_until_idle();
    refuse(libc::SYS_io_uring_enter, errno);
    expected.extend(log_bytes(&log, 100_001));
    container.request_flush();
    until("all is delivered", || {
        drain.turn();
        container.accounts().sinks[0].bytes == expected.len() as u64
    });
    assert_holds(&path, &expected);
    let writer = container.accounts().sinks.remove(0).writer;
    assert!(writer.contains("pwrite"), "{writer}");
    assert_eq!(diagnostics(&container).matches("pwrite instead of io_uring from now on: ").count(), 1);
}

#[test]
fn where_the_operations_of_io_uring_are_unknown_pwrite_writes() {
    refuse(libc::SYS_io_uring_register, libc::EINVAL);
    let directory = directory();
    let path = directory.path().join("unknown.log");
    let container = builder().sink("file", sink(&path, AUTO)).start().unwrap();
    assert_falls_back(&container, &path, "pwrite", "pwrite instead of io_uring");
}

#[test]
fn where_io_uring_is_forbidden_and_required_the_container_does_not_start() {
    refuse(libc::SYS_io_uring_setup, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("only.log");
    let error = builder().sink("file", sink(&path, Way { engine: FileEngine::IoUring, direct: true })).start();
    let Err(StartError::Sink { sink, cause }) = error else { unreachable!("it started") };
    assert_eq!(sink, "file");
    assert_eq!(cause.to_string(), format!("cannot use io_uring for {}", path.display()));
    assert_eq!(cause.source().unwrap().to_string(), "Operation not permitted (os error 1)");
}

#[test]
fn a_file_system_in_memory_is_written_through_the_page_cache_by_either_engine() {
    let Ok(directory) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("NOT TESTED: there is no /dev/shm to write to");
        return;
    };
    for (number, way) in ways().into_iter().filter(|way| way.direct).enumerate() {
        let path = directory.path().join(format!("{number}.log"));
        let container = builder().sink("file", sink(&path, way)).start().unwrap();
        if diagnostics(&container).is_empty() {
            eprintln!("NOT TESTED: /dev/shm takes direct writes");
            return;
        }
        assert_falls_back(&container, &path, "buffered", "buffered instead of direct writes");
    }
}

/// The descriptor of the file that bypasses the page cache.
fn direct_descriptor(path: &Path) -> Option<i32> {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let of_file = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path));
    let mut numbers = of_file.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.find(|number| {
        // SAFETY: the descriptor is open, and stays open during the call.
        let fd = unsafe { BorrowedFd::borrow_raw(*number) };
        fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::DIRECT))
    })
}

#[test]
fn after_a_refused_direct_write_the_accounts_report_buffered_writes() {
    let directory = directory();
    let path = directory.path().canonicalize().unwrap().join("refused.log");
    let way = Way { engine: FileEngine::Blocking, direct: true };
    // No block is overdue before it is full, however slow the machine.
    let builder = manual_builder().flush_interval(TIMEOUT);
    let (container, mut drain) = builder.sink("file", sink(&path, way)).start_manual().unwrap();
    let Some(fd) = direct_descriptor(&path) else {
        eprintln!("NOT TESTED: the disk takes no direct writes");
        return;
    };
    assert_eq!(container.accounts().sinks[0].writer, "pwrite, direct");
    [libc::SYS_pwritev, libc::SYS_pwritev2].into_iter().for_each(|call| refuse_on(call, fd, libc::EINVAL));
    let expected = log_bytes(&container.logger("test"), 2 * BLOCK_BYTES);
    container.request_flush();
    until("all is delivered", || {
        drain.turn();
        container.accounts().sinks[0].bytes == expected.len() as u64
    });
    let sink = container.accounts().sinks.remove(0);
    assert_eq!((sink.writer.as_str(), sink.retries), ("pwrite, buffered", 1));
    assert_eq!(diagnostics(&container).matches("buffered instead of direct writes").count(), 1);
    assert_holds(&path, &expected);
}

#[test]
fn where_direct_writes_are_not_wanted_there_is_no_diagnostic() {
    let directory = directory();
    let sink = File::new(directory.path().join("buffered.log"), || lines::MessageLines).direct(false);
    let container = builder().sink("file", sink.engine(FileEngine::Blocking)).start().unwrap();
    assert_eq!(shut_down(&container).sinks[0].writer, "pwrite, buffered");
    assert_eq!(diagnostics(&container), "");
}
