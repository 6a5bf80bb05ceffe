//! Cost of the encoder for an event: the time of its calls, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-postgres --bench encode`
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
    info,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_postgres::{PostgresSettings, PostgresTable};

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

struct TimedPostgres(PostgresTable);

impl SinkFactory for TimedPostgres {
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

fn bench(criterion: &mut Criterion) {
    let mut settings = PostgresSettings::default();
    settings.url = "postgres://logger@127.0.0.1/logs".to_owned();
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(1));
    for (name, log) in [("primitives", primitives as LogOne), ("mixed", mixed)] {
        let sink = TimedPostgres(PostgresTable::new(&settings).expect("valid settings"));
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

criterion_group! {
    name = encoders;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = bench
}
criterion_main!(encoders);
