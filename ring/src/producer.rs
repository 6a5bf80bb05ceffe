//! The writing side.

use std::{
    cell::Cell,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};

use crate::{
    error::ReserveError,
    frame::{Header, frame_bytes},
    seeded,
    shared::{RingGauge, SharedRing},
    storage::Slots,
    sync::{Arc, Ordering},
};

/// The writing end of a ring. There is one at a time: it can be sent to another thread, but neither cloned nor shared.
///
/// Dropping it closes the ring: the consumer reads the remaining frames and may then recycle it (rules 6 and 7).
#[doc(alias = "AsyncQueue")]
#[derive(Debug)]
pub struct Producer {
    shared: Arc<SharedRing>,
    /// Belongs to the storage in `shared`, and lives as long.
    slots: Slots,
    /// A copy of `published`, which this end alone writes.
    written: u64,
    /// The newest `released` that this end has loaded (rule 3).
    released_seen: u64,
    /// The payload of the last grant: so many bytes, behind a header at `written`, are free. [`NOT_RESERVED`] once a frame is
    /// published.
    reserved_bytes: usize,
    /// `Send`, but not `Sync`.
    not_sync: PhantomData<Cell<()>>,
}

impl Producer {
    /// The caller has exclusive ownership of a ring that is closed and read to its end.
    pub(crate) fn new(shared: Arc<SharedRing>) -> Self {
        // Relaxed, both: the caller owns the whole ring (rule 7), so no other thread writes these words.
        let written = shared.published.load(Ordering::Relaxed);
        let released_seen = shared.released.load(Ordering::Relaxed);
        let slots = shared.storage.slots();
        Self { shared, slots, written, released_seen, reserved_bytes: NOT_RESERVED, not_sync: PhantomData }
    }

