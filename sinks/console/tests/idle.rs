//! A container with a stuck console and no other work sleeps. A separate test program, because it reads the counters of all
//! threads of the process.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs, io, thread, time::Duration};

use console::{read_all, sink, wait_until_stuck};
use fapilog_engine::{error::StartError, executor::Executor};
use lines::{TIMEOUT, builder, log_bytes, shut_down, until};

/// The number of times that threads of the library have gone to sleep.
fn sleeps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    tasks
        .filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with("fapilog")))
        .map(|task| fs::read_to_string(task.join("status")).unwrap())
        .filter_map(|status| {
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:\t")?.parse::<u64>().ok())
        })
        .sum::<u64>()
}

/// A delivery that is polled each 100 microseconds causes thousands of sleeps; glommio's own timers cause about ten a second.
fn is_quiet() -> bool {
    let before = sleeps();
    thread::sleep(Duration::from_millis(300));
    sleeps() - before < 100
}

#[test]
fn a_drain_sleeps_while_its_console_is_stuck_and_wakes_when_it_is_not() {
    for executor in [Executor::Thread, Executor::Glommio] {
        let (reader, writer) = io::pipe().unwrap();
        let container = match builder().executor(executor).sink("console", sink(&writer, "stuck")).start() {
            Err(error @ StartError::Glommio { .. }) => return eprintln!("NOT TESTED on glommio: {error:?}"),
            started => started.unwrap(),
        };
        drop(writer);
        let expected = log_bytes(&container.logger("test"), 500_001);
        wait_until_stuck("stuck");
        until("everything sleeps", is_quiet);
        let reader = read_all(reader);
        // Without a flush: the written payloads alone wake the drain.
        until("it is delivered", || container.accounts().sinks.iter().all(|sink| sink.bytes == expected.len() as u64));
        container.flush(TIMEOUT).unwrap();
        shut_down(&container);
        assert!(reader.join().unwrap() == expected);
    }
}
