//! Rule 5: a frame is as long as the used part of its grant, and a grant that is dropped leaves no trace.

use fapilog_ring::Producer;
use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::idle,
};

/// Reserves 16 bytes and uses three. The others stay zero, so that a consumer at a wrong position finds empty frames
/// there and no wild lengths.
fn publish_shrunk(producer: &mut Producer, stamp: u64) {
    let mut grant = producer.reserve(16).unwrap();
    for (slot, byte) in grant.payload_mut().iter_mut().zip(b"abc") {
        *slot = *byte;
    }
    grant.commit(3, 0, stamp);
}

fn model() {
    let (mut producer, mut consumer) = idle().split();
    let publisher = thread::spawn(move || {
        drop(producer.reserve(16).unwrap());
        publish_shrunk(&mut producer, 0);
        drop(producer.reserve(16).unwrap());
        publish_shrunk(&mut producer, 1);
        drop(producer.reserve(16).unwrap());
    });
    let mut walked = 0;
    while !consumer.is_finished() {
        while let Some(frame) = consumer.next_frame() {
            assert_eq!((frame.payload(), frame.stamp()), (&b"abc"[..], walked), "a frame is not what was committed");
            walked += 1;
        }
        consumer.release();
        thread::yield_now();
    }
    assert_eq!(walked, 2, "two grants were committed");
    publisher.join().unwrap();
}

#[test]
fn only_committed_bytes_become_frames() {
    holds(model);
}

#[test]
fn a_shrink_that_is_forgotten_is_caught() {
    is_caught("shrink_ignored", &["a frame is not what was committed"], only_committed_bytes_become_frames);
}

#[test]
fn a_relaxed_publish_is_caught() {
    is_caught("publish_relaxed", &[UNORDERED_ACCESS], only_committed_bytes_become_frames);
}
