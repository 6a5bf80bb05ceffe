//! Rule 1: a frame is seen whole or not at all, and frames keep their order.

use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::{FrameCheck, idle, publish},
};

fn model() {
    let (mut producer, mut consumer) = idle().split();
    let publisher = thread::spawn(move || {
        publish(&mut producer, 0, 8);
        publish(&mut producer, 1, 16);
        publish(&mut producer, 2, 0);
    });
    FrameCheck::default().drain_until(3, &mut consumer);
    publisher.join().unwrap();
}

#[test]
fn frames_arrive_whole_and_in_order() {
    holds(model);
}

#[test]
fn a_relaxed_publish_is_caught() {
    is_caught("publish_relaxed", &[UNORDERED_ACCESS], frames_arrive_whole_and_in_order);
}

#[test]
fn a_relaxed_snapshot_is_caught() {
    is_caught("snapshot_relaxed", &[UNORDERED_ACCESS], frames_arrive_whole_and_in_order);
}
