//! A sink that keeps what it gets, for tests.

mod registration;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fapilog_plugin::{
    event::Batch,
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

const PAYLOAD_BYTES: usize = 64 * 1024;

/// Keeps rendered events in memory, for tests: a handle reads them.
///
/// What it keeps is bounded: when the limit is reached, deliveries fail, and are counted as lost.
#[derive(Debug)]
pub struct MemorySink {
    formatter: Factory<dyn Formatter>,
    kept: Kept,
    capacity_bytes: usize,
}

type Kept = Arc<Mutex<Vec<u8>>>;

/// Reads what a [`MemorySink`] has got.
#[derive(Debug, Clone, Default)]
pub struct MemoryEvents {
    kept: Kept,
}

impl MemorySink {
    /// A memory sink whose events are rendered by formatters that `formatter` makes, and the handle to read them by. It
    /// keeps 64 MiB at most.
    pub fn new<F: Formatter + 'static>(formatter: impl Fn() -> F + Send + Sync + 'static) -> (Self, MemoryEvents) {
        let events = MemoryEvents::default();
        (Self::into_events(&events, formatter), events)
    }

    /// As [`new`](Self::new), for a handle that is there already.
    pub(crate) fn into_events<F: Formatter + 'static>(
        events: &MemoryEvents,
        formatter: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let formatter = Factory::new(move |_: ShardInfo| -> Box<dyn Formatter> { Box::new(formatter()) });
        Self { formatter, kept: Arc::clone(&events.kept), capacity_bytes: 64 << 20 }
    }

    /// Keeps so many bytes at most.
    #[must_use]
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity_bytes = bytes;
        self
    }
}

impl MemoryEvents {
    /// Everything delivered so far, as the formatter wrote it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.kept).clone()
    }

    /// Everything delivered so far, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&lock(&self.kept)).lines().map(str::to_owned).collect()
    }

    /// Forgets everything delivered so far.
    pub fn clear(&self) {
        lock(&self.kept).clear();
    }
}

impl SinkFactory for MemorySink {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Memory {
            formatter: self.formatter.make(context.shard),
            kept: Arc::clone(&self.kept),
            capacity_bytes: self.capacity_bytes,
        }))
    }
}

struct Memory {
    formatter: Box<dyn Formatter>,
    kept: Kept,
    capacity_bytes: usize,
}

impl Sink for Memory {
    fn writer(&self) -> String {
        "memory".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) {
        self.formatter.format(batch, payload.buffer());
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

fn lock(kept: &Kept) -> MutexGuard<'_, Vec<u8>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
