//! The asymmetric fences, on real processors (and under miri, where both are full ones).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use fapilog_ring::fence;

const ROUNDS: u32 = if cfg!(miri) { 20 } else { 20_000 };

/// Both threads come to round `round` together.
fn meet(ours: &AtomicU32, theirs: &AtomicU32, round: u32) {
    ours.store(round, Ordering::Release);
    while theirs.load(Ordering::Acquire) < round {
        if cfg!(miri) {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

#[derive(Default)]
struct Words {
    published: AtomicU32,
    asleep: AtomicU32,
    at_producer: AtomicU32,
    at_consumer: AtomicU32,
    producer_saw: AtomicU32,
}

/// The property that the doorbell needs (rule 8): each side writes its word and then reads the other's.
#[test]
fn of_two_threads_that_write_and_look_one_sees_the_other() {
    let words = Arc::new(Words::default());
    let producer = {
        let words = Arc::clone(&words);
        thread::spawn(move || {
            for round in 1..=ROUNDS {
                meet(&words.at_producer, &words.at_consumer, 2 * round - 1);
                words.published.store(round, Ordering::Release);
                fence::light();
                let saw = words.asleep.load(Ordering::Relaxed);
                words.producer_saw.store(saw, Ordering::Relaxed);
                meet(&words.at_producer, &words.at_consumer, 2 * round);
            }
        })
    };
    for round in 1..=ROUNDS {
        meet(&words.at_consumer, &words.at_producer, 2 * round - 1);
        words.asleep.store(round, Ordering::Relaxed);
        let ordered = fence::heavy();
        let consumer_saw = words.published.load(Ordering::Relaxed);
        meet(&words.at_consumer, &words.at_producer, 2 * round);
        let producer_saw = words.producer_saw.load(Ordering::Relaxed);
        assert!(!ordered || consumer_saw == round || producer_saw == round, "round {round}: neither saw the other");
    }
    producer.join().unwrap();
}

#[test]
fn a_heavy_fence_is_had_where_the_kernel_has_granted_it() {
    let _granted = fence::is_asymmetric();
    assert!(fence::heavy());
}
