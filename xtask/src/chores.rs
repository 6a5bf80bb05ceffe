//! The sub-commands and their steps.

use std::{process::Command, time::Duration};

use crate::{
    arguments::ArgumentError,
    book, conformance, coverage,
    disk::{self, spent_target_dir},
    error::Unavailable,
    features, fuzz, mutants, servers,
    step::{ChoreStep, StepLane},
    test_steps, tidy, toolchain,
    workspace::Workspace,
};

/// A sub-command: a name, a line of help, and the steps it takes.
#[derive(Debug)]
pub(crate) struct Chore {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) steps: ChoreSteps,
}

/// The steps of a sub-command.
#[derive(Debug)]
pub(crate) enum ChoreSteps {
    /// The sub-command takes no arguments.
    Fixed(fn(&Workspace) -> Vec<ChoreStep>),
    /// Arguments choose the steps. `usage` has an argument and its meaning in each line.
    Chosen {
        usage: &'static [(&'static str, &'static str)],
        steps: fn(&Workspace, &[&str]) -> Result<Vec<ChoreStep>, ArgumentError>,
    },
}

use ChoreSteps::{Chosen, Fixed};

/// All sub-commands, in the order of the help text.
pub(crate) const CHORES: &[Chore] = &[
    Chore { name: "test", summary: "every test: unit, integration, documentation, loom models", steps: Fixed(test) },
    Chore { name: "lint", summary: "tidy, format, clippy, rustdoc; every warning is an error", steps: Fixed(lint) },
    Chore {
        name: "tidy",
        summary: "names, words, comments and arrows between crates: rules beyond clippy's",
        steps: Fixed(tidy),
    },
    Chore { name: "loom", summary: "the loom models alone", steps: Fixed(loom) },
    Chore {
        name: "miri",
        summary: "ring, records and lanes under miri (needs a nightly toolchain)",
        steps: Fixed(miri),
    },
    Chore { name: "docs", summary: "writes those parts of the book that are made of the code", steps: Fixed(docs) },
    Chore {
        name: "book",
        summary: "the book as HTML, with the examples that it links to (needs mdbook)",
        steps: Fixed(book),
    },
    Chore { name: "msrv", summary: "a check with the oldest Rust we promise", steps: Fixed(msrv) },
    Chore {
        name: "platforms",
        summary: "musl and aarch64, without glommio: a check of both, and the tests on musl (needs rustup targets)",
        steps: Fixed(platforms),
    },
    Chore {
        name: "bench",
        summary: "throughput and latency of log calls; writes a log of about 1 GB",
        steps: Fixed(bench),
    },
    Chore {
        name: "coverage",
        summary: "tests with line counts and a gate (needs cargo-llvm-cov)",
        steps: Fixed(coverage),
    },
    Chore { name: "deny", summary: "licences, advisories, bans and sources (needs cargo-deny)", steps: Fixed(deny) },
    Chore { name: "features", summary: "feature combinations of the published crates", steps: Fixed(features) },
    Chore {
        name: "semver",
        summary: "fapilog-plugin against its last release (needs cargo-semver-checks)",
        steps: Fixed(semver),
    },
    Chore {
        name: "mutants",
        summary: "whether tests find bugs put into the core; takes hours (needs cargo-mutants)",
        steps: Chosen { usage: mutants::USAGE, steps: mutants },
    },
    Chore {
        name: "fuzz",
        summary: "each parser of user input on inputs made up by libFuzzer (needs a nightly toolchain and c++)",
        steps: Chosen { usage: fuzz::USAGE, steps: fuzz },
    },
    Chore {
        name: "servers",
        summary: "the servers that tests run: installs them, and starts them for a trial",
        steps: Chosen { usage: servers::USAGE, steps: |_, arguments| servers::steps(arguments) },
    },
    Chore {
        name: "conformance",
        summary: "docs/conformance.md, made of the results of tests: each sink with each server",
        steps: Chosen { usage: conformance::USAGE, steps: conformance::steps },
    },
    Chore { name: "ci", summary: "lint, msrv, test and miri: what continuous integration runs", steps: Fixed(ci) },
];

