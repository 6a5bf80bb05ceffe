//! Where the machine refuses something, the file is written another way, it is said once, and the bytes are the same.
//!
//! A refusal by filter holds for the test's own thread, and for the drain that it starts. The locked-memory limit is the
//! process's: its test is in a program of its own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod lines;
mod refusing;

use std::{error::Error, path::Path};

use fapilog_core::{Container, Executor, StartError};
use fapilog_sinks::{FileEngine, FileSink};
use lines::{Way, assert_holds, builder, directory, log_bytes, notices, shut_down, sink, ways};
use refusing::refuse;

const AUTO: Way = Way { engine: FileEngine::Auto, direct: true };

/// Everything as it is by default.
fn start(path: &Path) -> Container {
    builder().executor(Executor::Auto).sink("file", sink(path, AUTO)).start().unwrap()
}

/// It writes so, says why once, and loses nothing.
#[track_caller]
fn assert_falls_back(container: &Container, path: &Path, writer: &str, said: &str) {
    let expected = log_bytes(&container.logger("test"), 500_001);
    let accounts = shut_down(container);
    assert_holds(path, &expected);
    assert_eq!(accounts.sinks[0].bytes, expected.len() as u64);
    assert!(accounts.sinks[0].writer.contains(writer), "{}", accounts.sinks[0].writer);
    let notices = notices(container);
    assert_eq!(notices.matches(said).count(), 1, "{said:?} in {notices}");
}

#[test]
fn where_io_uring_is_forbidden_a_thread_drains_and_pwrite_writes() {
    refuse(libc::SYS_io_uring_setup, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("forbidden.log");
    let container = start(&path);
    assert_eq!(container.executor(), Some(Executor::Thread));
    assert_falls_back(&container, &path, "pwrite", "pwrite instead of io_uring: Operation not permitted");
    assert_eq!(notices(&container).matches("thread instead of glommio").count(), 1);
}

#[test]
fn where_a_ring_may_be_made_but_not_entered_pwrite_writes() {
    refuse(libc::SYS_io_uring_enter, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("entered.log");
    // Glommio itself cannot tell.
    let container = builder().sink("file", sink(&path, AUTO)).start().unwrap();
    assert_falls_back(&container, &path, "pwrite", "pwrite instead of io_uring");
}

#[test]
fn where_the_kernel_pins_no_memory_for_io_uring_blocks_are_written_all_the_same() {
    refuse(libc::SYS_io_uring_register, libc::ENOMEM);
    let directory = directory();
    let path = directory.path().join("unpinned.log");
    let container = builder().sink("file", sink(&path, AUTO)).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 500_001);
    shut_down(&container);
    assert_holds(&path, &expected);
}

#[test]
fn where_io_uring_is_forbidden_and_nothing_else_will_do_the_container_says_so() {
    refuse(libc::SYS_io_uring_setup, libc::EPERM);
    let directory = directory();
    let path = directory.path().join("only.log");
    let error = builder().sink("file", sink(&path, Way { engine: FileEngine::IoUring, direct: true })).start();
    let Err(StartError::Sink { sink, source }) = error else { unreachable!("it started") };
    assert_eq!(sink, "file");
    assert_eq!(source.to_string(), format!("cannot use io_uring for {}", path.display()));
    assert_eq!(source.source().unwrap().to_string(), "Operation not permitted (os error 1)");
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
        if notices(&container).is_empty() {
            eprintln!("NOT TESTED: /dev/shm takes direct writes");
            return;
        }
        assert_falls_back(&container, &path, "buffered", "buffered instead of direct writes");
    }
}

#[test]
fn where_direct_writes_are_not_wanted_nothing_is_said() {
    let directory = directory();
    let sink = FileSink::new(directory.path().join("buffered.log"), || lines::Lines).direct(false);
    let container = builder().sink("file", sink.engine(FileEngine::Blocking)).start().unwrap();
    assert_eq!(shut_down(&container).sinks[0].writer, "pwrite, buffered");
    assert_eq!(notices(&container), "");
}
