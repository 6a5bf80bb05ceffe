//! Cost of the encoder for an event: the time of the sink's `encode`, with batches as a drain hands them over. Nothing is sent.
//!
//! `cargo bench -p fapilog-nats --bench encode`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{
    cell::Cell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog::{Container, Logger, container::ManualDrain, enrich, format, info};
use fapilog_nats::{NatsPublisher, NatsSettings};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

const BATCH_EVENTS: u64 = 512;

thread_local! {
    /// Time of the encoder's last call. The drain runs on this thread.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Encodes as the sink does, takes the time, and throws the messages away.
struct TimedEncoder {
    sink: Box<dyn Sink>,
    spare: Vec<u8>,
}

impl Sink for TimedEncoder {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::in_buffer(std::mem::take(&mut self.spare), 1 << 20))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let started = Instant::now();
        self.sink.encode(batch, payload)?;
        SPENT.set(started.elapsed());
        black_box(payload.records());
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.spare = payload.into_buffer();
        self.spare.clear();
        Delivery::done(Ok(()))
    }
}

struct TimedEncoders(NatsPublisher);

impl SinkFactory for TimedEncoders {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedEncoder { sink: self.0.make(context)?, spare: Vec::new() }))
    }
}

/// Logs one event; the number distinguishes it from the others.
type LogOne = fn(&Logger, u64);

fn primitives(log: &Logger, number: u64) {
    info!(log, "order filled", order_id = number, price = 101.25, quantity = 7_u32);
}

/// A filled message, texts, a tag, a metric, and the ids of a trace.
fn mixed(log: &Logger, number: u64) {
    info!(
        log,
        "GET {path} is {status}",
        path = "/api/v1/accounts/0123456789/orders?state=open&page=2",
        status = 200_u16,
        request = number,
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
        span_id = "00f067aa0ba902b7",
        tags.region = "eu-central-1",
        metrics.latency_ms = 3.25
    );
}

/// The time of `events` events, by the median batch: a batch takes far less than a time slice, so other
/// processes disturb few of them.
fn timed(container: &Container, drain: &mut ManualDrain, events: u64, log: LogOne) -> Duration {
    let logger = container.logger("matching-engine");
    let batch_time = |batch| {
        (0..BATCH_EVENTS).for_each(|index| log(&logger, 1_000_000 + batch * BATCH_EVENTS + index));
        drain.run_until_idle();
        SPENT.get()
    };
    let mut times: Vec<Duration> = (0..events.div_ceil(BATCH_EVENTS)).map(batch_time).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).expect("at least one batch");
    median.mul_f64(events as f64 / BATCH_EVENTS as f64)
}

fn sink() -> TimedEncoders {
    let mut settings = NatsSettings::default();
    settings.servers = vec!["nats://127.0.0.1".to_owned()];
    settings.subject = "logs.{source}.{level}".to_owned();
    TimedEncoders(NatsPublisher::new(&settings, format::Json::new).expect("a sink"))
}

fn bench(criterion: &mut Criterion) {
    let workloads: [(&str, LogOne); 4] = [
        ("primitives", primitives),
        ("primitives_with_context", primitives),
        ("mixed", mixed),
        ("mixed_with_context", mixed),
    ];
    let mut group = criterion.benchmark_group("nats");
    group.throughput(Throughput::Elements(1));
    for (name, log) in workloads {
        let builder = Container::builder().sink("nats", sink()).batch_events_max(BATCH_EVENTS as usize);
        let builder = match name.ends_with("with_context") {
            true => builder.enricher(|_| Box::new(enrich::Context::new())),
            false => builder,
        };
        let (container, mut drain) = builder.start_manual().expect("a container");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|events| timed(&container, &mut drain, events, log));
        });
        container.request_shutdown(Instant::now() + Duration::from_secs(5));
        drain.run_until_idle();
        assert_eq!(container.accounts().lost_total(), 0, "every event was encoded");
    }
    group.finish();
}

criterion_group! {
    name = encode;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = bench
}
criterion_main!(encode);
