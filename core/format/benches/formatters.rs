//! Cost of a formatter for an event: the time of its calls, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-format --bench formatters -- json`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{
    cell::Cell,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog_builtin::enrich::Context;
use fapilog_engine::{
    container::Container,
    host::ManualDrain,
    producer::{Logger, Scope},
};
use fapilog_format::{Cef, Csv, Ecs, Gelf, Json, Logfmt, Minimal, OtelJson, Pretty, Protobuf, Simple, Xml};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};

const BATCH_EVENTS: u64 = 512;
/// A block of the file sink.
const PAYLOAD_BYTES: usize = 512 * 1024;

thread_local! {
    /// Time of the formatter's last call. The drain runs on this thread.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Formats, takes the time, and throws the lines away.
struct TimedNull<F> {
    formatter: F,
    spare: Option<Payload>,
}

impl<F: Formatter> Sink for TimedNull<F> {
    fn writer(&self) -> String {
        "none".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(self.spare.take().unwrap_or_else(|| Payload::new(PAYLOAD_BYTES)))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        let started = Instant::now();
        self.formatter.format(batch, payload.buffer())?;
        SPENT.set(started.elapsed());
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

struct TimedNullFactory<F>(fn() -> F);

impl<F: Formatter + 'static> SinkFactory for TimedNullFactory<F> {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(TimedNull { formatter: (self.0)(), spare: None }))
    }
}

/// Logs one event; the number distinguishes it from the others.
type LogOne = fn(&Logger, u64);

macro_rules! site {
    ($($name:literal),*) => {{
        const FIELDS: &[FieldName] = &[$(FieldName::new(FieldGroup::Context, $name)),*];
        static SITE: CallSite = CallSite::new(Level::Info, "order filled", module_path!(), file!(), line!(), FIELDS);
        &SITE
    }};
}

fn primitives(log: &Logger, number: u64) {
    let site = site!("order_id", "price", "quantity");
    log.log(Level::Info, site, (Arg(&number), (Arg(&101.25), (Arg(&7_u32), End))));
}

/// In a scope of two fields, as the events of a request are.
fn in_a_scope(log: &Logger, number: u64) {
    let scope = Scope::new().correlation_id("7f3a-41c2").field(FieldGroup::Tags, "region", ValueRef::Text("eu-west-1"));
    let _entered = scope.enter();
    primitives(log, number);
}

/// Prices in cents, quantities of up to four digits.
fn orders(log: &Logger, number: u64) {
    let (price, quantity) = ((number.wrapping_mul(7919) % 1_000_000) as f64 / 100.0, number as u32 % 10_000);
    log.log(Level::Info, site!("order_id", "price", "quantity"), (Arg(&number), (Arg(&price), (Arg(&quantity), End))));
}

/// Floats with all their digits.
fn floats(log: &Logger, number: u64) {
    let ratio = 1.0 / (number as f64 + 0.1);
    log.log(Level::Info, site!("ratio", "root"), (Arg(&ratio), (Arg(&ratio.sqrt()), End)));
}

fn text(log: &Logger, number: u64) {
    let path = "/api/v1/accounts/0123456789/orders?state=open&page=2";
    log.log(Level::Info, site!("status", "path", "id"), (Arg(&200_u16), (Arg(path), (Arg(&number), End))));
}

fn short_texts(log: &Logger, number: u64) {
    let side = if number & 1 == 0 { "buy" } else { "sell" };
    log.log(Level::Info, site!("venue", "side", "client"), (Arg("XNAS"), (Arg(side), (Arg("client-000173"), End))));
}

/// Text with quotes and line ends.
fn escaped_text(log: &Logger, _: u64) {
    let text = "unexpected token \"}\" in\n  line 3, column 14 of the \"orders\" section\n";
    log.log(Level::Info, site!("error"), (Arg(text), End));
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

fn bench(criterion: &mut Criterion) {
    bench_formatter(criterion, "json", Json::new);
    bench_formatter(criterion, "logfmt", Logfmt::new);
    bench_formatter(criterion, "simple", Simple::new);
    bench_formatter(criterion, "minimal", Minimal::new);
    bench_formatter(criterion, "pretty", || Pretty::new().colors(true));
    bench_formatter(criterion, "csv", Csv::new);
    bench_formatter(criterion, "xml", Xml::new);
    bench_formatter(criterion, "protobuf", Protobuf::new);
    bench_formatter(criterion, "ecs", Ecs::new);
    bench_formatter(criterion, "gelf", Gelf::new);
    bench_formatter(criterion, "cef", Cef::new);
    bench_formatter(criterion, "otel_json", OtelJson::new);
    bench_formatter(criterion, "csv", Csv::new);
    bench_formatter(criterion, "xml", Xml::new);
    bench_formatter(criterion, "protobuf", Protobuf::new);
}

fn bench_formatter<F: Formatter + 'static>(criterion: &mut Criterion, name: &str, formatter: fn() -> F) {
    let workloads: [(&str, LogOne); 8] = [
        ("primitives", primitives),
        ("with_context", primitives),
        ("in_a_scope", in_a_scope),
        ("orders", orders),
        ("floats", floats),
        ("text", text),
        ("short_texts", short_texts),
        ("escaped_text", escaped_text),
    ];
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    for (name, log) in workloads {
        let builder =
            Container::builder().sink("null", TimedNullFactory(formatter)).batch_events_max(BATCH_EVENTS as usize);
        let builder = match name {
            "with_context" => builder.enricher(|_| Box::new(Context::new())),
            _ => builder,
        };
        let (container, mut drain) = builder.start_manual().expect("a container");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|events| timed(&container, &mut drain, events, log));
        });
        container.request_shutdown(Instant::now() + Duration::from_secs(5));
        drain.run_until_idle();
        assert_eq!(container.accounts().lost_total(), 0, "every event was formatted");
    }
    group.finish();
}

criterion_group! {
    name = formatters;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800));
    targets = bench
}
criterion_main!(formatters);
