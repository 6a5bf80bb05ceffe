//! A container with the sink, and events with numbers.

use std::time::Duration;

use fapilog::{
    Container,
    container::{Executor, Overflow},
    format, info,
    metrics::Accounts,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
use fapilog_test_servers::{EventCounts, EventLedger};
use serde_json::Value;

use crate::TIMEOUT;

pub(crate) fn settings(url: String) -> ElasticsearchSettings {
    let mut settings = ElasticsearchSettings::default();
    settings.url = url;
    settings
}

/// Many attempts, with short waits.
fn patient() -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli)
}

pub(crate) fn started(settings: ElasticsearchSettings) -> Container {
    let sink = Elasticsearch::new(settings, format::Json::new).unwrap();
    let builder = Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT });
    builder.sink_with("elasticsearch", sink, SinkOptions::new().delivery(patient())).start().unwrap()
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

/// The number of the event of a document. Events of the library have none.
pub(crate) fn number(document: &Value) -> Option<u64> {
    document["context"]["number"].as_u64()
}

/// How often each of these events is among the documents.
pub(crate) fn counts<'a>(numbers: std::ops::Range<u64>, documents: impl IntoIterator<Item = &'a Value>) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all(numbers.map(|number| number.to_string()));
    ledger.receive_all(documents.into_iter().filter_map(number).map(|number| number.to_string()));
    ledger.counts()
}