    /// Reserves room for a payload of at most `payload_max_bytes`.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing has changed then.
    #[inline(always)]
    pub fn reserve(&mut self, payload_max_bytes: usize) -> Result<Grant<'_>, ReserveError> {
        self.reserve_leaving(payload_max_bytes, 0)
    }

    /// As [`reserve`](Self::reserve), but takes nothing of the last `headroom_bytes` of free space: that is for frames
    /// which matter more.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing has changed then.
    #[inline(always)]
    pub fn reserve_leaving(
        &mut self,
        payload_max_bytes: usize,
        headroom_bytes: usize,
    ) -> Result<Grant<'_>, ReserveError> {
        if !self.sees_room(payload_max_bytes, headroom_bytes) {
            self.find_room(payload_max_bytes, headroom_bytes)?;
        }
        Ok(self.grant(payload_max_bytes))
    }

    /// As [`reserve_leaving`](Self::reserve_leaving), by the room that this end has seen last: `None` where it is too little, though
    /// there may be more by now, or where the payload is too long. Leaves nothing to do but comparisons.
    #[inline(always)]
    pub fn reserve_seen(&mut self, payload_max_bytes: usize, headroom_bytes: usize) -> Option<Grant<'_>> {
        self.sees_room(payload_max_bytes, headroom_bytes).then(|| self.grant(payload_max_bytes))
    }

    /// Whether there is room, by the `released` that this end has loaded last.
    #[inline(always)]
    fn sees_room(&self, payload_max_bytes: usize, headroom_bytes: usize) -> bool {
        let capacity = self.slots.capacity();
        payload_max_bytes <= capacity.payload_max_bytes()
            && self.free_bytes(capacity.capacity_bytes()) >= wanted_bytes(payload_max_bytes, headroom_bytes)
    }

    /// The caller has found room.
    #[inline(always)]
    fn grant(&mut self, payload_max_bytes: usize) -> Grant<'_> {
        self.reserved_bytes = payload_max_bytes;
        Grant { producer: self }
    }

    /// The grant that was given last and is held still. Its payload is empty if there is none: a frame has been published since.
    #[inline(always)]
    pub fn held(&mut self) -> Grant<'_> {
        Grant { producer: self }
    }

    /// The place of the reserved payload, and its length.
    #[inline(always)]
    fn reserved_payload(&mut self) -> (NonNull<u8>, usize) {
        let reserved_bytes = if self.reserved_bytes == NOT_RESERVED { 0 } else { self.reserved_bytes };
        // SAFETY: we hold the storage by `shared`; `written` is a sum of frame lengths, so aligned; the payload is no longer
        // than the capacity allows; and the bytes are free, if there is a grant: at least a frame's length of them lies between
        // `written` and the position that the consumer released last, which we read with acquire (rules 2 and 3). Without one the
        // payload has no bytes.
        let payload = unsafe { self.slots.payload_mut(self.shared.storage.tracker(), self.written, reserved_bytes) };
        (payload, reserved_bytes)
    }

    #[inline(always)]
    fn free_bytes(&self, capacity_bytes: usize) -> usize {
        // At most the capacity is ever in use, so neither subtraction wraps and the difference fits `usize`.
        debug_assert!(self.released_seen <= self.written, "bytes are released that were not written: {self:?}");
        debug_assert!(self.written - self.released_seen <= capacity_bytes as u64, "more is in use than fits: {self:?}");
        capacity_bytes - (self.written - self.released_seen) as usize
    }

    /// Fetches lines that a later frame will be written to, if they are known to be free.
    ///
    /// The consumer's core read them last, and a store waits for its line to come from there: a burst of frames would
    /// wait for each line. (*Measured*, bursts of 20 log calls, with and without, alternating: a median call of 25 ns
    /// against 29, and with a text of 52 bytes 34 against 41.) Lines that may still be read are left alone: to take
    /// them away from the consumer costs both sides.
    #[inline(always)]
    fn fetch_ahead(&self) {
        if self.free_bytes(self.slots.capacity().capacity_bytes()) >= 2 * FETCHED_AHEAD_BYTES {
            self.slots.fetch_ahead(self.written + FETCHED_AHEAD_BYTES as u64);
        }
    }

    /// Looks for room once more, with a new `released`.
    #[cold]
    #[inline(never)]
    fn find_room(&mut self, payload_max_bytes: usize, headroom_bytes: usize) -> Result<(), ReserveError> {
        let capacity = self.slots.capacity();
        if payload_max_bytes > capacity.payload_max_bytes() {
            let (payload_bytes, payload_max_bytes) = (payload_max_bytes, capacity.payload_max_bytes());
            return Err(ReserveError::TooLong { payload_bytes, payload_max_bytes });
        }
        let wanted_bytes = wanted_bytes(payload_max_bytes, headroom_bytes);
        if !seeded::bug("released_never_reloaded") {
            // Acquire: rule 2, pairs with the store in `Consumer::release`.
            let released = self.shared.released.load(seeded::ordering(Ordering::Acquire, "reload_relaxed"));
            debug_assert!(self.released_seen <= released, "`released` went back to {released}: {self:?}");
            self.released_seen = released;
        }
        let free_bytes = self.free_bytes(capacity.capacity_bytes());
        if free_bytes >= wanted_bytes {
            return Ok(());
        }
        // Relaxed: a hint that waiting is in vain; no data is read on its strength.
        if self.shared.abandoned.load(Ordering::Relaxed) {
            return Err(ReserveError::Abandoned);
        }
        Err(ReserveError::Full { wanted_bytes, free_bytes })
    }

    /// A view of how full the ring is.
    #[must_use]
    pub fn gauge(&self) -> RingGauge {
        RingGauge { shared: Arc::clone(&self.shared) }
    }

    /// The longest payload that this ring takes.
    #[inline(always)]
    #[must_use]
    pub fn payload_max_bytes(&self) -> usize {
        self.slots.capacity().payload_max_bytes()
    }

    /// Bytes of frames that the ring can hold.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.slots.capacity().capacity_bytes()
    }

    /// The number of the ring's owner that this is, counted from one.
    #[must_use]
    pub fn generation(&self) -> u32 {
        // Relaxed: changes only while no producer exists (rule 7).
        self.shared.generation.load(Ordering::Relaxed)
    }

    /// Forgets the ring without touching it: for a forked child, whose copy has no owner.
    ///
    /// The memory that it shares with the consumer is not freed.
    pub fn disown(self) {
        // Neither `closed` nor the reference count may be written: their reader, the consumer, is in another process.
        let _leaked = ManuallyDrop::new(self);
    }
}

