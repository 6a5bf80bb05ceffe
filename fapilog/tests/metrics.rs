//! A container's figures, and the async ways to flush and shut down.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::time::{Duration, Instant, SystemTime};

use fapilog::{
    Container,
    container::Overflow,
    error,
    error::FlushError,
    format, info,
    metrics::Throughput,
    plugin::{PluginError, PluginKind},
    sink::{self, Delivery},
};
use law::{TIMEOUT, balanced, end, sinks::StubSink, started, started_manual};

#[test]
fn figures_cover_sinks_plugins_times_and_rings() {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let container = law::thread_builder().apply(fapilog::default_pipeline).sink("memory", sink).start().unwrap();
    let log = container.logger("metrics");
    (0..1000).for_each(|n| info!(log, "counted", n));
    container.flush(TIMEOUT).unwrap();
    let metrics = container.metrics();
    assert_eq!((metrics.accounts.submitted, metrics.accounts.delivered_total()), (1000, 1000));
    let bytes: usize = events.lines().iter().map(|line| line.len() + 1).sum();
    assert_eq!(metrics.accounts.sinks[0].bytes, bytes as u64);
    let kinds: Vec<_> = metrics.plugins.iter().map(|plugin| (plugin.name.as_str(), plugin.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("timestamp", PluginKind::Enricher),
            ("correlation", PluginKind::Enricher),
            ("context", PluginKind::Enricher),
            ("filter", PluginKind::Processor),
            ("throttle", PluginKind::Processor),
            ("memory", PluginKind::Sink)
        ]
    );
    assert!(metrics.plugins.iter().all(|plugin| plugin.batches > 0 && plugin.time > Duration::ZERO));
    for percentiles in [metrics.drain_lag, metrics.end_to_end] {
        assert!(percentiles.samples > 0 && percentiles.p50 <= percentiles.p99 && percentiles.p99 <= percentiles.max);
    }
    // The shared lane's, and this thread's.
    assert_eq!(metrics.rings.count, 2);
    assert_eq!(metrics.rings.total_bytes, 2 * metrics.rings.capacity_bytes);
    assert!(metrics.rings.fill_max > 0.0 && metrics.rings.fill_max <= 1.0);
    law::shut_down(&container);
}

#[test]
fn metrics_name_their_container() {
    let (container, _events) = started();
    let (other, _other_events) = started();
    let (metrics, others) = (container.metrics(), other.metrics());
    assert_eq!((metrics.container_id, metrics.instance), (container.id(), container.instance()));
    assert!(metrics.container_id != others.container_id && metrics.instance != others.instance);
    assert!(metrics.started_at <= SystemTime::now() && !metrics.is_closed);
    law::shut_down(&container);
    law::shut_down(&other);
    assert!(container.metrics().is_closed);
    assert_eq!(container.metrics().started_at, metrics.started_at);
}

#[test]
fn the_throughput_is_that_of_the_last_seconds() {
    let (container, mut drain, _events) = started_manual(Container::builder().shards(1));
    assert_eq!(container.metrics().throughput, Throughput::default());
    let log = container.logger("metrics");
    let start = Instant::now();
    (0..500).for_each(|n| info!(log, "counted", n));
    assert_eq!(container.metrics().throughput.events_per_second_10s, 0.0);
    drain.run_until_idle();
    let throughput = container.metrics().throughput;
    // All events are in the window; the container is as old as the test at least, and a rate is over a second at least.
    let least = 500.0 / (start.elapsed().as_secs_f64() + 1.0);
    for rate in [throughput.events_per_second_10s, throughput.events_per_second_60s] {
        assert!(rate > least && rate <= 500.0, "{throughput:?}");
    }
    end(&container, &mut drain);
}

