//! A plugin and sink that hangs.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    thread,
    time::Duration,
};

use fapilog::{
    enrich::Enricher,
    event::{Batch, Event},
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// A plugin and a sink that hang in the step of this name, as often as they are armed, until they are released.
#[derive(Clone)]
pub(crate) struct Trap {
    pub(crate) step: &'static str,
    /// How often it will hang.
    armed: Arc<AtomicU32>,
    /// How often it hangs, or has hung.
    hung: Arc<AtomicU32>,
    released: Arc<AtomicU32>,
    /// Shared by all plugins that are made of it.
    living: Arc<()>,
}

impl Trap {
    pub(crate) fn new(step: &'static str) -> Self {
        let count = Arc::<AtomicU32>::default;
        Self { step, armed: count(), hung: count(), released: count(), living: Arc::default() }
    }

    /// It hangs once more.
    pub(crate) fn arm(&self) {
        self.armed.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn hung(&self) -> u32 {
        self.hung.load(Ordering::SeqCst)
    }

    /// Has all calls that hang return, and none hang any more.
    pub(crate) fn release(&self) {
        self.released.store(u32::MAX, Ordering::SeqCst);
    }

    pub(crate) fn step(&self, step: &str) {
        let disarm = |armed: u32| armed.checked_sub(1);
        if self.step != step || self.armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, disarm).is_err() {
            return;
        }
        let number = self.hung.fetch_add(1, Ordering::SeqCst) + 1;
        while self.released.load(Ordering::SeqCst) < number {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The number of plugins or sinks that exist, and of factories of them.
    pub(crate) fn living(&self) -> usize {
        Arc::strong_count(&self.living)
    }
}

impl Processor for Trap {
    fn name(&self) -> &'static str {
        "trap"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.step("process");
        // It refers to the frames of the batch, once it is back.
        let is_numbered = |event: &Event<'_>| event.fields().any(|field| field.name == "number");
        assert!(batch.events().iter().all(is_numbered));
        Ok(())
    }
}

impl Enricher for Trap {
    fn name(&self) -> &'static str {
        "trap"
    }

    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        self.step("enrich");
        Ok(())
    }
}

impl SinkFactory for Trap {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Trap {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.step("payload");
        Some(Payload::new(1))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.step("encode");
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        self.step("deliver");
        let trap = self.clone();
        Delivery::in_flight(poll_fn(move |_| {
            trap.step("poll");
            Poll::Ready(Ok(()))
        }))
    }

    fn rotate(&mut self) -> Delivery {
        let trap = self.clone();
        Delivery::in_flight(poll_fn(move |_| {
            trap.step("rotate");
            Poll::Ready(Ok(()))
        }))
    }
}
