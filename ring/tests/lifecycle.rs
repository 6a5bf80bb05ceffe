//! A ring from its making to its end.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use fapilog_ring::{
    Capacity, CapacityError, Consumer, FRAME_HEADER_BYTES, IdleRing, Producer, ReserveError, Storage, ring_on,
};

fn small_ring() -> (Producer, Consumer) {
    ring_on(Storage::heap(Capacity::new(128, 16).unwrap()).unwrap())
}

fn fill(producer: &mut Producer) -> ReserveError {
    loop {
        match producer.reserve(16) {
            Ok(grant) => grant.commit(16, 0, 0),
            Err(full) => return full,
        }
    }
}

fn walk(consumer: &mut Consumer) -> usize {
    consumer.refresh();
    let frames = std::iter::from_fn(|| consumer.next_frame()).count();
    consumer.release();
    frames
}

#[test]
fn a_capacity_that_is_no_power_of_two_is_refused_with_what_is_allowed() {
    for capacity_bytes in [0, 64, 129, 192, 1 << 31] {
        let refused = CapacityError::Capacity { capacity_bytes, min_bytes: 128, max_bytes: 1 << 30 };
        assert_eq!(Capacity::new(capacity_bytes, 16), Err(refused));
    }
}

#[test]
fn the_smallest_and_the_largest_capacity_are_allowed() {
    for capacity_bytes in [Capacity::MIN_BYTES, Capacity::MAX_BYTES] {
        let payload_max_bytes = Capacity::payload_limit(capacity_bytes);
        let capacity = Capacity::new(capacity_bytes, payload_max_bytes).unwrap();
        assert_eq!((capacity.capacity_bytes(), capacity.payload_max_bytes()), (capacity_bytes, payload_max_bytes));
    }
}

#[test]
fn a_payload_longer_than_a_quarter_of_the_ring_is_refused() {
    for payload_max_bytes in [0, 17] {
        let refused = CapacityError::Payload { payload_max_bytes, max_bytes: 16 };
        assert_eq!(Capacity::new(128, payload_max_bytes), Err(refused));
    }
}

#[test]
fn memory_is_the_capacity_and_slack_for_the_longest_frame() {
    assert_eq!(Capacity::new(128, 16).unwrap().storage_bytes(), 128 + 32);
    assert_eq!(Capacity::new(128, 1).unwrap().storage_bytes(), 128 + 24);
}

#[test]
fn a_full_ring_whose_consumer_is_gone_reports_that_waiting_is_in_vain() {
    let (mut producer, consumer) = small_ring();
    assert_eq!(fill(&mut producer), ReserveError::Full { wanted_bytes: 32, free_bytes: 0 });
    drop(consumer);
    assert_eq!(fill(&mut producer), ReserveError::Abandoned);
}

#[test]
fn a_recycled_ring_does_not_remember_that_it_was_abandoned() {
    let (producer, consumer) = small_ring();
    drop(producer);
    let (mut producer, _consumer) = consumer.into_idle().unwrap().split();
    assert_eq!(fill(&mut producer), ReserveError::Full { wanted_bytes: 32, free_bytes: 0 });
}

#[test]
fn headroom_is_kept_for_frames_that_matter_more() {
    let (mut producer, _consumer) = small_ring();
    for _ in 0..3 {
        producer.reserve_leaving(16, 32).unwrap().commit(16, 0, 0);
    }
    let refused = producer.reserve_leaving(16, 32).err();
    assert_eq!(refused, Some(ReserveError::Full { wanted_bytes: 64, free_bytes: 32 }));
    assert!(producer.reserve(16).is_ok());
}

#[test]
fn headroom_larger_than_any_ring_is_refused_and_does_not_overflow() {
    let (mut producer, _consumer) = small_ring();
    let refused = producer.reserve_leaving(16, usize::MAX).err();
    assert_eq!(refused, Some(ReserveError::Full { wanted_bytes: usize::MAX, free_bytes: 128 }));
}

#[test]
fn a_ring_with_a_producer_cannot_be_taken_back() {
    let (_producer, consumer) = small_ring();
    assert!(consumer.into_idle().is_err());
}