/// No payload is so long.
const NOT_RESERVED: usize = usize::MAX;

/// The distance of fetched lines from the last frame: a handful of calls, about as long as a line takes to come.
const FETCHED_AHEAD_BYTES: usize = 256;

/// The free space that a frame asks for, with what it leaves to others. No headroom is too large.
#[inline(always)]
fn wanted_bytes(payload_max_bytes: usize, headroom_bytes: usize) -> usize {
    frame_bytes(payload_max_bytes).saturating_add(headroom_bytes)
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Release: rule 6, pairs with the load in `Consumer::is_finished`. Every frame has been published before.
        self.shared.closed.store(true, seeded::ordering(Ordering::Release, "close_relaxed"));
    }
}

/// Room in a ring for one frame. [`commit`](Grant::commit) publishes it; dropping it publishes nothing (rule 5).
///
/// A single word, so that a function can return it in a register.
#[derive(Debug)]
#[must_use = "a grant that is dropped publishes nothing"]
pub struct Grant<'producer> {
    producer: &'producer mut Producer,
}

impl Grant<'_> {
    /// The bytes to fill, as many as were reserved. They first contain bytes of earlier frames.
    #[inline(always)]
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let (payload, reserved_bytes) = self.producer.reserved_payload();
        // SAFETY: `reserve` found these bytes free, so until they are published they are this producer's alone, and
        // the grant borrows the producer mutably; storage starts as zeros, so they are initialised.
        unsafe { std::slice::from_raw_parts_mut(payload.as_ptr(), reserved_bytes) }
    }

    /// Ends the borrow of the producer and keeps the room, for a function that reserves for another: it writes to the payload
    /// that this returns, and has [`Producer::held`] to commit.
    ///
    /// The bytes are the producer's alone until its next commit, and valid for as long as the producer is there.
    #[inline(always)]
    #[must_use]
    pub fn hold(self) -> NonNull<u8> {
        self.producer.reserved_payload().0
    }

    /// Publishes the first `used_bytes` of the payload as one frame, with the producer's own `tag` and `stamp`.
    ///
    /// More than was reserved cannot be used: `used_bytes` is held to that. A grant without a reservation publishes nothing.
    #[inline(always)]
    pub fn commit(self, used_bytes: usize, tag: u32, stamp: u64) {
        let producer = self.producer;
        let reserved_bytes = mem::replace(&mut producer.reserved_bytes, NOT_RESERVED);
        if reserved_bytes == NOT_RESERVED {
            return;
        }
        let used_bytes = used_bytes.min(reserved_bytes);
        // A capacity is at most 2^30 bytes, so the length fits.
        let header = Header::new(used_bytes as u32, tag, stamp);
        // Relaxed: this end alone closes the ring.
        debug_assert!(
            !producer.shared.closed.load(Ordering::Relaxed),
            "rule 6: a ring is closed behind its last frame"
        );
        // SAFETY: the producer holds the storage; the frame at `written` is ours to write: `reserve` found it free, and nothing has
        // been published since, or nothing would be reserved.
        unsafe { producer.slots.write_header(producer.shared.storage.tracker(), producer.written, header) };
        let taken_bytes = if seeded::bug("shrink_ignored") { reserved_bytes } else { used_bytes };
        producer.written += frame_bytes(taken_bytes) as u64;
        // Release: rule 1, pairs with the load in `Consumer::refresh`.
        producer.shared.published.store(producer.written, seeded::ordering(Ordering::Release, "publish_relaxed"));
        producer.fetch_ahead();
    }
}
