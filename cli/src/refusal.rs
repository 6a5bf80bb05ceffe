//! Errors in the arguments, as clap finds them: its text, or an object with the argument, its value and the allowed ones.

use clap::error::{ContextKind, ContextValue};
use serde_json::Value;

use crate::error::{ErrorReport, ReportKind};

/// The keys of the object, and where clap has them.
const KEYS: [(&str, &[ContextKind]); 6] = [
    ("argument", &[ContextKind::InvalidArg, ContextKind::InvalidSubcommand]),
    ("value", &[ContextKind::InvalidValue]),
    ("allowed", &[ContextKind::ValidValue, ContextKind::ValidSubcommand]),
    ("beside", &[ContextKind::PriorArg]),
    ("suggestion", &[ContextKind::SuggestedValue, ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]),
    ("usage", &[ContextKind::Usage]),
];

/// The object of an error.
pub(crate) fn report_of(error: &clap::Error) -> ErrorReport {
    let report = ErrorReport::new(ReportKind::Argument, message_of(error));
    KEYS.into_iter().fold(report, |report, (key, kinds)| {
        let value = kinds.iter().find_map(|kind| error.get(*kind).and_then(value_of));
        match value {
            Some(value) => report.with(key, value),
            None => report,
        }
    })
}

/// The text in front of the first empty line, in one line: clap's tips and the usage have keys of their own.
fn message_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    lines.join(" ")
}

fn value_of(value: &ContextValue) -> Option<Value> {
    match value {
        ContextValue::None => None,
        ContextValue::Bool(value) => Some((*value).into()),
        ContextValue::Number(value) => Some((*value).into()),
        ContextValue::Strings(values) => Some(values.clone().into()),
        ContextValue::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().trim().trim_start_matches("Usage: ").into()),
    }
}
