//! Where the kernel has no writes that do not wait, a pipe is polled, and the bytes are the same.
//!
//! A refusal by filter applies to the test's own thread, and to threads that it starts.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;
#[path = "../../testing/refusing.rs"]
mod refusing;

use std::io;

use console::{assert_sleeps, read_all, shrink, shut_down_stuck, sink, wait_until_stuck};
use lines::{builder, log_bytes, shut_down};
use refusing::refuse;

/// The errors of kernels and sandboxes.
const REFUSALS: [i32; 3] = [libc::EOPNOTSUPP, libc::ENOSYS, libc::EPERM];

fn bytes_arrive(refusal: i32) {
    refuse(libc::SYS_pwritev2, refusal);
    let (reader, writer) = io::pipe().unwrap();
    shrink(&writer);
    let container = builder().sink("console", sink(&writer, "polled")).start().unwrap();
    drop(writer);
    let reader = read_all(reader);
    let expected = log_bytes(&container.logger("test"), 500_001);
    shut_down(&container);
    assert!(reader.join().unwrap() == expected);
}

#[test]
fn bytes_arrive_whole_and_in_order() {
    for refusal in REFUSALS {
        std::thread::spawn(move || bytes_arrive(refusal)).join().unwrap();
    }
}

#[test]
fn a_pipe_without_reads_delays_no_shutdown() {
    refuse(libc::SYS_pwritev2, libc::EOPNOTSUPP);
    let (_reader, writer) = io::pipe().unwrap();
    let container = builder().sink("console", sink(&writer, "stuck")).start().unwrap();
    log_bytes(&container.logger("test"), 500_001);
    wait_until_stuck("stuck");
    assert_sleeps("stuck");
    shut_down_stuck(&container, "console");
}
