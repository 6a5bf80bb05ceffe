//! A server that is as strict as the documentation.

use std::time::Duration;

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    info,
    metrics::Accounts,
    settings::SecretRef,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_datadog::{Datadog, DatadogSettings};
use fapilog_test_servers::{Conformance, EventCounts, EventLedger, FakeAnswer, FakeHttp, FakeRequest, Scenario};
use serde_json::Value;

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The limits of "Send logs", API v2.
const REQUEST_BYTES_MAX: usize = 5_000_000;
const ENTRIES_MAX: usize = 1000;
const ENTRY_BYTES_MAX: usize = 1_000_000;

/// Answers a request as Datadog documents it. A request that a sink must never send fails the test.
pub(crate) fn answer(request: &FakeRequest) -> FakeAnswer {
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/api/v2/logs"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    match request.header("dd-api-key") {
        None => return FakeAnswer::new(401),
        Some(key) if key != API_KEY => return FakeAnswer::new(403),
        Some(_) => {}
    }
    assert!(request.body.len() <= REQUEST_BYTES_MAX, "a request of {} bytes", request.body.len());
    let entries = entries(request);
    assert!((1..=ENTRIES_MAX).contains(&entries.len()), "a request of {} entries", entries.len());
    for entry in &entries {
        let bytes = serde_json::to_vec(entry).unwrap().len();
        assert!(entry.is_object() && bytes <= ENTRY_BYTES_MAX, "an entry of {bytes} bytes");
        assert!(entry["message"].is_string() && entry["timestamp"].is_u64() && entry["ddsource"].is_string());
    }
    FakeAnswer::new(202).body("{}")
}

pub(crate) fn server() -> FakeHttp {
    FakeHttp::builder().answer(answer).start()
}

pub(crate) fn entries(request: &FakeRequest) -> Vec<Value> {
    serde_json::from_slice(&request.body).unwrap()
}

/// The entries of all requests that the server has accepted.
pub(crate) fn accepted(server: &FakeHttp) -> Vec<Value> {
    server.accepted().iter().flat_map(|request| entries(request)).collect()
}

/// The numbers in these entries.
pub(crate) fn numbers(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["context"]["number"].as_u64().unwrap()).collect()
}

/// How often each of the events with these numbers is in a request that the server has accepted.
pub(crate) fn counts(server: &FakeHttp, events: std::ops::Range<u64>) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all(events.map(|number| number.to_string()));
    ledger.receive_all(numbers(&accepted(server)).iter().map(u64::to_string));
    ledger.counts()
}

/// Records that each event arrived once.
#[track_caller]
pub(crate) fn record_each_once(scenario: Scenario, counts: EventCounts) {
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("datadog", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

pub(crate) fn settings(server: &FakeHttp) -> DatadogSettings {
    let mut settings = DatadogSettings::default();
    settings.url = server.url("/api/v2/logs");
    settings.api_key = Some(SecretRef::bytes(API_KEY.as_bytes().to_vec()));
    settings
}

/// Many attempts, with short waits.
fn patient() -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli)
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

pub(crate) fn started(settings: &DatadogSettings) -> Container {
    let options = SinkOptions::new().delivery(patient());
    builder().sink_with("datadog", Datadog::new(settings).unwrap(), options).start().unwrap()
}

pub(crate) fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        info!(log, "number {number}", number);
    }
}

#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}
