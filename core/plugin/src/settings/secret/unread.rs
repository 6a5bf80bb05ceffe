//! Checks of settings, which read no secrets.
//!
//! A plugin may read its secret in its constructor, and a check calls constructors. A check of a file must not run the programs that the file names,
//! nor need the secrets of another machine.

use std::cell::Cell;

use crate::problem::Problem;

thread_local! {
    /// How many checks this thread is in.
    static CHECKS: Cell<usize> = const { Cell::new(0) };
}

/// The text of a problem with a secret that a check leaves unread.
pub(super) const UNREAD: &str = "a check of settings reads no secret";

/// Runs a check of settings: within it, [`SecretRef::read`](super::SecretRef::read) is an error on this thread. Problems that have no other
/// reason are left out.
#[doc(hidden)]
pub fn without_reading_secrets(check: impl FnOnce() -> Vec<Problem>) -> Vec<Problem> {
    let _check = CheckScope::begin();
    let mut problems = check();
    problems.retain(|problem| !problem.allowed.contains(UNREAD));
    problems
}

/// Whether this thread checks settings, and starts nothing: a constructor of a plugin then neither reads a secret nor makes a file or a
/// directory.
#[must_use]
pub fn is_check() -> bool {
    CHECKS.with(Cell::get) > 0
}

/// Ends with its scope, also where the check panics.
struct CheckScope;

impl CheckScope {
    fn begin() -> Self {
        CHECKS.with(|checks| checks.set(checks.get() + 1));
        Self
    }
}

impl Drop for CheckScope {
    fn drop(&mut self) {
        CHECKS.with(|checks| checks.set(checks.get().saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SecretError, SecretRef};

    #[test]
    fn a_check_reads_no_secret_and_reports_other_problems_only() {
        let directory = tempfile::tempdir().unwrap();
        let trace = directory.path().join("trace");
        let run = SecretRef::command("touch", [trace.to_str().unwrap()]);
        let problems = without_reading_secrets(|| {
            let error = run.read().unwrap_err();
            assert!(matches!(error, SecretError::Unread { .. }), "{error}");
            assert!(matches!(SecretRef::env("PATH").read(), Err(SecretError::Unread { .. })));
            assert_eq!(SecretRef::bytes("x").read().unwrap().expose(), b"x");
            vec![error.problem("token"), Problem::new("host", "missing", "it must be given")]
        });
        assert_eq!(problems, [Problem::new("host", "missing", "it must be given")]);
        assert!(!trace.exists());
        assert!(SecretRef::env("PATH").read().is_ok());
    }

    #[test]
    fn a_check_that_panics_is_over() {
        let _ = std::panic::catch_unwind(|| without_reading_secrets(|| panic!("a plugin's error")));
        assert!(SecretRef::env("PATH").read().is_ok());
    }
}
