//! A start where memory is short: an error, and no abort.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod law;

use std::process::Stdio;

use fapilog::{error::StartError, format, sink};
use law::thread_builder;

const ROLE: &str = "NO_MEMORY_TEST_ROLE";
const REFUSED: i32 = 42;

/// No test in itself: the work of a child, which may have a little more address space than it has.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = sink::File::new(directory.path().join("app.log"), format::Json::new);
    let builder = thread_builder().sink("file", file);
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    // Room for the drain's thread, and for no 20 MiB of blocks.
    let limit_bytes = pages * 4096 + (14 << 20);
    let limit = libc::rlimit { rlim_cur: limit_bytes, rlim_max: limit_bytes };
    // SAFETY: the limit outlives the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    let refused = builder.start();
    assert!(matches!(refused, Err(StartError::Sink { .. } | StartError::Thread { .. })), "{refused:?}");
    std::process::exit(REFUSED);
}

#[test]
fn a_start_without_memory_for_the_blocks_of_a_file_is_an_error() {
    let mut command = law::child("the_child", ROLE, "child");
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(REFUSED), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}
