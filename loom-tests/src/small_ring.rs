//! Rings that a few frames fill, and frames that show it when they arrive damaged.

use fapilog_ring::{Capacity, Consumer, Frame, IdleRing, Producer, ReserveError, Storage};

/// Bytes of the ring.
pub const CAPACITY_BYTES: usize = Capacity::MIN_BYTES;
/// The longest payload; a frame with it takes 32 bytes, so four fill the ring.
pub const PAYLOAD_MAX_BYTES: usize = Capacity::payload_limit(CAPACITY_BYTES);

/// A new ring.
pub fn idle() -> IdleRing {
    let capacity = Capacity::new(CAPACITY_BYTES, PAYLOAD_MAX_BYTES).expect("the smallest ring is a ring");
    IdleRing::new(Storage::heap(capacity).expect("memory for a ring of 128 bytes"))
}

/// Publishes the frame with the number `stamp` and `payload_bytes` bytes, if there is room.
pub fn try_publish(producer: &mut Producer, stamp: u64, payload_bytes: usize) -> Result<(), ReserveError> {
    let tag = producer.generation();
    let mut grant = producer.reserve(payload_bytes)?;
    grant.payload_mut().fill(stamp as u8);
    grant.commit(payload_bytes, tag, stamp);
    Ok(())
}

/// Publishes a frame where there is room by the model's construction.
pub fn publish(producer: &mut Producer, stamp: u64, payload_bytes: usize) {
    try_publish(producer, stamp, payload_bytes).expect("the model leaves room for this frame");
}

/// Publishes a frame as soon as there is room.
pub fn publish_when_free(producer: &mut Producer, stamp: u64, payload_bytes: usize) {
    while try_publish(producer, stamp, payload_bytes).is_err() {
        loom::thread::yield_now();
    }
}

/// The frames that a consumer has read from a ring. It checks each frame against the number it must bear.
#[derive(Debug, Default)]
pub struct FrameCheck {
    next: u64,
}

impl FrameCheck {
    /// Expects the frames from number `next` on.
    pub fn from(next: u64) -> Self {
        Self { next }
    }

    /// The number of frames seen, if the first bore the number zero.
    pub fn frames(&self) -> u64 {
        self.next
    }

    /// Checks one frame.
    pub fn check(&mut self, frame: &Frame<'_>) {
        assert_eq!(frame.stamp(), self.next, "a frame is missing, or comes twice, or out of turn");
        assert!(frame.payload().iter().all(|&byte| byte == self.next as u8), "a frame arrived damaged");
        self.next += 1;
    }

    /// Walks everything that is published now and gives its space back. Returns whether there was anything.
    pub fn drain(&mut self, consumer: &mut Consumer) -> bool {
        let before = self.next;
        consumer.refresh();
        while let Some(frame) = consumer.next_frame() {
            self.check(&frame);
        }
        consumer.release();
        self.next != before
    }

    /// Drains until `frames` have been seen.
    pub fn drain_until(&mut self, frames: u64, consumer: &mut Consumer) {
        while self.frames() < frames {
            if !self.drain(consumer) {
                loom::thread::yield_now();
            }
        }
    }
}
