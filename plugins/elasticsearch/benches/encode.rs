//! Cost of the encoder for an event: action and document, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-elasticsearch --bench encode`
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
    format::{Json, Minimal},
    info,
};
use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_sink_http::encode::EventEncoder;

const BATCH_EVENTS: u64 = 512;
const PAYLOAD_BYTES: usize = 2 << 20;

thread_local! {
    /// Time of the encoder's last call, and the number of its events. The drain runs on this thread.
    static SPENT: Cell<(Duration, u64)> = const { Cell::new((Duration::ZERO, 0)) };
}

/// Encodes, takes the time, and throws the records away.
struct TimedEncoder {
    encoder: Box<dyn EventEncoder>,
    spare: Vec<u8>,
}

impl Sink for TimedEncoder {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::in_buffer(std::mem::take(&mut self.spare), PAYLOAD_BYTES))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let started = Instant::now();
        self.encoder.encode(batch, payload)?;
        SPENT.set((started.elapsed(), batch.len() as u64));
        black_box(payload.records());
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.spare = payload.into_buffer();
        self.spare.clear();
        Delivery::done(Ok(()))
    }
}

struct TimedSink(Elasticsearch);

impl SinkFactory for TimedSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedEncoder { encoder: Box::new(self.0.encoder()), spare: Vec::new() }))
    }
}

/// Logs one event; the number distinguishes it from the others.
type LogOne = fn(&Logger, u64);

fn primitives(log: &Logger, number: u64) {
    info!(log, "order filled", order_id = number, price = 101.25, quantity = 7_u32);
}

fn mixed(log: &Logger, number: u64) {
    let path = "/api/v1/accounts/0123456789/orders?state=open&page=2";
    info!(log, "request served", status = 200_u16, path = path, id = number, seconds = 0.003_217, is_cached = false);
}

/// The time of `events` events, by the median batch: a batch takes far less than a time slice, so other
/// processes disturb few of them.
fn timed(container: &Container, drain: &mut ManualDrain, events: u64, log: LogOne) -> Duration {
    let logger = container.logger("matching-engine");
    let batch_time = |batch| {
        (0..BATCH_EVENTS).for_each(|index| log(&logger, 1_000_000 + batch * BATCH_EVENTS + index));
        drain.run_until_idle();
        let (time, events) = SPENT.get();
        assert_eq!(events, BATCH_EVENTS, "all events of the batch were in one call");
        time
    };
    let mut times: Vec<Duration> = (0..events.div_ceil(BATCH_EVENTS)).map(batch_time).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).expect("at least one batch");
    median.mul_f64(events as f64 / BATCH_EVENTS as f64)
}

fn bench_sink(criterion: &mut Criterion, name: &str, log: LogOne, sink: Elasticsearch) {
    let builder = Container::builder().sink("timed", TimedSink(sink)).batch_events_max(BATCH_EVENTS as usize);
    let (container, mut drain) = builder.start_manual().expect("a container");
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|events| timed(&container, &mut drain, events, log));
    });
    group.finish();
    container.request_shutdown(Instant::now() + Duration::from_secs(5));
    drain.run_until_idle();
    assert_eq!(container.accounts().lost_total(), 0, "every event was encoded");
}

fn settings(index: Option<&str>) -> ElasticsearchSettings {
    let mut settings = ElasticsearchSettings::default();
    settings.url = "https://search.example.com:9200".to_owned();
    settings.index = index.map(str::to_owned);
    settings
}

fn bench(criterion: &mut Criterion) {
    let json = |index| Elasticsearch::new(settings(index), Json::new).expect("valid settings");
    bench_sink(criterion, "primitives", primitives, json(None));
    bench_sink(criterion, "mixed", mixed, json(None));
    bench_sink(criterion, "mixed_with_index_by_level_and_date", mixed, json(Some("logs-{level}-{+yyyy.MM.dd}")));
    let text = Elasticsearch::new(settings(None), Minimal::new).expect("valid settings");
    bench_sink(criterion, "mixed_as_text", mixed, text);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = bench
}
criterion_main!(benches);
