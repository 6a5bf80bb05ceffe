//! The sinks that can run, each with its server: a file and a row of [`TARGETS`] for each.
//!
//! | server | how it is killed |
//! |---|---|
//! | a fake in this process | its port and all its connections are closed, also those with an answer in flight |
//! | the mock brokers of librdkafka | as a fake |
//! | a real server | SIGKILL |

mod datadog;
mod elasticsearch;
mod fake;
mod http;
mod kafka;
mod loki;
mod nats;
mod object_store;
mod otlp;
mod postgres;
mod redis;
mod sentry;
mod splunk;
mod syslog;
mod webhook;

use std::sync::Arc;

use fapilog::{error::SettingsError, sink::SinkFactory};
use fapilog_plugin::settings::SecretRef;

use crate::{absorber::AbsorbingTarget, arrivals::EventArrivals};

/// A sink, or the errors in its settings.
pub(crate) type SinkResult = Result<Arc<dyn SinkFactory>, SettingsError>;

/// A server that can be killed and restarted.
pub(crate) trait KillableServer {
    /// The sink that sends to it.
    fn sink(&self) -> SinkResult;

    /// Ends the server at once.
    fn kill(&mut self);

    /// Starts it again at the same address.
    fn restart(&mut self);

    /// Counts the events that the server keeps, at the end of a run. A server that counts events as they arrive does nothing.
    fn count_kept(&mut self) {}
}

/// The promise of a sink about each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryPromise {
    /// At least once, and the server keeps it once.
    Idempotent,
    /// At least once.
    AtLeastOnce,
    /// The server does not acknowledge events: a killed one drops those that it has not stored.
    Unacknowledged,
}

/// A sink with its server.
#[derive(Debug)]
pub(crate) struct SoakTarget {
    /// The name in the command.
    pub(crate) name: &'static str,
    pub(crate) promise: DeliveryPromise,
    /// Starts the server. `None`: it is not installed.
    pub(crate) start: fn(&Arc<EventArrivals>) -> Option<Box<dyn KillableServer>>,
    /// The server of a measurement of throughput. `None`: the real one.
    pub(crate) absorbing: Option<AbsorbingTarget>,
}

/// All sinks that can run, by name.
pub(crate) const TARGETS: &[&SoakTarget] = &[
    &datadog::TARGET,
    &elasticsearch::TARGET,
    &http::TARGET,
    &kafka::TARGET,
    &loki::TARGET,
    &nats::TARGET,
    &object_store::TARGET,
    &otlp::TARGET,
    &postgres::TARGET,
    &redis::TARGET,
    &sentry::TARGET,
    &splunk::TARGET,
    &syslog::TARGET,
    &webhook::TARGET,
];

/// A secret of a test.
fn secret(text: &str) -> SecretRef {
    SecretRef::bytes(text.as_bytes().to_vec())
}
