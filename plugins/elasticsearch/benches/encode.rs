//! Cost of the encoder for an event: action and document, with batches as a drain hands them over.
//!
//! `cargo bench -p fapilog-elasticsearch --bench encode`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog::format::Json;
use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
use fapilog_plugin::{
    event::Batch,
    field_group::FieldGroup,
    sink::Payload,
    testing::{TestBatches, TestEvent, test_event},
};
use fapilog_sink_http::encode::EventEncoder;

const BATCH_EVENTS: usize = 512;

fn sink(index: Option<&str>) -> Elasticsearch {
    let mut settings = ElasticsearchSettings::default();
    settings.url = "https://search.example.com:9200".to_owned();
    settings.index = index.map(str::to_owned);
    Elasticsearch::new(settings, Json::new).expect("valid settings")
}

fn primitives(number: usize) -> TestEvent<'static> {
    let event = test_event("order filled").target("engine::orders");
    let event = event.field(FieldGroup::Context, "order_id", number as u64);
    event.field(FieldGroup::Context, "price", 101.25).field(FieldGroup::Context, "quantity", 7_u64)
}

fn mixed(number: usize) -> TestEvent<'static> {
    let event = primitives(number).field(FieldGroup::Context, "path", "/api/v1/accounts/0123456789/orders?state=open");
    event.field(FieldGroup::Tags, "region", "eu-west-1").field(FieldGroup::Metrics, "latency_ms", 3.217)
}

fn bench_batch(criterion: &mut Criterion, name: &str, index: Option<&str>, batch: &Batch<'_>) {
    let mut encoder = sink(index).encoder();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(batch.len() as u64));
    let mut buffer = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut payload = Payload::in_buffer(std::mem::take(&mut buffer), 1 << 30);
            encoder.encode(black_box(batch), &mut payload).expect("an encoding");
            buffer = payload.into_buffer();
            buffer.clear();
        });
    });
    group.finish();
}

fn bench(criterion: &mut Criterion) {
    let numbers: Vec<u64> = (0..BATCH_EVENTS as u64).collect();
    TestBatches::new().batch(&numbers, |batch| bench_batch(criterion, "one_integer", None, batch));
    let events: Vec<_> = (0..BATCH_EVENTS).map(primitives).collect();
    TestBatches::new().events(&events, |batch| bench_batch(criterion, "primitives", None, batch));
    let events: Vec<_> = (0..BATCH_EVENTS).map(mixed).collect();
    TestBatches::new().events(&events, |batch| {
        bench_batch(criterion, "mixed", None, batch);
        bench_batch(criterion, "mixed_index_by_date_and_region", Some("logs-{tags.region}-{+yyyy.MM.dd}"), batch);
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
