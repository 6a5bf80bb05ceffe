//! The page with the matrix.

use std::collections::BTreeMap;

use fapilog_test_servers::{ConformanceResult, Scenario};

const HEAD: &str = "# Conformance of the sinks

This page is made of the results of tests, by `cargo xtask conformance`. A cell has three counts of events by their ids: delivered /
duplicated / lost. `all` and `any` stand for numbers that depend on the time: all events were delivered, and there may be any number of
duplicates, or of lost events where the protocol has no acknowledgements. A cell without counts has no test.

The server `fake` is a server in the test's process that enforces the documented limits of the service. Each other name is a real server.

";

type MatrixRow<'a> = BTreeMap<Scenario, &'a [String; 3]>;

/// The page. Rows of skipped servers, which leave no results, are those of the page before it.
pub(super) fn render(results: &[ConformanceResult], before: &str, skipped_servers: &[&str]) -> String {
    let mut rows = BTreeMap::new();
    for result in results {
        let row: &mut MatrixRow<'_> = rows.entry((result.sink.as_str(), result.server.as_str())).or_default();
        row.insert(result.scenario, &result.counts);
    }
    let lines = rows.iter().map(|((sink, server), row)| {
        let cells =
            Scenario::ALL.map(|scenario| row.get(&scenario).map_or_else(String::new, |counts| counts.join(" / ")));
        ((*sink, *server), format!("| {sink} | {server} | {} |\n", cells.join(" | ")))
    });
    let kept = before.lines().filter_map(|line| {
        let key = key_of(line).filter(|(_, server)| skipped_servers.contains(server))?;
        Some((key, format!("{line}\n")))
    });
    // A row of results comes behind a kept one, and so replaces it.
    let lines: BTreeMap<(&str, &str), String> = kept.chain(lines).collect();
    let titles = Scenario::ALL.map(Scenario::title).join(" | ");
    let head = format!("{HEAD}| sink | server | {titles} |\n|---|---|{}\n", "---|".repeat(Scenario::ALL.len()));
    lines.into_values().fold(head, |page, line| page + &line)
}

/// The lines that are on one page only, each with its sign.
pub(super) fn differences(committed: &str, made: &str) -> Vec<String> {
    let alone = |sign: &str, of: &str, other: &str| -> Vec<String> {
        let lines = of.lines().filter(|line| !other.lines().any(|found| found == *line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    let lines = [alone("-", committed, made), alone("+", made, committed)].concat();
    if lines.is_empty() && committed != made { vec!["the order of the lines differs".to_owned()] } else { lines }
}

/// The sink and the server of a row.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix("| ")?.split(" | ");
    Some((cells.next()?, cells.next()?))
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

    fn rows(page: &str) -> Vec<&str> {
        page.lines().skip_while(|line| !line.starts_with("|---")).skip(1).collect()
    }

    #[test]
    fn a_row_has_a_cell_for_each_scenario() {
        let results = results(&[
            ("loki", "fake", Scenario::Throttled, ["all", "any", "0"]),
            ("syslog", "rsyslog", Scenario::Happy, ["1000", "0", "0"]),
            ("loki", "fake", Scenario::Happy, ["7", "1", "2"]),
        ]);
        let expected = [
            "| loki | fake | 7 / 1 / 2 |  | all / any / 0 |  |  |  |  |  |",
            "| syslog | rsyslog | 1000 / 0 / 0 |  |  |  |  |  |  |  |",
        ];
        assert_eq!(rows(&render(&results, "", &[])), expected);
    }

    #[test]
    fn rows_of_a_skipped_server_stay_as_they_were() {
        let old = [
            ("kafka", "tansu", Scenario::Happy, ["7", "0", "0"]),
            ("loki", "fake", Scenario::Happy, ["7", "0", "0"]),
            ("nats", "nats", Scenario::Happy, ["7", "0", "0"]),
        ];
        let before = render(&results(&old), "", &[]);
        let new = results(&[("loki", "fake", Scenario::Happy, ["6", "0", "1"])]);
        let expected =
            ["| kafka | tansu | 7 / 0 / 0 |  |  |  |  |  |  |  |", "| loki | fake | 6 / 0 / 1 |  |  |  |  |  |  |  |"];
        assert_eq!(rows(&render(&new, &before, &["tansu"])), expected);
    }

    #[test]
    fn differences_are_lines_of_one_page() {
        assert_eq!(differences("a\nb\n", "a\nb\n"), [""; 0]);
        assert_eq!(differences("a\nb\n", "a\nc\n"), ["- b", "+ c"]);
        assert_eq!(differences("a\nb\n", "b\na\n"), ["the order of the lines differs"]);
    }
}
