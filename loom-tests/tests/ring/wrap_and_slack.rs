//! Rules 2 and 4: bytes are written again, those in the slack too, only after the frame on them has been released.

use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::{FrameCheck, idle, publish, publish_when_free},
};

fn model() {
    let (mut producer, mut consumer) = idle().split();
    // Up to offset 120 of 128, so that even the header of the next frame runs over the end.
    for stamp in 0..5 {
        publish(&mut producer, stamp, 8);
    }
    let mut seen = FrameCheck::default();
    seen.drain(&mut consumer);

    // This one lies in the slack, and the four behind it fill the ring up to the same offset.
    publish(&mut producer, 5, 16);
    for stamp in 6..10 {
        publish(&mut producer, stamp, 8);
    }
    let publisher = thread::spawn(move || {
        // The same bytes of the slack, and then those at the front of the storage.
        publish_when_free(&mut producer, 10, 16);
        publish_when_free(&mut producer, 11, 8);
    });
    seen.drain_until(12, &mut consumer);
    publisher.join().unwrap();
}

#[test]
fn wrapped_frames_never_overwrite_what_is_still_read() {
    holds(model);
}

#[test]
fn a_relaxed_release_is_caught() {
    is_caught("release_relaxed", &[UNORDERED_ACCESS], wrapped_frames_never_overwrite_what_is_still_read);
}

#[test]
fn a_relaxed_look_at_the_released_space_is_caught() {
    is_caught("reload_relaxed", &[UNORDERED_ACCESS], wrapped_frames_never_overwrite_what_is_still_read);
}

#[test]
fn a_payload_looked_for_at_the_front_of_the_storage_is_caught() {
    is_caught(
        "payload_behind_the_wrap",
        &[UNORDERED_ACCESS, "a frame arrived damaged"],
        wrapped_frames_never_overwrite_what_is_still_read,
    );
}
