//! A sink that panics in a step of a test's choice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use fapilog::{
    event::Batch,
    plugin::PluginError,
    sink::{Delivery, OnFull, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

/// A sink that panics in the step of this name.
pub(super) struct PanickingSink(pub(super) &'static str, pub(super) Arc<AtomicBool>);

impl PanickingSink {
    fn step(&self, name: &str) {
        if self.0 == name && self.1.load(Ordering::Relaxed) {
            panic!("on purpose, in {name}");
        }
    }
}

impl SinkFactory for PanickingSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.step("make");
        Ok(Box::new(Self(self.0, Arc::clone(&self.1))))
    }
    fn on_full(&self) -> OnFull {
        self.step("on_full");
        OnFull::default()
    }
}

impl Sink for PanickingSink {
    fn writer(&self) -> String {
        self.step("writer");
        "none".to_owned()
    }
    fn payload(&mut self) -> Option<Payload> {
        self.step("payload");
        Some(Payload::new(1024))
    }
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().extend(batch.events().iter().map(|_| b'.'));
        self.step("encode");
        Ok(())
    }
    fn deliver(&mut self, _: Payload) -> Delivery {
        self.step("deliver");
        if self.0 == "future" && self.1.load(Ordering::Relaxed) {
            return Delivery::in_flight(async { panic!("on purpose, in a future") });
        }
        let panics = std::mem::ManuallyDrop::new(PanicsAtDrop);
        if self.0 == "future and its drop" {
            let panics = std::mem::ManuallyDrop::into_inner(panics);
            return Delivery::in_flight(std::future::poll_fn(move |_| {
                let _panics = &panics;
                panic!("on purpose, in a future")
            }));
        }
        if self.0 == "future's drop" {
            let panics = std::mem::ManuallyDrop::into_inner(panics);
            return Delivery::in_flight(async move {
                let _panics = panics;
                std::future::pending().await
            });
        }
        Delivery::done(Ok(()))
    }
    fn flush(&mut self) -> Delivery {
        self.step("flush");
        if self.0 == "flush's future and its drop" {
            let panics = PanicsAtDrop;
            return Delivery::in_flight(std::future::poll_fn(move |_| {
                let _panics = &panics;
                panic!("on purpose, in a flush")
            }));
        }
        if self.0 == "flush's drop" && !self.1.load(Ordering::Relaxed) {
            let panics = PanicsAtDrop;
            return Delivery::in_flight(async move {
                let _panics = panics;
                std::future::pending().await
            });
        }
        Delivery::done(Ok(()))
    }
    fn due(&self, now: Instant) -> Option<Instant> {
        self.step("due");
        (self.0 == "work").then_some(now)
    }
    fn work(&mut self, _: Instant) {
        self.step("work");
    }
    fn retries(&self) -> u64 {
        self.step("retries");
        0
    }
    fn stop(&mut self, _: Instant) {
        self.step("stop");
    }
}

struct PanicsAtDrop;

impl Drop for PanicsAtDrop {
    fn drop(&mut self) {
        panic!("on purpose, in a drop");
    }
}
