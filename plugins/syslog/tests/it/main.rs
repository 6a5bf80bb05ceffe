//! The sink and the formatters: bytes, any event, settings, sockets, TLS, and a real server.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod any_event;
mod golden;
mod message;
mod real_server;
mod receiver;
mod rsyslog;
mod settings;
mod sockets;
mod tls;

use std::time::Duration;

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor},
};

/// Longer than anything that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(30);

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

/// Shuts the container down, and checks the law. Returns the events that were delivered, and those that were lost.
fn shut_down(logs: &Container) -> (u64, u64) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    (accounts.sinks[0].delivered, accounts.lost_total())
}

/// The count of a counter of the first sink.
fn counter(logs: &Container, name: &str) -> u64 {
    let accounts = logs.accounts();
    accounts.sinks[0].counters.iter().find(|(counter, _)| *counter == name).map_or(0, |(_, count)| *count)
}