fn ci(workspace: &Workspace) -> Vec<ChoreStep> {
    [lint, msrv_behind_clippy, test_with_conformance, miri, disk]
        .into_iter()
        .flat_map(|steps| steps(workspace))
        .collect()
}

/// The page with the results must be as these tests find.
fn test_with_conformance(workspace: &Workspace) -> Vec<ChoreStep> {
    let mut steps = vec![conformance::clear_step()];
    steps.extend(test_steps::steps(workspace));
    steps.push(conformance::check_step(workspace));
    steps.extend(other_tests(workspace));
    steps
}

fn disk(workspace: &Workspace) -> Vec<ChoreStep> {
    let target = workspace.target();
    vec![ChoreStep::measure("disk", move || disk::usage(&target))]
}

fn test(workspace: &Workspace) -> Vec<ChoreStep> {
    let mut steps = test_steps::steps(workspace);
    steps.extend(other_tests(workspace));
    steps
}

/// Tests that may run beside other steps.
fn other_tests(workspace: &Workspace) -> Vec<ChoreStep> {
    let in_lane = |name, command| ChoreStep::test(name, command).in_lane(StepLane::Models);
    let mut steps = vec![
        in_lane("documentation tests", workspace.cargo("test --workspace --doc --no-fail-fast")),
        in_lane("structured values of tracing", structured_values_of_tracing(workspace))
            .then_remove(spent_target_dir(workspace, TRACING_UNSTABLE)),
    ];
    steps.extend(loom(workspace));
    steps
}

/// The target directory of the tests that are built with `--cfg tracing_unstable`.
const TRACING_UNSTABLE: &str = "tracing-unstable";

/// `tracing` has the feature `valuable` only by a flag of the compiler, which the other tests are built without.
fn structured_values_of_tracing(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("test --package fapilog-tracing --all-features --lib --test valuable");
    command.env("RUSTFLAGS", "--cfg tracing_unstable").env("CARGO_TARGET_DIR", workspace.target_dir(TRACING_UNSTABLE));
    command
}

/// How long all models and their bugs may take together, beside other steps: alone, they take half of it at most. A model that grows
/// beyond it has grown too large.
const LOOM_LIMIT: Duration = Duration::from_secs(900);

fn loom(workspace: &Workspace) -> Vec<ChoreStep> {
    let test = |arguments| under_loom(workspace, &format!("test --release --package loom-tests {arguments}"));
    vec![
        // A step of its own: the compiler's time does not count for the models.
        ChoreStep::run_command("loom models, built", test("--no-run")).in_lane(StepLane::Models),
        ChoreStep::test("loom models", test("--no-fail-fast"))
            .within(LOOM_LIMIT)
            .in_lane(StepLane::Models)
            .then_remove(spent_target_dir(workspace, LOOM)),
    ]
}

fn lint(workspace: &Workspace) -> Vec<ChoreStep> {
    let deny = "-- --deny warnings";
    let clippy = |arguments: &str| workspace.cargo(&format!("clippy {arguments} {deny}"));
    let mut rustdoc = workspace.cargo("doc --workspace --no-deps --document-private-items");
    rustdoc.env("RUSTDOCFLAGS", "--deny warnings");
    let mut steps = tidy(workspace);
    steps.extend([
        ChoreStep::run_command("format", workspace.cargo("fmt --all --check")),
        ChoreStep::run_command("clippy", clippy("--workspace --all-targets")),
        ChoreStep::run_command(
            "clippy, engine without features",
            clippy("--package fapilog-engine --no-default-features"),
        ),
        ChoreStep::run_command("clippy, fapilog without features", clippy("--package fapilog --no-default-features")),
        ChoreStep::run_command(
            "clippy, loom models",
            under_loom(workspace, &format!("clippy --package loom-tests --all-targets {deny}")),
        ),
        ChoreStep::run_command("rustdoc", rustdoc).then_remove(spent_target_dir(workspace, "doc")),
    ]);
    steps
}

