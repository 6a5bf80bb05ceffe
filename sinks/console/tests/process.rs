//! The real standard output and standard error, in a separate process.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this program is test code")]

mod console;
#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    io::{self, Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use console::{QUEUE_BYTES_MIN, TAKES_AT_MOST, lost, read_all, shut_down_stuck};
use fapilog_engine::accounts::LossReason;
use fapilog_sink_console::Console;
use fapilog_sink_memory::Memory;
use lines::{MessageLines, TIMEOUT, builder, log_bytes, log_line, of_program, shut_down, until};

const ROLE: &str = "FAPILOG_CONSOLE_TEST_ROLE";

/// Output of the test harness comes before this line.
const BEGIN: &str = "-- begin --\n";

/// The exit status of a successful child, which the harness does not use.
const ALL_WELL: i32 = 42;

/// This program as a child, in the role `role`.
fn child(role: &str, stdout: Stdio, stderr: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

#[track_caller]
fn assert_ends_well(mut child: Child) {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return assert_eq!(status.code(), Some(ALL_WELL), "{status}");
        }
        if start.elapsed() > TIMEOUT {
            let _ = child.kill();
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The output of a child after the output of the harness.
fn behind_begin(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap();
    text.split_once(BEGIN).unwrap().1.to_owned()
}

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "writes" => writes(),
        "writes to both" => writes_to_both(),
        "is not read" => is_not_read(),
        "is closed" => is_closed(),
        "prints as well" => prints_as_well(),
        role => panic!("{role}"),
    }
    // Ends without output of the harness, which might block.
    std::process::exit(ALL_WELL);
}

fn begin() {
    io::stdout().write_all(BEGIN.as_bytes()).unwrap();
    io::stdout().flush().unwrap();
}

fn writes() {
    begin();
    let container = builder().sink("stdout", Console::stdout(|| MessageLines)).start().unwrap();
    log_bytes(&container.logger("test"), 1_000_001);
    shut_down(&container);
}

#[test]
fn standard_output_gets_everything() {
    let mut child = child("writes", Stdio::piped(), Stdio::inherit());
    let mut found = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut found).unwrap();
    assert_ends_well(child);
    let (container, events) = {
        let (memory, events) = Memory::new(|| MessageLines);
        (builder().sink("memory", memory).start().unwrap(), events)
    };
    log_bytes(&container.logger("test"), 1_000_001);
    shut_down(&container);
    assert!(behind_begin(found).as_bytes() == events.bytes());
}

fn writes_to_both() {
    begin();
    let container = builder()
        .sink("stdout", Console::stdout(|| MessageLines).queue_capacity_bytes(64 << 20))
        .sink("stderr", Console::stderr(|| MessageLines).queue_capacity_bytes(64 << 20))
        .start()
        .unwrap();
    let log = container.logger("test");
    ["a", "b"].iter().cycle().take(300).for_each(|who| log_line(&log, &who.repeat(9000)));
    shut_down(&container);
}

#[test]
fn standard_output_and_standard_error_on_one_pipe_do_not_interleave_within_a_line() {
    let (reader, writer) = io::pipe().unwrap();
    let child = child("writes to both", writer.try_clone().unwrap().into(), writer.into());
    let reader = read_all(reader);
    assert_ends_well(child);
    let found = behind_begin(reader.join().unwrap());
    assert_eq!(found.lines().count(), 600);
    assert!(found.lines().all(|line| line == "a".repeat(9000) || line == "b".repeat(9000)));
}

fn is_not_read() {
    let (memory, events) = Memory::new(|| MessageLines);
    let stdout = Console::stdout(|| MessageLines).queue_capacity_bytes(QUEUE_BYTES_MIN);
    let container = builder().sink("stdout", stdout).sink("memory", memory).start().unwrap();
    let expected = log_bytes(&container.logger("test"), 1_000_001);
    until("the other sink has everything", || of_program(&events.bytes()).len() == expected.len());
    shut_down_stuck(&container, "stdout");
}

#[test]
fn a_program_whose_standard_output_is_not_read_runs_and_ends() {
    let (_reader, writer) = io::pipe().unwrap();
    assert_ends_well(child("is not read", writer.into(), Stdio::inherit()));
}

fn is_closed() {
    // As in programs without Rust's runtime: SIGPIPE kills.
    // SAFETY: the call restores the default action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let container = builder().sink("stderr", Console::stderr(|| MessageLines)).start().unwrap();
    let log = container.logger("test");
    let start = Instant::now();
    for _ in 0..100 {
        log_line(&log, "lost");
        assert!(container.flush(TIMEOUT).is_err());
    }
    assert!(start.elapsed() < TAKES_AT_MOST);
    let accounts = shut_down(&container);
    assert_eq!(lost(&accounts, "stderr", LossReason::SinkFailed), 100);
}

#[test]
fn a_program_whose_standard_error_is_closed_lives_though_sigpipe_kills() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    assert_ends_well(child("is closed", Stdio::null(), writer.into()));
}

fn prints_as_well() {
    begin();
    let container = builder().sink("stdout", Console::stdout(|| MessageLines)).start().unwrap();
    let log = container.logger("test");
    for _ in 0..2000 {
        log_line(&log, &"l".repeat(99));
        println!("{}", "p".repeat(99));
    }
    shut_down(&container);
}

#[test]
fn output_of_the_program_is_placed_between_lines() {
    let mut child = child("prints as well", Stdio::piped(), Stdio::inherit());
    let mut found = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut found).unwrap();
    assert_ends_well(child);
    let found = behind_begin(found);
    assert_eq!(found.lines().count(), 4000);
    assert!(found.lines().all(|line| line == "l".repeat(99) || line == "p".repeat(99)));
}
