//! The page with the matrix.

use std::collections::BTreeMap;

use fapilog_test_servers::{ConformanceResult, Scenario};

const HEAD: &str = "# Conformance of the sinks

This page is made of the results of tests, by `cargo xtask conformance`. A cell has three counts of events by their ids: delivered /
duplicated / lost. `all` and `any` stand for numbers that depend on the time: all events were delivered, and there may be any number of
duplicates. A cell without counts has no test.

The server `fake` is a server in the test's process that enforces the documented limits of the service. Each other name is a real server.

";

type MatrixRow<'a> = BTreeMap<Scenario, &'a [String; 3]>;

pub(super) fn render(results: &[ConformanceResult]) -> String {
    let mut rows: BTreeMap<(&str, &str), MatrixRow<'_>> = BTreeMap::new();
    for result in results {
        rows.entry((&result.sink, &result.server)).or_default().insert(result.scenario, &result.counts);
    }
    let titles = Scenario::ALL.map(Scenario::title).join(" | ");
    let mut page = format!("{HEAD}| sink | server | {titles} |\n|---|---|{}\n", "---|".repeat(Scenario::ALL.len()));
    for ((sink, server), row) in rows {
        let cells =
            Scenario::ALL.map(|scenario| row.get(&scenario).map_or_else(String::new, |counts| counts.join(" / ")));
        page.push_str(&format!("| {sink} | {server} | {} |\n", cells.join(" | ")));
    }
    page
}

/// The lines that are on one page only, each with its sign, apart from rows of servers that were skipped.
pub(super) fn differences(committed: &str, made: &str, skipped_servers: &[&str]) -> Vec<String> {
    let is_skipped = |line: &str| server_of(line).is_some_and(|server| skipped_servers.contains(&server));
    let lines = |page: &'static str, of: &str, other: &str| -> Vec<String> {
        let alone = of.lines().filter(|line| !other.lines().any(|found| found == *line) && !is_skipped(line));
        alone.map(|line| format!("{page}{line}")).collect()
    };
    [lines("- ", committed, made), lines("+ ", made, committed)].concat()
}

/// The second cell of a row.
fn server_of(line: &str) -> Option<&str> {
    line.strip_prefix("| ")?.split(" | ").nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[(&str, &str, Scenario, [&str; 3])]) -> Vec<ConformanceResult> {
        let result = |(sink, server, scenario, counts): &(&str, &str, Scenario, [&str; 3])| {
            ConformanceResult::new(sink, server, *scenario, counts.map(str::to_owned))
        };
        lines.iter().map(result).collect()
    }

    #[test]
    fn a_row_has_a_cell_for_each_scenario() {
        let page = render(&results(&[
            ("loki", "fake", Scenario::Throttled, ["all", "any", "0"]),
            ("syslog", "rsyslog", Scenario::Happy, ["1000", "0", "0"]),
            ("loki", "fake", Scenario::Happy, ["7", "1", "2"]),
        ]));
        let rows: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1).collect();
        let expected = [
            "| loki | fake | 7 / 1 / 2 |  | all / any / 0 |  |  |  |  |  |",
            "| syslog | rsyslog | 1000 / 0 / 0 |  |  |  |  |  |  |  |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn differences_are_lines_of_one_page_but_for_servers_that_were_skipped() {
        let committed = render(&results(&[
            ("loki", "fake", Scenario::Happy, ["7", "0", "0"]),
            ("kafka", "tansu", Scenario::Happy, ["7", "0", "0"]),
        ]));
        let made = render(&results(&[("loki", "fake", Scenario::Happy, ["6", "0", "1"])]));
        assert_eq!(differences(&committed, &committed, &[]), [""; 0]);
        let found = differences(&committed, &made, &["tansu"]);
        let expected = [
            "- | loki | fake | 7 / 0 / 0 |  |  |  |  |  |  |  |",
            "+ | loki | fake | 6 / 0 / 1 |  |  |  |  |  |  |  |",
        ];
        assert_eq!(found, expected);
        assert_eq!(differences(&committed, &made, &[]).len(), 3);
    }
}
