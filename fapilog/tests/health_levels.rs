//! Health levels: the order in which work is given up when parts fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fapilog::{
    Container,
    enrich::Enricher,
    event::{Batch, FieldGroup, ValueRef},
    info,
    metrics::HealthLevel,
    plugin::PluginError,
    process::Processor,
    sink::{Delivery, SinkError, SinkFactory, SinkOptions},
};
use law::{TIMEOUT, balanced, memory, of_program, parsed, sinks::StubSink, thread_builder};

/// Adds a field, or fails.
struct Fickle {
    name: &'static str,
    is_broken: Arc<AtomicBool>,
}

impl Enricher for Fickle {
    fn name(&self) -> &'static str {
        self.name
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(PluginError::failed("broken"));
        }
        let events = batch.events_mut().iter_mut();
        events.for_each(|event| event.add_field(FieldGroup::Context, self.name, ValueRef::Bool(true)));
        Ok(())
    }
}

/// Tags all events; essential or not.
struct Tags(&'static str, bool);

impl Processor for Tags {
    fn name(&self) -> &'static str {
        self.0
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let events = batch.events_mut().iter_mut();
        events.for_each(|event| event.add_field(FieldGroup::Tags, self.0, ValueRef::Bool(true)));
        Ok(())
    }

    fn is_essential(&self) -> bool {
        self.1
    }
}

#[test]
fn with_two_plugins_disabled_only_essential_ones_work_until_one_is_back() {
    let broken = Arc::new(AtomicBool::new(true));
    let (sink, events) = memory();
    let mut builder = thread_builder();
    for name in ["one", "two"] {
        let is_broken = Arc::clone(&broken);
        builder = builder.enricher(move |_| Box::new(Fickle { name, is_broken: Arc::clone(&is_broken) }));
    }
    let container = builder
        .processor(|_| Box::new(Tags("essential", true)))
        .processor(|_| Box::new(Tags("ornament", false)))
        .sink("memory", sink)
        .start()
        .unwrap();
    let log_and_flush = |message: &str| {
        info!(container.logger("health"), message);
        container.flush(TIMEOUT).unwrap();
    };
    (0..3).for_each(|_| log_and_flush("failing"));
    assert_eq!(container.metrics().health, HealthLevel::EssentialPlugins);
    log_and_flush("reduced");
    broken.store(false, Ordering::Relaxed);
    container.set_plugin_enabled("one", true).unwrap();
    log_and_flush("back");
    assert_eq!(container.metrics().health, HealthLevel::Full);
    balanced(container.shutdown(TIMEOUT).unwrap());
    let of = |message: &str| parsed(&events).into_iter().find(|event| event["message"] == message).unwrap();
    assert_eq!(of("failing")["tags"], serde_json::json!({"essential": true, "ornament": true}));
    assert_eq!(of("reduced")["tags"], serde_json::json!({"essential": true}));
    assert_eq!(of("back")["tags"], serde_json::json!({"essential": true, "ornament": true}));
    assert_eq!(of("back")["context"]["one"], true);
}

/// Makes sinks that deliver nothing.
fn broken() -> impl SinkFactory {
    StubSink::new(|| Delivery::done(Err(SinkError::Other("broken".into()))))
}

fn health_with(builder: fapilog::container::ContainerBuilder) -> HealthLevel {
    let container: Container = builder.start().unwrap();
    info!(container.logger("health"), "logged");
    let _ = container.flush(TIMEOUT);
    let health = container.metrics().health;
    balanced(container.shutdown(TIMEOUT).unwrap());
    health
}

#[test]
fn a_sink_that_fails_leaves_the_others_to_work() {
    let (sink, events) = memory();
    let builder = thread_builder().sink("memory", sink).sink_with("broken", broken(), SinkOptions::new());
    assert_eq!((health_with(builder), of_program(&events).len()), (HealthLevel::WorkingSinks, 1));
}

#[test]
fn when_no_sink_works_it_is_an_emergency_that_the_program_hears_of() {
    let is_heard = Arc::new(AtomicBool::new(false));
    let ear = Arc::clone(&is_heard);
    let builder = thread_builder()
        .emergency_lines(false)
        .error_callback(move |diagnostic| {
            ear.store(diagnostic.about == "emergency" || ear.load(Ordering::Relaxed), Ordering::Relaxed)
        })
        .sink("broken", broken());
    assert_eq!(health_with(builder), HealthLevel::Emergency);
    assert!(is_heard.load(Ordering::Relaxed));
}
