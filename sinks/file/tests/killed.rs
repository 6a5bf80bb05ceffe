//! A process that is killed at any moment leaves a file of whole records, but for the last one, and no hole.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod numbered;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use fapilog_sink_file::{File, FileEngine};
use lines::{MessageLines, Way, builder, directory, log_line, until, ways};
use numbered::{LINE_BYTES, NumberedLines, numbered_line};

const PATH: &str = "FAPILOG_KILLED_TEST_PATH";
const ENGINE: &str = "FAPILOG_KILLED_TEST_ENGINE";

/// Processes that are killed, for each engine.
const ROUNDS: u64 = 20;

/// Most bytes that a process has written when it is killed.
const BYTES_MAX: u64 = 24 << 20;

/// No test in itself: the work of the process that is killed.
#[test]
fn the_child() {
    let (Ok(path), Ok(engine)) = (std::env::var(PATH), std::env::var(ENGINE)) else { return };
    let engine = if engine == "io_uring" { FileEngine::IoUring } else { FileEngine::Blocking };
    let builder = builder().message_max_chars(LINE_BYTES).ring_capacity_bytes(4 << 20);
    let container = builder.sink("file", File::new(path, || MessageLines).engine(engine)).start().unwrap();
    let log = container.logger("test");
    // More than is ever waited for: a child without a parent ends.
    (0..10 * BYTES_MAX / LINE_BYTES as u64).for_each(|number| log_line(&log, &numbered_line(number)));
}

fn child(path: &Path, engine: FileEngine) -> Child {
    let engine = if engine == FileEngine::IoUring { "io_uring" } else { "pwrite" };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env(ENGINE, engine)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The length of the file at which the process of this round is killed: the rounds are spread over all lengths.
fn length_of_round(round: u64) -> u64 {
    round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % BYTES_MAX
}

fn is_killed(path: &Path, way: Way, round: u64) {
    let wanted = length_of_round(round);
    let mut child = child(path, way.engine);
    until("the file is long enough", || fs::metadata(path).is_ok_and(|found| found.len() > wanted));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL), "it ended before");
    let mut numbered = NumberedLines::default();
    numbered.read(&fs::read(path).unwrap());
    numbered.assert_begun();
    fs::remove_file(path).unwrap();
}

#[test]
fn a_killed_process_leaves_whole_records_and_no_hole() {
    let directory = directory();
    for way in ways().into_iter().filter(|way| way.direct) {
        (0..ROUNDS).for_each(|round| is_killed(&directory.path().join("killed.log"), way, round));
    }
}
