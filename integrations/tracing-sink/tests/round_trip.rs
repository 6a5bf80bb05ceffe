//! The sink and the layer in one program: what the sink hands over does not come back.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fapilog::info;
use fapilog_sink_tracing::TracingSink;
use fapilog_tracing::TracingLayer;
use law::{memory, messages, shut_down, thread_builder};
use tracing_subscriber::{layer::Context, prelude::*};

const EVENTS: u64 = 100;

/// Another layer, which has the events of the sink.
#[derive(Clone, Default)]
struct CountingLayer(Arc<AtomicU64>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountingLayer {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn events_that_the_sink_hands_to_the_layers_subscriber_are_suppressed_there_and_counted() {
    let (sink, events) = memory();
    let container = thread_builder().sink("memory", sink).sink("tracing", TracingSink::new()).start().unwrap();
    let counting = CountingLayer::default();
    let layer = fapilog_tracing::layer(container.logger("tracing"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer).with(counting.clone())).unwrap();
    let log = container.logger("own");
    for n in 0..EVENTS {
        tracing::info!(n, "by tracing");
        info!(log, "by fapilog", n);
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.submitted, accounts.lost.total()), (2 * EVENTS, 0), "{accounts}");
    assert_eq!(messages(&events).len() as u64, 2 * EVENTS);
    // Each event of tracing at its call, and all of them by the sink.
    assert_eq!(counting.0.load(Ordering::SeqCst), 3 * EVENTS);
    let suppressed = tracing::dispatcher::get_default(|dispatch| {
        dispatch.downcast_ref::<TracingLayer>().map(TracingLayer::suppressed)
    });
    assert_eq!(suppressed.unwrap().on_drain_threads, 2 * EVENTS);
}
