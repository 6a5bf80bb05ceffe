//! Errors that cannot be shown, or have no end.

use std::fmt;

use fapilog::{
    enrich::Enricher,
    event::Batch,
    info,
    metrics::LossReason,
    plugin::PluginError,
    sink::{Delivery, SinkError},
};

use crate::{
    displays::panics,
    law::{TIMEOUT, memory, of_program, shut_down, sinks::StubSink, thread_builder},
};

/// An error that panics when it is shown, and when it is dropped.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panics(f)
    }
}

impl std::error::Error for Unspeakable {}

impl Drop for Unspeakable {
    fn drop(&mut self) {
        panic!("on purpose, in an error's drop");
    }
}

/// An error that is its own source.
#[derive(Debug)]
struct Circle;

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round and round")
    }
}

impl std::error::Error for Circle {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

/// Fails with an error of its own, also at its end.
struct Fails(MakesError);

type MakesError = fn() -> PluginError;

impl Enricher for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }
    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Err((self.0)())
    }
    fn stop(&mut self) -> Result<(), PluginError> {
        Err((self.0)())
    }
}

#[test]
fn errors_that_cannot_be_shown_or_have_no_end_are_counted_and_reported() {
    let errors: [(MakesError, &str); 3] = [
        (|| PluginError::failed(Unspeakable), "an error that cannot be shown"),
        (|| PluginError::failed(Circle), "round and round: round and round"),
        (|| PluginError::failed("x".repeat(100 << 20)), "the plugin failed: xxxx"),
    ];
    for (error, expected) in errors {
        let (sink, events) = memory();
        let container =
            thread_builder().enricher(move |_| Box::new(Fails(error))).sink("memory", sink).start().unwrap();
        info!(container.logger("survives"), "logged");
        shut_down(&container);
        assert_eq!((events.lines().len(), container.metrics().plugins[0].errors), (1, 2), "{expected}");
        let diagnostics = container.diagnostics();
        assert!(
            diagnostics.iter().all(|diagnostic| diagnostic.text.contains(expected) && diagnostic.text.len() < 8192),
            "{expected}"
        );
        assert_eq!(diagnostics.len(), 2, "{expected}");
    }
}

fn unspeakable() -> Delivery {
    Delivery::done(Err(SinkError::Other(Box::new(Unspeakable))))
}

#[test]
fn a_delivery_whose_error_cannot_be_shown_is_lost_and_harms_no_other_sink() {
    let (other, other_events) = memory();
    let container = thread_builder()
        .sink("undelivered", StubSink::new(unspeakable).flush(unspeakable))
        .sink("other", other)
        .start()
        .unwrap();
    info!(container.logger("survives"), "lost at one");
    assert!(container.flush(TIMEOUT).is_err());
    let accounts = shut_down(&container);
    assert_eq!((accounts.sinks[0].lost.of(LossReason::SinkFailed), of_program(&other_events).len()), (1, 1));
    let expected = "\"the sink failed: an error that cannot be shown\"";
    let diagnostics = container.diagnostics();
    let mut of_sink = diagnostics.iter().filter(|diagnostic| diagnostic.about == "undelivered");
    assert!(of_sink.all(|diagnostic| diagnostic.text == expected), "{diagnostics:?}");
}
