//! The fuzz targets: built with the counters of libFuzzer, and run one after the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{arguments::ArgumentError, step::ChoreStep, toolchain, workspace::Workspace};

/// The arguments and their meanings.
pub(crate) const USAGE: &[(&str, &str)] =
    &[("--seconds N", "N seconds for each target, in place of 30"), ("TARGET", "only this target")];

const NAMES: &str = "`--seconds N`, and a target: the name of a file in `fuzz/fuzz_targets`, without `.rs`";
const SECONDS: &str = "a number from 1 on";
const SECONDS_BY_DEFAULT: u32 = 30;

/// The flags of cargo-fuzz, without a sanitizer of memory: the code behind the targets is nearly all safe, miri runs what is
/// not, and a sanitizer makes each input slower.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
                     --cfg fuzzing";

/// The targets to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FuzzRequest {
    seconds: u32,
    target: Option<String>,
}

impl FuzzRequest {
    pub(crate) fn read(arguments: &[&str], targets: &[String]) -> Result<Self, ArgumentError> {
        let (mut seconds, mut target) = (None, None);
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            let is_repeated = match argument {
                "--seconds" => seconds.replace(read_seconds(arguments.next())?).map(|_| "--seconds"),
                name if targets.iter().any(|known| known == name) => target.replace(name.to_owned()).map(|_| "TARGET"),
                _ => return Err(ArgumentError::Unknown { given: argument.to_owned(), allowed: NAMES }),
            };
            if let Some(name) = is_repeated {
                return Err(ArgumentError::Repeated { name });
            }
        }
        Ok(Self { seconds: seconds.unwrap_or(SECONDS_BY_DEFAULT), target })
    }
}

fn read_seconds(value: Option<&str>) -> Result<u32, ArgumentError> {
    let name = "--seconds";
    let value = value.ok_or(ArgumentError::MissingValue { name, allowed: SECONDS })?;
    let invalid = || ArgumentError::InvalidValue { name, value: value.to_owned(), allowed: SECONDS };
    value.parse().ok().filter(|seconds| *seconds > 0).ok_or_else(invalid)
}

/// The names of all targets: a program each.
pub(crate) fn targets(workspace: &Workspace) -> Vec<String> {
    let files = fs::read_dir(workspace.root().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.to_owned())).collect();
    names.sort();
    names
}

/// Builds all targets that are asked for, then runs each.
pub(crate) fn steps(workspace: &Workspace, request: &FuzzRequest, targets: Vec<String>) -> Vec<ChoreStep> {
    let host = match toolchain::find_nightly().and_then(|()| toolchain::find_cpp_compiler()) {
        Ok(()) => toolchain::host_tuple(),
        Err(missing) => Err(missing),
    };
    let host = match host {
        Ok(host) => host,
        Err(missing) => return vec![ChoreStep::refuse("fuzz", missing)],
    };
    let chosen: Vec<String> =
        targets.into_iter().filter(|name| request.target.as_ref().is_none_or(|only| only == name)).collect();
    let mut steps = vec![ChoreStep::run_command("fuzz targets, built", build(workspace, &host, &chosen))];
    steps.extend(chosen.into_iter().map(|name| FuzzRun::new(workspace, &host, name, request.seconds).step()));
    steps
}

fn build(workspace: &Workspace, host: &str, targets: &[String]) -> Command {
    // With a target, flags are not for the programs that cargo runs while it builds.
    let arguments = format!("+nightly build --release --manifest-path fuzz/Cargo.toml --target {host}");
    let mut command = workspace.cargo(&arguments);
    targets.iter().for_each(|name| {
        command.args(["--bin", name]);
    });
    command.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", workspace.target_dir("fuzz"));
    command
}

/// A run of a target.
struct FuzzRun {
    name: String,
    program: PathBuf,
    seconds: u32,
    /// Inputs that reach code which no seed reaches: kept from run to run.
    corpus: PathBuf,
    seeds: PathBuf,
    findings: PathBuf,
}

impl FuzzRun {
    fn new(workspace: &Workspace, host: &str, name: String, seconds: u32) -> Self {
        let folder = workspace.target_dir("fuzz");
        Self {
            program: folder.join(host).join("release").join(&name),
            corpus: folder.join("corpus").join(&name),
            seeds: workspace.root().join("fuzz/seeds").join(&name),
            findings: folder.join("findings").join(&name),
            seconds,
            name,
        }
    }

