//! The steps that run unit tests, examples and integration tests.

use std::{collections::BTreeSet, env, process::Command, thread};

use serde_json::Value;

use crate::{error::Unavailable, step::ChoreStep, toolchain, workspace::Workspace};

/// Integration tests that measure times, the CPU or wake-ups with narrow limits, by name: fewer tests of a program run at once.
const TIMED: &[&str] = &[
    "command_line",
    "exit",
    "fork",
    "idle",
    "lifecycle",
    "overflow",
    "pipe",
    "pipeline",
    "process",
    "settings_change_behaviour",
    "sleeps",
    "survives_fork",
];

/// All tests are built first, with both cores, and run in two parts: in the second, more tests of a program run at once. No step runs beside
/// them: a test may wait for another thread only so long.
pub(crate) fn steps(workspace: &Workspace) -> Vec<ChoreStep> {
    const OTHERS: &str = "unit and integration tests";
    let untimed = match untimed() {
        Ok(untimed) => untimed,
        Err(missing) => return vec![ChoreStep::refuse(OTHERS, missing)],
    };
    // No benches: they would only run once each and prove nothing. `lint` and `msrv` see to it that they compile.
    let build = workspace.cargo("test --workspace --lib --bins --examples --tests --no-run");
    let timed = tests(workspace, "", TIMED.iter().copied());
    let mut others = tests(workspace, "--lib --bins --examples", untimed.iter().map(String::as_str));
    if env::var_os(TEST_THREADS).is_none() {
        others.env(TEST_THREADS, test_threads().to_string());
    }
    vec![
        ChoreStep::run_command("tests, built", build),
        ChoreStep::test("tests that measure times", timed),
        ChoreStep::test(OTHERS, others),
    ]
}

/// Always of the whole workspace: of a single crate, cargo would build dependencies anew, with fewer features.
fn tests<'a>(workspace: &Workspace, targets: &str, names: impl Iterator<Item = &'a str>) -> Command {
    let names: String = names.map(|name| format!(" --test {name}")).collect();
    workspace.cargo(&format!("test --workspace --no-fail-fast {targets}{names}"))
}

/// The variable by which libtest knows how many tests of a program run at once.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// More than libtest's own number, which is that of the cores: most of the long tests wait, for a timeout or a change of a file.
fn test_threads() -> usize {
    const TESTS_PER_CORE: usize = 2;
    TESTS_PER_CORE * thread::available_parallelism().map_or(1, usize::from)
}

fn untimed() -> Result<Vec<String>, Unavailable> {
    let to_missing = |error: serde_json::Error| Unavailable::Metadata { reason: error.to_string() };
    let names = integration_tests(&toolchain::metadata()?).map_err(to_missing)?;
    Ok(names.into_iter().filter(|name| !TIMED.contains(&name.as_str())).collect())
}

/// The names of all integration tests, from the output of `cargo metadata --no-deps`. Several crates may have one of the same name.
fn integration_tests(metadata: &str) -> Result<BTreeSet<String>, serde_json::Error> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let packages = list(&metadata, "packages");
    let targets = packages.iter().flat_map(|package| list(package, "targets"));
    let is_test = |target: &Value| list(target, "kind").iter().any(|kind| kind == "test");
    Ok(targets.filter(is_test).filter_map(|target| Some(target.get("name")?.as_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integration_tests_are_the_targets_of_that_kind() {
        let metadata = r#"{"packages": [
            {"targets": [{"kind": ["lib"], "name": "one"}, {"kind": ["test"], "name": "idle"}]},
            {"targets": [{"kind": ["test"], "name": "idle"}, {"kind": ["test"], "name": "calls"}]}
        ]}"#;
        assert_eq!(integration_tests(metadata).unwrap().into_iter().collect::<Vec<_>>(), ["calls", "idle"]);
        assert!(integration_tests("no metadata").is_err());
    }

    #[test]
    fn every_test_that_measures_times_exists() {
        let names = integration_tests(&toolchain::metadata().unwrap()).unwrap();
        let absent: Vec<_> = TIMED.iter().filter(|name| !names.contains(**name)).collect();
        assert!(absent.is_empty(), "{absent:?}");
    }

    #[test]
    fn each_integration_test_is_in_one_of_the_two_parts() {
        let untimed = untimed().unwrap();
        assert!(!untimed.is_empty() && TIMED.iter().all(|name| !untimed.iter().any(|other| other == name)));
        let all = integration_tests(&toolchain::metadata().unwrap()).unwrap();
        assert_eq!(untimed.len() + TIMED.len(), all.len());
    }

    #[test]
    fn no_step_runs_beside_tests() {
        let lanes: Vec<_> = steps(&Workspace::of_this_crate()).iter().map(ChoreStep::lane).collect();
        assert_eq!(lanes, [None; 3]);
    }
}
