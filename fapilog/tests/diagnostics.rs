//! The log's reports about itself never block it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this program is test code")]

mod law;

use std::{
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write},
    iter,
    os::fd::AsRawFd,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use fapilog::{
    Container, Level,
    error::FlushError,
    info,
    sink::{Delivery, SinkError, SinkFactory},
};
use law::{TIMEOUT, sinks::StubSink, thread_builder};

/// The task of a child process. Not set in the parent.
const ROLE: &str = "FAPILOG_DIAGNOSTICS_TEST_ROLE";
const READY: &str = "-- ready --";
/// Another exit status than the harness' own.
const ALL_WELL: i32 = 42;

/// Delivers nothing, for another reason each time.
fn undelivered() -> impl SinkFactory {
    let mut failures = 0;
    StubSink::new(move || {
        failures += 1;
        Delivery::done(Err(SinkError::Other(format!("reason {failures}").into())))
    })
}

fn drop_event(container: &Container) {
    info!(container.logger("diagnostics"), "lost");
    let result = container.flush(TIMEOUT);
    assert!(matches!(result, Err(FlushError::Failed { .. })), "{result:?}");
}

/// Not a test of its own: the child's work. The parent does not read its stderr before it is ready.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let container =
        thread_builder().diagnostics_to_stderr(Level::Trace).sink("undelivered", undelivered()).start().unwrap();
    (0..3).for_each(|_| drop_event(&container));
    assert_eq!(container.diagnostics().len(), 3);
    println!("\n{READY}");
    io::stdin().lock().read_line(&mut String::new()).unwrap();
    drop_event(&container);
    // The harness has nothing more to report.
    std::process::exit(ALL_WELL);
}

fn child(stderr: PipeWriter) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(ROLE, "child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// A pipe that takes nothing more, and how many bytes are in it.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = io::pipe().unwrap();
    set_flags(&writer, libc::O_NONBLOCK);
    let bytes = iter::from_fn(|| writer.write(&[b'.'; 4096]).ok()).sum();
    // It blocks again, as stderr does as a rule.
    set_flags(&writer, 0);
    (reader, writer, bytes)
}

fn set_flags(pipe: &PipeWriter, flags: libc::c_int) {
    // SAFETY: the descriptor is open, and setting its flags touches no memory.
    let status = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, flags) };
    assert_eq!(status, 0);
}

/// Waits for `wait`. A child that hangs for too long is killed.
#[track_caller]
fn in_time<T: Send + 'static>(child: &mut Child, what: &str, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(wait()));
    receiver.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("waited in vain for {what}")
    })
}

#[test]
fn a_stderr_that_nobody_reads_blocks_nothing_and_gets_a_count_of_the_missing_lines() {
    let (mut reader, writer, bytes) = full_pipe();
    let mut child = child(writer);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    in_time(&mut child, "the child to go on", move || {
        output.find(|line| line.as_ref().unwrap() == READY).unwrap().unwrap()
    });
    // The pipe holds only the bytes that were in it before.
    reader.read_exact(&mut vec![0; bytes]).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let text = in_time(&mut child, "the child's end", move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text).unwrap()
    });
    assert_eq!(child.wait().unwrap().code(), Some(ALL_WELL));
    // Each failure is a diagnostic; of emergencies there is one a second at most.
    let dropped =
        text.strip_prefix("fapilog: ").and_then(|text| text.split_once(" lines before this one were dropped"));
    let dropped: u32 = dropped.unwrap_or_else(|| panic!("{text}")).0.parse().unwrap();
    assert!(dropped >= 4, "{text}");
    assert!(text.contains("fapilog: undelivered: \"the sink failed: reason 4\"\n"), "{text}");
}
