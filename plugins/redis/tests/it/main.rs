//! The sink against Redis: which events a stream has, and settings. The crate `redis` reads the streams.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod real_server;
mod settings;

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
