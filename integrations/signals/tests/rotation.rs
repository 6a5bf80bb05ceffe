//! Signals that start new files, each in a child.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this program is test code")]

mod children;

use std::{fs, io::Read, process::Stdio, sync::Arc, time::Duration};

use children::{Ready, Scripted, TIMEOUT, at_once, own_handler, ready, set_handler, wait_to_be_ended};
use fapilog::{
    Container, format,
    sink::{self, Delivery, SinkError},
};
use fapilog_signals::{SignalledRotation, rotate_on_hangup};

/// No test in itself: the work of children.
#[test]
fn the_child() {
    let Some(role) = children::role() else { return };
    match role.as_str() {
        "rotates" => rotates(),
        "is under nohup" => {
            set_handler(libc::SIGHUP, libc::SIG_IGN);
            rotates();
        }
        "has a handler" => {
            set_handler(libc::SIGHUP, own_handler());
            rotates();
        }
        "has two containers" => has_two_containers(),
        "does not rotate any more" => does_not_rotate_any_more(),
        "is under nohup and does not rotate any more" => {
            set_handler(libc::SIGHUP, libc::SIG_IGN);
            does_not_rotate_any_more();
        }
        "rotates again" => {
            drop(rotate_on_hangup().unwrap());
            rotates();
        }
        "fails" => fails(),
        role => panic!("{role}"),
    }
}

/// A rotation that the parent sees.
fn seen() -> Delivery {
    eprintln!("rotated");
    at_once()
}

fn seen_by_another() -> Delivery {
    eprintln!("rotated by another signal");
    at_once()
}

fn rotates() {
    let builder = Container::builder().sink("files", Scripted { deliver: at_once, rotate: seen });
    let _logs = fapilog::set_global(builder.start().unwrap()).unwrap();
    let _rotation = rotate_on_hangup().unwrap();
    wait_for_the_parent();
}

/// Until the parent has closed the standard input.
fn wait_for_the_parent() {
    ready();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Closes its standard input; it ends by itself.
#[track_caller]
fn assert_ends_well(mut child: Ready) {
    drop(child.child.stdin.take());
    assert!(child.child.wait().unwrap().success());
}

#[test]
fn each_signal_starts_new_files_and_the_process_goes_on() {
    for role in ["rotates", "is under nohup", "rotates again"] {
        let mut child = Ready::start(role, Stdio::piped());
        for _ in 0..3 {
            child.send(libc::SIGHUP);
            child.expect("rotated");
        }
        assert_ends_well(child);
    }
}

#[test]
fn a_handler_of_the_program_is_called_and_new_files_are_started() {
    let mut child = Ready::start("has a handler", Stdio::piped());
    child.send(libc::SIGHUP);
    child.expect("handled");
    child.expect("rotated");
    assert_ends_well(child);
}

fn does_not_rotate_any_more() {
    let builder = Container::builder().sink("files", Scripted { deliver: at_once, rotate: seen });
    let logs = Arc::new(builder.start().unwrap());
    let first = SignalledRotation::new().container(&logs).install().unwrap();
    let second = SignalledRotation::new().container(&logs).install().unwrap();
    drop(first);
    drop(second);
    wait_for_the_parent();
}

#[test]
fn a_signal_has_its_default_action_again_when_the_watch_is_dropped() {
    let child = Ready::start("does not rotate any more", Stdio::piped());
    child.send(libc::SIGHUP);
    assert_eq!(child.end().0, Some(libc::SIGHUP));
}

#[test]
fn a_signal_is_ignored_again_when_the_watch_is_dropped() {
    let child = Ready::start("is under nohup and does not rotate any more", Stdio::piped());
    child.send(libc::SIGHUP);
    assert_ends_well(child);
}

fn has_two_containers() {
    let start =
        |rotate| Arc::new(Container::builder().sink("files", Scripted { deliver: at_once, rotate }).start().unwrap());
    let (first, second) = (start(seen), start(seen_by_another));
    let _first = SignalledRotation::new().container(&first).install().unwrap();
    let _second = SignalledRotation::new().container(&second).signals([libc::SIGUSR1]).install().unwrap();
    wait_for_the_parent();
}

#[test]
fn containers_have_their_own_signals() {
    let mut child = Ready::start("has two containers", Stdio::piped());
    child.send(libc::SIGUSR1);
    child.expect("rotated by another signal");
    child.send(libc::SIGHUP);
    child.expect("rotated");
    assert_ends_well(child);
}

fn fails() {
    let rotate = || Delivery::done(Err(SinkError::Other("the disk is full".into())));
    let stdout = sink::Console::stdout(format::Json::new);
    let builder = Container::builder().sink("stdout", stdout).emergency_lines(false);
    let logs = builder.sink("files", Scripted { deliver: at_once, rotate }).start().unwrap();
    let _logs = fapilog::set_global(logs).unwrap();
    let _rotation = rotate_on_hangup().unwrap();
    wait_to_be_ended();
}

#[test]
fn a_failure_is_in_the_log() {
    let mut child = Ready::start("fails", Stdio::piped());
    child.send(libc::SIGHUP);
    let mut stdout = std::io::BufReader::new(child.child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("not every sink has started a new file on the signal") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap(), 0, "the child has ended");
    }
    assert!(line.contains("\"level\":\"ERROR\"") && line.contains("the disk is full"), "{line}");
}

#[test]
fn a_watch_does_not_hold_its_container() {
    let (memory, _events) = sink::Memory::new(format::Json::new);
    let logs = Arc::new(Container::builder().sink("memory", memory).start().unwrap());
    let _rotation = SignalledRotation::new().container(&logs).signals([libc::SIGUSR2]).install().unwrap();
    assert!(Arc::into_inner(logs).is_some());
}

#[test]
fn the_threads_of_the_helpers_block_all_signals() {
    let _rotation = SignalledRotation::new().signals([libc::SIGUSR2]).install().unwrap();
    fapilog_signals::Termination::new().signals([libc::SIGUSR2]).install().unwrap();
    let start = std::time::Instant::now();
    for name in ["fapilog-rotate", "fapilog-signals"] {
        while !blocked_by(name).is_some_and(|blocked| {
            [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR2].into_iter().all(|signal| blocked >> (signal - 1) & 1 == 1)
        }) {
            assert!(start.elapsed() < TIMEOUT, "{name} blocks {:?}", blocked_by(name));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The signals that a thread of this name blocks.
fn blocked_by(name: &str) -> Option<u64> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let status = statuses.into_iter().find(|status| status.starts_with(&format!("Name:\t{name}\n")))?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[test]
fn a_signal_that_cannot_be_handled_is_an_error() {
    let error = SignalledRotation::new().signals([libc::SIGSTOP]).install().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
