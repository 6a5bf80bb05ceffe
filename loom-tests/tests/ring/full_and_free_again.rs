//! Rules 2 and 3: a full ring refuses, and takes frames again once it is drained; a stale copy of the other side's word
//! neither drops a frame nor overwrites one.

use fapilog_ring::ReserveError;
use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::{FrameCheck, idle, publish, try_publish},
};

fn model() {
    let (mut producer, mut consumer) = idle().split();
    for stamp in 0..4 {
        publish(&mut producer, stamp, 16);
    }
    let publisher = thread::spawn(move || {
        let mut refused = 0;
        for stamp in 4..6 {
            while let Err(reason) = try_publish(&mut producer, stamp, 16) {
                assert_eq!(reason, ReserveError::Full { wanted_bytes: 32, free_bytes: 0 });
                refused += 1;
                assert!(refused < 20, "a drained ring is refused for ever");
                thread::yield_now();
            }
        }
    });
    let mut seen = FrameCheck::default();
    // A frame at a time, so that the producer meets every fill level.
    while seen.frames() < 6 {
        consumer.refresh();
        if let Some(frame) = consumer.next_frame() {
            seen.check(&frame);
            consumer.release();
        } else {
            thread::yield_now();
        }
    }
    publisher.join().unwrap();
}

#[test]
fn a_full_ring_takes_frames_again_once_it_is_drained() {
    holds(model);
}

#[test]
fn a_relaxed_release_is_caught() {
    is_caught("release_relaxed", &[UNORDERED_ACCESS], a_full_ring_takes_frames_again_once_it_is_drained);
}

#[test]
fn a_producer_that_trusts_its_copy_for_ever_is_caught() {
    is_caught(
        "released_never_reloaded",
        &["a drained ring is refused for ever"],
        a_full_ring_takes_frames_again_once_it_is_drained,
    );
}
