//! Cost of a value of 15 bytes that is sealed or made a token: the time of the call, and the length of the text.
//!
//! `cargo bench -p fapilog-encryption --bench substitutes`
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark stops at the first thing that goes wrong")]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use fapilog::redact::{DataClass, KeyedHash, SensitiveValue, Substitute};
use fapilog_encryption::{
    DecryptionKeys, Encryption, Identity, KeyEncryptionKey, KeyStore, Seal, SubjectKeys, Tokenize, Unsealer,
};

const VALUE: &str = "ada@example.com";

fn value(subject: &str) -> SensitiveValue<'_> {
    SensitiveValue::new(DataClass::Email, "context.email", VALUE).of_subject(Some(subject))
}

fn put(substitute: &dyn Substitute, subject: &str, out: &mut String) {
    out.clear();
    substitute.substitute(&value(subject), out).expect("a text");
}

fn seal(recipients: usize) -> Seal {
    let identity = || Identity::generate().expect("an identity").recipient();
    let builder = (0..recipients).fold(Encryption::builder(), |builder, _| builder.recipient(identity()));
    Seal::to(builder.build().expect("an encryption"))
}

fn bench(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let key = KeyEncryptionKey::generate().expect("a key");
    let store = KeyStore::open(directory.path().join("subjects")).expect("a store");
    let subjects = Arc::new(SubjectKeys::open(store.clone(), [key.clone()]).expect("keys of subjects"));
    let by_subject = Seal::by_subject(Arc::clone(&subjects));
    let substitutes: [(&str, Box<dyn Substitute>); 5] = [
        ("seal_for_a_recipient", Box::new(seal(1))),
        ("seal_for_four_recipients", Box::new(seal(4))),
        ("seal_by_subject", Box::new(by_subject.clone())),
        ("tokenize", Box::new(Tokenize::with(&key).expect("tokens"))),
        ("tokenize_by_subject", Box::new(Tokenize::by_subject(subjects))),
    ];
    let mut group = criterion.benchmark_group("value");
    let mut out = String::with_capacity(1024);
    let mut unsealer = Unsealer::new(DecryptionKeys::new().key(key).key_store(store)).expect("a reader");
    for (name, substitute) in &substitutes {
        group.bench_function(*name, |bencher| bencher.iter(|| put(black_box(&**substitute), "c1", &mut out)));
        println!("value/{name}: {} characters", out.len());
        let text = out.clone();
        if unsealer.unseal(&text).is_ok() {
            group.bench_function(format!("{name}_back"), |bencher| bencher.iter(|| unsealer.unseal(black_box(&text))));
        }
    }
    let hash = KeyedHash::new("k1", b"sixteen bytes or more").expect("a key");
    group.bench_function("keyed_hash_for_comparison", |bencher| {
        bencher.iter(|| {
            out.clear();
            hash.put(black_box(VALUE), &mut out);
        });
    });
    let mut number = 0_u64;
    group.sample_size(10);
    group.bench_function("first_value_of_a_subject", |bencher| {
        bencher.iter(|| {
            number += 1;
            put(&by_subject, &number.to_string(), &mut out);
        });
    });
    group.finish();
}

criterion_group! {
    name = values;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = bench
}
criterion_main!(values);