fn tidy(workspace: &Workspace) -> Vec<ChoreStep> {
    let workspace = workspace.clone();
    vec![ChoreStep::check("tidy", move |screen| tidy::check(&workspace, screen))]
}

fn docs(workspace: &Workspace) -> Vec<ChoreStep> {
    let mut settings = workspace.cargo("test --package fapilog --test settings_page");
    settings.env("WRITE_DOCS", "1");
    vec![ChoreStep::test("docs/settings.md", settings)]
}

fn book(workspace: &Workspace) -> Vec<ChoreStep> {
    if let Err(missing) = toolchain::find_program("mdbook") {
        return vec![ChoreStep::refuse("book", missing)];
    }
    let mut pages = Command::new("mdbook");
    pages.current_dir(workspace.root()).arg("build");
    let root = workspace.root().to_owned();
    vec![
        ChoreStep::run_command("pages", pages),
        ChoreStep::check("examples beside the pages", move |screen| book::copy_examples(&root, screen)),
    ]
}

fn miri(workspace: &Workspace) -> Vec<ChoreStep> {
    if let Err(missing) = toolchain::find_miri() {
        return vec![ChoreStep::refuse("miri", missing)];
    }
    let ring = |arguments: &str, flags| under_miri(workspace, &format!("--package fapilog-ring {arguments}"), flags);
    let engine = |arguments: &str, flags| {
        under_miri(workspace, &format!("--package fapilog-engine --no-default-features {arguments}"), flags)
    };
    // A seed is a schedule, and a choice of what each load may return: one is enough where no threads meet.
    let meeting = "--test doorbell --test fence --test registrations --test two_threads";
    let steps = vec![
        ChoreStep::test("miri, ring", ring("", "")),
        ChoreStep::test("miri, ring between threads", ring(meeting, "-Zmiri-many-seeds=1..9")),
        ChoreStep::test(
            "miri, ring between threads, aarch64",
            ring(&format!("{meeting} --target {WEAKLY_ORDERED}"), "-Zmiri-many-seeds=0..2"),
        ),
        ChoreStep::test("miri, ring recycled", ring("--test two_threads -- recycled", "-Zmiri-many-seeds=9..25")),
        // Without what has no unsafe code, and `user_code`, which leaks what panics twice.
        ChoreStep::test(
            "miri, records",
            under_miri(
                workspace,
                "--package fapilog-record --lib -- \
                 --skip text:: --skip directives:: --skip serialized:: --skip user_code::",
                "",
            ),
        ),
        // A container reads the system's clock, which miri allows only without isolation. `trace_parent` has no unsafe code, and property
        // tests, which take long.
        ChoreStep::test(
            "miri, lanes",
            engine("--lib -- producer:: --skip trace_parent", "-Zmiri-many-seeds=0..4 -Zmiri-disable-isolation"),
        ),
        ChoreStep::test(
            "miri, lanes, aarch64",
            engine(
                &format!("--lib --target {WEAKLY_ORDERED} -- producer:: --skip trace_parent"),
                "-Zmiri-disable-isolation",
            ),
        ),
    ];
    steps.into_iter().map(|step| step.in_lane(StepLane::Miri)).collect()
}

/// The step of `ci`, in which clippy has gone before it.
fn msrv_behind_clippy(workspace: &Workspace) -> Vec<ChoreStep> {
    let version = workspace.rust_version();
    let selector = version.as_ref().ok().map(|version| toolchain::selector_for_version(version));
    match (version, selector) {
        (Ok(version), Some(Ok(selector))) if selector.is_empty() => {
            let reason = format!("clippy has checked all targets with Rust {version}, which is the toolchain in use");
            vec![ChoreStep::skip(OLDEST_RUST, reason)]
        }
        _ => msrv(workspace),
    }
}

const OLDEST_RUST: &str = "oldest Rust";

