//! The sink against NATS: which events a stream has, and settings. The crate `async-nats` reads the streams.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod authentication;
mod fake_server;
mod peers;
mod reader;
mod real_server;
mod settings;
mod tls;

use std::time::{Duration, Instant};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor},
    format,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_nats::{NatsPublisher, NatsSettings};
use fapilog_test_servers::servers::Nats;

/// Longer than anything that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(30);

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

fn settings_for(server: &Nats) -> NatsSettings {
    settings_of(&format!("nats://{}", server.address()))
}

fn settings_of(url: &str) -> NatsSettings {
    let mut settings = NatsSettings::default();
    settings.servers = vec![url.to_owned()];
    settings
}

/// A container whose sink makes attempts until the shutdown.
fn start(settings: &NatsSettings) -> Container {
    let wait = Duration::from_millis(20);
    start_with(settings, DeliveryPolicy::default().attempts(1000).backoff(wait, 1.0, wait).breaker(0, wait, wait))
}

/// A container whose sink makes a single attempt for each payload.
fn start_once(settings: &NatsSettings) -> Container {
    start_with(settings, DeliveryPolicy::default().attempts(1))
}

fn start_with(settings: &NatsSettings, policy: DeliveryPolicy) -> Container {
    let sink = NatsPublisher::new(settings, format::Json::new).unwrap();
    builder().sink_with("nats", sink, SinkOptions::new().delivery(policy)).start().unwrap()
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
    let found = accounts.sinks[0].counters.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no counter {name}: {accounts}")).1
}

/// Waits until it is so.
fn until(condition: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {condition}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
