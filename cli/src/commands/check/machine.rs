//! Settings that are valid and do not fit this machine.

use std::path::Path;

use fapilog::settings::{Settings, SinkEntry};
use serde_json::Value;

use super::report::ReportedProblem;

/// The sinks that write files, by their names in the registry, each with the remedies for a directory that is not there.
const FILE_SINKS: [(&str, &str); 2] = [("file", ", unless create_directories is true"), ("audit_trail", "")];

pub(super) fn warnings(settings: &Settings) -> Vec<ReportedProblem> {
    settings.sinks.iter().filter_map(|sink| missing_directory(settings, sink)).collect()
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
