//! A recorder of the program that panics does not end the thread that publishes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]

mod support;

use std::{
    panic::panic_any,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fapilog_prometheus::Exporter;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use support::{shut_down, started, until};

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// A payload whose drop panics as well.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("the payload");
    }
}

struct Panicking;

impl Panicking {
    fn called() {
        CALLS.fetch_add(1, Ordering::SeqCst);
        panic_any(PanicsWhenDropped);
    }
}

impl Recorder for Panicking {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        Self::called();
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        Self::called();
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn a_recorder_that_panics_is_called_again_at_the_next_interval() {
    metrics::set_global_recorder(Panicking).map_err(|_| "there is a recorder").unwrap();
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let publisher = exporter.publish_every(Duration::from_millis(10)).unwrap();
    until("the recorder is called again", || CALLS.load(Ordering::SeqCst) >= 3);
    drop(publisher);
    shut_down(&container);
}
