//! The sink against a strict fake of Loki.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod delivery;
mod entries;
mod settings;
mod strict_loki;

use std::time::Duration;

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    format, info,
    metrics::Accounts,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_loki::{Loki, LokiSettings};
use fapilog_test_servers::{Conformance, EventCounts, EventLedger, FakeHttp, Scenario};
use strict_loki::StrictLoki;

/// Far longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(30);

fn settings(server: &FakeHttp) -> LokiSettings {
    let mut settings = LokiSettings::default();
    settings.url = server.url("");
    settings
}

/// Many attempts, with short waits.
fn patient() -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli)
}

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

fn started(settings: &LokiSettings) -> Container {
    let sink = Loki::new(settings, format::Json::new).unwrap();
    builder().sink_with("loki", sink, SinkOptions::new().delivery(patient())).start().unwrap()
}

#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// How often each of the events with these numbers is stored.
fn counts(loki: &StrictLoki, numbers: std::ops::Range<u64>) -> EventCounts {
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["context"]["number"].to_string();
    let mut ledger = EventLedger::new();
    ledger.submit_all(numbers.map(|number| number.to_string()));
    ledger.receive_all(loki.entries().iter().map(|entry| number(&entry.line)));
    ledger.counts()
}

/// Records that each event is stored once.
#[track_caller]
fn record_each_once(scenario: Scenario, counts: EventCounts) {
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("loki", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        info!(log, "number {number}", number);
    }
}
