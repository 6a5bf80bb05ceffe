//! A walk through bytes that are no frames, as a forked child finds them in a ring which the fork has wiped.

use super::*;
use crate::{
    frame::{FRAME_HEADER_BYTES, Header},
    producer::Producer,
    storage::{Capacity, Storage},
};

const PAYLOAD_MAX_BYTES: usize = 16;

/// A ring with a frame for each of the lengths, in the consumer's snapshot.
fn ring_with_frames<const N: usize>(payload_bytes: [usize; N]) -> (Producer, Consumer) {
    let storage = Storage::heap(Capacity::new(128, PAYLOAD_MAX_BYTES).unwrap()).unwrap();
    let (mut producer, mut consumer) = crate::ring_on(storage);
    for bytes in payload_bytes {
        producer.reserve(bytes).unwrap().commit(bytes, 7, 1);
    }
    consumer.refresh();
    (producer, consumer)
}

/// Replaces the header of the first frame.
fn overwrite_header(consumer: &Consumer, payload_bytes: u32) {
    let tracker = consumer.shared.storage.tracker();
    // SAFETY: `consumer` holds the storage; 0 is the position of a frame with the greatest length or less; no other thread
    // has an end of this ring, and no view of a frame is alive.
    unsafe { consumer.slots.write_header(tracker, 0, Header::new(payload_bytes, 0, 0)) };
}

fn assert_stands_before_what_is_no_frame(consumer: &Consumer) {
    let ready_bytes = consumer.ready_bytes();
    assert!(consumer.peek().is_none());
    assert!(consumer.next_frame().is_none());
    assert_eq!(consumer.ready_bytes(), ready_bytes, "the walk has moved on");
}

#[test]
fn a_walk_ends_at_a_length_that_no_payload_has() {
    let (_producer, consumer) = ring_with_frames([16, 16]);
    overwrite_header(&consumer, PAYLOAD_MAX_BYTES as u32 + 1);
    assert_stands_before_what_is_no_frame(&consumer);
}

#[test]
fn a_walk_ends_at_a_frame_that_is_longer_than_what_is_published() {
    let (_producer, consumer) = ring_with_frames([8]);
    overwrite_header(&consumer, PAYLOAD_MAX_BYTES as u32);
    assert_stands_before_what_is_no_frame(&consumer);
}

#[test]
fn a_walk_through_a_wiped_ring_ends_where_less_than_a_header_is_left() {
    let (_producer, consumer) = ring_with_frames([8]);
    overwrite_header(&consumer, 0);
    assert_eq!(consumer.next_frame().map(|frame| frame.payload().len()), Some(0));
    assert!(consumer.ready_bytes() < FRAME_HEADER_BYTES);
    assert_stands_before_what_is_no_frame(&consumer);
}
