//! Cost of a log record for an event: the time of the encoder alone, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-otlp --bench encode`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{
    cell::Cell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog::{
    Container, Logger, Scope,
    container::ManualDrain,
    event::Batch,
    info,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_otlp::{Otlp, OtlpProtocol, OtlpSettings};

const BATCH_EVENTS: u64 = 256;

thread_local! {
    /// Time of the encoder's last call, and the bytes that it wrote. The drain runs on this thread.
    static LAST: Cell<(Duration, usize)> = const { Cell::new((Duration::ZERO, 0)) };
}

/// Encodes by the sink, takes the time, and throws the records away.
struct TimedSink {
    sink: Box<dyn Sink>,
}

impl Sink for TimedSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        self.sink.payload()
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let (started, before) = (Instant::now(), payload.len());
        self.sink.encode(batch, payload)?;
        LAST.set((started.elapsed(), payload.len() - before));
        black_box(payload.records());
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Ok(()))
    }
}

struct TimedFactory(Otlp);

impl SinkFactory for TimedFactory {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedSink { sink: self.0.make(context)? }))
    }
}

fn log_primitives(log: &Logger, number: u64) {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (price, quantity, is_buy) =
        ((number % 1_000_000) as f64 / 100.0, (number >> 20) as u32 % 10_000, number.is_multiple_of(2));
    info!(log, "order filled", order_id = number >> 8, price, quantity, is_buy);
}

fn log_mixed(log: &Logger, number: u64) {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (price, quantity) = ((number % 1_000_000) as f64 / 100.0, (number >> 20) as u32 % 10_000);
    let client = match number % 3 {
        0 => "client-000173",
        1 => "client-004711",
        _ => "client-000042",
    };
    info!(log, "order filled", order_id = number >> 8, price, quantity, client, venue = "XETRA", tags.region = "eu-1");
}

type LogEvent = fn(&Logger, u64);

/// The time of `events` events, by the median batch, and the bytes of an event.
fn timed(container: &Container, drain: &mut ManualDrain, log_event: LogEvent, events: u64) -> (Duration, usize) {
    let logger = container.logger("matching-engine");
    let batch = |batch| {
        (0..BATCH_EVENTS).for_each(|index| log_event(&logger, batch * BATCH_EVENTS + index));
        drain.run_until_idle();
        LAST.get()
    };
    let mut batches: Vec<_> = (0..events.div_ceil(BATCH_EVENTS)).map(batch).collect();
    batches.sort_unstable();
    let (time, bytes) = batches.get(batches.len() / 2).copied().unwrap_or_default();
    let nanos = time.as_nanos() as u64 * events / BATCH_EVENTS;
    (Duration::from_nanos(nanos), bytes / BATCH_EVENTS as usize)
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    let cases: [(&str, LogEvent, OtlpProtocol, bool); 5] = [
        ("protobuf, primitives", log_primitives, OtlpProtocol::HttpProtobuf, false),
        ("protobuf, mixed", log_mixed, OtlpProtocol::HttpProtobuf, false),
        ("protobuf, mixed, in a scope", log_mixed, OtlpProtocol::HttpProtobuf, true),
        ("JSON, primitives", log_primitives, OtlpProtocol::HttpJson, false),
        ("JSON, mixed", log_mixed, OtlpProtocol::HttpJson, false),
    ];
    for (name, log_event, protocol, is_scoped) in cases {
        let mut settings = OtlpSettings::default();
        settings.environment = false;
        settings.protocol = Some(protocol);
        let sink = Otlp::new(&settings).expect("the settings are valid");
        let builder = Container::builder().batch_events_max(BATCH_EVENTS as usize).sink("otlp", TimedFactory(sink));
        let (container, mut drain) = builder.start_manual().expect("it starts");
        let scope = is_scoped.then(|| Scope::new().correlation_id("7f3a91c2").enter());
        let (_, bytes) = timed(&container, &mut drain, log_event, 10 * BATCH_EVENTS);
        println!("{name}: {bytes} bytes an event");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|events| timed(&container, &mut drain, log_event, events).0);
        });
        drop(scope);
        container.request_shutdown(Instant::now() + Duration::from_secs(5));
        drain.run_until_idle();
        assert_eq!(container.accounts().lost_total(), 0, "every event was encoded");
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = encode
}
criterion_main!(benches);
