//! How fast frames go from one thread to another.

use std::{
    hint::spin_loop,
    thread,
    time::{Duration, Instant},
};

use fapilog_ring::{Capacity, Consumer, Producer, ring};

use crate::{error::BenchError, machine};

/// With its header of 16 bytes, a frame of a cache line.
const PAYLOAD_BYTES: usize = 48;
/// As large as a log's own ring.
const CAPACITY_BYTES: usize = 512 * 1024;
/// The duration of the measurement.
const TIME: Duration = Duration::from_secs(1);
/// Frames between two looks at the clock.
const STRIDE: u64 = 4096;

/// Frames a second.
pub(super) fn hand_over() -> Result<f64, BenchError> {
    let capacity = Capacity::new(CAPACITY_BYTES, 4096).map_err(|error| BenchError::Ring(error.into()))?;
    let (producer, consumer) = ring(capacity).map_err(|error| BenchError::Ring(error.into()))?;
    let cpus = core_affinity::get_core_ids().unwrap_or_default();
    let drain_cpu = cpus.last().copied().filter(|_| cpus.len() > 1);
    let producer_cpu = machine::producer_cpus().first().copied();
    thread::scope(|scope| {
        let drainer = scope.spawn(move || {
            drain_cpu.map(core_affinity::set_for_current);
            drain(consumer)
        });
        let publisher = scope.spawn(move || {
            producer_cpu.map(core_affinity::set_for_current);
            publish(producer)
        });
        let panicked = |name: &str| BenchError::Panicked { name: name.to_owned() };
        let started = publisher.join().map_err(|_| panicked("publisher"))?;
        let (frames, ended) = drainer.join().map_err(|_| panicked("drainer"))?;
        Ok(frames as f64 / ended.duration_since(started).as_secs_f64())
    })
}

/// Publishes for a while. Returns when it began. Dropping the producer ends the drain.
fn publish(mut producer: Producer) -> Instant {
    let started = Instant::now();
    let mut stamp = 0;
    while started.elapsed() < TIME {
        for _ in 0..STRIDE {
            let mut wait = SpinWait::default();
            while !publish_one(&mut producer, stamp) {
                wait.step();
            }
            stamp += 1;
        }
    }
    started
}

#[inline]
fn publish_one(producer: &mut Producer, stamp: u64) -> bool {
    let Ok(mut grant) = producer.reserve(PAYLOAD_BYTES) else { return false };
    grant.payload_mut().copy_from_slice(&std::hint::black_box([0x55; PAYLOAD_BYTES]));
    grant.commit(PAYLOAD_BYTES, 1, stamp);
    true
}

/// Reads until the producer is gone. Returns how many frames there were, and when the last one had come.
fn drain(mut consumer: Consumer) -> (u64, Instant) {
    let (mut frames, mut sum, mut wait) = (0, 0_u64, SpinWait::default());
    while !consumer.is_finished() {
        let before = frames;
        while let Some(frame) = consumer.next_frame() {
            sum = frame.payload().as_chunks().0.iter().fold(sum, |sum, word| sum ^ u64::from_le_bytes(*word));
            frames += 1;
        }
        consumer.release();
        if frames == before { wait.step() } else { wait = SpinWait::default() }
    }
    std::hint::black_box(sum);
    (frames, Instant::now())
}

/// Spins for a while, then yields to other threads: there may be one CPU only.
#[derive(Default)]
struct SpinWait(u32);

impl SpinWait {
    fn step(&mut self) {
        if self.0 < 256 {
            self.0 += 1;
            spin_loop();
        } else {
            thread::yield_now();
        }
    }
}
