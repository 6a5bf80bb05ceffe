//! Cost of the content scanner for a text.
//!
//! `cargo bench -p fapilog-builtin --bench content`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

fn content(criterion: &mut Criterion) {
    let credentials: Vec<_> = ContentRule::of_class(DataClass::Credential).collect();
    let sets = [("credentials", credentials), ("all", ContentRule::ALL.to_vec())];
    for (name, rules) in sets {
        let mut scanner = scanner(rules);
        let mut findings = Vec::new();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("two_strings_of_20_bytes", |bencher| {
            bencher.iter(|| {
                for text in TWO_SHORT {
                    scanner.scan(black_box(text.get(..20).expect("20 bytes")), &mut findings);
                }
                assert!(findings.is_empty());
            });
        });
        for (text_name, text) in LONG {
            let text = text.get(..100).expect("100 bytes");
            group.throughput(Throughput::Bytes(100));
            group.bench_function(*text_name, |bencher| {
                bencher.iter(|| {
                    scanner.scan(black_box(text), &mut findings);
                    assert!(findings.is_empty());
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, content);
criterion_main!(benches);
