//! A walk through bytes that are no frames, as a forked child finds them in a ring which the fork has wiped; and a second consumer
//! (rule 10).

use super::*;
use crate::{
    error::ReserveError,
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

/// The lengths of the frames from the consumer's place on.
fn lengths(consumer: &mut Consumer) -> Vec<usize> {
    consumer.refresh();
    std::iter::from_fn(|| consumer.next_frame().map(|frame| frame.payload().len())).collect()
}

#[test]
fn a_second_consumer_reads_on_behind_the_frames_that_the_first_has_walked() {
    let (mut producer, first) = ring_with_frames([1, 2]);
    let held = first.next_frame().unwrap();
    // SAFETY: `first` is not called again; its frame is read, and it is dropped.
    let mut second = unsafe { first.heir().take_over(first.position()) };
    assert_eq!(lengths(&mut second), [2]);
    producer.reserve(3).unwrap().commit(3, 7, 1);
    assert_eq!(lengths(&mut second), [3]);
    second.release();
    // The first frame is in its place: the ring is full, whatever the second consumer has walked.
    while let Ok(grant) = producer.reserve(16) {
        grant.commit(16, 7, 1);
    }
    assert_eq!(held.payload().len(), 1);
    assert_eq!(second.gauge().used_bytes(), 24 * 3 + 32);
}

#[test]
fn a_ring_that_was_taken_over_is_never_recycled() {
    let (producer, first) = ring_with_frames([1]);
    // SAFETY: `first` is dropped, and not called before.
    let second = unsafe { first.heir().take_over(first.position()) };
    drop((producer, first));
    let mut second = second;
    assert_eq!(lengths(&mut second), [1]);
    assert!(second.is_finished());
    assert!(second.into_idle().is_err());
}

#[test]
fn a_second_consumer_may_be_followed_by_a_third() {
    let (mut producer, first) = ring_with_frames([1, 2]);
    let _held = first.next_frame().unwrap();
    // SAFETY: `first` is not called again.
    let mut second = unsafe { first.heir().take_over(first.position()) };
    assert_eq!(lengths(&mut second), [2]);
    producer.reserve(3).unwrap().commit(3, 7, 1);
    // SAFETY: neither `first` nor `second` is called again.
    let mut third = unsafe { second.heir().take_over(second.position()) };
    assert_eq!(lengths(&mut third), [3]);
}

#[test]
fn for_the_producer_a_consumer_that_leaves_is_not_gone() {
    let (mut producer, first) = ring_with_frames([1]);
    let heir = first.heir();
    let position = first.position();
    first.leave();
    while let Ok(grant) = producer.reserve(16) {
        grant.commit(16, 7, 1);
    }
    assert!(matches!(producer.reserve(16), Err(ReserveError::Full { .. })));
    // SAFETY: `first` is gone, and not called again.
    let second = unsafe { heir.take_over(position) };
    drop(second);
    assert!(matches!(producer.reserve(16), Err(ReserveError::Abandoned)));
}
