//! Rules 1 to 5 of the take-over, and rule 10 of the ring: each event is delivered by one of two shards or lost with the first, and no
//! frame is overwritten that the first may still read.

use std::sync::Arc;

use fapilog_engine::model_api::WatchedCalls;
use fapilog_ring::{
    Consumer,
    sync::{AtomicU64, Ordering},
};
use loom::thread;
use loom_tests::{
    model::{UNORDERED_ACCESS, holds, is_caught},
    small_ring::{FrameCheck, idle, publish, try_publish},
};

/// The bytes of a frame: four fill the ring.
const FRAME_BYTES: u64 = 32;
/// The frames of the batch that the first shard has in hand.
const HELD: u64 = 2;
/// The panic of a model in which an event is counted twice, or not at all.
const NOT_ONCE: &str = "an event is not counted once";
/// The panic of a model in which the second consumer begins at another place.
const NOT_NEXT: &str = "a frame is missing, or comes twice";

/// The notes of the first shard.
#[derive(Debug)]
struct Notes {
    calls: WatchedCalls,
    position: AtomicU64,
    events: AtomicU64,
}

/// Drains a ring whose producer is gone. Returns the number of frames.
fn drain(consumer: &mut Consumer, next: u64) -> u64 {
    let mut seen = FrameCheck::from(next);
    while seen.drain(consumer) {}
    seen.frames() - next
}

/// The first shard: a batch, with a call of user code that reads its frames. Returns its consumer and the events that it has
/// delivered, unless it was abandoned.
fn first_shard(mut consumer: Consumer, notes: &Notes) -> Option<(Consumer, u64)> {
    consumer.refresh();
    let walked = HELD * FRAME_BYTES;
    // Relaxed, both: rule 4, the call word publishes them.
    notes.position.store(consumer.position() + walked, Ordering::Relaxed);
    notes.events.store(HELD, Ordering::Relaxed);
    let mut seen = FrameCheck::default();
    let goes_on = notes.calls.call(|| {
        for _ in 0..HELD {
            consumer.next_frame().iter().for_each(|frame| seen.check(frame));
        }
    });
    if goes_on {
        consumer.release();
        return Some((consumer, seen.frames()));
    }
    None
}

fn a_call_that_may_not_return() {
    let (mut producer, consumer) = idle().split();
    (0..HELD).for_each(|stamp| publish(&mut producer, stamp, 16));
    let heir = consumer.heir();
    let notes = Notes { calls: WatchedCalls::none(), position: AtomicU64::new(0), events: AtomicU64::new(0) };
    let notes = Arc::new(notes);
    let shard = {
        let notes = Arc::clone(&notes);
        thread::spawn(move || first_shard(consumer, &notes))
    };
    let publisher = thread::spawn(move || {
        // As many as there is room for: more than the ring holds only if the first frames are released.
        (HELD..6).take_while(|stamp| try_publish(&mut producer, *stamp, 16).is_ok()).count() as u64 + HELD
    });
    let mut delivered = 0;
    let mut lost = 0;
    let mut second = notes.calls.abandon_in_first_call().then(|| {
        // Relaxed, both: rule 4, as above.
        lost = notes.events.load(Ordering::Relaxed);
        let position = notes.position.load(Ordering::Relaxed);
        // SAFETY: the first shard was abandoned, and finds that out before it calls its consumer again.
        let mut second = unsafe { heir.take_over(position) };
        let mut seen = FrameCheck::from(position / FRAME_BYTES);
        seen.drain(&mut second);
        delivered += seen.frames() - position / FRAME_BYTES;
        second
    });
    let published = publisher.join().unwrap();
    if let Some(second) = &mut second {
        let next = lost + delivered;
        delivered += drain(second, next);
    }
    if let Some((mut consumer, by_first)) = shard.join().unwrap() {
        delivered += by_first + drain(&mut consumer, by_first);
    }
    assert_eq!(delivered + lost, published, "{NOT_ONCE}");
}

#[test]
fn each_event_is_counted_once_whether_a_call_returns_or_its_shard_is_abandoned() {
    holds(a_call_that_may_not_return);
}

#[test]
fn a_call_that_begins_by_a_relaxed_store_is_caught() {
    let test = each_event_is_counted_once_whether_a_call_returns_or_its_shard_is_abandoned;
    is_caught("call_begins_relaxed", &[NOT_NEXT], test);
}

#[test]
fn a_shard_that_goes_on_though_it_was_abandoned_is_caught() {
    let test = each_event_is_counted_once_whether_a_call_returns_or_its_shard_is_abandoned;
    is_caught("returns_without_a_look", &[NOT_ONCE], test);
}

#[test]
fn a_second_consumer_that_releases_space_is_caught() {
    let test = each_event_is_counted_once_whether_a_call_returns_or_its_shard_is_abandoned;
    is_caught("second_consumer_releases", &[UNORDERED_ACCESS], test);
}
