//! `fapilog compliance`.

mod list;

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use fapilog::{
    compliance::{ComplianceReport, RuleVerdict},
    plugin::Registry,
    settings::SettingsBuilder,
};
use fapilog_compliance::{StandardTable, TABLES};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::{paint_of_stdout, shown, write_out},
        json_line,
    },
    error::{CommandError, ExitStatus, exit_code},
    output::colors::{GREEN, Paint, RED, YELLOW},
};

/// Checks settings against standards of compliance, and lists their rules.
#[derive(Debug, Args)]
pub(crate) struct ComplianceArguments {
    #[command(subcommand)]
    command: ComplianceCommands,
}

#[derive(Debug, Subcommand)]
enum ComplianceCommands {
    /// Checks settings: each rule with its verdict and the evidence. No program is started, and no event is written.
    Check {
        /// Settings files: TOML, JSON or YAML, by the extension. A later file lies above an earlier one.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A standard; several may be named. Without any, those of the settings: `compliance_standards`.
        #[arg(long = "profile", value_name = "STANDARD", value_parser = standards())]
        profiles: Vec<String>,
        /// Read the FAPILOG_* variables of the environment too, which lie above the files.
        #[arg(long)]
        env: bool,
    },
    /// Lists the standards and their rules, with references.
    List {
        /// A standard; without any, all of them.
        #[arg(long = "profile", value_name = "STANDARD", value_parser = standards())]
        profiles: Vec<String>,
    },
}

fn standards() -> PossibleValuesParser {
    PossibleValuesParser::new(TABLES.iter().map(|table| table.name))
}

pub(crate) fn run(arguments: &ComplianceArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    match &arguments.command {
        ComplianceCommands::Check { files, profiles, env } => {
            let report = check(files, profiles, *env)?;
            let text = || text_of(&report, paint_of_stdout(shared.color));
            write_out(&if shared.json { json_line(&json!(report)) } else { text() })?;
            Ok(if report.is_met() { ExitStatus::Complete } else { ExitStatus::Found(exit_code::NOT_MET) })
        }
        ComplianceCommands::List { profiles } => {
            let is_named =
                |table: &&StandardTable| profiles.is_empty() || profiles.iter().any(|name| name == table.name);
            let tables: Vec<&StandardTable> = TABLES.iter().filter(is_named).collect();
            write_out(&if shared.json {
                list::json(&tables)
            } else {
                list::text(&tables, paint_of_stdout(shared.color))
            })?;
            Ok(ExitStatus::Complete)
        }
    }
}

fn check(files: &[PathBuf], profiles: &[String], reads_environment: bool) -> Result<ComplianceReport, CommandError> {
    let builder = if reads_environment {
        SettingsBuilder::default().environment()
    } else {
        // The report is about the files.
        SettingsBuilder::default().variables::<&str, &str>([])
    };
    let settings = files.iter().fold(builder, SettingsBuilder::file).build()?;
    let standards = if profiles.is_empty() { &settings.compliance_standards[..] } else { profiles };
    if standards.is_empty() {
        return Err(no_standard());
    }
    Ok(settings.compliance_report(standards, &Registry::linked())?)
}

fn no_standard() -> CommandError {
    let allowed: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let message =
        format!("it is not given, and the settings have no compliance_standards; allowed are {}", allowed.join(", "));
    CommandError::Option { option: "--profile", value: String::new(), message, suggestion: None }
}

/// The table of the report, with the verdicts in colours.
fn text_of(report: &ComplianceReport, paint: Paint) -> String {
    let table = report.to_string();
    table.lines().map(|line| painted(report, &shown(line), paint) + "\n").collect()
}

/// A row of the table with its verdict in a colour; any other line as it is.
fn painted(report: &ComplianceReport, line: &str, paint: Paint) -> String {
    let finding = report.findings().find(|finding| line.starts_with(&format!("{} ", finding.rule.id)));
    let Some(finding) = finding else { return line.to_owned() };
    let name = finding.verdict.name();
    let color = match finding.verdict {
        RuleVerdict::Pass | RuleVerdict::MetElsewhere => GREEN,
        RuleVerdict::Fail => RED,
        RuleVerdict::NeedsPeople => YELLOW,
        _ => "",
    };
    line.replacen(&format!("  {name}"), &format!("  {}", paint.with(color, name)), 1)
}
