//! The result of a check, as text and as JSON.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use fapilog::{error::Problem, privacy::REDACTED};
use serde_json::{Value, json};

use super::excerpt::ValuePlace;
use crate::{
    arguments::ColorChoice,
    commands::control::{paint_of_stdout, shown},
    output::colors::{BOLD, Paint, RED, YELLOW},
};

/// How the library's text begins for a name that is no setting.
const NO_SUCH_SETTING: &str = "there is no such setting";

/// The library's name for a file that cannot be read at all.
const WHOLE_FILE: &str = "settings file";

/// The library's text for a plugin that it does not know, up to the kind of the plugin and behind it.
const NO_SUCH: &str = "there is no such ";
const ALLOWED: &str = "; allowed are ";

/// An invalid setting, and its place.
#[derive(Debug)]
pub(super) struct ReportedProblem {
    /// The setting; `None` if a file as a whole cannot be read.
    pub(super) path: Option<String>,
    value: String,
    /// The reason, with the allowed values.
    reason: String,
    suggestion: Option<String>,
    /// The layer that gave the value, if it is no file, or another layer that the value does not fit.
    given_by: Option<String>,
    /// The file, if it cannot be read as a whole and no place in it is known.
    whole_file: Option<PathBuf>,
    place: Option<(PathBuf, ValuePlace)>,
}

impl ReportedProblem {
    pub(super) fn new(problem: Problem, files: &[PathBuf]) -> Self {
        let Problem { path, value, allowed, suggestion, given_by, .. } = problem;
        let of_path = place_in(&path, files);
        let of_giver = given_by.as_deref().and_then(|giver| place_in(giver, files));
        let is_file = |file: &&PathBuf| path == WHOLE_FILE && format!("{file:?}") == *value;
        let whole_file = files.iter().find(is_file).cloned();
        Self {
            path: (of_path.is_none() && whole_file.is_none()).then_some(path),
            value: value.into(),
            reason: allowed,
            suggestion: suggestion.map(Into::into),
            given_by: given_by.map(Into::into),
            whole_file,
            place: of_path.or(of_giver),
        }
    }

    /// A valid value that does not fit this machine.
    pub(super) fn on_this_machine(path: String, value: String, reason: String) -> Self {
        let (suggestion, given_by, whole_file, place) = (None, None, None, None);
        Self { path: Some(path), value, reason, suggestion, given_by, whole_file, place }
    }

    /// Whether the value is a plugin that this command does not know and that is one of these.
    pub(super) fn is_plugin_among(&self, names: &[String]) -> bool {
        let is_unknown = self.reason.starts_with(NO_SUCH) && !self.reason.starts_with(NO_SUCH_SETTING);
        is_unknown && names.iter().any(|name| format!("{name:?}") == self.value)
    }

    /// The problem of a name that the program may know.
    pub(super) fn of_unknown_plugin(mut self) -> Self {
        if let Some((kind, names)) = self.reason.strip_prefix(NO_SUCH).and_then(|text| text.split_once(ALLOWED)) {
            self.reason = format!("this command knows no such {kind}, only {names}");
        }
        self
    }

    /// On one line, whatever the file contains.
    fn title(&self) -> String {
        let Self { value, reason, .. } = self;
        shown(&match (&self.path, &self.whole_file) {
            (Some(path), _) => format!("{path} is {value}; {reason}"),
            (None, Some(_)) => format!("the file is {value}; {reason}"),
            (None, None) => format!("the file cannot be read: {reason}"),
        })
    }

    /// The layer, unless the place shows it, and the layer of a setting that the value does not fit.
    fn note(&self) -> Option<String> {
        let given_by = self.given_by.as_deref()?;
        match &self.place {
            None => Some(format!("given by {given_by}")),
            Some(_) => given_by.split_once("; ").map(|(_, other)| other.to_owned()),
        }
    }

    /// Files in their order, and each from its beginning; problems without a place are last.
    fn order(&self, files: &[PathBuf]) -> (usize, Option<ValuePlace>) {
        let file = self.place.as_ref().and_then(|(file, _)| files.iter().position(|known| known == file));
        (file.unwrap_or(files.len()), self.place.as_ref().map(|(_, place)| *place))
    }

