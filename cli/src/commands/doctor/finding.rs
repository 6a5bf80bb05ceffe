//! The result of one check.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::control::shown,
    output::colors::{BOLD, DIM, GREEN, Paint, RED, YELLOW},
};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindingStatus {
    /// As it should be.
    Good,
    /// A program works, but slower than it could, or a limit is near.
    Warns,
    /// A program does not start, or cannot write.
    Fails,
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(super) struct DoctorFinding {
    pub(super) name: &'static str,
    pub(super) status: FindingStatus,
    /// The state of things, in a line.
    pub(super) found: String,
    /// The reason and the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    /// The figures.
    pub(super) figures: Value,
}

impl DoctorFinding {
    pub(super) fn good(name: &'static str, found: impl Into<String>, figures: Value) -> Self {
        Self { name, status: FindingStatus::Good, found: found.into(), advice: None, figures }
    }

    pub(super) fn warns(self, advice: impl Into<String>) -> Self {
        Self { status: FindingStatus::Warns, advice: Some(advice.into()), ..self }
    }

    pub(super) fn fails(self, advice: impl Into<String>) -> Self {
        Self { status: FindingStatus::Fails, advice: Some(advice.into()), ..self }
    }

    pub(super) fn because(self, reason: impl Into<String>) -> Self {
        Self { advice: Some(reason.into()), ..self }
    }
}

/// A line for each finding, and another for its advice.
pub(super) fn text_of(findings: &[DoctorFinding], paint: Paint) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for DoctorFinding { name, status, found, advice, .. } in findings {
        let (style, mark) = match status {
            FindingStatus::Good => (GREEN, "ok  "),
            FindingStatus::Warns => (YELLOW, "warn"),
            FindingStatus::Fails => (RED, "FAIL"),
        };
        let name = paint.with(BOLD, &format!("{name:width$}"));
        let _ = writeln!(out, "{}  {name}  {}", paint.with(style, mark), shown(found));
        if let Some(advice) = advice {
            let _ = writeln!(out, "      {:width$}  {}", "", paint.with(DIM, &shown(advice)));
        }
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (fails, warns) = (count(FindingStatus::Fails), count(FindingStatus::Warns));
    let _ = writeln!(out, "\n{} checks: {fails} failed, {warns} with a warning", findings.len());
    out
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} bytes");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        let shown = [0, 1023, 1024, 1_572_864, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "16384.0 PiB"]);
    }
}
