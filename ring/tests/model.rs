//! The ring on one thread, against a queue that cannot be wrong.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::collections::VecDeque;

use fapilog_ring::{
    Capacity, Consumer, FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, IdleRing, Producer, ReserveError, Storage,
};
use proptest::{collection::vec, prelude::*};

const CAPACITY_BYTES: usize = 256;
const PAYLOAD_MAX_BYTES: usize = Capacity::payload_limit(CAPACITY_BYTES);

fn frame_bytes(payload_bytes: usize) -> usize {
    (FRAME_HEADER_BYTES + payload_bytes).next_multiple_of(FRAME_ALIGN_BYTES)
}

fn idle(capacity_bytes: usize, payload_max_bytes: usize) -> IdleRing {
    IdleRing::new(Storage::heap(Capacity::new(capacity_bytes, payload_max_bytes).unwrap()).unwrap())
}

/// Bytes that differ from frame to frame and from place to place.
fn payload(stamp: u64, bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|place| (stamp * 31 + place * 7 + 1) as u8).collect()
}

#[derive(Debug, Clone)]
enum Operation {
    /// Reserve, leaving headroom, and use a part.
    Commit { reserved: usize, used: usize, headroom: usize },
    /// Reserve, write, and drop the grant.
    Abandon { reserved: usize },
    /// Walk so many frames of a new snapshot.
    Walk { frames: usize },
    /// Give the space of the frames walked back.
    Release,
    /// Drop the producer.
    Close,
    /// Take the ring back, if it is finished, and put it to use again.
    Recycle,
}

fn operation() -> impl Strategy<Value = Operation> {
    // Now and then, a byte more than allowed.
    let length = 0..=PAYLOAD_MAX_BYTES + 1;
    prop_oneof![
        8 => (length.clone(), length.clone(), prop_oneof![4 => Just(0usize), 1 => 0..CAPACITY_BYTES])
            .prop_map(|(reserved, used, headroom)| Operation::Commit { reserved, used, headroom }),
        2 => length.prop_map(|reserved| Operation::Abandon { reserved }),
        6 => (0..8usize).prop_map(|frames| Operation::Walk { frames }),
        6 => Just(Operation::Release),
        1 => Just(Operation::Close),
        1 => Just(Operation::Recycle),
    ]
}

/// A ring, and the frames that it must hold.
struct Pair {
    producer: Option<Producer>,
    /// `None` only while it is exchanged.
    consumer: Option<Consumer>,
    frames: VecDeque<(Vec<u8>, u32, u64)>,
    used_bytes: usize,
    /// Walked, but not released.
    walked_bytes: usize,
    generation: u32,
    stamp: u64,
}

impl Pair {
    fn new() -> Self {
        let (producer, consumer) = idle(CAPACITY_BYTES, PAYLOAD_MAX_BYTES).split();
        Self {
            producer: Some(producer),
            consumer: Some(consumer),
            frames: VecDeque::new(),
            used_bytes: 0,
            walked_bytes: 0,
            generation: 1,
            stamp: 0,
        }
    }

    /// The answer that a reservation must return.
    fn expected(&self, reserved: usize, headroom: usize) -> Result<(), ReserveError> {
        if reserved > PAYLOAD_MAX_BYTES {
            return Err(ReserveError::TooLong { payload_bytes: reserved, payload_max_bytes: PAYLOAD_MAX_BYTES });
        }
        let (wanted_bytes, free_bytes) = (frame_bytes(reserved) + headroom, CAPACITY_BYTES - self.used_bytes);
        if wanted_bytes > free_bytes { Err(ReserveError::Full { wanted_bytes, free_bytes }) } else { Ok(()) }
    }

    fn reserve(&mut self, reserved: usize, headroom: usize, used: Option<usize>) {
        let expected = self.expected(reserved, headroom);
        let Some(producer) = &mut self.producer else { return };
        let answer = producer.reserve_leaving(reserved, headroom);
        assert_eq!(answer.as_ref().err(), expected.as_ref().err());
        let Ok(mut grant) = answer else { return };
        self.stamp += 1;
        let bytes = payload(self.stamp, reserved);
        grant.payload_mut().copy_from_slice(&bytes);
        if let Some(used) = used {
            let tag = self.stamp as u32 ^ 0xABCD;
            grant.commit(used, tag, self.stamp);
            let used = used.min(reserved);
            self.frames.push_back((bytes.get(..used).unwrap().to_vec(), tag, self.stamp));
            self.used_bytes += frame_bytes(used);
        }
    }

