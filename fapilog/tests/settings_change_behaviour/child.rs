//! A test in a process of its own.

use std::process::Output;

/// Runs a test of this program in a process of its own, which knows by a variable that it is one.
pub(super) fn in_child(test: &str, mode: &str) -> Output {
    let output = crate::law::child(test, "CHILD_MODE", mode).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(super) fn child_mode() -> Option<String> {
    std::env::var("CHILD_MODE").ok()
}
