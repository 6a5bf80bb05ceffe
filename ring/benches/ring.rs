//! Cost of a frame: the producer's part alone, and the way from one thread to another.
//!
//! `cargo bench -p fapilog-ring`
#![expect(clippy::expect_used, reason = "a benchmark stops at the first error")]

use std::{
    hint::{black_box, spin_loop},
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use fapilog_ring::{Capacity, Consumer, Producer, ring};

const CAPACITY_BYTES: usize = 256 * 1024;
/// With its header, a frame of a cache line.
const PAYLOAD_BYTES: usize = 48;
/// Half a ring of frames: published without a look at the consumer's word.
const BURST_FRAMES: u64 = (CAPACITY_BYTES / 64 / 2) as u64;

fn new_ring() -> (Producer, Consumer) {
    let capacity = Capacity::new(CAPACITY_BYTES, 4096).expect("a valid capacity");
    ring(capacity).expect("memory for a ring")
}

/// Returns whether there was room.
#[inline]
fn publish(producer: &mut Producer, stamp: u64) -> bool {
    let Ok(mut grant) = producer.reserve(PAYLOAD_BYTES) else { return false };
    grant.payload_mut().copy_from_slice(&black_box([stamp as u8; PAYLOAD_BYTES]));
    grant.commit(PAYLOAD_BYTES, 1, stamp);
    true
}

#[inline]
fn drain(consumer: &mut Consumer) -> u64 {
    let mut frames = 0;
    consumer.refresh();
    while let Some(frame) = consumer.next_frame() {
        black_box(frame.payload());
        frames += 1;
    }
    consumer.release();
    frames
}

/// The draining between two bursts is not timed.
fn publish_alone(frames: u64) -> Duration {
    let (mut producer, mut consumer) = new_ring();
    let mut spent = Duration::ZERO;
    let mut left = frames;
    while left > 0 {
        let burst = left.min(BURST_FRAMES);
        let started = Instant::now();
        for stamp in 0..burst {
            assert!(publish(&mut producer, stamp), "a burst fits the ring");
        }
        spent += started.elapsed();
        assert_eq!(drain(&mut consumer), burst);
        left -= burst;
    }
    spent
}

/// From the first publish until the last frame is drained.
fn hand_over(frames: u64) -> Duration {
    let (mut producer, mut consumer) = new_ring();
    let drainer = thread::spawn(move || {
        let mut drained = 0;
        while drained < frames {
            match drain(&mut consumer) {
                0 => spin_loop(),
                some => drained += some,
            }
        }
    });
    let started = Instant::now();
    for stamp in 0..frames {
        while !publish(&mut producer, stamp) {
            spin_loop();
        }
    }
    drainer.join().expect("the drainer ends when all is drained");
    started.elapsed()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("ring");
    group.throughput(Throughput::Elements(1));
    group.measurement_time(Duration::from_secs(3));
    group.bench_function("reserve and commit, 48 bytes", |bencher| bencher.iter_custom(publish_alone));
    group.bench_function("hand over to another thread, 48 bytes", |bencher| bencher.iter_custom(hand_over));
    group.finish();
    criterion.final_summary();
}