fn msrv(workspace: &Workspace) -> Vec<ChoreStep> {
    let selector = workspace.rust_version().and_then(|version| toolchain::selector_for_version(&version));
    vec![match selector {
        Ok(selector) => {
            ChoreStep::run_command(OLDEST_RUST, workspace.cargo(&format!("{selector} check --workspace --all-targets")))
        }
        Err(missing) => ChoreStep::refuse(OLDEST_RUST, missing),
    }]
}

/// The platforms beside the one it is tested on. glommio's C code needs headers that musl lacks.
const PLATFORMS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"];

fn platforms(workspace: &Workspace) -> Vec<ChoreStep> {
    const PORTABLE: &str = "--package fapilog --no-default-features --features settings";
    let check = |platform: &&str| {
        ChoreStep::run_command(
            format!("check, {platform}"),
            workspace.cargo(&format!("check --target {platform} {PORTABLE}")),
        )
    };
    let [musl, _] = PLATFORMS;
    let tests = workspace.cargo(&format!("test --target {musl} {PORTABLE} --lib --tests --no-fail-fast"));
    PLATFORMS.iter().map(check).chain([ChoreStep::test(format!("tests, {musl}"), tests)]).collect()
}

fn bench(workspace: &Workspace) -> Vec<ChoreStep> {
    let harness = |arguments| workspace.cargo(&format!("run --release --package bench-harness -- {arguments}"));
    vec![
        ChoreStep::run_command("throughput", harness("run --events 5000000")),
        ChoreStep::run_command("latency", harness("latency")),
    ]
}

fn coverage(workspace: &Workspace) -> Vec<ChoreStep> {
    if let Err(missing) = toolchain::find_subcommand("llvm-cov").and_then(|()| toolchain::find_llvm_tools()) {
        return vec![ChoreStep::refuse("coverage", missing)];
    }
    let report = workspace.target_dir("coverage.json");
    let mut tests = workspace.cargo("llvm-cov --no-fail-fast --no-cfg-coverage --workspace --lib --bins --tests");
    tests.args(["--json", "--summary-only", "--output-path"]).arg(&report);
    let (root, old_report) = (workspace.root().to_owned(), report.clone());
    vec![
        ChoreStep::check("report of an earlier run", move |_| coverage::remove_report(&old_report)),
        ChoreStep::test("tests with line counts", tests),
        ChoreStep::check("line coverage", move |screen| coverage::check(&root, &report, screen)),
    ]
}

fn mutants(workspace: &Workspace, arguments: &[&str]) -> Result<Vec<ChoreStep>, ArgumentError> {
    let request = mutants::MutantsRequest::read(arguments)?;
    Ok(match toolchain::find_subcommand("mutants") {
        Ok(()) => mutants::steps(workspace, request),
        Err(missing) => vec![ChoreStep::refuse("mutants", missing)],
    })
}

fn fuzz(workspace: &Workspace, arguments: &[&str]) -> Result<Vec<ChoreStep>, ArgumentError> {
    let targets = fuzz::targets(workspace);
    let request = fuzz::FuzzRequest::read(arguments, &targets)?;
    Ok(fuzz::steps(workspace, &request, targets))
}

fn deny(workspace: &Workspace) -> Vec<ChoreStep> {
    if let Err(missing) = toolchain::find_subcommand("deny") {
        return vec![ChoreStep::refuse("deny", missing)];
    }
    // The database of advisories is downloaded: without a network, the other checks still run.
    vec![
        ChoreStep::run_command(
            "licences, bans, sources",
            workspace.cargo("deny --all-features check licenses bans sources"),
        ),
        ChoreStep::run_command("advisories", workspace.cargo("deny --all-features check advisories")),
    ]
}

