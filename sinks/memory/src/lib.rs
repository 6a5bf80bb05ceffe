//! A sink that keeps rendered events in memory, for tests.

mod registration;

use std::sync::{Arc, Mutex};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    factory::Factory,
    formatter::Formatter,
    sink::{Assurances, Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
    threads::lock,
};

const PAYLOAD_BYTES: usize = 64 * 1024;

/// Keeps rendered events in memory, for tests: a handle reads them.
///
/// The memory is bounded: beyond the limit, deliveries fail, and their events are counted as lost.
#[doc(alias = "MemorySink")]
#[derive(Debug)]
pub struct Memory {
    formatter: Factory<dyn Formatter>,
    kept: SharedBytes,
    capacity_bytes: usize,
}

type SharedBytes = Arc<Mutex<Vec<u8>>>;

/// Reads the events of a [`Memory`].
#[derive(Debug, Clone, Default)]
pub struct MemoryEvents {
    kept: SharedBytes,
}

impl Memory {
    /// A memory sink whose events are rendered by formatters that `formatter` makes, and the handle that reads them. It
    /// keeps 64 MiB at most.
    pub fn new<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> (Self, MemoryEvents) {
        let events = MemoryEvents::default();
        (Self::into_events(&events, formatter), events)
    }

    /// As [`new`](Self::new), for an existing handle.
    pub(crate) fn into_events<F: Formatter + 'static>(
        events: &MemoryEvents,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let formatter = Factory::formatter(move |_| formatter());
        Self { formatter, kept: Arc::clone(&events.kept), capacity_bytes: 64 << 20 }
    }

    /// The most bytes that it keeps. Default: 64 MiB.
    #[must_use]
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity_bytes = bytes;
        self
    }
}

impl MemoryEvents {
    /// All delivered events, as the formatter wrote them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.kept).clone()
    }

    /// All delivered events, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&lock(&self.kept)).lines().map(str::to_owned).collect()
    }

    /// Removes all delivered events.
    pub fn clear(&self) {
        lock(&self.kept).clear();
    }
}

impl SinkFactory for Memory {
    fn assurances(&self) -> Assurances {
        Assurances::unknown().place(SinkPlace::Memory)
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(MemoryWriterSink {
            formatter: self.formatter.make(context.shard),
            kept: Arc::clone(&self.kept),
            capacity_bytes: self.capacity_bytes,
        }))
    }
}

struct MemoryWriterSink {
    formatter: Box<dyn Formatter>,
    kept: SharedBytes,
    capacity_bytes: usize,
}

impl Sink for MemoryWriterSink {
    fn writer(&self) -> String {
        "memory".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let mut kept = lock(&self.kept);
        if kept.len() + payload.len() > self.capacity_bytes {
            let full = std::io::Error::new(std::io::ErrorKind::StorageFull, "the memory sink is full");
            return Delivery::done(Err(SinkError::Other(full.into())));
        }
        kept.extend_from_slice(payload.records());
        Delivery::done(Ok(()))
    }
}
