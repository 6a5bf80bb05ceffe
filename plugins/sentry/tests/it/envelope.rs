//! A server that reads envelopes as the documentation has them.

use std::time::Duration;

use fapilog::{
    Container,
    container::{Executor, Overflow},
    error, info,
    metrics::Accounts,
    settings::SecretRef,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_sentry::{Sentry, SentrySettings};
use fapilog_test_servers::{EventCounts, EventLedger, FakeAnswer, FakeHttp, FakeRequest};
use serde_json::Value;

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The items of an envelope, with their types: each has a header line with the length of its payload.
pub(crate) fn items(request: &FakeRequest) -> Vec<(String, Value)> {
    let line = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let mut bytes = request.body.as_slice();
    let end = line(bytes);
    let head: Value = serde_json::from_slice(&bytes[..end]).unwrap();
    assert!(head.is_object());
    bytes = &bytes[end + 1..];
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let end = line(bytes);
        let item: Value = serde_json::from_slice(&bytes[..end]).unwrap();
        let length = usize::try_from(item["length"].as_u64().unwrap()).unwrap();
        let payload = &bytes[end + 1..end + 1 + length];
        assert!(length <= 1_100_000 && bytes[end + 1 + length] == b'\n');
        let value: Value = serde_json::from_slice(payload).unwrap();
        match item["type"].as_str().unwrap() {
            "event" => assert_eq!(head["event_id"], value["event_id"]),
            "log" => {
                let logs = value["items"].as_array().unwrap();
                assert!((1..=100).contains(&logs.len()) && item["item_count"] == logs.len());
                assert_eq!(item["content_type"], "application/vnd.sentry.items.log+json");
            }
            other => panic!("an item of type {other}"),
        }
        items.push((item["type"].as_str().unwrap().to_owned(), value));
        bytes = &bytes[end + 2 + length..];
    }
    assert_eq!(items.len(), 1, "one item for an envelope");
    items
}

pub(crate) fn answer(request: &FakeRequest) -> FakeAnswer {
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/api/42/envelope/"));
    assert_eq!(request.header("content-type"), Some("application/x-sentry-envelope"));
    let auth = request.header("x-sentry-auth").unwrap();
    assert!(auth.starts_with("Sentry sentry_version=7, sentry_client=fapilog/") && auth.ends_with(", sentry_key=k3y"));
    items(request);
    FakeAnswer::json("{}")
}

pub(crate) fn server() -> FakeHttp {
    FakeHttp::builder().answer(answer).start()
}

pub(crate) fn settings(server: &FakeHttp) -> SentrySettings {
    with_dsn(server.url("/42").replace("://", "://k3y@"))
}

pub(crate) fn with_dsn(dsn: String) -> SentrySettings {
    let mut settings = SentrySettings::default();
    settings.dsn = Some(SecretRef::bytes(dsn.into_bytes()));
    settings
}

pub(crate) fn started(settings: &SentrySettings) -> Container {
    let milli = Duration::from_millis(1);
    let patient =
        DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli);
    let builder = Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT });
    let options = SinkOptions::new().delivery(patient);
    builder.sink_with("sentry", Sentry::new(settings).unwrap(), options).start().unwrap()
}

/// Logs numbers: each tenth is an error.
pub(crate) fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        match number % 10 {
            0 => error!(log, "number {number}", number),
            _ => info!(log, "number {number}", number),
        }
    }
}

#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// Counts what the server has of these events. Sentry keeps an error event of one id once.
pub(crate) fn counts(server: &FakeHttp, events: u64) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..events).map(|number| number.to_string()));
    let mut ids = std::collections::BTreeSet::new();
    for (kind, value) in server.accepted().iter().flat_map(|request| items(request)) {
        if kind == "event" {
            if ids.insert(value["event_id"].to_string()) {
                ledger.receive(value["extra"]["context"]["number"].to_string());
            }
        } else {
            let logs = value["items"].as_array().unwrap();
            ledger.receive_all(logs.iter().map(|log| log["attributes"]["number"]["value"].to_string()));
        }
    }
    ledger.counts()
}
