//! A gauge may err upwards, but never shows a ring emptier than it ever was.

use fapilog_ring::sync::Arc;
use loom::thread;
use loom_tests::{
    model::{holds, is_caught},
    small_ring::{FrameCheck, idle, publish},
};

fn model() {
    let (mut producer, mut consumer) = idle().split();
    let gauge = Arc::new(producer.gauge());
    publish(&mut producer, 0, 8);
    let publisher = thread::spawn(move || publish(&mut producer, 1, 8));
    let drainer = thread::spawn(move || {
        // The first frame is released only when the second one is there, so one frame is always in the ring.
        while consumer.refresh() < 48 {
            thread::yield_now();
        }
        consumer.next_frame().iter().for_each(|frame| FrameCheck::default().check(frame));
        consumer.release();
    });
    assert!(gauge.used_bytes() >= 24, "the ring looked empty with a frame in it");
    publisher.join().unwrap();
    drainer.join().unwrap();
}

#[test]
fn a_ring_that_holds_a_frame_never_looks_empty() {
    holds(model);
}

#[test]
fn a_relaxed_look_at_released_is_caught() {
    is_caught("gauge_relaxed", &["the ring looked empty"], a_ring_that_holds_a_frame_never_looks_empty);
}