    fn write(&self, kind: &str, paint: Paint, out: &mut String) {
        let _ = writeln!(out, "{kind}{}", paint.with(BOLD, &format!(": {}", self.title())));
        if let Some((file, place)) = &self.place {
            let at = shown(&format!("{}:{}:{}", file.display(), place.line, place.column));
            // The name of an unknown setting is wrong, and not its value.
            let name = self.path.as_deref().filter(|_| self.reason.starts_with(NO_SUCH_SETTING));
            let name = name.and_then(|path| path.rsplit('.').next());
            let text = text_of(file);
            let is_secret = self.value == REDACTED;
            match text.and_then(|text| place.excerpt(&text, name, is_secret)) {
                Some(excerpt) => excerpt.write(&at, out),
                None => _ = writeln!(out, " --> {at}"),
            }
        }
        if let Some(suggestion) = &self.suggestion {
            let _ = writeln!(out, "  = did you mean {}?", shown(suggestion));
        }
        if let Some(note) = self.note() {
            let _ = writeln!(out, "  = {}", shown(&note));
        }
    }

    fn json(&self) -> Value {
        let (file, place) = match &self.place {
            Some((file, place)) => (Some(file.to_string_lossy()), Some(*place)),
            None => (self.whole_file.as_ref().map(|file| file.to_string_lossy()), None),
        };
        json!({
            "setting": self.path,
            "value": self.path.as_ref().map(|_| &self.value),
            "reason": self.reason,
            "suggestion": self.suggestion,
            "given_by": self.given_by,
            "file": file,
            "line": place.map(|place| place.line),
            "column": place.map(|place| place.column),
        })
    }
}

/// Puts problems into the order of their places.
pub(super) fn sort(problems: &mut [ReportedProblem], files: &[PathBuf]) {
    problems.sort_by_key(|problem| problem.order(files));
}

/// The file that a text names with a place, as the library does: `file log.toml:3:10`.
fn place_in(text: &str, files: &[PathBuf]) -> Option<(PathBuf, ValuePlace)> {
    let tail = text.strip_prefix("file ")?;
    let place = |file: &PathBuf| Some((file.clone(), ValuePlace::read(tail.strip_prefix(&*file.to_string_lossy())?)?));
    files.iter().find_map(place)
}

/// The text of a file as the library reads it. A file that has changed since, or is gone, has no excerpt.
fn text_of(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    Some(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// The result of a check.
#[derive(Debug)]
pub(super) struct CheckReport<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) problems: Vec<ReportedProblem>,
    pub(super) unknown_plugins: Vec<ReportedProblem>,
    /// Values that are valid and do not fit this machine.
    pub(super) warnings: Vec<ReportedProblem>,
    /// The prefix of the variables that were read.
    pub(super) prefix: Option<&'a str>,
}

impl CheckReport<'_> {
    pub(super) fn text(&self, color: ColorChoice) -> String {
        let paint = paint_of_stdout(color);
        let mut out = String::new();
        for problem in &self.problems {
            problem.write(&paint.with(RED, "error"), paint, &mut out);
            out.push('\n');
        }
        for problem in &self.unknown_plugins {
            problem.write(&paint.with(YELLOW, "not checked"), paint, &mut out);
            out.push_str("  = a program may register it: --plugin names it to this command, --strict refuses it\n\n");
        }
        for problem in &self.warnings {
            problem.write(&paint.with(YELLOW, "warning"), paint, &mut out);
            out.push('\n');
        }
        let _ = writeln!(out, "{}", self.summary());
        out
    }

    fn summary(&self) -> String {
        let files = self.files.iter().map(|file| shown(&file.to_string_lossy()));
        let variables = self.prefix.map(|prefix| format!("variables {}*", shown(prefix)));
        let subject = files.chain(variables).collect::<Vec<_>>().join(", ");
        let count = match self.problems.len() {
            0 => "valid".to_owned(),
            1 => "1 invalid setting".to_owned(),
            many => format!("{many} invalid settings"),
        };
        let unknown = match self.unknown_plugins.len() {
            0 => String::new(),
            many => format!("; {many} not checked, because this command does not know the plugin"),
        };
        let warnings = match self.warnings.len() {
            0 => "",
            1 => "; 1 warning",
            _ => "; several warnings",
        };
        format!("{subject}: {count}{unknown}{warnings}")
    }

    pub(super) fn json(&self) -> String {
        let of = |problems: &[ReportedProblem]| problems.iter().map(ReportedProblem::json).collect::<Vec<_>>();
        let report = json!({
            "valid": self.problems.is_empty(),
            "problems": of(&self.problems),
            "unknown_plugins": of(&self.unknown_plugins),
            "warnings": of(&self.warnings),
            "files": self.files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>(),
            "variables": self.prefix.map(|prefix| format!("{prefix}*")),
        });
        format!("{report}\n")
    }
}