    fn step(self) -> ChoreStep {
        ChoreStep::check(format!("fuzz {}", self.name), move |screen| {
            fs::create_dir_all(&self.corpus)?;
            // Those of an earlier run would pass for findings of this one.
            if self.findings.exists() {
                fs::remove_dir_all(&self.findings)?;
            }
            fs::create_dir_all(&self.findings)?;
            screen.flush()?;
            match self.command().status() {
                Ok(status) if status.success() => Ok(None),
                Ok(status) => self.failure(&status.to_string()).map(Some),
                Err(error) => Ok(Some(format!("{}: {error}", self.program.display()))),
            }
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.corpus).arg(&self.seeds).arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-artifact_prefix={}/", self.findings.display()));
        command.args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_funcs=0", "-print_final_stats=1"]);
        command
    }

    fn failure(&self, status: &str) -> io::Result<String> {
        Ok(match first_file(&self.findings)? {
            Some(input) => {
                let (program, seeds) = (self.program.display(), self.seeds.display());
                let input = input.display();
                format!(
                    "it fails on {input}; again with `{program} {input}`; once mended, the input belongs to {seeds}"
                )
            }
            None => status.to_owned(),
        })
    }
}

fn first_file(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::StepOutput;

    fn read(line: &str) -> Result<FuzzRequest, String> {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        FuzzRequest::read(&arguments, &["units".to_owned()]).map_err(|error| error.to_string())
    }

    fn run_of(program: &str, folder: &Path) -> FuzzRun {
        FuzzRun {
            name: "units".to_owned(),
            program: program.into(),
            seconds: 1,
            corpus: folder.join("corpus"),
            seeds: folder.join("seeds"),
            findings: folder.join("findings"),
        }
    }

    #[test]
    fn every_target_runs_for_half_a_minute_by_default() {
        assert_eq!(read(""), Ok(FuzzRequest { seconds: 30, target: None }));
        let chosen = FuzzRequest { seconds: 5, target: Some("units".to_owned()) };
        assert_eq!(read("units --seconds 5"), Ok(chosen));
    }

    #[test]
    fn an_argument_that_is_not_allowed_is_refused_with_what_is() {
        for (line, expected) in [
            ("unit", "`unit` is not allowed; allowed are `--seconds N`, and a target"),
            ("--seconds", "`--seconds` has no value; allowed is a number from 1 on"),
            ("--seconds 0", "`--seconds 0` is not allowed; allowed is a number from 1 on"),
            ("units units", "`TARGET` is given twice; allowed is once"),
            ("--seconds 1 --seconds 2", "`--seconds` is given twice; allowed is once"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_targets_are_the_programs_of_the_folder() {
        let targets = targets(&Workspace::of_this_crate());
        assert!(targets.iter().any(|name| name == "settings_toml"), "{targets:?}");
    }

    #[test]
    fn a_program_that_succeeds_is_no_finding_and_clears_those_of_an_earlier_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = run_of("true", folder.path());
        fs::create_dir_all(&run.findings).unwrap();
        fs::write(run.findings.join("crash-1"), "").unwrap();
        let findings = run.findings.clone();
        let finished = run.step().run(&mut Vec::new(), StepOutput::Shown).unwrap();
        assert_eq!(finished.failure, None);
        assert_eq!(first_file(&findings).unwrap(), None);
    }

    #[test]
    fn a_finding_is_named_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let run = run_of("false", folder.path());
        fs::create_dir_all(&run.findings).unwrap();
        assert_eq!(run.failure("exit status: 1").unwrap(), "exit status: 1");
        let input = run.findings.join("crash-1");
        fs::write(&input, "").unwrap();
        let failure = run.failure("exit status: 77").unwrap();
        assert!(failure.starts_with(&format!("it fails on {}; again with ", input.display())), "{failure}");
    }

    #[test]
    fn a_program_that_fails_fails_the_step() {
        let folder = tempfile::tempdir().unwrap();
        let finished = run_of("false", folder.path()).step().run(&mut Vec::new(), StepOutput::Shown).unwrap();
        assert!(finished.failure.is_some_and(|failure| failure.contains("exit status: 1")));
    }
}
