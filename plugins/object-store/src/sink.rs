//! The sink.

use std::{
    fmt,
    sync::{Arc, Mutex, Weak},
    time::Instant,
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    problem::{Problem, SettingsError},
    sink::{Assurances, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};

use fapilog_sink_http::encode::{EventEncoder, FormattedRecords};

use crate::{
    settings::ObjectStoreSettings,
    spool::{Spool, SpoolWriter},
    target::StoreTarget,
    upload::{self, UploadCounters},
};

/// The length of a full payload: a frame of a segment, and a sync of the disk.
const PAYLOAD_BYTES: usize = 256 << 10;

/// Puts events into objects. The [settings](ObjectStoreSettings) have all that it does.
///
/// An event is delivered when it is durable in the spool. A thread uploads the spool's segments, in order, until the store has each.
#[derive(Clone)]
pub struct ObjectStoreSink {
    target: Arc<StoreTarget>,
    formatter: Arc<dyn Fn() -> Box<dyn Formatter> + Send + Sync>,
    /// The spool of the container's shards, while they run.
    spool: Arc<Mutex<Weak<Spool>>>,
}

impl ObjectStoreSink {
    /// A sink with these settings, whose events are rendered by formatters that `formatter` makes.
    ///
    /// # Errors
    /// All invalid settings; and certificates that cannot be read.
    pub fn new<F: Formatter + 'static>(
        settings: &ObjectStoreSettings,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        let formatter = move || -> Box<dyn Formatter> { Box::new(formatter()) };
        Self::with_formatter(settings, formatter).map_err(|problems| SettingsError { problems })
    }

    pub(crate) fn with_formatter(
        settings: &ObjectStoreSettings,
        formatter: impl Fn() -> Box<dyn Formatter> + Send + Sync + 'static,
    ) -> Result<Self, Vec<Problem>> {
        let target = Arc::new(StoreTarget::new(settings)?);
        Ok(Self { target, formatter: Arc::new(formatter), spool: Arc::default() })
    }

    /// A writer of the spool, which the first shard opens.
    fn writer(&self, context: &SinkContext<'_>) -> Result<SpoolWriter, SinkError> {
        let mut shared = lock(&self.spool);
        if let Some(writer) = shared.upgrade().and_then(|spool| spool.writer()) {
            return Ok(writer);
        }
        let spool = Spool::open(self.target.spool_options(), context.reporter())?;
        let writer = spool.writer().ok_or_else(|| SinkError::permanent(crate::ObjectStoreError::Closed))?;
        *shared = Arc::downgrade(&spool);
        upload::start(spool, Arc::clone(&self.target), UploadCounters::new(context), context.reporter())?;
        Ok(writer)
    }
}

impl fmt::Debug for ObjectStoreSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreSink").field("settings", &self.target.settings).finish_non_exhaustive()
    }
}

impl SinkFactory for ObjectStoreSink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let writer = self.writer(context)?;
        let spool = writer.spool();
        let name = format!("fapilog-object-store-{}", context.shard.index);
        let thread = DeliveryThread::start(name, move || Ok(writer))?;
        let encoder = FormattedRecords::new((self.formatter)());
        let settings = &self.target.settings;
        let max_events = settings.segment.max_events.and_then(|max| usize::try_from(max).ok());
        let payload_bytes = PAYLOAD_BYTES.min(settings.segment.max_bytes);
        let destination = self.target.destination();
        Ok(Box::new(ShardObjectSink { destination, payload_bytes, max_events, encoder, spool, thread }))
    }

    fn assurances(&self) -> Assurances {
        self.target.assurances()
    }
}

/// The sink of a shard.
struct ShardObjectSink {
    destination: String,
    payload_bytes: usize,
    max_events: Option<usize>,
    encoder: FormattedRecords,
    spool: Arc<Spool>,
    thread: DeliveryThread,
}

impl Sink for ShardObjectSink {
    fn writer(&self) -> String {
        format!("objects in {}", self.destination)
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::in_buffer(Vec::new(), self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.encoder.encode(batch, payload)?;
        if self.max_events.is_some_and(|max| payload.marked_records() >= max) {
            payload.set_full();
        }
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.thread.deliver(payload)
    }

    fn flush(&mut self) -> Delivery {
        self.thread.flush()
    }

    fn stop(&mut self, deadline: Instant) {
        self.spool.stop(deadline);
    }
}