#[test]
fn a_ring_with_frames_left_cannot_be_taken_back_until_they_are_read() {
    let (mut producer, consumer) = small_ring();
    fill(&mut producer);
    drop(producer);
    let mut consumer = consumer.into_idle().unwrap_err();
    assert_eq!(walk(&mut consumer), 4);
    assert!(consumer.into_idle().is_ok());
}

#[test]
fn a_recycled_ring_is_empty_and_whole_under_the_next_generation() {
    let (mut producer, mut consumer) = small_ring();
    assert_eq!((producer.generation(), consumer.generation()), (1, 1));
    fill(&mut producer);
    drop(producer);
    walk(&mut consumer);
    let (mut producer, mut consumer) = consumer.into_idle().unwrap().split();
    assert_eq!((producer.generation(), consumer.generation()), (2, 2));
    assert_eq!(walk(&mut consumer), 0);
    fill(&mut producer);
    assert_eq!(walk(&mut consumer), 4);
}

#[test]
fn a_gauge_outlives_both_ends() {
    let (mut producer, consumer) = small_ring();
    producer.reserve(8).unwrap().commit(8, 0, 0);
    let gauge = producer.gauge();
    drop((producer, consumer));
    assert_eq!((gauge.used_bytes(), gauge.capacity_bytes()), (24, 128));
}

#[test]
fn frames_published_before_a_snapshot_are_walked_and_later_ones_are_not() {
    let (mut producer, mut consumer) = small_ring();
    producer.reserve(8).unwrap().commit(8, 0, 1);
    assert_eq!(consumer.refresh(), 24);
    producer.reserve(8).unwrap().commit(8, 0, 2);
    assert_eq!(consumer.next_frame().unwrap().stamp(), 1);
    assert!(consumer.next_frame().is_none());
    assert!(!consumer.is_drained(), "is_drained looks at the producer's word");
}

#[test]
#[cfg_attr(miri, ignore = "the point is to leak")]
fn a_disowned_producer_does_not_close_the_ring() {
    let (producer, consumer) = small_ring();
    producer.disown();
    assert!(!consumer.is_closed());
}

#[test]
fn an_idle_ring_that_nobody_uses_frees_its_memory() {
    // Miri and the leak sanitizer watch.
    drop(IdleRing::new(Storage::heap(Capacity::new(128, 16).unwrap()).unwrap()));
}

#[test]
fn memory_from_the_allocator_begins_at_a_page_as_a_mapping_does() {
    let (mut producer, _consumer) = small_ring();
    let payload_address = producer.reserve(1).unwrap().payload_mut().as_ptr().addr();
    assert_eq!(payload_address % 4096, FRAME_HEADER_BYTES);
}

/// Page faults of this thread that no disk was needed for.
#[cfg(all(target_os = "linux", not(miri)))]
fn page_faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the call writes a whole `rusage` there.
    let answer = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    assert_eq!(answer, 0);
    // SAFETY: the call above has filled it.
    unsafe { usage.assume_init() }.ru_minflt
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn the_first_frames_of_a_mapped_ring_meet_no_page_faults() {
    let (mut producer, _consumer) = fapilog_ring::ring(Capacity::new(1 << 20, 1024).unwrap()).unwrap();
    let pages = (1 << 20) / 4096;
    let before = page_faults();
    while let Ok(grant) = producer.reserve(1024) {
        grant.commit(1024, 0, 0);
    }
    // A few for the program's own pages.
    assert!(page_faults() - before < pages / 8);
}

#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_forked_child_finds_the_ring_wiped() {
    let (mut producer, mut consumer) = fapilog_ring::ring(Capacity::new(4096, 64).unwrap()).unwrap();
    let mut grant = producer.reserve(5).unwrap();
    grant.payload_mut().copy_from_slice(b"hello");
    grant.commit(5, 7, 1);
    consumer.refresh();

    // SAFETY: the child reads memory, compares, and leaves by `_exit`: nothing that a lock held elsewhere could hang.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let wiped = consumer.next_frame().is_some_and(|frame| frame.payload().is_empty() && frame.tag() == 0);
        // SAFETY: ends this process, and runs nothing of the parent's on the way.
        unsafe { libc::_exit(i32::from(!wiped)) };
    }
    assert!(child > 0, "fork failed");
    let mut status = 0;
    // SAFETY: `status` is ours to write, and the child is our own.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
    assert_eq!(consumer.next_frame().unwrap().payload(), b"hello", "the parent keeps its frames");
}

