//! Calls of cargo-mutants.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use super::{
    error::MutantsError,
    mutant::{self, Mutant},
    outcomes::{self, MutantFates},
    rooms::{MutatedRoom, ROOMS},
};
use crate::workspace::Workspace;

/// The exit status of cargo-mutants if all mutants were caught.
const ALL_CAUGHT: i32 = 0;
/// The exit status of cargo-mutants if it missed a mutant.
const SOME_MISSED: i32 = 2;
/// The exit status of cargo-mutants if a mutant took too long.
const SOME_TIMED_OUT: i32 = 3;
/// The exit status of cargo-mutants if the tests fail without a mutant.
const TESTS_FAIL: i32 = 4;

/// All mutants of the rooms, in the order of cargo-mutants: by file and line.
pub(super) fn list(workspace: &Workspace) -> Result<Vec<Mutant>, MutantsError> {
    let mut command = workspace.cargo("mutants --list --json");
    command.args(ROOMS.iter().map(|room| format!("--package={}", room.package)));
    let output = command.output().map_err(|source| MutantsError::NotStarted { source })?;
    let list = mutant::read_list(&String::from_utf8_lossy(&output.stdout));
    list.ok_or_else(|| MutantsError::List { status: output.status.to_string() })
}

/// Runs tests on mutants: those of the room, and those that the arguments of `cargo test` add.
pub(super) fn run(
    workspace: &Workspace,
    room: &MutatedRoom,
    more_tests: &[&str],
    mutants: &[&Mutant],
) -> Result<MutantFates, MutantsError> {
    let results = workspace.target_dir("mutants").join(room.package);
    let mut command = on_mutants(workspace, room, mutants);
    // To each call of `cargo test`, and so to the one without a mutant: that one finds tests that fail anyway, and how long
    // they may take.
    command.args(["--lib", "--tests"].iter().chain(more_tests).map(|argument| format!("--cargo-arg={argument}")));
    command.arg("--output").arg(&results);
    let status = fs::create_dir_all(&results).and_then(|()| command.status());
    judge(status.map_err(|source| MutantsError::NotStarted { source })?, room)?;
    read_results(&results, mutants)
}

/// A call that runs these mutants and no others. Some optimisation makes the tests five times as fast, and debug information
/// takes longer to write than the code.
fn on_mutants(workspace: &Workspace, room: &MutatedRoom, mutants: &[&Mutant]) -> Command {
    let mut command = workspace.cargo("mutants");
    command.arg(format!("--package={}", room.package));
    command.args(mutants.iter().map(|mutant| format!("--re=^{}$", escaped(&mutant.name))));
    command.env("CARGO_TARGET_DIR", workspace.target_dir("mutants").join("build"));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    command
}

fn judge(status: ExitStatus, room: &MutatedRoom) -> Result<(), MutantsError> {
    let package = room.package;
    match status.code() {
        Some(ALL_CAUGHT | SOME_MISSED | SOME_TIMED_OUT) => Ok(()),
        Some(TESTS_FAIL) => Err(MutantsError::TestsFail { package }),
        _ => Err(MutantsError::Failed { package, status: status.to_string() }),
    }
}

fn read_results(directory: &Path, mutants: &[&Mutant]) -> Result<MutantFates, MutantsError> {
    let path: PathBuf = directory.join("mutants.out/outcomes.json");
    let mut fates = match fs::read_to_string(&path) {
        Ok(text) => outcomes::read(&text).ok_or(MutantsError::Results { path })?,
        Err(source) => return Err(MutantsError::Unreadable { path, source }),
    };
    // cargo-mutants runs a mutant that deletes a field of a struct whether its name matches or not.
    fates.retain(|name, _| mutants.iter().any(|mutant| mutant.name == *name));
    match mutants.iter().find(|mutant| !fates.contains_key(&mutant.name)) {
        Some(mutant) => Err(MutantsError::NotRun { mutant: mutant.name.clone() }),
        None => Ok(fates),
    }
}

/// The letters that are operators in a regular expression. Others must not be escaped: `\<` is the begin of a word.
const OPERATORS: &str = r"\.+*?()|[]{}^$#&-~";

/// A regular expression that matches the text alone.
fn escaped(text: &str) -> String {
    let escaped = |letter: char| [OPERATORS.contains(letter).then_some('\\'), Some(letter)];
    text.chars().flat_map(escaped).flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn judged(code: i32) -> Result<(), String> {
        judge(ExitStatus::from_raw(code << 8), &ROOMS[0]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_that_misses_mutants_has_results() {
        for code in [0, 2, 3] {
            assert_eq!(judged(code), Ok(()));
        }
    }

    #[test]
    fn a_run_whose_tests_fail_without_a_mutant_has_none() {
        assert_eq!(judged(4), Err("the tests of fapilog-ring fail without a mutant".to_owned()));
        assert_eq!(judged(70), Err("cargo-mutants failed on fapilog-ring: exit status: 70".to_owned()));
    }

    #[test]
    fn a_mutant_without_a_result_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mutant = Mutant::named("ring/src/a.rs:1:1: replace a with ()");
        let error = || read_results(directory.path(), &[&mutant]).unwrap_err().to_string();
        assert!(error().contains("outcomes.json: "));
        fs::create_dir(directory.path().join("mutants.out")).unwrap();
        fs::write(directory.path().join("mutants.out/outcomes.json"), r#"{"outcomes": []}"#).unwrap();
        assert_eq!(error(), "there is no result for ring/src/a.rs:1:1: replace a with ()");
    }

    #[test]
    fn a_result_of_a_mutant_that_was_not_asked_for_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let result = |name| format!(r#"{{"scenario": {{"Mutant": {{"name": "{name}"}}}}, "summary": "MissedMutant"}}"#);
        let [asked_for, other] = ["ring/src/a.rs:1:1: replace a with ()", "ring/src/a.rs:2:1: delete field a"];
        let text = format!(r#"{{"outcomes": [{}, {}]}}"#, result(asked_for), result(other));
        fs::create_dir(directory.path().join("mutants.out")).unwrap();
        fs::write(directory.path().join("mutants.out/outcomes.json"), text).unwrap();
        let fates = read_results(directory.path(), &[&Mutant::named(asked_for)]).unwrap();
        assert_eq!(fates.into_keys().collect::<Vec<_>>(), [asked_for]);
    }

    #[test]
    fn an_escaped_name_has_no_operators() {
        assert_eq!(escaped("a.rs:1: replace + with *"), r"a\.rs:1: replace \+ with \*");
        assert_eq!(escaped("<A>::b -> [u8; 2]"), r"<A>::b \-> \[u8; 2\]");
    }
}
