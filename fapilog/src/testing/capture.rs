//! A sink that keeps events themselves, not their text.

use std::{
    io,
    mem::take,
    sync::{Arc, Mutex},
};

use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, DeliveryPolicy, Payload, Sink, SinkContext, SinkError, SinkFactory},
    threads::lock,
};

use super::LoggedEvent;

/// The most events that are kept. Beyond it deliveries fail, and the test with them.
const EVENTS_MAX: usize = 1_000_000;

/// The events delivered so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Captured {
    kept: Arc<Mutex<CapturedEvents>>,
}

#[derive(Debug, Default)]
struct CapturedEvents {
    events: Vec<LoggedEvent>,
    /// The number of events before those.
    forgotten: usize,
}

impl Captured {
    pub(super) fn all(&self) -> Vec<LoggedEvent> {
        lock(&self.kept).events.clone()
    }

    /// The number of all events so far.
    pub(super) fn count(&self) -> usize {
        let kept = lock(&self.kept);
        kept.forgotten + kept.events.len()
    }

    /// Those behind the first `count`.
    pub(super) fn behind(&self, count: usize) -> Vec<LoggedEvent> {
        let kept = lock(&self.kept);
        kept.events.iter().skip(count.saturating_sub(kept.forgotten)).cloned().collect()
    }

    pub(super) fn forget(&self) {
        let mut kept = lock(&self.kept);
        kept.forgotten += take(&mut kept.events).len();
    }
}

impl SinkFactory for Captured {
    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::direct()
    }

    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Capture { captured: self.clone(), encoded: Vec::new() }))
    }
}

/// Events take the payload's place: encoded events wait in it until its payload is delivered.
struct Capture {
    captured: Captured,
    encoded: Vec<LoggedEvent>,
}

impl Sink for Capture {
    fn writer(&self) -> String {
        "captured".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(0))
    }

    fn encode(&mut self, batch: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        self.encoded.extend(batch.events().iter().map(LoggedEvent::of));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        let mut kept = lock(&self.captured.kept);
        if kept.events.len() + self.encoded.len() > EVENTS_MAX {
            self.encoded.clear();
            let full = io::Error::new(io::ErrorKind::StorageFull, "a test log keeps a million events at most");
            return Delivery::done(Err(SinkError::Other(full.into())));
        }
        kept.events.append(&mut self.encoded);
        Delivery::done(Ok(()))
    }
}
