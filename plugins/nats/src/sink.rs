//! The sink.

use std::{fmt, sync::Arc};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    problem::{Problem, SettingsError},
    settings::Endpoint,
    sink::{Assurances, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};

use crate::{
    client::{NatsClient, NatsClientOptions},
    encode::{PublishEncoder, append_as_text},
    exchange::NatsCounters,
    greeting::Greeting,
    servers::NatsServers,
    settings::{NatsAcknowledgement, NatsSettings, NatsTarget},
};

/// Names of counters.
const OPENED: &str = "connections_opened";
const TOO_LARGE: &str = "messages_too_large";
const DUPLICATES: &str = "duplicates_suppressed";

/// Publishes events to NATS. The [settings](NatsSettings) have all that it does.
///
/// An event is delivered when a stream has acknowledged it; without acknowledgements, when the server has answered a `PING` behind it.
#[derive(Clone)]
pub struct NatsPublisher {
    target: NatsTarget,
    formatter: Arc<dyn Fn() -> Box<dyn Formatter> + Send + Sync>,
}

impl NatsPublisher {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes.
    ///
    /// # Errors
    /// All invalid settings; and certificates that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &NatsSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &NatsSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        Ok(Self { target: NatsTarget::new(settings)?, formatter: Arc::new(formatter) })
    }
}

impl fmt::Debug for NatsPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsPublisher").field("target", &self.target).finish_non_exhaustive()
    }
}

impl SinkFactory for NatsPublisher {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let settings = &self.target.settings;
        let tls = self.target.tls().map_err(|problems| SinkError::permanent(SettingsError { problems }))?;
        let options = NatsClientOptions {
            greeting: Greeting::new(settings)?,
            servers: NatsServers::new(&self.target, tls),
            has_acknowledgements: settings.acknowledgement == NatsAcknowledgement::Stream,
            in_flight_max: settings.in_flight_max,
            connect_timeout: settings.connect_timeout,
            reply_timeout: settings.reply_timeout,
        };
        let counters = NatsCounters {
            opened: context.counter(OPENED),
            too_large: context.counter(TOO_LARGE),
            duplicates: context.counter(DUPLICATES),
        };
        let thread = DeliveryThread::start("fapilog-nats", move || Ok(NatsClient::new(options, counters)))?;
        let encoder = PublishEncoder::new(&self.target, (self.formatter)());
        let (destination, payload_bytes) = (self.target.destination(), settings.payload_bytes);
        Ok(Box::new(NatsSink { destination, payload_bytes, encoder, thread }))
    }

    fn assurances(&self) -> Assurances {
        let is_encrypted = self.target.endpoints.iter().all(Endpoint::is_tls);
        let host = self.target.endpoints.first().map(|endpoint| endpoint.host().to_owned()).unwrap_or_default();
        Assurances::unknown().place(SinkPlace::Network { host, is_encrypted })
    }
}

/// A shard's end.
struct NatsSink {
    destination: String,
    payload_bytes: usize,
    encoder: PublishEncoder,
    thread: DeliveryThread,
}

impl Sink for NatsSink {
    fn writer(&self) -> String {
        format!("publish to {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("nats")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        append_as_text(records, text);
    }

    fn append_records(&mut self, records: &Payload, payload: &mut Payload) {
        self.encoder.append_records(records, payload);
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }
}
