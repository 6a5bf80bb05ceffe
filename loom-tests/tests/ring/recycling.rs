//! Rule 7: a ring changes hands only when its old producer is done with it and every frame of it has been read.

use fapilog_ring::{Consumer, IdleRing};
use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::{FrameCheck, idle, publish},
};

const MIXED: &str = "a frame of another owner";

/// Reads the ring to its end, checks whose frames it held, and takes it back.
fn reclaim(mut consumer: Consumer, frames: u64) -> IdleRing {
    let generation = consumer.generation();
    let mut seen = FrameCheck::default();
    loop {
        consumer.refresh();
        while let Some(frame) = consumer.next_frame() {
            assert_eq!(frame.tag(), generation, "{MIXED}");
            seen.check(&frame);
        }
        consumer.release();
        match consumer.into_idle() {
            Ok(idle) => {
                assert_eq!(seen.frames(), frames, "the ring changed hands with frames left");
                return idle;
            }
            Err(unfinished) => consumer = unfinished,
        }
        thread::yield_now();
    }
}

fn model() {
    let (mut first, consumer) = idle().split();
    let first = thread::spawn(move || {
        publish(&mut first, 0, 16);
        publish(&mut first, 1, 16);
    });
    let (mut second, consumer) = reclaim(consumer, 2).split();
    // Three more frames wrap, over bytes that the first owner wrote.
    let second = thread::spawn(move || {
        publish(&mut second, 0, 16);
        publish(&mut second, 1, 16);
        publish(&mut second, 2, 16);
    });
    let idle = reclaim(consumer, 3);
    drop(idle);
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn two_owners_of_a_ring_never_mix() {
    holds(model);
}

#[test]
fn recycling_a_ring_that_is_still_open_is_caught() {
    let signs = [UNORDERED_ACCESS, MIXED, "the ring changed hands with frames left"];
    is_caught("recycled_while_open", &signs, two_owners_of_a_ring_never_mix);
}

#[test]
fn a_relaxed_close_is_caught() {
    is_caught(
        "close_relaxed",
        &[UNORDERED_ACCESS, "the ring changed hands with frames left"],
        two_owners_of_a_ring_never_mix,
    );
}

#[test]
fn a_relaxed_look_at_closed_is_caught() {
    is_caught(
        "closed_relaxed",
        &[UNORDERED_ACCESS, "the ring changed hands with frames left"],
        two_owners_of_a_ring_never_mix,
    );
}
