//! The sink against brokers: which events a topic has, and settings. The consumer of the crate `rdkafka` reads the topics.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod brokers;
mod duplicates;
mod proxy;
mod sasl;
mod settings;
mod tansu;
mod threads;
mod tls;
mod topics;

use std::time::{Duration, Instant};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor},
    format,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_kafka::{Kafka, KafkaSettings};
use fapilog_test_servers::EventLedger;

use crate::topics::{ReadRecord, read_topic};

/// Longer than anything that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(60);

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

/// A container with the sink, which attempts each payload until it is delivered.
fn start(settings: &KafkaSettings) -> Container {
    let wait = Duration::from_millis(20);
    start_with(settings, DeliveryPolicy::default().attempts(1000).backoff(wait, 1.0, wait).breaker(0, wait, wait))
}

/// A single attempt for each payload.
fn start_once(settings: &KafkaSettings) -> Container {
    start_with(settings, DeliveryPolicy::default().attempts(1))
}

fn start_with(settings: &KafkaSettings, policy: DeliveryPolicy) -> Container {
    let sink = Kafka::new(settings, format::Json::new).unwrap();
    builder().sink_with("kafka", sink, SinkOptions::new().delivery(policy)).start().unwrap()
}

/// Shuts the container down, and checks the law. Returns the events that were delivered, and those that were lost.
fn shut_down(logs: &Container) -> (u64, u64) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    (accounts.sinks[0].delivered, accounts.lost_total())
}

/// A counter of the sink.
fn counter(logs: &Container, name: &str) -> u64 {
    let accounts = logs.accounts();
    let counters = &accounts.sinks[0].counters;
    counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
}

/// Waits until it is so.
fn until(condition: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {condition}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The field `number` of a line. Events of the library itself, such as those about lost ones, have none.
fn number(line: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(line);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    value.pointer("/context/number").or_else(|| value.get("number"))?.as_u64()
}

/// The numbers of the events of a topic.
fn numbers(bootstrap: &str, topic: &str) -> Vec<u64> {
    read_topic(bootstrap, topic).iter().filter_map(|record: &ReadRecord| number(&record.value)).collect()
}

/// The numbers of the events of a topic, against those that were logged.
fn ledger(bootstrap: &str, topic: &str, logged: u64) -> EventLedger {
    ledger_of(numbers(bootstrap, topic).into_iter(), logged)
}

fn ledger_of(numbers: impl Iterator<Item = u64>, logged: u64) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    ledger.receive_all(numbers.map(|number| number.to_string()));
    ledger
}
