//! `fapilog doctor`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;

use std::{fs, process::Command, thread};

use command::{fapilog, json, run, stdout};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value;

fn check_of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {report}"))
}

/// The report about a directory, with these arguments.
fn doctor(arguments: &[&str]) -> (Value, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&[&["doctor", "--json", directory.path().to_str().unwrap()], arguments].concat());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "the scratch file is removed");
    (json(&output), output.status.code())
}

/// Runs `work` on a thread on which these system calls fail with EPERM, as those of its children do.
fn refused<R: Send>(calls: &[i64], work: impl FnOnce() -> R + Send) -> R {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let errno = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, errno, target).unwrap().try_into().unwrap();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            seccompiler::apply_filter(&filter).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

#[test]
fn each_check_has_a_line_and_the_scratch_file_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&["doctor", directory.path().to_str().unwrap()]);
    let text = stdout(&output);
    for name in [
        "kernel",
        "io_uring",
        "locked memory",
        "open files",
        "clock",
        "CPUs",
        "membarrier",
        "directory",
        "room",
        "direct writes",
        "durability",
        "executor",
        "file engine",
    ] {
        let line = |line: &&str| line.get(6..).is_some_and(|line| line.starts_with(&format!("{name} ")));
        assert_eq!(text.lines().filter(line).count(), 1, "{name} in {text}");
    }
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn the_time_of_an_fdatasync_is_measured() {
    let (report, _) = doctor(&[]);
    let figures = &check_of(&report, "durability")["figures"];
    let (median, max) = (figures["median_ns"].as_u64().unwrap(), figures["max_ns"].as_u64().unwrap());
    assert!(0 < median && median <= max);
}

#[test]
fn without_io_uring_auto_stands_for_threads_and_pwrite_and_the_reason_is_given() {
    let calls = [libc::SYS_io_uring_setup];
    let (report, code) = refused(&calls, || doctor(&[]));
    assert_eq!(check_of(&report, "io_uring")["status"], "warns");
    let advice = check_of(&report, "io_uring")["advice"].as_str().unwrap();
    assert!(advice.contains("seccomp") || advice.contains("kernel.io_uring_disabled"), "{advice}");
    let chosen = |name| check_of(&report, name)["figures"]["chosen"].clone();
    assert_eq!([chosen("executor"), chosen("file engine")], ["thread", "pwrite"]);
    assert!(check_of(&report, "executor")["advice"].as_str().unwrap().contains("io_uring is not available"));
    assert_eq!((report["ok"].as_bool(), code), (Some(true), Some(0)));
}

#[test]
fn glommio_or_io_uring_that_the_program_demands_and_does_not_get_fail() {
    let calls = [libc::SYS_io_uring_enter];
    let (report, code) = refused(&calls, || doctor(&["--executor", "glommio", "--engine", "io_uring"]));
    let status = |name| check_of(&report, name)["status"].clone();
    assert_eq!([status("executor"), status("file engine")], ["fails", "fails"]);
    assert_eq!((report["ok"].as_bool(), code), (Some(false), Some(1)));
}

#[test]
fn without_membarrier_there_is_a_warning() {
    let (report, code) = refused(&[libc::SYS_membarrier], || doctor(&[]));
    assert_eq!(check_of(&report, "membarrier")["status"], "warns");
    assert_eq!(code, Some(0));
}

#[test]
fn a_low_limit_of_locked_memory_is_named_and_io_uring_is_checked_by_itself() {
    let program = fapilog().get_program().to_owned();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -l 64 && exec \"$0\" doctor --json /tmp"]).arg(program);
    let report = json(&shell.output().unwrap());
    let locked = check_of(&report, "locked memory");
    assert_eq!((&locked["status"], &locked["figures"]["limit_bytes"]), (&"warns".into(), &65536.into()));
    assert!(locked["advice"].as_str().unwrap().contains("ulimit -l"));
    let (without_limit, _) = doctor(&[]);
    assert_eq!(check_of(&report, "io_uring"), check_of(&without_limit, "io_uring"));
}

#[test]
fn a_directory_that_cannot_be_written_to_fails() {
    for directory in ["/no/such", "/proc/self"] {
        let output = run(&["doctor", "--json", directory]);
        let report = json(&output);
        assert_eq!(check_of(&report, "directory")["status"], "fails");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn shards_beyond_the_cpus_are_not_pinned() {
    let (report, code) = doctor(&["--shards", "64"]);
    let cpus = check_of(&report, "CPUs");
    let usable = cpus["figures"]["usable"].as_array().unwrap().len();
    assert_eq!(cpus["figures"]["pinned"].is_null(), usable <= 64);
    assert_eq!(code, Some(0));
    assert_eq!(run(&["doctor", "--shards", "65"]).status.code(), Some(2));
}