    /// Several frames are held at once before they are checked, to show that all stay in place.
    fn walk(&mut self, frames: usize) {
        let consumer = self.consumer.as_mut().unwrap();
        consumer.refresh();
        let held: Vec<_> = (0..frames).map_while(|_| consumer.next_frame()).collect();
        assert_eq!(held.len(), frames.min(self.frames.len()), "all published frames are there, and no others");
        for frame in held {
            let (payload, tag, stamp) = self.frames.pop_front().unwrap();
            assert_eq!((frame.payload(), frame.tag(), frame.stamp()), (&payload[..], tag, stamp));
            self.walked_bytes += frame_bytes(payload.len());
        }
        assert_eq!(consumer.ready_bytes(), self.used_bytes - self.walked_bytes);
        assert_eq!(consumer.is_drained(), self.frames.is_empty());
    }

    fn release(&mut self) {
        self.consumer.as_mut().unwrap().release();
        self.used_bytes -= self.walked_bytes;
        self.walked_bytes = 0;
    }

    fn recycle(&mut self) {
        let is_over = self.producer.is_none() && self.frames.is_empty();
        match self.consumer.take().unwrap().into_idle() {
            Ok(idle) => {
                assert!(is_over, "only a ring that is closed and read to its end can be recycled");
                let (producer, consumer) = idle.split();
                self.producer = Some(producer);
                self.consumer = Some(consumer);
                self.generation += 1;
                (self.used_bytes, self.walked_bytes) = (0, 0);
            }
            Err(consumer) => {
                assert!(!is_over, "a ring that is closed and read to its end can be recycled");
                self.consumer = Some(consumer);
            }
        }
    }

    fn apply(&mut self, operation: &Operation) {
        match *operation {
            Operation::Commit { reserved, used, headroom } => self.reserve(reserved, headroom, Some(used)),
            Operation::Abandon { reserved } => self.reserve(reserved, 0, None),
            Operation::Walk { frames } => self.walk(frames),
            Operation::Release => self.release(),
            Operation::Close => self.producer = None,
            Operation::Recycle => self.recycle(),
        }
        let consumer = self.consumer.as_ref().unwrap();
        assert_eq!(consumer.is_closed(), self.producer.is_none());
        assert_eq!(consumer.generation(), self.generation);
        assert_eq!(consumer.gauge().used_bytes(), self.used_bytes as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 500 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_ring_behaves_as_a_queue(operations in vec(operation(), 1..if cfg!(miri) { 60 } else { 300 })) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.apply(operation);
        }
    }
}

/// Brings an empty ring to the given offset with frames of 24 bytes: their multiples meet every offset.
fn advance_to(offset: usize, capacity_bytes: usize, producer: &mut Producer, consumer: &mut Consumer) {
    let mut position = 0;
    while position % capacity_bytes != offset {
        producer.reserve(8).unwrap().commit(8, 0, 0);
        consumer.refresh();
        while consumer.next_frame().is_some() {}
        consumer.release();
        position += frame_bytes(8);
    }
}

#[test]
fn frames_of_every_length_are_whole_at_every_offset() {
    let capacity_bytes = Capacity::MIN_BYTES;
    let payload_max_bytes = Capacity::payload_limit(capacity_bytes);
    for offset in (0..capacity_bytes).step_by(FRAME_ALIGN_BYTES) {
        // Miri takes its time.
        for length in (0..=payload_max_bytes).step_by(if cfg!(miri) { 8 } else { 1 }) {
            let (mut producer, mut consumer) = idle(capacity_bytes, payload_max_bytes).split();
            advance_to(offset, capacity_bytes, &mut producer, &mut consumer);

            // As many as fit, twice: the second lap reuses the slack.
            for lap in 0..2 {
                let mut stamps = Vec::new();
                while let Ok(mut grant) = producer.reserve(length) {
                    let stamp = (lap * 100 + stamps.len() + 1) as u64;
                    grant.payload_mut().copy_from_slice(&payload(stamp, length));
                    grant.commit(length, 0, stamp);
                    stamps.push(stamp);
                }
                assert_eq!(stamps.len(), capacity_bytes / frame_bytes(length), "offset {offset}, length {length}");
                consumer.refresh();
                let held: Vec<_> = std::iter::from_fn(|| consumer.next_frame()).collect();
                assert_eq!(held.iter().map(|frame| frame.stamp()).collect::<Vec<_>>(), stamps);
                for frame in held {
                    assert_eq!(frame.payload(), payload(frame.stamp(), length), "offset {offset}, length {length}");
                    assert!(frame.payload().as_ptr().cast::<u64>().is_aligned());
                }
                consumer.release();
            }
        }
    }
}
