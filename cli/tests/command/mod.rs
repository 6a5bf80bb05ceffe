//! The command as a process.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The command, without the environment's settings.
pub(crate) fn fapilog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fapilog"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FAPILOG_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the command with these arguments to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    fapilog().args(arguments).output().unwrap()
}

/// Runs the command with these arguments in a directory.
pub(crate) fn run_in(directory: &Path, arguments: &[&str]) -> Output {
    fapilog().args(arguments).current_dir(directory).output().unwrap()
}

/// As [`run_in`], with bytes as its standard input.
pub(crate) fn run_in_with(directory: &Path, input: &[u8], arguments: &[&str]) -> Output {
    let mut command = fapilog();
    command.args(arguments).current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}
