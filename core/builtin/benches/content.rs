//! Cost of the content scanner for a text.
//!
//! `cargo bench -p fapilog-builtin --bench content`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use fapilog_builtin::redact::content::{ContentOptions, ContentRule, ContentScanner};
use fapilog_plugin::data_class::DataClass;

/// Two strings of 20 bytes without a secret, as an event has them.
const TWO_SHORT: [&str; 2] = ["checkout-service/prod", "order was accepted ok"];

/// Texts of 100 bytes without a secret.
const LONG: &[(&str, &str)] = &[
    (
        "sentence",
        "the connection to the upstream was closed before the answer had been read, so another one is opened.",
    ),
    (
        "access_log",
        "GET /api/v2/orders/18231/items?page=2&sort=name 200 1843 bytes in 12.4 ms upstream=cart-7 retries=0.",
    ),
    ("logfmt", "ts=2026-11-30T12:34:56.789Z level=info region=eu-west-1 shard=17 rows=2048 took=12.4ms state=done ok"),
    ("path", "/var/lib/app/releases/2026-11-30/node_modules/@scope/package-name/dist/esm/internal/request-handler.js"),
    ("json", r#"{"event":"order_created","order":18231,"items":[{"sku":"A-1","n":2},{"sku":"B-7","n":1}],"ok":true} "#),
    ("hex", "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7 id 550e8400-e29b-41d4-a716-446655440000"),
    ("utf8", "Die Verbindung zum Server wurde geschlossen, bevor die Antwort gelesen war; eine neue wird geöffnet"),
];

fn scanner(rules: Vec<ContentRule>) -> ContentScanner {
    ContentScanner::new(&ContentOptions { rules, ..ContentOptions::default() }).expect("no patterns")
}

/// The time of this many scans, by the fastest of batches of 500: a machine with other work interrupts a batch, but not each.
fn least(scans: u64, mut scan: impl FnMut()) -> Duration {
    const BATCH: u32 = 500;
    let batches = scans.div_ceil(u64::from(BATCH)).max(20);
    let batch = (0..batches).map(|_| {
        let start = Instant::now();
        (0..BATCH).for_each(|_| scan());
        start.elapsed()
    });
    let nanos = batch.min().unwrap_or_default().as_nanos() as f64 / f64::from(BATCH);
    Duration::from_nanos((nanos * scans as f64) as u64)
}

fn content(criterion: &mut Criterion) {
    let credentials: Vec<_> = ContentRule::of_class(DataClass::Credential).collect();
    let sets = [("credentials", credentials), ("all", ContentRule::ALL.to_vec())];
    for (name, rules) in sets {
        let mut scanner = scanner(rules);
        let mut findings = Vec::new();
        let mut group = criterion.benchmark_group(name);
        let mut bench = |text_name: &str, texts: &[&str]| {
            group.bench_function(text_name, |bencher| {
                bencher.iter_custom(|scans| {
                    least(scans, || texts.iter().for_each(|text| scanner.scan(black_box(text), &mut findings)))
                });
            });
            assert!(findings.is_empty(), "{text_name}: {findings:?}");
        };
        bench("two_strings_of_20_bytes", &TWO_SHORT.map(|text| text.get(..20).expect("20 bytes")));
        for (text_name, text) in LONG {
            bench(text_name, &[text.get(..100).expect("100 bytes")]);
        }
        group.finish();
    }
}

criterion_group!(benches, content);
criterion_main!(benches);
