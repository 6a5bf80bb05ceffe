//! A container's figures, and the async ways to flush and shut down.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::time::{Duration, Instant};

use fapilog::{
    Container,
    container::Overflow,
    error::FlushError,
    format, info,
    plugin::PluginKind,
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

    fn encode(&mut self, _: &fapilog::event::Batch<'_>, payload: &mut fapilog::sink::Payload) {
        payload.buffer().push(b'.');
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
