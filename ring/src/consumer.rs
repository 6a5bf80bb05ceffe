//! The reading side.

use std::cell::Cell;

use crate::{
    frame::{Frame, frame_bytes},
    idle::IdleRing,
    seeded,
    shared::{RingGauge, SharedRing},
    storage::Slots,
    sync::{Arc, Ordering},
};

/// The reading end of a ring. There is one: it can be sent to another thread, but neither cloned nor shared.
///
/// Reading has three steps: [`refresh`](Self::refresh) takes a snapshot of the published frames,
/// [`next_frame`](Self::next_frame) walks it, frame by frame, in place, and [`release`](Self::release) gives the space
/// of all frames walked back to the producer. The borrow checker ensures that no frame outlives its release.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<SharedRing>,
    /// Belongs to the storage in `shared`, and lives as long.
    slots: Slots,
    /// Position of the next frame that `next_frame` gives. A `Cell`, so that many frames can be held at once.
    read: Cell<u64>,
    /// The newest `published` that this end has loaded (rule 3).
    published_seen: u64,
    /// A copy of `released`, which this end alone writes.
    released: u64,
    /// The first consumer still refers to frames (rule 10): nothing is released.
    is_second: bool,
    /// Another consumer goes on (rule 10).
    has_left: bool,
}

impl Consumer {
    /// The caller has exclusive ownership of a ring that is closed and read to its end.
    pub(crate) fn new(shared: Arc<SharedRing>) -> Self {
        // Relaxed, both: the caller owns the whole ring (rule 7), so no other thread writes these words.
        let published_seen = shared.published.load(Ordering::Relaxed);
        let released = shared.released.load(Ordering::Relaxed);
        debug_assert_eq!(published_seen, released, "rule 7: a ring is read to its end before it has a new owner");
        let slots = shared.storage.slots();
        Self { shared, slots, read: Cell::new(released), published_seen, released, is_second: false, has_left: false }
    }

    /// The position of the next frame: where a second consumer begins that takes the ring over (rule 10).
    #[inline]
    #[must_use]
    pub fn position(&self) -> u64 {
        self.read.get()
    }

    /// The ring, for a second consumer that takes it over (rule 10).
    #[must_use]
    pub fn heir(&self) -> RingHeir {
        RingHeir { shared: Arc::clone(&self.shared) }
    }

    /// Drops this end of a ring that a second consumer has taken over, or will (rule 10): for the producer, the consumer is not gone.
    pub fn leave(mut self) {
        self.has_left = true;
    }

    /// Takes a snapshot: the frames published until now can be walked. Returns the bytes of frames that are ready.
    #[inline]
    pub fn refresh(&mut self) -> usize {
        // Acquire: rule 1, pairs with the store in `Grant::commit`.
        let published = self.shared.published.load(seeded::ordering(Ordering::Acquire, "snapshot_relaxed"));
        debug_assert!(self.published_seen <= published, "`published` went back to {published}: {self:?}");
        self.published_seen = published;
        self.assert_positions();
        self.ready_bytes()
    }

    /// The order of positions, as far as this end knows them: see the crate's page.
    #[inline(always)]
    fn assert_positions(&self) {
        let read = self.read.get();
        debug_assert!(self.released <= read, "bytes are released that were not read: {self:?}");
        debug_assert!(read <= self.published_seen, "bytes are read that were not published: {self:?}");
        let capacity_bytes = self.slots.capacity().capacity_bytes() as u64;
        debug_assert!(self.published_seen - self.released <= capacity_bytes, "more is in use than fits: {self:?}");
    }

    /// Bytes of frames in the snapshot that have not been walked yet.
    #[inline]
    #[must_use]
    pub fn ready_bytes(&self) -> usize {
        // At most the capacity.
        (self.published_seen - self.read.get()) as usize
    }

    /// Whether the ring holds no frame beyond those walked. Looks at the producer's word and leaves the snapshot alone:
    /// the frames that it finds are there after a [`refresh`](Self::refresh).
    #[must_use]
    pub fn is_drained(&self) -> bool {
        // Relaxed: no byte is read on its strength. The position of a drained ring was loaded before, in `refresh`, with
        // acquire (rule 1); a ring that is not drained is refreshed before it is read. An earlier publish is found in time
        // because of what comes before the look: the heavy fence of rule 8 before a park, which pairs with `fence::light`,
        // or the acquire load of a request.
        self.shared.published.load(Ordering::Relaxed) == self.read.get()
    }

