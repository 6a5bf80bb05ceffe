//! The conformance matrix: what each sink delivers to each server, as tests found.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{ledger::EventCounts, servers::target};

/// A column of the conformance matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// The server takes all batches.
    Happy,
    /// The server takes a part of a batch, and refuses the other events.
    Partial,
    /// The server asks to come back later.
    Throttled,
    /// The server is killed and restarted while events are in flight.
    RestartedInFlight,
    /// By TLS.
    Tls,
    /// With compressed batches.
    Compressed,
    /// A batch or an event is above the server's limit.
    OverTheLimit,
    /// A batch is sent again that the server had taken, and the server keeps each event once.
    DuplicatesSuppressed,
}

/// Records results of tests for `cargo xtask conformance`, which makes `docs/conformance.md` of them.
///
/// A result is a file below `target/conformance/results`. The page must be the same for each run: a count that depends on the time is
/// recorded as such.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Conformance;

/// A result, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConformanceResult {
    /// The sink, such as `loki`.
    pub sink: String,
    /// The server, such as `rsyslog`, or `fake`.
    pub server: String,
    /// The scenario.
    pub scenario: Scenario,
    /// The counts as the page shows them: delivered, duplicated, lost.
    pub counts: [String; 3],
}

/// Counts that are not the same in each run.
const ALL: &str = "all";
const ANY: &str = "any";

impl Scenario {
    /// All scenarios, in the order of the columns.
    pub const ALL: [Self; 8] = [
        Self::Happy,
        Self::Partial,
        Self::Throttled,
        Self::RestartedInFlight,
        Self::Tls,
        Self::Compressed,
        Self::OverTheLimit,
        Self::DuplicatesSuppressed,
    ];

    /// The heading of its column.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Partial => "partial",
            Self::Throttled => "throttled",
            Self::RestartedInFlight => "restarted in flight",
            Self::Tls => "TLS",
            Self::Compressed => "compressed",
            Self::OverTheLimit => "over the limit",
            Self::DuplicatesSuppressed => "duplicates suppressed",
        }
    }
}

impl Conformance {
    /// Records counts that are the same in each run. A later result of the same sink, server and scenario replaces it.
    pub fn record(sink: &str, server: &str, scenario: Scenario, delivered: usize, duplicated: usize, lost: usize) {
        Self::write(sink, server, scenario, [delivered, duplicated, lost].map(|count| count.to_string()));
    }

    /// Records that all events were delivered once, where their number is not the same in each run. Panics if they were not.
    pub fn record_exactly_once(sink: &str, server: &str, scenario: Scenario, counts: EventCounts) {
        assert_eq!((counts.duplicated, counts.lost), (0, 0), "{sink}, {server}, {scenario:?}: {counts:?}");
        Self::record_all(sink, server, scenario, counts, "0");
    }

    /// Records that all events were delivered, some of them perhaps more than once, where the numbers are not the same in each run.
    /// Panics if an event was lost. The page has `all`, and `any` for duplicates.
    pub fn record_at_least_once(sink: &str, server: &str, scenario: Scenario, counts: EventCounts) {
        assert_eq!(counts.lost, 0, "{sink}, {server}, {scenario:?}: {counts:?}");
        Self::record_all(sink, server, scenario, counts, ANY);
    }

    /// Records a delivery without acknowledgements: events in flight may be lost or come twice, and the numbers are not the same in each run.
    /// The page has `any` for all three. Panics if no event was delivered.
    pub fn record_without_acknowledgements(sink: &str, server: &str, scenario: Scenario, counts: EventCounts) {
        assert!(counts.delivered > 0, "{sink}, {server}, {scenario:?}: no event was delivered");
        Self::write(sink, server, scenario, [ANY; 3].map(str::to_owned));
    }

    fn record_all(sink: &str, server: &str, scenario: Scenario, counts: EventCounts, duplicated: &str) {
        assert!(counts.delivered > 0, "{sink}, {server}, {scenario:?}: no event was delivered");
        Self::write(sink, server, scenario, [ALL, duplicated, "0"].map(str::to_owned));
    }

    /// The folder of the results.
    #[must_use]
    pub fn folder() -> PathBuf {
        target().join("conformance/results")
    }

    /// Reads the results of a folder, by sink, server and scenario.
    pub fn read(folder: &Path) -> io::Result<Vec<ConformanceResult>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut results = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let result = ConformanceResult::parse(&fs::read_to_string(&path)?);
                results.push(result.ok_or_else(|| io::Error::other(format!("{} is no result", path.display())))?);
            }
        }
        let key = |result: &ConformanceResult| (result.sink.clone(), result.server.clone(), result.scenario);
        results.sort_by_key(key);
        Ok(results)
    }

    fn write(sink: &str, server: &str, scenario: Scenario, counts: [String; 3]) {
        let result = ConformanceResult::new(sink, server, scenario, counts);
        result.write(&Self::folder()).unwrap_or_else(|error| panic!("{}: {error}", Self::folder().display()));
    }
}

impl ConformanceResult {
    /// A result by its parts.
    #[must_use]
    pub fn new(sink: &str, server: &str, scenario: Scenario, counts: [String; 3]) -> Self {
        Self { sink: sink.to_owned(), server: server.to_owned(), scenario, counts }
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let name = format!("{}-{}-{}", self.sink, self.server, self.scenario.title()).replace([' ', '/'], "-");
        let [delivered, duplicated, lost] = &self.counts;
        let text = json!({
            "sink": self.sink, "server": self.server, "scenario": self.scenario.title(),
            "delivered": delivered, "duplicated": duplicated, "lost": lost,
        });
        // Renamed when it is whole: it may be read at any time.
        let unfinished = folder.join(format!("{name}.{}", std::process::id()));
        fs::write(&unfinished, format!("{text}\n"))?;
        fs::rename(unfinished, folder.join(format!("{name}.json")))
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let title = text("scenario")?;
        let scenario = Scenario::ALL.into_iter().find(|scenario| scenario.title() == title)?;
        let counts = [text("delivered")?, text("duplicated")?, text("lost")?];
        Some(Self { sink: text("sink")?, server: text("server")?, scenario, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(sink: &str, scenario: Scenario, counts: [&str; 3]) -> ConformanceResult {
        ConformanceResult::new(sink, "fake", scenario, counts.map(str::to_owned))
    }

    #[test]
    fn results_are_read_as_they_were_written_in_the_order_of_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let results = [
            result("loki", Scenario::Happy, ["1000", "0", "0"]),
            result("loki", Scenario::RestartedInFlight, ["all", "any", "0"]),
            result("otlp", Scenario::Tls, ["9", "0", "1"]),
        ];
        results.iter().rev().for_each(|result| result.write(folder.path()).unwrap());
        result("loki", Scenario::Happy, ["2", "0", "0"]).write(folder.path()).unwrap();
        results[0].write(folder.path()).unwrap();
        assert_eq!(Conformance::read(folder.path()).unwrap(), results);
        assert_eq!(Conformance::read(&folder.path().join("absent")).unwrap(), []);
    }

    #[test]
    #[should_panic(expected = "loki, fake, Happy")]
    fn a_lost_event_is_no_delivery_at_least_once() {
        let counts = EventCounts { submitted: 2, delivered: 1, duplicated: 0, lost: 1 };
        Conformance::record_at_least_once("loki", "fake", Scenario::Happy, counts);
    }
}
