//! The steps that run unit tests, examples and integration tests.

use crate::{step::ChoreStep, workspace::Workspace};

/// All tests are built first, with both cores. No step runs beside them: a test may wait for another thread only so long.
pub(crate) fn steps(workspace: &Workspace) -> Vec<ChoreStep> {
    // No benches: they would only run once each and prove nothing. `lint` and `msrv` see to it that they compile.
    const TARGETS: &str = "--lib --bins --examples --tests";
    vec![
        ChoreStep::run_command("tests, built", workspace.cargo(&format!("test --workspace {TARGETS} --no-run"))),
        ChoreStep::test(
            "unit and integration tests",
            workspace.cargo(&format!("test --workspace {TARGETS} --no-fail-fast")),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_runs_beside_tests() {
        assert!(steps(&Workspace::of_this_crate()).iter().all(|step| step.lane().is_none()));
    }
}
