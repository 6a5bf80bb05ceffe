//! A console sink leaves no thread and no descriptor behind. A single test, because it counts those of the whole process.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs, io};

use console::{shut_down_stuck, sink};
use lines::{builder, log_bytes, log_line, shut_down, until};

fn count(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn counts() -> (usize, usize) {
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
fn threads_and_descriptors_are_back_to_before_after_a_hundred_containers() {
    let (_reader, stuck) = io::pipe().unwrap();
    let null = fs::File::options().write(true).open("/dev/null").unwrap();
    let before = counts();
    for round in 0..100 {
        let container = builder().sink("null", sink(&null, "null")).start().unwrap();
        log_line(&container.logger("test"), "one");
        if round % 2 == 0 {
            shut_down(&container);
        }
    }
    for _ in 0..3 {
        let container = builder().sink("stuck", sink(&stuck, "stuck")).start().unwrap();
        log_bytes(&container.logger("test"), 200_001);
        shut_down_stuck(&container, "stuck");
    }
    // The thread that joins a host ends shortly after the shutdown returns.
    until("threads and descriptors are as before", || counts() == before);
}