/// The keys of an object, in order.
fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_form_of_metrics_has_every_figure_with_its_unit() {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    let builder = law::thread_builder().overflow(Overflow::DropNewest).apply(fapilog::default_pipeline);
    let container = builder.sink("memory", sink).start().unwrap();
    let log = container.logger("metrics");
    (0..100).for_each(|n| info!(log, "counted", n));
    law::shut_down(&container);
    error!(log, "too late");
    let metrics = container.metrics();
    let json = serde_json::to_value(&metrics).unwrap();
    let mut expected = [
        "container_id",
        "instance",
        "started_at_unix_ns",
        "is_closed",
        "throughput",
        "accounts",
        "plugins",
        "deliveries",
        "drain_lag",
        "end_to_end",
        "health",
        "rings",
        "executor",
        "shards",
    ];
    expected.sort_unstable();
    assert_eq!(keys(&json), expected);
    assert_eq!(json["container_id"], container.id());
    assert_eq!(json["instance"], container.instance().to_string());
    assert_eq!(keys(&json["throughput"]), ["events_per_second_10s", "events_per_second_60s"]);
    assert_eq!(
        (&json["health"], &json["executor"], &json["is_closed"]),
        (&"full".into(), &"thread".into(), &true.into())
    );

    let accounts = &json["accounts"];
    let sums =
        ["submitted", "delivered_total", "filtered_total", "lost_total", "pending_total", "pending", "cut", "unrouted"];
    assert_eq!(sums.map(|name| accounts[name].as_u64().unwrap()), [101, 100, 0, 1, 0, 0, 0, 0]);
    assert_eq!(accounts["lost"], serde_json::json!({"container_closed": 1}));
    assert_eq!(accounts["lost_by_level"], serde_json::json!({"error": 1}));
    assert_eq!(accounts["lost_of_unknown_level"], 0);
    assert_eq!(accounts["filtered"], serde_json::json!({"filter": 0, "throttle": 0}));
    let sink = &accounts["sinks"][0];
    assert_eq!(
        (&sink["name"], &sink["delivered"], &sink["lost"]),
        (&"memory".into(), &100.into(), &serde_json::json!({}))
    );
    assert_eq!(sink["bytes"], metrics.accounts.sinks[0].bytes);

    let plugin = &json["plugins"][0];
    assert_eq!(
        (&plugin["name"], &plugin["kind"], &plugin["state"]),
        (&"timestamp".into(), &"enricher".into(), &"active".into())
    );
    assert_eq!(plugin["time_ns"], metrics.plugins[0].time.as_nanos() as u64);
    let delivery = &json["deliveries"][0];
    assert_eq!(
        (&delivery["sink"], &delivery["breaker"], &delivery["oldest_ns"]),
        (&"memory".into(), &"closed".into(), &0.into())
    );
    assert_eq!(keys(&delivery["spill"]), ["bytes", "events", "payloads", "replayed", "stored"]);

    let latency = &json["end_to_end"];
    let names = ["histogram", "max_ns", "p50_ns", "p90_ns", "p99_9_ns", "p99_ns", "samples", "sum_ns"];
    assert_eq!(keys(latency), names);
    assert_eq!(latency["max_ns"], metrics.end_to_end.max.as_nanos() as u64);
    let histogram = latency["histogram"].as_array().unwrap();
    assert_eq!(
        (histogram.len(), &histogram[0]["le_ns"], &histogram[21]["le_ns"]),
        (22, &1000.into(), &60_000_000_000_u64.into())
    );
    assert_eq!(histogram[21]["samples"], metrics.end_to_end.samples);
}

#[test]
fn metrics_of_a_log_that_the_program_drains_are_json_too() {
    let (container, mut drain, _events) = started_manual(Container::builder());
    let json = serde_json::to_value(container.metrics()).unwrap();
    assert_eq!((&json["executor"], &json["shards"]), (&serde_json::Value::Null, &1.into()));
    assert_eq!(json["drain_lag"]["samples"], 0);
    end(&container, &mut drain);
}

#[test]
fn the_counts_of_a_histogram_go_up_to_the_number_of_samples() {
    let (container, _events) = started();
    let log = container.logger("metrics");
    for n in 0..20 {
        info!(log, "counted", n);
        container.flush(TIMEOUT).unwrap();
    }
    law::shut_down(&container);
    let metrics = container.metrics();
    for percentiles in [metrics.drain_lag, metrics.end_to_end] {
        let counts: Vec<u64> = percentiles.histogram.iter().map(|(_, count)| count).collect();
        assert!(counts.is_sorted(), "{counts:?}");
        assert_eq!((percentiles.samples, counts.last()), (20, Some(&20)));
        assert!(percentiles.sum >= percentiles.max && percentiles.sum <= percentiles.max * 20 * 101 / 100);
    }
}

#[test]
fn the_fill_of_the_fullest_ring_is_seen() {
    let builder =
        Container::builder().overflow(Overflow::DropNewest).ring_capacity_bytes(16 * 1024).record_max_bytes(1024);
    let (container, mut drain, _events) = started_manual(builder);
    let log = container.logger("metrics");
    (0..10_000).for_each(|n| info!(log, "fills", n));
    drain.turn();
    assert!(container.metrics().rings.fill > 0.9, "{:?}", container.metrics().rings);
    end(&container, &mut drain);
}

#[test]
fn an_async_flush_returns_when_everything_is_delivered() {
    let (container, events) = started();
    info!(container.logger("metrics"), "logged");
    pollster::block_on(container.flush_async(TIMEOUT)).unwrap();
    assert_eq!(events.lines().len(), 1);
    law::shut_down(&container);
}

