//! Sinks of tests: full, made of a function, or talkative.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use fapilog::{
    event::Batch,
    format,
    plugin::PluginError,
    sink::{self, Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// A sink that never has room. It counts how often it is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Full {
    asked: Arc<AtomicU64>,
}

impl Full {
    /// The number of requests for room by the drain: at least one in each of its passes while an event waits.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl SinkFactory for Full {
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Full {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }
}

/// A sink that encodes nothing, and delivers each batch at once, by a function.
#[derive(Debug, Clone)]
pub(crate) struct StubSink<F> {
    deliver: F,
    flush: fn() -> Delivery,
}

impl<F: FnMut() -> Delivery> StubSink<F> {
    pub(crate) fn new(deliver: F) -> Self {
        Self { deliver, flush: || Delivery::done(Ok(())) }
    }

    /// The function that flushes.
    pub(crate) fn flush(self, flush: fn() -> Delivery) -> Self {
        Self { flush, ..self }
    }
}

impl<F: FnMut() -> Delivery + Clone + Send + Sync + 'static> SinkFactory for StubSink<F> {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl<F: FnMut() -> Delivery> Sink for StubSink<F> {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(0))
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        (self.deliver)()
    }

    fn flush(&mut self) -> Delivery {
        (self.flush)()
    }
}

/// Makes sinks that deliver nothing, and reports a diagnostic for each.
pub(crate) struct Talkative;

impl SinkFactory for Talkative {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        context.report("planted");
        sink::Null::new(format::Json::new).make(context)
    }
}

/// A memory sink whose deliveries fail while a test wants it.
pub(crate) struct Failing {
    memory: sink::Memory,
    fails: Arc<AtomicBool>,
    payload_bytes: usize,
}

impl Failing {
    /// The sink, its events, and the switch. It fails at first.
    pub(crate) fn new() -> (Self, sink::MemoryEvents, Arc<AtomicBool>) {
        let (memory, events) = sink::Memory::new(format::Json::new);
        let fails = Arc::new(AtomicBool::new(true));
        (Self { memory, fails: Arc::clone(&fails), payload_bytes: 0 }, events, fails)
    }

    /// The size of its payloads. Without it, each batch fills one.
    pub(crate) fn payload_bytes(self, payload_bytes: usize) -> Self {
        Self { payload_bytes, ..self }
    }
}

impl SinkFactory for Failing {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let sink = self.memory.make(context)?;
        Ok(Box::new(FailingSink { sink, fails: Arc::clone(&self.fails), payload_bytes: self.payload_bytes }))
    }
}

struct FailingSink {
    sink: Box<dyn Sink>,
    fails: Arc<AtomicBool>,
    payload_bytes: usize,
}

impl Sink for FailingSink {
    fn writer(&self) -> String {
        self.sink.writer()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(self.payload_bytes))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.sink.encode(batch, payload)
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        if self.fails.load(Ordering::Relaxed) {
            return Delivery::done(Err(SinkError::Other("planted".into())));
        }
        self.sink.deliver(payload)
    }
}

/// A memory sink whose room a test takes away and gives back.
pub(crate) struct Switched {
    memory: sink::Memory,
    has_room: Arc<AtomicBool>,
}

impl Switched {
    /// The sink, its events, and the switch. There is room at first.
    pub(crate) fn new() -> (Self, sink::MemoryEvents, Arc<AtomicBool>) {
        let (memory, events) = sink::Memory::new(format::Json::new);
        let has_room = Arc::new(AtomicBool::new(true));
        (Self { memory, has_room: Arc::clone(&has_room) }, events, has_room)
    }
}

impl SinkFactory for Switched {
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let sink = self.memory.make(context)?;
        Ok(Box::new(SwitchedSink { sink, has_room: Arc::clone(&self.has_room) }))
    }
}

struct SwitchedSink {
    sink: Box<dyn Sink>,
    has_room: Arc<AtomicBool>,
}

impl Sink for SwitchedSink {
    fn writer(&self) -> String {
        self.sink.writer()
    }

    fn payload(&mut self) -> Option<Payload> {
        // An empty payload is kept for later: it is full at once, so that each batch asks for another.
        self.has_room.load(Ordering::Relaxed).then(|| Payload::new(0))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.sink.encode(batch, payload)
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.sink.deliver(payload)
    }
}
