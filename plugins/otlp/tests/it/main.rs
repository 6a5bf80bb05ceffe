//! The sink `otlp`, against a strict server on loopback and against Rotel. Requests are read by the official messages.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod answers;
mod any_event;
mod delivery;
mod grpc;
mod received;
mod records;
mod rotel;
mod settings;

use std::time::Duration;

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    info,
    metrics::Accounts,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_otlp::{Otlp, OtlpSettings};
use fapilog_test_servers::FakeHttp;

/// Far longer than any step of these tests takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Settings that no variable of this machine changes.
fn settings_for(url: String) -> OtlpSettings {
    let mut settings = OtlpSettings::default();
    settings.url = url;
    settings.environment = false;
    settings
}

fn settings(server: &FakeHttp) -> OtlpSettings {
    settings_for(server.url(""))
}

/// Many attempts, with short waits.
fn patient() -> SinkOptions {
    let milli = Duration::from_millis(1);
    let policy =
        DeliveryPolicy::default().attempts(10_000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli);
    SinkOptions::new().delivery(policy)
}

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

fn started(settings: &OtlpSettings) -> Container {
    builder().sink_with("otlp", Otlp::new(settings).unwrap(), patient()).start().unwrap()
}

/// Logs events whose ids are these numbers.
fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        info!(log, "counted", number);
    }
}

#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}