#[test]
fn a_peek_shows_the_next_frame_and_walks_nowhere() {
    let (mut producer, mut consumer) = small_ring();
    (1..=2).for_each(|stamp| producer.reserve(8).unwrap().commit(8, 0, stamp));
    consumer.refresh();
    let ready_bytes = consumer.ready_bytes();
    let peeked = |consumer: &Consumer| consumer.peek().map(|frame| frame.stamp());
    assert_eq!((peeked(&consumer), peeked(&consumer)), (Some(1), Some(1)));
    assert_eq!(consumer.ready_bytes(), ready_bytes);
    assert_eq!(consumer.next_frame().map(|frame| frame.stamp()), Some(1));
    assert_eq!(peeked(&consumer), Some(2));
}

#[test]
fn a_peek_sees_no_further_than_the_snapshot() {
    let (mut producer, mut consumer) = small_ring();
    producer.reserve(8).unwrap().commit(8, 0, 0);
    assert!(consumer.peek().is_none());
    consumer.refresh();
    assert!(consumer.next_frame().is_some());
    producer.reserve(8).unwrap().commit(8, 0, 0);
    assert!(consumer.peek().is_none());
}

#[test]
fn what_was_peeked_at_is_not_released() {
    let (mut producer, mut consumer) = small_ring();
    fill(&mut producer);
    consumer.refresh();
    assert!(consumer.peek().is_some());
    consumer.release();
    assert_eq!(fill(&mut producer), ReserveError::Full { wanted_bytes: 32, free_bytes: 0 });
}

#[test]
fn a_held_grant_is_written_and_published_by_another_function() {
    let (mut producer, mut consumer) = small_ring();
    let payload = producer.reserve(8).unwrap().hold();
    // SAFETY: eight bytes are reserved there, and nothing else touches the ring.
    unsafe { payload.copy_from_nonoverlapping(std::ptr::NonNull::from(&[7_u8; 8]).cast(), 8) };
    producer.held().commit(6, 3, 1);
    consumer.refresh();
    let frame = consumer.next_frame().unwrap();
    assert_eq!((frame.payload(), frame.tag()), ([7_u8; 6].as_slice(), 3));
}

#[test]
fn a_held_grant_ends_with_the_next_publish() {
    let (mut producer, mut consumer) = small_ring();
    producer.held().commit(8, 0, 0);
    let _payload = producer.reserve(8).unwrap().hold();
    producer.held().commit(8, 0, 0);
    assert!(producer.held().payload_mut().is_empty());
    producer.held().commit(8, 0, 0);
    assert_eq!(walk(&mut consumer), 1);
}

#[test]
fn a_held_grant_has_the_room_of_the_last_reservation() {
    let (mut producer, mut consumer) = small_ring();
    let _first = producer.reserve(16).unwrap().hold();
    let _second = producer.reserve(0).unwrap().hold();
    assert!(producer.held().payload_mut().is_empty());
    producer.held().commit(16, 0, 0);
    consumer.refresh();
    assert!(consumer.next_frame().unwrap().payload().is_empty());
}

#[test]
fn room_is_reserved_by_what_this_end_has_seen_last() {
    let (mut producer, mut consumer) = small_ring();
    assert!(producer.reserve_seen(17, 0).is_none());
    assert!(producer.reserve_seen(16, 128).is_none());
    while let Some(grant) = producer.reserve_seen(16, 0) {
        grant.commit(16, 0, 0);
    }
    assert_eq!(walk(&mut consumer), 4);
    // There is room, which this end has not seen yet.
    assert!(producer.reserve_seen(16, 0).is_none());
    assert!(producer.reserve(16).is_ok());
    assert!(producer.reserve_seen(16, 0).is_some());
}
