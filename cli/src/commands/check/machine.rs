//! Settings that are valid and do not fit this machine.

use std::path::Path;

use fapilog::{
    plugin::Registry,
    settings::{ComplianceMode, Settings, SinkEntry},
};
use serde_json::Value;

use super::report::ReportedProblem;

/// The sinks that write files, by their names in the registry, each with the remedies for a directory that is not there.
const FILE_SINKS: [(&str, &str); 2] = [("file", ", unless create_directories is true"), ("audit_trail", "")];

pub(super) fn warnings(settings: &Settings) -> Vec<ReportedProblem> {
    let missing = settings.sinks.iter().filter_map(|sink| missing_directory(settings, sink));
    unmet_rules(settings).into_iter().chain(missing).collect()
}

/// Rules of compliance that a program refuses to start without. Some of them are about the machine, and this one may be another.
fn unmet_rules(settings: &Settings) -> Option<ReportedProblem> {
    if settings.compliance_mode != ComplianceMode::Strict || settings.compliance_standards.is_empty() {
        return None;
    }
    // An error is that of a plugin that this command does not know, or one that is a problem already.
    let report = settings.compliance_report(&settings.compliance_standards, &Registry::linked()).ok()?;
    if report.is_met() {
        return None;
    }
    let unmet: Vec<&str> = report.unmet().map(|finding| finding.rule.id).collect();
    let rules = match unmet.as_slice() {
        [] => "rules of the standards conflict".to_owned(),
        unmet => format!("rules are not met on this machine: {}", unmet.join(", ")),
    };
    let reason = format!("{rules}; the program does not start: `fapilog compliance check` shows the evidence");
    let value = serde_json::Value::from(settings.compliance_standards.clone()).to_string();
    Some(ReportedProblem::on_this_machine("compliance_standards".to_owned(), value, reason))
}

/// A sink that writes files does not start without the directory of its file, unless it may create it.
fn missing_directory(settings: &Settings, sink: &SinkEntry) -> Option<ReportedProblem> {
    let kind = sink.kind.as_deref().unwrap_or(&sink.name);
    let (_, unless) = FILE_SINKS.into_iter().find(|(name, _)| *name == kind)?;
    let config = serde_json::to_value(settings.plugin_config.get(&sink.name)?).ok()?;
    let path = config.get("path").and_then(Value::as_str)?;
    let creates = config.get("create_directories").and_then(Value::as_bool).unwrap_or(false);
    let directory = Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty())?;
    if creates || directory.is_dir() {
        return None;
    }
    let reason =
        format!("there is no directory {directory:?} on this machine: the program does not start without it{unless}");
    Some(ReportedProblem::on_this_machine(format!("plugin_config.{}.path", sink.name), format!("{path:?}"), reason))
}
