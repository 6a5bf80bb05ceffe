//! The command as a process.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use std::process::{Command, Output};

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