fn semver(workspace: &Workspace) -> Vec<ChoreStep> {
    if let Err(missing) = toolchain::find_subcommand("semver-checks") {
        return vec![ChoreStep::refuse("semver", missing)];
    }
    let Some(tag) = toolchain::newest_release() else {
        return vec![ChoreStep::check("semver", |screen| {
            writeln!(screen, "There is no tag of a release yet, and so nothing to compare with.").map(|()| None)
        })];
    };
    let check = format!("semver-checks --package fapilog-plugin --baseline-rev {tag}");
    vec![ChoreStep::run_command(format!("fapilog-plugin against {tag}"), workspace.cargo(&check))]
}

fn features(workspace: &Workspace) -> Vec<ChoreStep> {
    if toolchain::find_subcommand("hack").is_ok() {
        let hack = "hack check --workspace --ignore-private --feature-powerset --depth 2";
        return vec![ChoreStep::run_command("pairs of features", workspace.cargo(hack))];
    }
    let check =
        |arguments: String| ChoreStep::run_command(arguments.clone(), workspace.cargo(&format!("check {arguments}")));
    let to_missing = |error: serde_json::Error| Unavailable::Metadata { reason: error.to_string() };
    match toolchain::metadata().and_then(|metadata| features::combinations(&metadata).map_err(to_missing)) {
        Ok(combinations) => combinations.into_iter().map(check).collect(),
        Err(missing) => vec![ChoreStep::refuse("features", missing)],
    }
}

/// The target directory of the models.
const LOOM: &str = "loom";

/// A call of cargo in which ring and engine are built on loom's atomics, and optimised, with their assertions.
fn under_loom(workspace: &Workspace, arguments: &str) -> Command {
    let mut command = workspace.cargo(arguments);
    command.env("RUSTFLAGS", "--cfg fapilog_loom").env("CARGO_TARGET_DIR", workspace.target_dir(LOOM));
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command
}

/// A target whose processors reorder more than x86-64: miri builds and runs the code for it, and needs neither a machine nor
/// a compiler of C for that.
const WEAKLY_ORDERED: &str = "aarch64-unknown-linux-gnu";

/// A run of tests under miri, which keeps to a target directory of its own, `miri`, by itself.
fn under_miri(workspace: &Workspace, arguments: &str, flags: &str) -> Command {
    let mut command = workspace.cargo(&format!("+nightly miri test {arguments}"));
    command.env("MIRIFLAGS", format!("-Zmiri-strict-provenance {flags}").trim_end());
    command
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sub_command_has_a_name_of_its_own_and_steps() {
        let workspace = Workspace::of_this_crate();
        let mut names = HashSet::new();
        for chore in CHORES {
            assert!(names.insert(chore.name), "{} is there twice", chore.name);
            // A missing tool is a step as well: one that refuses.
            let steps = match chore.steps {
                Fixed(steps) => steps(&workspace),
                Chosen { steps, .. } => steps(&workspace, &[]).unwrap(),
            };
            assert!(!steps.is_empty(), "{} has no steps", chore.name);
        }
    }

    #[test]
    fn the_steps_of_lanes_follow_each_other_so_that_they_run_side_by_side() {
        let steps = ci(&Workspace::of_this_crate());
        let mut has_lane: Vec<_> = steps.iter().map(|step| step.lane().is_some()).collect();
        has_lane.dedup();
        // Without miri, a step refuses behind them.
        assert_eq!(has_lane, [false, true, false]);
    }

    #[test]
    fn the_oldest_rust_is_a_step_of_ci_in_any_case_and_is_skipped_with_a_reason_where_clippy_ran_with_it() {
        let workspace = Workspace::of_this_crate();
        let step = msrv_behind_clippy(&workspace).remove(0);
        assert_eq!(step.name(), msrv(&workspace)[0].name());
        let version = workspace.rust_version().unwrap();
        if toolchain::selector_for_version(&version).is_ok_and(|selector| selector.is_empty()) {
            let finished = step.run(&mut std::io::sink(), crate::step::StepOutput::Shown).unwrap();
            let reason = finished.skipped.unwrap();
            assert!(reason.starts_with("clippy has checked all targets with Rust "), "{reason}");
        }
    }
}
