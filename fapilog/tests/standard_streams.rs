//! A program without standard streams: none of the library's descriptors takes their numbers.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod law;

use std::{path::Path, process::Command};

use fapilog::{Container, container::Executor, format, info, sink};
use law::TIMEOUT;

const ROLE: &str = "STANDARD_STREAMS_TEST_ROLE";
const ALL_FREE: i32 = 42;

fn is_open(number: i32) -> bool {
    // SAFETY: the call reads the flags of a descriptor, if there is one.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}

fn none_is_open() -> bool {
    (0..3).all(|number| !is_open(number))
}

fn logs_without_standard_streams(executor: Executor, path: &Path) -> bool {
    let file = |name| sink::File::new(path.join(name), format::Json::new);
    let container = Container::builder().executor(executor).sink("file", file("app.log")).start().unwrap();
    let is_free_after_start = none_is_open();
    container.add_sink("added", file("added.log"), sink::SinkOptions::new()).unwrap();
    info!(container.logger("app"), "without standard streams");
    container.flush(TIMEOUT).unwrap();
    let is_free_while_it_logs = none_is_open();
    container.shutdown(TIMEOUT).unwrap();
    is_free_after_start && is_free_while_it_logs
}

/// No test in itself: the work of a child that closes its standard streams.
#[test]
fn the_child() {
    let Some(path) = std::env::var_os(ROLE) else { return };
    let executors = law::executors();
    for number in 0..3 {
        // SAFETY: nothing of this process uses the descriptor from now on.
        unsafe { libc::close(number) };
    }
    let all_free = executors.into_iter().all(|executor| {
        let directory = Path::new(&path).join(executor.to_string());
        std::fs::create_dir(&directory).is_ok() && logs_without_standard_streams(executor, &directory)
    });
    // SAFETY: ends the process without the runtime, which would print.
    unsafe { libc::_exit(if all_free { ALL_FREE } else { 1 }) };
}

#[test]
fn no_descriptor_takes_the_number_of_a_closed_standard_stream() {
    let directory = tempfile::tempdir().unwrap();
    let mut command: Command = law::child("the_child", ROLE, directory.path().to_str().unwrap());
    assert_eq!(command.status().unwrap().code(), Some(ALL_FREE));
}
