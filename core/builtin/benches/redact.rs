//! The cost of redaction for an event in which nothing is found: `cargo bench -p fapilog-builtin --bench redact`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fapilog_builtin::redact::{Redact, RedactBuilder};
use fapilog_plugin::{data_class::DataClass, event::Batch, processor::Processor, testing::TestBatches};
use fapilog_record::{
    arguments::{Arg, Arguments, End},
    writer::{record_bytes, write_record},
};

/// Events of a batch.
const EVENTS: usize = 512;

fn of_record<A: Arguments>(arguments: &A, test: impl FnOnce(&mut Batch<'_>)) {
    let mut record = vec![0; record_bytes(arguments, 0)];
    write_record(&mut record, 0, arguments, &[]).unwrap();
    TestBatches::new().record::<A, _>(&record, |batch| {
        let event = batch.events()[0].clone();
        (1..EVENTS).for_each(|_| batch.push(event.clone()));
        test(batch);
    });
}

fn measure(criterion: &mut Criterion, name: &str, builder: RedactBuilder, batch: &mut Batch<'_>) {
    let mut redact = builder.build();
    let mut group = criterion.benchmark_group("redact");
    group.throughput(Throughput::Elements(EVENTS as u64)).warm_up_time(Duration::from_millis(500));
    group.bench_function(name, |bencher| bencher.iter(|| redact.process(black_box(batch)).unwrap()));
    assert!(batch.events().iter().all(|event| event.is_plain()), "something was found");
}

fn bench(criterion: &mut Criterion) {
    let (first, second) = ("order accepted XNAS1", "matching-engine-0042");
    let long = "GET /orders/12345/lines?limit=50&offset=100 HTTP/1.1 from venue XNAS, session open since 09:30:00.12";
    let two = (Arg(first), (Arg(second), End));
    let names = || Redact::builder().content([]);
    let credentials = || Redact::builder().content([DataClass::Credential]);
    of_record(&two, |batch| {
        measure(criterion, "names, two strings of 20 bytes", names(), batch);
        measure(criterion, "names and credentials, two strings of 20 bytes", credentials(), batch);
        measure(criterion, "default, two strings of 20 bytes", Redact::builder(), batch);
    });
    of_record(&(Arg(long), End), |batch| {
        measure(criterion, "names and credentials, a string of 100 bytes", credentials(), batch);
        measure(criterion, "everything, a string of 100 bytes", Redact::builder().everything(), batch);
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