#[test]
fn an_async_flush_that_takes_too_long_fails_at_its_deadline() {
    let stuck = StubSink::new(|| Delivery::in_flight(std::future::pending()));
    let container = law::thread_builder().sink("stuck", stuck).start().unwrap();
    info!(container.logger("metrics"), "logged");
    let start = Instant::now();
    let result = pollster::block_on(container.flush_async(Duration::from_millis(50)));
    assert!(matches!(result, Err(FlushError::Deadline { .. })), "{result:?}");
    assert!(start.elapsed() < TIMEOUT);
    let result = container.shutdown(Duration::from_millis(50));
    assert!(result.is_err());
    balanced(container.accounts());
}

#[test]
fn an_async_shutdown_drains_and_reports() {
    let (container, events) = started();
    info!(container.logger("metrics"), "logged");
    let accounts = balanced(pollster::block_on(container.shutdown_async(TIMEOUT)).unwrap());
    assert_eq!((accounts.delivered_total(), events.lines().len()), (1, 1));
    let again = pollster::block_on(container.flush_async(TIMEOUT));
    assert!(matches!(again, Err(FlushError::ShutDown)), "{again:?}");
}

#[test]
fn a_heartbeat_reports_the_health_of_an_idle_log() {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder = law::thread_builder().heartbeat(Duration::from_millis(20)).flush_interval(Duration::from_millis(1));
    let container = builder.shards(2).sink("memory", sink).start().unwrap();
    info!(container.logger("metrics"), "logged");
    law::until("three beats are there", || {
        law::messages(&events).iter().filter(|text| *text == "heartbeat").count() >= 3
    });
    law::shut_down(&container);
    let beats: Vec<_> = law::parsed(&events).into_iter().filter(|event| event["message"] == "heartbeat").collect();
    assert_eq!((&beats[0]["target"], &beats[0]["source"]), (&"fapilog::heartbeat".into(), &"fapilog".into()));
    assert!(beats[2]["metrics"]["submitted"].as_u64().unwrap() >= 2);
    assert_eq!(beats[2]["metrics"]["lost"], 0);
}

#[test]
fn an_async_shutdown_takes_any_timeout() {
    let (container, _events) = started();
    balanced(pollster::block_on(container.shutdown_async(Duration::MAX)).unwrap());
}

/// Makes sinks whose deliveries never end, and never wake the drain.
struct Silent;

impl fapilog::sink::SinkFactory for Silent {
    fn make(
        &self,
        _: &fapilog::sink::SinkContext<'_>,
    ) -> Result<Box<dyn fapilog::sink::Sink>, fapilog::sink::SinkError> {
        Ok(Box::new(Self))
    }
}

impl fapilog::sink::Sink for Silent {
    fn writer(&self) -> String {
        "silent".to_owned()
    }

    fn payload(&mut self) -> Option<fapilog::sink::Payload> {
        Some(fapilog::sink::Payload::new(1024))
    }

    fn encode(
        &mut self,
        _: &fapilog::event::Batch<'_>,
        payload: &mut fapilog::sink::Payload,
    ) -> Result<(), PluginError> {
        payload.buffer().push(b'.');
        Ok(())
    }

    fn deliver(&mut self, _: fapilog::sink::Payload) -> fapilog::sink::Delivery {
        fapilog::sink::Delivery::waking(std::future::pending())
    }
}

#[test]
fn an_async_flush_fails_at_its_deadline_while_the_drain_is_parked() {
    let container = law::thread_builder().idle_sleep(Duration::ZERO).sink("silent", Silent).start().unwrap();
    info!(container.logger("metrics"), "logged");
    let (answer, is_there) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = answer.send(pollster::block_on(container.flush_async(Duration::from_millis(300))));
        let _ = container.shutdown(Duration::from_millis(50));
    });
    let result = is_there.recv_timeout(TIMEOUT);
    assert!(matches!(result, Ok(Err(FlushError::Deadline { .. }))), "{result:?}");
}

#[test]
fn a_reader_outlives_its_container_and_has_its_last_figures() {
    let (container, _events) = started();
    let reader = container.metrics_reader();
    info!(container.logger("metrics"), "logged");
    container.flush(TIMEOUT).unwrap();
    let metrics = reader.read();
    assert_eq!((metrics.accounts.submitted, metrics.container_id), (1, container.id()));
    info!(container.logger("metrics"), "logged");
    drop(container);
    let last = balanced(reader.read().accounts);
    assert_eq!((last.submitted, last.delivered_total()), (2, 2));
    assert!(reader.read().is_closed);
}
