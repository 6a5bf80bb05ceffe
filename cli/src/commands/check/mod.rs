//! `fapilog check`.

mod excerpt;
mod machine;
mod report;

use std::path::PathBuf;

use clap::Args;
use fapilog::{error::SettingsError, plugin::Registry, settings::SettingsBuilder};

use self::report::{CheckReport, ReportedProblem};
use crate::{
    arguments::SharedArguments,
    commands::control::write_out,
    error::{CommandError, ExitStatus},
};

/// Checks settings: every invalid value with its place, the allowed values, and a suggestion.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Settings files: TOML, JSON or YAML, by the extension. A later file lies above an earlier one.
    #[arg(required_unless_present_any = ["env", "env_prefix"])]
    files: Vec<PathBuf>,
    /// Check the FAPILOG_* variables of the environment too, which lie above the files.
    #[arg(long)]
    env: bool,
    /// Check the variables of this prefix instead, such as SHOP_LOG_.
    #[arg(long, value_name = "PREFIX", conflicts_with = "env")]
    env_prefix: Option<String>,
    /// A plugin or a sink that the program registers; several may be named. Its settings are not checked.
    #[arg(long = "plugin", value_name = "NAME")]
    plugins: Vec<String>,
    /// Refuse names of plugins and sinks that this command does not know. A program may register its own.
    #[arg(long)]
    strict: bool,
}

impl CheckArguments {
    /// The layers, as a program would read them.
    fn layers(&self) -> SettingsBuilder {
        let builder = match &self.env_prefix {
            Some(prefix) => SettingsBuilder::default().environment_with_prefix(prefix),
            None if self.env => SettingsBuilder::default().environment(),
            // A program may read variables: a file that depends on that is valid.
            None => SettingsBuilder::default().variables::<&str, &str>([]),
        };
        self.files.iter().fold(builder, SettingsBuilder::file)
    }

    /// The prefix of the variables that are read.
    fn prefix(&self) -> Option<&str> {
        self.env_prefix.as_deref().or(self.env.then_some("FAPILOG_"))
    }

    /// The files that are read: those of the arguments, or else the one that the environment names.
    fn files(&self) -> Vec<PathBuf> {
        let of_environment = self.prefix().and_then(|prefix| std::env::var_os(format!("{prefix}SETTINGS_FILE")));
        match of_environment {
            Some(file) if self.files.is_empty() => vec![file.into()],
            _ => self.files.clone(),
        }
    }

    /// The invalid values, and the names of plugins that this command does not know.
    fn check(&self, files: &[PathBuf]) -> (Vec<ReportedProblem>, Vec<ReportedProblem>) {
        let reported = |checked| {
            let mut problems = reported(files, checked);
            problems.retain(|problem| !problem.is_plugin_among(&self.plugins));
            problems
        };
        let all = reported(self.layers().check_with(&Registry::linked()));
        if self.strict {
            return (all, Vec::new());
        }
        let invalid = reported(self.layers().check());
        let is_invalid = |one: &ReportedProblem| invalid.iter().any(|other| other.path == one.path);
        let unknown = all.into_iter().filter(|one| !is_invalid(one)).map(ReportedProblem::of_unknown_plugin).collect();
        (invalid, unknown)
    }
}

fn reported(files: &[PathBuf], checked: Result<(), SettingsError>) -> Vec<ReportedProblem> {
    let problems = checked.err().map(|error| error.problems).unwrap_or_default();
    let mut problems: Vec<_> = problems.into_iter().map(|problem| ReportedProblem::new(problem, files)).collect();
    report::sort(&mut problems, files);
    problems
}

pub(crate) fn run(arguments: &CheckArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let files = arguments.files();
    let (problems, unknown_plugins) = arguments.check(&files);
    // Settings that are invalid have no values to look at.
    let warnings = arguments.layers().build().map(|settings| machine::warnings(&settings)).unwrap_or_default();
    let prefix = arguments.prefix();
    let report = CheckReport { files: &files, problems, unknown_plugins, warnings, prefix };
    write_out(&if shared.json { report.json() } else { report.text(shared.color) })?;
    Ok(if report.problems.is_empty() { ExitStatus::Complete } else { ExitStatus::Incomplete })
}
