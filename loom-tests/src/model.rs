//! Running a model, sound or with a bug planted.

use std::process::Command;

use fapilog_ring::seeded;

/// Pre-emptions that a model explores by default.
const PREEMPTIONS: usize = 3;

/// Steps at which an execution may branch, before it counts as endless.
const BRANCHES: usize = 10_000;

/// Loom's report when two threads access the same bytes and nothing orders the accesses.
pub const UNORDERED_ACCESS: &str = "Causality violation";
/// Loom's report when no thread can continue: for a sleeper, a wake-up was lost.
pub const DEADLOCK: &str = "deadlock";
/// Loom's report when a thread looks again and again for what never comes.
pub const ENDLESS: &str = "exceeded maximum number of branches";

/// Explores `model` and panics at the first execution in which it fails.
pub fn holds(model: fn()) {
    holds_within(PREEMPTIONS, model);
}

/// As [`holds`], with at most this many pre-emptions an execution.
pub fn holds_within(preemptions: usize, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = BRANCHES;
    builder.check(model);
}

/// Plants the bug `name` and demands that `test` fails, with one of the `expected` sayings in its message.
///
/// `test` is the test in the same program that holds without the bug. It runs once more, in a process of its own:
/// a model that fails cannot be unwound, because loom's objects may not be dropped outside an execution.
///
/// # Panics
/// When the test passes in spite of the bug, or fails for another reason.
pub fn is_caught<Test: Fn()>(name: &'static str, expected: &[&str], _test: Test) {
    // `program::module::test`, of which the test harness knows all but the program.
    let path = std::any::type_name::<Test>();
    let test = path.split_once("::").map_or(path, |(_program, test)| test);
    let program = std::env::current_exe().expect("a running program has a path");
    let run = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(seeded::PLANTED_BUG, name)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("a test program can be run again");
    let output = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    assert!(output.contains("running 1 test"), "there is no test {test:?}: {output}");
    assert!(!run.status.success(), "{test} holds in spite of the bug {name:?}");
    assert!(
        expected.iter().any(|report| output.contains(report)),
        "the bug {name:?} was to end in one of {expected:?}, but the model reported: {output}"
    );
}
