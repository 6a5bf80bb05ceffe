//! The sink against PostgreSQL: which events a table has, its schema, and settings. `psql` reads the table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod hosts;
mod real_server;
mod rows;
mod schema;
mod settings;

use std::time::{Duration, Instant};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor},
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_postgres::{PostgresSettings, PostgresTable};
use fapilog_test_servers::{EventLedger, servers};

/// Longer than anything that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(60);

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

fn settings_for(server: &servers::Postgres) -> PostgresSettings {
    let mut settings = PostgresSettings::default();
    settings.url = format!("postgres://postgres@{}", server.address());
    settings
}

fn start(settings: &PostgresSettings) -> Container {
    let wait = Duration::from_millis(20);
    let policy = DeliveryPolicy::default().attempts(1000).backoff(wait, 1.0, wait).breaker(0, wait, wait);
    let options = SinkOptions::new().delivery(policy);
    builder().sink_with("postgres", PostgresTable::new(settings).unwrap(), options).start().unwrap()
}

/// With a single attempt for each payload.
fn start_once(settings: &PostgresSettings) -> Container {
    let options = SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1));
    builder().sink_with("postgres", PostgresTable::new(settings).unwrap(), options).start().unwrap()
}

/// Shuts the container down, and checks the law. Returns the events that were delivered, and those that were lost.
fn shut_down(logs: &Container) -> (u64, u64) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    (accounts.sinks[0].delivered, accounts.lost_total())
}

/// The numbers of the events of the table, against those that were logged.
fn ledger(server: &servers::Postgres, logged: u64) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    let found = server.sql("SELECT context->>'number' FROM fapilog");
    ledger.receive_all(found.lines().map(str::to_owned));
    ledger
}

/// Waits until it is so.
fn until(condition: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {condition}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
