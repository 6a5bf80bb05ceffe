//! The ring under load, between two real threads.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use fapilog_ring::{Capacity, Consumer, Doorbell, Frame, IdleRing, Producer, Sleep, Storage};

/// Far longer than any step of these tests takes: a frame that is absent by then was lost.
const DEADLINE: Duration = Duration::from_secs(60);

const fn frames(real: u64, under_miri: u64) -> u64 {
    if cfg!(miri) { under_miri } else { real }
}

fn idle(capacity_bytes: usize) -> IdleRing {
    let capacity = Capacity::new(capacity_bytes, Capacity::payload_limit(capacity_bytes)).unwrap();
    IdleRing::new(Storage::heap(capacity).unwrap())
}

/// Numbers without pattern, the same in every run.
fn scatter(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn publish(producer: &mut Producer, stamp: u64) {
    let reserved = (scatter(stamp) % (producer.payload_max_bytes() as u64 + 1)) as usize;
    let used = reserved - (scatter(stamp + 7) as usize % (reserved + 1)) / 2;
    loop {
        let Ok(mut grant) = producer.reserve(reserved) else {
            thread::yield_now();
            continue;
        };
        let mut noise = stamp as u8;
        for byte in grant.payload_mut() {
            noise = noise.wrapping_mul(5).wrapping_add(stamp as u8 | 1);
            *byte = noise;
        }
        let sum = checksum(grant.payload_mut().get(..used).unwrap());
        grant.commit(used, sum, stamp);
        return;
    }
}

fn check(frame: &Frame<'_>, stamp: u64) {
    assert_eq!(frame.stamp(), stamp, "frames keep their order");
    assert_eq!(checksum(frame.payload()), frame.tag(), "frames arrive whole");
}

/// Drains to the end of the ring, and returns how many frames there were.
fn drain(consumer: &mut Consumer, first: u64) -> u64 {
    let mut next = first;
    loop {
        let ended = consumer.is_finished();
        consumer.refresh();
        while let Some(frame) = consumer.next_frame() {
            check(&frame, next);
            next += 1;
        }
        consumer.release();
        if ended {
            return next - first;
        }
        thread::yield_now();
    }
}

#[test]
fn frames_cross_whole_and_in_order() {
    let total = frames(150_000, 50);
    for capacity_bytes in [128, 4096] {
        let (mut producer, mut consumer) = idle(capacity_bytes).split();
        let publisher = thread::spawn(move || (0..total).for_each(|stamp| publish(&mut producer, stamp)));
        assert_eq!(drain(&mut consumer, 0), total);
        publisher.join().unwrap();
    }
}

#[test]
fn a_ring_closed_with_frames_left_is_read_to_its_end() {
    for round in 0..frames(500, 5) {
        let (mut producer, mut consumer) = idle(1024).split();
        let count = round % 9;
        let publisher = thread::spawn(move || (0..count).for_each(|stamp| publish(&mut producer, stamp)));
        assert_eq!(drain(&mut consumer, 0), count);
        publisher.join().unwrap();
    }
}

#[test]
fn a_recycled_ring_holds_the_frames_of_its_own_generation_only() {
    let mut idle = idle(512);
    let frames_each = frames(20, 8);
    for generation in 1..=frames(500, 3) {
        let (mut producer, mut consumer) = idle.split();
        assert_eq!(u64::from(consumer.generation()), generation);
        let first = generation * 1000;
        let publisher =
            thread::spawn(move || (first..first + frames_each).for_each(|stamp| publish(&mut producer, stamp)));
        assert_eq!(drain(&mut consumer, first), frames_each);
        // Before the old owner's thread has ended, or after: the ring works in both cases.
        idle = consumer.into_idle().unwrap();
        drop(publisher);
    }
}

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Parks until the ring holds a frame.
fn park_until_published(consumer: &Consumer, doorbell: &Doorbell) {
    let started = Instant::now();
    while consumer.is_drained() {
        let may_park = doorbell.fall_asleep(Sleep::Park);
        if consumer.is_drained() {
            thread::park_timeout(if may_park { DEADLINE } else { Duration::from_millis(1) });
        }
        doorbell.wake_up();
        assert!(started.elapsed() < DEADLINE, "a wake-up was lost");
    }
}

#[test]
fn a_parked_consumer_is_woken_for_every_frame() {
    let total = frames(20_000, 10);
    let (mut producer, mut consumer) = idle(1024).split();
    let doorbell = Arc::new(Doorbell::new());
    let drained = Arc::new(AtomicU64::new(0));
    let drainer = {
        let (doorbell, drained) = (Arc::clone(&doorbell), Arc::clone(&drained));
        thread::spawn(move || {
            doorbell.register(&Waker::from(Arc::new(Unpark(thread::current()))));
            for stamp in 0..total {
                park_until_published(&consumer, &doorbell);
                consumer.refresh();
                check(&consumer.next_frame().unwrap(), stamp);
                consumer.release();
                drained.store(stamp + 1, Ordering::Release);
            }
        })
    };
    for stamp in 0..total {
        publish(&mut producer, stamp);
        doorbell.after_publish(false);
        // The consumer is caught at every step of its falling asleep, sooner or later.
        while drained.load(Ordering::Acquire) <= stamp && !drainer.is_finished() {
            thread::yield_now();
        }
        for _ in 0..scatter(stamp) % 2000 * u64::from(!cfg!(miri)) {
            std::hint::spin_loop();
        }
    }
    drainer.join().unwrap();
}
