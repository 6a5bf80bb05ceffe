//! The coverage gate: how many lines of each crate the tests must reach.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The percentage that crates below a folder must reach.
const GATES: &[(&str, u64)] = &[("ring", 95), ("core", 95)];

/// The percentage for all other crates: sinks, plugins, tools.
const GATE_OF_OTHERS: u64 = 85;

/// The lines of a crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LineCount {
    all: u64,
    reached: u64,
}

impl LineCount {
    fn passes(self, percent_min: u64) -> bool {
        self.reached * 100 >= self.all * percent_min
    }

    /// In tenths of a percent, rounded down: a crate below its gate never shows the gate's figure.
    fn tenths(self) -> u64 {
        (self.reached * 1000).checked_div(self.all).unwrap_or(1000)
    }
}

/// Removes the report of an earlier run, which a run whose tests fail would leave: its figures would pass for the new ones.
pub(crate) fn remove_report(report: &Path) -> io::Result<Option<String>> {
    match fs::remove_file(report) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(Some(format!("{}: {error}", report.display()))),
        _ => Ok(None),
    }
}

/// Checks the report that `cargo llvm-cov --json` has written. Returns the failure, if there is one.
pub(crate) fn check(root: &Path, report: &PathBuf, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let report: Value = match fs::read_to_string(report).map(|text| serde_json::from_str(&text)) {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return Ok(Some(format!("{}: {error}", report.display()))),
        Err(error) => return Ok(Some(format!("{}: {error}", report.display()))),
    };
    show(&by_crate(&report, root), screen)
}

/// The lines of every crate, by its folder.
fn by_crate(report: &Value, root: &Path) -> BTreeMap<String, LineCount> {
    let mut crates: BTreeMap<String, LineCount> = BTreeMap::new();
    let exports = report.get("data").and_then(Value::as_array).into_iter().flatten();
    let files = exports.filter_map(|export| export.get("files")?.as_array()).flatten();
    for (path, lines) in files.filter_map(|file| read_file(file, root)) {
        let Some((folder, _)) = path.split_once("/src/") else { continue };
        let count = crates.entry(folder.to_owned()).or_default();
        count.all += lines.all;
        count.reached += lines.reached;
    }
    crates
}

/// A file's path below the root, and its lines.
fn read_file(file: &Value, root: &Path) -> Option<(String, LineCount)> {
    let path = Path::new(file.get("filename")?.as_str()?).strip_prefix(root).ok()?;
    let lines = file.get("summary")?.get("lines")?;
    let (all, reached) = (lines.get("count")?.as_u64()?, lines.get("covered")?.as_u64()?);
    Some((path.to_string_lossy().into_owned(), LineCount { all, reached }))
}

fn show(crates: &BTreeMap<String, LineCount>, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let mut below: Vec<&str> = Vec::new();
    for (folder, lines) in crates {
        let percent_min = gate(folder);
        let (whole, tenth) = (lines.tenths() / 10, lines.tenths() % 10);
        let verdict = if lines.passes(percent_min) { "ok    " } else { "FAILED" };
        writeln!(
            screen,
            "{verdict} {folder:<28} {whole:>3}.{tenth} % of {:>6} lines; gate {percent_min} %",
            lines.all
        )?;
        below.extend((!lines.passes(percent_min)).then_some(folder.as_str()));
    }
    Ok(if crates.is_empty() {
        Some("the report names no file of this workspace".to_owned())
    } else {
        (!below.is_empty()).then(|| format!("below the gate: {}", below.join(", ")))
    })
}

fn gate(folder: &str) -> u64 {
    let top = folder.split('/').next();
    GATES.iter().find(|(room, _)| top == Some(room)).map_or(GATE_OF_OTHERS, |(_, percent)| *percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(files: &[(&str, u64, u64)]) -> Option<String> {
        let files: Vec<Value> = files
            .iter()
            .map(|(path, all, reached)| {
                serde_json::json!({
                    "filename": format!("/code/{path}"),
                    "summary": {"lines": {"count": all, "covered": reached}},
                })
            })
            .collect();
        let report = serde_json::json!({"data": [{"files": files}]});
        show(&by_crate(&report, Path::new("/code")), &mut io::sink()).unwrap()
    }

    #[test]
    fn a_crate_counts_as_the_sum_of_its_files() {
        assert_eq!(failure(&[("ring/src/a.rs", 100, 90), ("ring/src/b/c.rs", 100, 100)]), None);
    }

    #[test]
    fn a_crate_below_its_gate_fails_and_is_named() {
        let files = [("ring/src/a.rs", 1000, 949), ("core/engine/src/a.rs", 100, 95), ("sinks/file/src/a.rs", 100, 84)];
        assert_eq!(failure(&files).unwrap(), "below the gate: ring, sinks/file");
    }

    #[test]
    fn plugins_and_tools_have_a_lower_gate() {
        assert_eq!(failure(&[("plugins/loki/src/a.rs", 100, 85), ("xtask/src/a.rs", 100, 85)]), None);
    }

    #[test]
    fn a_report_of_an_earlier_run_is_removed_and_a_missing_one_fails_the_gate() {
        let directory = tempfile::tempdir().unwrap();
        let report = directory.path().join("coverage.json");
        fs::write(&report, "{}").unwrap();
        assert_eq!(remove_report(&report).unwrap(), None);
        assert_eq!(remove_report(&report).unwrap(), None);
        let failure = check(directory.path(), &report, &mut io::sink()).unwrap();
        assert!(failure.unwrap().contains("coverage.json"));
    }

    #[test]
    fn a_report_without_files_fails() {
        assert!(failure(&[]).is_some());
    }

    #[test]
    fn a_crate_just_below_its_gate_does_not_show_the_gate_s_figure() {
        assert_eq!(LineCount { all: 100_000, reached: 94_999 }.tenths(), 949);
    }
}
