//! Cost of the encryption for an event and for a byte, beside the formatter that it wraps: the time of the calls, with batches as a
//! drain hands them over.
//!
//! `cargo bench -p fapilog-encryption --bench encrypted`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark stops at the first thing that goes wrong")]

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
use fapilog_encryption::{Encryption, FrameCompression, Identity};
use fapilog_plugin::formatter::Formatter;

const PAYLOAD_BYTES: usize = 512 * 1024;

thread_local! {
    /// Time of the formatter's last call, and the bytes that it wrote. The drain runs on this thread.
    static LAST: Cell<(Duration, usize)> = const { Cell::new((Duration::ZERO, 0)) };
}

/// Formats, takes the time, and throws the records away.
struct TimedFormatter {
    formatter: Box<dyn Formatter>,
    spare: Option<Payload>,
}

impl Sink for TimedFormatter {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(self.spare.take().unwrap_or_else(|| Payload::new(PAYLOAD_BYTES)))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let (started, before) = (Instant::now(), payload.len());
        self.formatter.format(batch, payload.buffer())?;
        LAST.set((started.elapsed(), payload.len() - before));
        black_box(payload.records());
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let mut bytes = payload.into_buffer();
        bytes.clear();
        self.spare = Some(Payload::in_buffer(bytes, PAYLOAD_BYTES));
        Delivery::done(Ok(()))
    }
}

type MakeFormatter = Box<dyn Fn() -> Box<dyn Formatter> + Send + Sync>;

struct TimedFormatterFactory(MakeFormatter);

impl SinkFactory for TimedFormatterFactory {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedFormatter { formatter: (self.0)(), spare: None }))
    }
}

fn log_order(log: &Logger, number: u64) {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (price, quantity) = ((number % 1_000_000) as f64 / 100.0, (number >> 20) as u32 % 10_000);
    let client = match number % 3 {
        0 => "client-000173",
        1 => "client-004711",
        _ => "client-000042",
    };
    info!(log, "order filled", order_id = number, price, quantity, client);
}

/// The time of `events` events, by the median batch, and the bytes of a batch.
fn timed(container: &Container, drain: &mut ManualDrain, events: u64, batch_events: u64) -> (Duration, usize) {
    let logger = container.logger("matching-engine");
    let batch = |batch| {
        (0..batch_events).for_each(|index| log_order(&logger, batch * batch_events + index));
        drain.run_until_idle();
        LAST.get()
    };
    let mut batches: Vec<_> = (0..events.div_ceil(batch_events)).map(batch).collect();
    batches.sort_unstable();
    let (time, bytes) = *batches.get(batches.len() / 2).expect("at least one batch");
    (time.mul_f64(events as f64 / batch_events as f64), bytes)
}

fn encrypted(compression: FrameCompression) -> MakeFormatter {
    let recipient = Identity::generate().expect("an identity").recipient();
    let encryption =
        Encryption::builder().recipient(recipient).compression(compression).build().expect("an encryption");
    Box::new(move || Box::new(encryption.around(Json::new())))
}

fn bench(criterion: &mut Criterion) {
    for batch_events in [512, 16, 1] {
        let formatters: [(&str, MakeFormatter); 3] = [
            ("json", Box::new(|| Box::new(Json::new()))),
            ("encrypted", encrypted(FrameCompression::None)),
            ("encrypted_zstd", encrypted(FrameCompression::Zstd { level: 1 })),
        ];
        let mut group = criterion.benchmark_group(format!("batches_of_{batch_events}"));
        group.throughput(Throughput::Elements(1));
        for (name, formatter) in formatters {
            let builder = Container::builder()
                .sink("timed", TimedFormatterFactory(formatter))
                .batch_events_max(batch_events as usize);
            let (container, mut drain) = builder.start_manual().expect("a container");
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|events| timed(&container, &mut drain, events, batch_events).0);
            });
            let (time, bytes) = timed(&container, &mut drain, 200 * batch_events, batch_events);
            let events = (200 * batch_events) as f64;
            let per_event = bytes as f64 / batch_events as f64;
            println!(
                "batches_of_{batch_events}/{name}: {per_event:.1} bytes an event, {:.0} MB/s written",
                per_event * events / time.as_secs_f64() / 1e6
            );
            container.request_shutdown(Instant::now() + Duration::from_secs(5));
            drain.run_until_idle();
            assert_eq!(container.accounts().lost_total(), 0, "every event was formatted");
        }
        group.finish();
    }
}

criterion_group! {
    name = formatters;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = bench
}
criterion_main!(formatters);
