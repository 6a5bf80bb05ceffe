//! Cost of the encoder for an event: the time of its calls, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-kafka --bench encode`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{
    cell::Cell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog::{
    Container, Logger,
    container::ManualDrain,
    event::Batch,
    format::Json,
    info,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_kafka::{Kafka, KafkaSettings};

const BATCH_EVENTS: u64 = 512;

thread_local! {
    /// Time of the encoder's last call. The drain runs on this thread.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Encodes, takes the time, and throws the records away.
struct TimedEncoder(Box<dyn Sink>);

impl Sink for TimedEncoder {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1 << 20))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let started = Instant::now();
        self.0.encode(batch, payload)?;
        SPENT.set(started.elapsed());
        black_box(payload.records());
        payload.set_full();
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        drop(payload);
        Delivery::done(Ok(()))
    }
}

struct TimedKafka(Kafka);

impl SinkFactory for TimedKafka {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedEncoder(self.0.make(context)?)))
    }
}

type LogOne = fn(&Logger, u64);

fn primitives(log: &Logger, number: u64) {
    info!(log, "order filled", order_id = number, price = 101.25, quantity = 7_u32);
}

fn mixed(log: &Logger, number: u64) {
    let (price, quantity) = ((number.wrapping_mul(7919) % 1_000_000) as f64 / 100.0, number as u32 % 10_000);
    let path = "/api/v1/accounts/0123456789/orders?state=open&page=2";
    info!(log, "order filled", order_id = number, price, quantity, venue = "XNAS", client = "client-000173", path);
}

/// The time of `events` events, by the median batch.
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

fn settings() -> KafkaSettings {
    let mut settings = KafkaSettings::default();
    settings.brokers = vec!["kafka://127.0.0.1".to_owned()];
    settings
}

/// With a key, a topic by level, and two headers.
fn settings_with_parts() -> KafkaSettings {
    let mut settings = settings();
    settings.topic = "logs.{level}".to_owned();
    settings.key = Some("{order_id}".to_owned());
    settings.headers.insert("level".to_owned(), "{level}".to_owned());
    settings.headers.insert("service".to_owned(), "shop".to_owned());
    settings
}

fn bench(criterion: &mut Criterion) {
    for (variant, settings) in [("line_and_id", settings()), ("key_topic_headers", settings_with_parts())] {
        let mut group = criterion.benchmark_group(variant);
        group.throughput(Throughput::Elements(1));
        for (name, log) in [("primitives", primitives as LogOne), ("mixed", mixed)] {
            let sink = TimedKafka(Kafka::new(&settings, Json::new).expect("valid settings"));
            let builder = Container::builder().sink("timed", sink).batch_events_max(BATCH_EVENTS as usize);
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
}

criterion_group! {
    name = encoders;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = bench
}
criterion_main!(encoders);
