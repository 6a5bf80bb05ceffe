//! Signals that end a process, each in a child.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fapilog::{Container, format, info, sink};
use fapilog_signals::Termination;

const ROLE: &str = "SIGNALS_TEST_ROLE";

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    if role == "ignores SIGINT" {
        // SAFETY: the disposition is a valid one.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    }
    // The drain would have an hour for the events.
    let stdout = sink::Console::stdout(format::Json::new);
    let builder = Container::builder().flush_interval(Duration::from_secs(3600)).sink("stdout", stdout);
    let _logs = fapilog::set_global(builder.start().unwrap()).unwrap();
    Termination::new().timeout(Duration::from_secs(60)).install().unwrap();
    let long = "x".repeat(1000);
    (0..100).for_each(|number| info!("numbered", number, long = long.as_str()));
    eprintln!("ready");
    std::thread::sleep(Duration::from_secs(60));
    panic!("no signal came");
}

fn child(role: &str, stdout: Stdio) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn send(child: &Child, signal: i32) {
    // SAFETY: the child is not waited for yet, so the number is its own.
    assert_eq!(unsafe { libc::kill(child.id().try_into().unwrap(), signal) }, 0);
}

/// The status of the child, as the signal that ended it, and its log lines.
fn end(mut child: Child) -> (Option<i32>, usize) {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().signal(), text.matches("\"message\":\"numbered\"").count())
}

#[test]
fn each_signal_drains_the_log_and_then_ends_the_process() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let child = child("waits", Stdio::piped());
        send(&child, signal);
        assert_eq!(end(child), (Some(signal), 100));
    }
}

#[test]
fn a_signal_that_the_process_ignores_stays_ignored() {
    let child = child("ignores SIGINT", Stdio::piped());
    send(&child, libc::SIGINT);
    send(&child, libc::SIGTERM);
    assert_eq!(end(child), (Some(libc::SIGTERM), 100));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    // Nobody reads the pipe, which holds 64 KiB: the drain would take a minute.
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut child = child("waits", writer.into());
    let start = Instant::now();
    send(&child, libc::SIGTERM);
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(30), "the second signal is not heard");
        std::thread::sleep(Duration::from_millis(10));
        send(&child, libc::SIGTERM);
    }
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}