    /// The next frame of the snapshot, without walking on.
    #[inline(always)]
    pub fn peek(&self) -> Option<Frame<'_>> {
        let position = self.read.get();
        if position == self.published_seen {
            return None;
        }
        // SAFETY: we hold the storage by `shared`; a frame starts at `position`, because we have walked whole frames from one that did; it lies below
        // `published_seen`, so it is whole (rule 1), and it is not released before `release`, which needs `&mut self`.
        let header = unsafe { self.slots.header(self.shared.storage.tracker(), position) };
        let payload_bytes = header.payload_bytes();
        // Always true, but in a forked child that walks on in a ring which the fork has wiped: what lies there is no
        // frame, and the walk ends.
        let is_whole = payload_bytes <= self.slots.capacity().payload_max_bytes()
            && frame_bytes(payload_bytes) as u64 <= self.published_seen - position;
        if !is_whole {
            return None;
        }
        // SAFETY: as above; the result borrows `self`, so the storage stays and the bytes are not released while it lives.
        let payload = unsafe { self.slots.payload(self.shared.storage.tracker(), position, payload_bytes) };
        Some(Frame { header, payload })
    }

    /// The next frame of the snapshot.
    #[inline(always)]
    pub fn next_frame(&self) -> Option<Frame<'_>> {
        let frame = self.peek()?;
        self.read.set(self.read.get() + frame_bytes(frame.payload.len()) as u64);
        self.assert_positions();
        Some(frame)
    }

    /// Gives the space of all frames walked so far back to the producer.
    ///
    /// Once a drained span is enough, and cheaper than once a frame; but always when the ring has been walked to its
    /// end, or a producer that waits for space may wait for ever.
    #[inline]
    pub fn release(&mut self) {
        let read = self.read.get();
        let may_release = !self.is_second || seeded::bug("second_consumer_releases");
        if read != self.released && may_release {
            self.released = read;
            // Release: rule 2, pairs with the load in `Producer::find_room`.
            self.shared.released.store(read, seeded::ordering(Ordering::Release, "release_relaxed"));
        }
    }

    /// Whether the producer is gone and everything it published has been walked. Takes a new snapshot.
    pub fn is_finished(&mut self) -> bool {
        // Rule 6: `closed` first, `published` after it.
        let mut closed = self.is_closed();
        self.refresh();
        if seeded::bug("closed_after_published") {
            closed = self.is_closed();
        }
        closed && self.ready_bytes() == 0
    }

    /// Whether the producer is gone. Frames may be left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // Acquire: rule 6, pairs with the store in `Producer::drop`.
        self.shared.closed.load(seeded::ordering(Ordering::Acquire, "closed_relaxed"))
    }

    /// Takes the ring back once it is [finished](Self::is_finished) (rule 7).
    ///
    /// # Errors
    /// Gives the consumer back while there is a producer, or frames are left; and a second consumer in any case.
    pub fn into_idle(mut self) -> Result<IdleRing, Self> {
        if self.is_second {
            return Err(self);
        }
        let finished = self.is_finished() || (seeded::bug("recycled_while_open") && self.ready_bytes() == 0);
        if !finished {
            return Err(self);
        }
        self.release();
        Ok(IdleRing::reclaimed(Arc::clone(&self.shared)))
    }

    /// A view of how full the ring is.
    #[must_use]
    pub fn gauge(&self) -> RingGauge {
        RingGauge { shared: Arc::clone(&self.shared) }
    }

    /// The number of the ring's owner that its producer is, counted from one.
    #[must_use]
    pub fn generation(&self) -> u32 {
        // Relaxed: changes only in `IdleRing::split`, which needs this consumer gone.
        self.shared.generation.load(Ordering::Relaxed)
    }
}

/// A ring whose consumer may be lost in code that does not return, for a second consumer (rule 10).
#[derive(Debug, Clone)]
pub struct RingHeir {
    shared: Arc<SharedRing>,
}

impl RingHeir {
    /// A second consumer, which begins at this position. It never releases space: see rule 10.
    ///
    /// # Safety
    /// The first consumer, and each that has taken over from it, is never called again: frames that it has given may be read
    /// still, and it may be dropped or [leave](Consumer::leave). `position` is its [`position`](Consumer::position) at its last
    /// frame; what it did before comes before this call.
    #[must_use]
    pub unsafe fn take_over(&self, position: u64) -> Consumer {
        let shared = Arc::clone(&self.shared);
        // Relaxed: what the first consumer did comes before this call, and nothing releases space from now on.
        let released = shared.released.load(Ordering::Relaxed);
        debug_assert!(released <= position, "rule 10: {position} is released already, up to {released}");
        let slots = shared.storage.slots();
        let read = Cell::new(position);
        Consumer { shared, slots, read, published_seen: position, released, is_second: true, has_left: false }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if !self.has_left {
            // Relaxed: a hint, see `Producer::find_room`. A ring that goes on under a new owner clears it.
            self.shared.abandoned.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
