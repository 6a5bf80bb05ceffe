//! Rule 6: a ring that is found closed and then found empty has been read to its end.

use loom::thread;
use loom_tests::{
    model::{holds, is_caught},
    small_ring::{FrameCheck, idle, publish},
};

const FRAMES_LEFT: &str = "the ring seemed finished with frames left";

fn model() {
    let (mut producer, mut consumer) = idle().split();
    let publisher = thread::spawn(move || {
        publish(&mut producer, 0, 8);
        publish(&mut producer, 1, 8);
    });
    let mut seen = FrameCheck::default();
    loop {
        seen.drain(&mut consumer);
        if consumer.is_finished() {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(seen.frames(), 2, "{FRAMES_LEFT}");
    publisher.join().unwrap();
}

#[test]
fn a_closed_ring_is_read_to_its_end() {
    holds(model);
}

#[test]
fn a_look_at_closed_after_the_look_at_the_frames_is_caught() {
    is_caught("closed_after_published", &[FRAMES_LEFT], a_closed_ring_is_read_to_its_end);
}

#[test]
fn a_relaxed_look_at_closed_is_caught() {
    is_caught("closed_relaxed", &[FRAMES_LEFT], a_closed_ring_is_read_to_its_end);
}

#[test]
fn a_relaxed_close_is_caught() {
    is_caught("close_relaxed", &[FRAMES_LEFT], a_closed_ring_is_read_to_its_end);
}
