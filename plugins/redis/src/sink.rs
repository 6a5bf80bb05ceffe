//! The sink.

use std::{fmt, sync::Arc};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};

use crate::{
    client::{RedisClient, RedisClientOptions},
    encode::{CommandEncoder, append_as_text},
    password::RedisPassword,
    settings::{RedisSettings, RedisTarget},
};

/// Name of the counter of connections.
const OPENED: &str = "connections_opened";

/// Appends events to Redis streams. The [settings](RedisSettings) have all that it does.
///
/// An event is delivered when the server has answered its `XADD` with the entry's id.
#[derive(Clone)]
pub struct RedisStream {
    target: RedisTarget,
    formatter: Arc<dyn Fn() -> Box<dyn Formatter> + Send + Sync>,
}

impl RedisStream {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes.
    ///
    /// # Errors
    /// All invalid settings; and certificates that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &RedisSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &RedisSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        Ok(Self { target: RedisTarget::new(settings)?, formatter: Arc::new(formatter) })
    }
}

impl fmt::Debug for RedisStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStream").field("target", &self.target).finish_non_exhaustive()
    }
}

impl SinkFactory for RedisStream {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let settings = &self.target.settings;
        let dialer = self.target.dialer().map_err(|problems| SinkError::permanent(SettingsError { problems }))?;
        let password = settings.password.as_ref().map(RedisPassword::read).transpose();
        let options = RedisClientOptions {
            destination: self.target.destination(),
            dialer,
            username: settings.username.clone(),
            password: password.map_err(SinkError::permanent)?,
            database: settings.database,
            connect_timeout: settings.connect_timeout,
            reply_timeout: settings.reply_timeout,
        };
        let opened = context.counter(OPENED);
        let thread = DeliveryThread::start("fapilog-redis", move || Ok(RedisClient::new(options, opened)))?;
        let encoder = CommandEncoder::new(&self.target, (self.formatter)());
        let (destination, payload_bytes) = (self.target.destination(), settings.payload_bytes);
        Ok(Box::new(RedisSink { destination, payload_bytes, encoder, thread }))
    }

    fn assurances(&self) -> Assurances {
        let endpoint = &self.target.endpoint;
        let place = SinkPlace::Network { host: endpoint.host().to_owned(), is_encrypted: endpoint.is_tls() };
        Assurances::unknown().place(place)
    }
}

/// A shard's end.
struct RedisSink {
    destination: String,
    payload_bytes: usize,
    encoder: CommandEncoder,
    thread: DeliveryThread,
}

impl Sink for RedisSink {
    fn writer(&self) -> String {
        format!("XADD to {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("redis")
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
