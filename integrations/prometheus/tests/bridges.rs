//! The bridges: the figures in the crates `metrics` and `prometheus-client`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog::info;
use fapilog_prometheus::Exporter;
use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use prometheus_client::{encoding::text::encode, registry::Registry};
use support::{TIMEOUT, openmetrics, shut_down, started, until, with_figures};

/// Values by name and labels.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<HashMap<String, f64>>>);

/// A value on its way into the map.
struct Entry(Recorded, String);

impl CounterFn for Entry {
    fn increment(&self, _: u64) {
        panic!("the figures are absolute");
    }

    fn absolute(&self, value: u64) {
        self.0.0.lock().unwrap().insert(format!("counter {}", self.1), value as f64);
    }
}

impl GaugeFn for Entry {
    fn increment(&self, _: f64) {
        panic!("the figures are absolute");
    }

    fn decrement(&self, _: f64) {
        panic!("the figures are absolute");
    }

    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(format!("gauge {}", self.1), value);
    }
}

impl Recorded {
    fn entry(&self, key: &Key) -> Arc<Entry> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Entry(self.clone(), format!("{}{{{}}}", key.name(), labels.join(","))))
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name).copied()
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().insert(format!("described counter {} {unit:?}", name.as_str()), 1.0);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.0.lock().unwrap().insert(format!("described gauge {} {unit:?}", name.as_str()), 1.0);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("no histogram is in use: {name:?}");
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.entry(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.entry(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("no histogram is in use: {key:?}");
    }
}

#[test]
fn the_facade_has_the_figures_as_counters_and_gauges() {
    let container = with_figures();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let recorded = Recorded::default();
    metrics::with_local_recorder(&recorded, || exporter.publish());
    let metrics = container.metrics();
    let value =
        |name: &str| recorded.get(name).unwrap_or_else(|| panic!("{name}: {:?}", recorded.0.lock().unwrap().keys()));
    assert_eq!(value("counter fapilog_events_submitted_total{container=app}"), 11.0);
    assert_eq!(value("counter fapilog_events_lost_total{container=app,reason=container_closed}"), 1.0);
    assert_eq!(value("gauge fapilog_health{container=app,fapilog_health=full}"), 1.0);
    assert_eq!(value("gauge fapilog_rings_memory_bytes{container=app}"), metrics.rings.total_bytes as f64);
    let latency = "fapilog_end_to_end_latency_seconds";
    let p99 = metrics.end_to_end.p99.as_secs_f64();
    assert_eq!(value(&format!("gauge {latency}{{container=app,quantile=0.99}}")), p99);
    assert_eq!(value(&format!("counter {latency}_count{{container=app}}")), metrics.end_to_end.samples as f64);
    assert_eq!(value(&format!("gauge {latency}_sum{{container=app}}")), metrics.end_to_end.sum.as_secs_f64());
    // Seconds that add up are no whole number.
    let time = metrics.plugins[0].time.as_secs_f64();
    assert_eq!(value("gauge fapilog_plugin_time_seconds_total{container=app,plugin=timestamp,kind=enricher}"), time);
    value("described counter fapilog_sink_delivered_bytes_total Some(Bytes)");
    value("described gauge fapilog_plugin_time_seconds_total Some(Seconds)");
    value("described gauge fapilog_end_to_end_latency_seconds Some(Seconds)");
}

#[test]
fn a_publisher_sets_the_figures_again_and_again_until_it_is_dropped() {
    let recorded = Recorded::default();
    metrics::set_global_recorder(recorded.clone()).map_err(|_| "another test has a recorder").unwrap();
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let publisher = exporter.publish_every(Duration::from_millis(10)).unwrap();
    let name = "counter fapilog_events_submitted_total{container=app}";
    for number in 1..=3 {
        info!(container.logger("test"), "counted");
        until("the count is published", || recorded.get(name) == Some(f64::from(number)));
    }
    drop(publisher);
    recorded.0.lock().unwrap().clear();
    container.flush(TIMEOUT).unwrap();
    shut_down(&container);
    // It has ended: nothing is published after the drop.
    assert_eq!(recorded.get(name), None);
}

#[test]
fn a_registry_of_prometheus_client_has_the_figures_beside_its_own() {
    let container = with_figures();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let mut registry = Registry::default();
    let own = prometheus_client::metrics::counter::Counter::<u64>::default();
    registry.register("requests", "Requests of the program", own.clone());
    own.inc();
    registry.register_collector(Box::new(exporter));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let families = openmetrics::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let value = |family: &str, sample: &str, labels: &[(&str, &str)]| {
        let family = families.iter().find(|known| known.name == family).unwrap_or_else(|| panic!("{family}"));
        family.value(sample, labels).unwrap_or_else(|| panic!("{sample}{labels:?}: {family:?}"))
    };
    assert_eq!(value("requests", "requests_total", &[]), 1.0);
    let app = ("container", "app");
    assert_eq!(value("fapilog_events_submitted", "fapilog_events_submitted_total", &[app]), 11.0);
    let bytes = container.accounts().sinks[0].bytes as f64;
    assert_eq!(
        value("fapilog_sink_delivered_bytes", "fapilog_sink_delivered_bytes_total", &[app, ("sink", "memory")]),
        bytes
    );
    assert_eq!(value("fapilog_health", "fapilog_health", &[app, ("fapilog_health", "full")]), 1.0);
    assert_eq!(value("fapilog_container", "fapilog_container_info", &[app, ("executor", "thread")]), 1.0);
    let (latency, metrics) = ("fapilog_end_to_end_latency_seconds", container.metrics());
    for (bound, samples) in metrics.end_to_end.histogram.iter() {
        let bound = bound.as_secs_f64();
        let family = families.iter().find(|known| known.name == latency).unwrap();
        let is_bound =
            |sample: &&openmetrics::Sample| sample.labels.get("le").is_some_and(|le| le.parse() == Ok(bound));
        assert_eq!(family.samples.iter().find(is_bound).unwrap().value, samples as f64, "{bound}");
    }
    assert_eq!(value(latency, &format!("{latency}_count"), &[app]), metrics.end_to_end.samples as f64);
}
