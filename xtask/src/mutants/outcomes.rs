//! The results that cargo-mutants writes into `mutants.out/outcomes.json`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The result of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutantFate {
    /// A test failed.
    Caught,
    /// The tests did not end in time: a caller would see that as well.
    TimedOut,
    /// Every test passed.
    Missed,
    /// The compiler refused it, and so it proves nothing.
    Unviable,
}

/// The fate of each mutant, by its name with line and column.
pub(super) type MutantFates = BTreeMap<String, MutantFate>;

/// Reads the results, but those of the tests without a mutant. `None` for a text of another form.
pub(super) fn read(text: &str) -> Option<MutantFates> {
    let results: Value = serde_json::from_str(text).ok()?;
    results.get("outcomes")?.as_array()?.iter().filter_map(read_one).collect()
}

/// `None` for the tests without a mutant, and `Some(None)` for what cannot be read.
fn read_one(result: &Value) -> Option<Option<(String, MutantFate)>> {
    let mutant = match result.get("scenario") {
        Some(scenario) if scenario == "Baseline" => return None,
        scenario => scenario.and_then(|scenario| scenario.get("Mutant")),
    };
    let name = mutant.and_then(|mutant| mutant.get("name")?.as_str());
    let fate = result.get("summary").and_then(Value::as_str).and_then(fate);
    Some(name.map(str::to_owned).zip(fate))
}

fn fate(summary: &str) -> Option<MutantFate> {
    match summary {
        "CaughtMutant" => Some(MutantFate::Caught),
        "MissedMutant" => Some(MutantFate::Missed),
        "Timeout" => Some(MutantFate::TimedOut),
        "Unviable" => Some(MutantFate::Unviable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded with cargo-mutants 27.1.0, and cut to two results.
    const RECORDED: &str = r#"{
  "outcomes": [
    {
      "scenario": "Baseline",
      "summary": "Success",
      "log_path": "log/baseline.log",
      "diff_path": null,
      "phase_results": [
        {"phase": "Build", "duration": 9.872867976, "process_status": "Success",
          "argv": ["cargo", "test", "--no-run", "--verbose", "--package=fapilog-record@0.1.0", "--lib", "--tests"]},
        {"phase": "Test", "duration": 7.213723149, "process_status": "Success",
          "argv": ["cargo", "test", "--verbose", "--package=fapilog-record@0.1.0", "--lib", "--tests"]}
      ]
    },
    {
      "scenario": {
        "Mutant": {
          "name": "core/record/src/head.rs:24:47: replace | with & in Head::to_bytes",
          "package": "fapilog-record",
          "file": "core/record/src/head.rs",
          "function": {
            "function_name": "Head::to_bytes",
            "return_type": "-> [u8; Self::BYTES]",
            "span": {"start": {"line": 20, "column": 5}, "end": {"line": 25, "column": 6}}
          },
          "span": {"start": {"line": 24, "column": 47}, "end": {"line": 24, "column": 48}},
          "replacement": "&",
          "genre": "BinaryOperator"
        }
      },
      "summary": "CaughtMutant",
      "log_path": "log/core__record__src__head.rs_line_24_col_47.log",
      "diff_path": "diff/core__record__src__head.rs_line_24_col_47.diff",
      "phase_results": [
        {"phase": "Build", "duration": 2.997080537, "process_status": "Success",
          "argv": ["cargo", "test", "--no-run", "--verbose", "--package=fapilog-record@0.1.0", "--lib", "--tests"]},
        {"phase": "Test", "duration": 5.178117509, "process_status": {"Failure": 101},
          "argv": ["cargo", "test", "--verbose", "--package=fapilog-record@0.1.0", "--lib", "--tests"]}
      ]
    }
  ],
  "total_mutants": 1,
  "missed": 0,
  "caught": 1,
  "timeout": 0,
  "unviable": 0,
  "success": 0,
  "start_time": "2026-11-29T10:20:45.295341486Z",
  "end_time": "2026-11-29T10:27:14.025345416Z",
  "cargo_mutants_version": "27.1.0"
}"#;

    const NAME: &str = "core/record/src/head.rs:24:47: replace | with & in Head::to_bytes";

    fn fate_by(summary: &str) -> Option<MutantFate> {
        read(&RECORDED.replace("CaughtMutant", summary))?.get(NAME).copied()
    }

    #[test]
    fn a_result_has_a_mutant_and_its_fate() {
        assert_eq!(read(RECORDED), Some(MutantFates::from([(NAME.to_owned(), MutantFate::Caught)])));
    }

    #[test]
    fn each_summary_is_a_fate() {
        assert_eq!(fate_by("MissedMutant"), Some(MutantFate::Missed));
        assert_eq!(fate_by("Timeout"), Some(MutantFate::TimedOut));
        assert_eq!(fate_by("Unviable"), Some(MutantFate::Unviable));
    }

    #[test]
    fn a_result_that_is_not_known_makes_all_of_them_unreadable() {
        for (from, to) in [("CaughtMutant", "Failure"), ("\"Mutant\"", "\"Bug\""), ("\"outcomes\"", "\"results\"")] {
            assert_eq!(read(&RECORDED.replace(from, to)), None, "{to}");
        }
        assert_eq!(read(""), None);
    }
}
