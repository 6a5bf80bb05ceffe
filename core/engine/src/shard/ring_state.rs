//! A ring, as its shard sees it.

use std::{cell::Cell, sync::Arc};

use bumpalo::Bump;
use fapilog_plugin::event::{EventParts, ProducerInfo, RecordError};
use fapilog_record::{
    call_site::{DYNAMIC_ID, DescriptorCache},
    head::Head,
    timestamp::Timestamp,
};
use fapilog_ring::{Consumer, Frame, seeded};

use crate::{
    accounts::{LaneCounters, Losses},
    clock::anchor::StampClock,
    port::{
        NewRing,
        hand_over::{HandOver, RingRecord, WalkedMark},
    },
    producer::sources::SourceCache,
};

/// How far the clock is corrected unseen: within a producer, time stands still until the clock has caught up. A step that is
/// longer is shown, since the time would be false for as long.
const BRIDGED_NANOS: u64 = 10_000_000;

/// A ring with what its shard remembers of it.
#[derive(Debug)]
pub(super) struct RingState {
    consumer: Consumer,
    pub(super) counters: Arc<LaneCounters>,
    pub(super) info: ProducerInfo,
    /// Events of earlier batches.
    sequence: u64,
    /// Events of the batch that is being read. `Cell`s, because the batch borrows the ring meanwhile.
    taken: Cell<u64>,
    /// The time of the last event.
    last_nanos: Cell<u64>,
    /// Losses that are already in the log's reports.
    pub(super) reported: Losses,
    /// For a shard that takes over, where this one may be abandoned.
    walked: Option<Arc<WalkedMark>>,
}

/// The next frame of a ring, and its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next<'ring> {
    frame: Frame<'ring>,
    pub(super) unix_nanos: u64,
}

impl RingState {
    pub(super) fn new(ring: NewRing, hand_over: Option<&HandOver>) -> Self {
        let NewRing { consumer, counters, info } = ring;
        let walked = hand_over.map(|hand_over| hand_over.add_ring(&consumer, &counters, &info));
        Self {
            consumer,
            counters,
            info,
            sequence: 0,
            taken: Cell::new(0),
            last_nanos: Cell::new(0),
            reported: Losses::default(),
            walked,
        }
    }

    /// A ring of a shard that was abandoned, from its next frame on.
    ///
    /// # Safety
    /// The shard that had the ring was abandoned, and never calls its consumer again: see [`RingRecord::take_over`].
    pub(super) unsafe fn take_over(ring: RingRecord) -> Self {
        // SAFETY: the caller promises that the abandoned shard never calls its consumer again.
        let consumer = unsafe { ring.take_over() };
        let RingRecord { counters, info, walked, .. } = ring;
        Self {
            consumer,
            sequence: counters.drained.get(),
            taken: Cell::new(0),
            last_nanos: Cell::new(0),
            reported: counters.refused.lost.read(),
            walked: Some(walked),
            counters,
            info,
        }
    }

    /// Notes how far it is walked: before the first call of user code that refers to it.
    #[inline]
    pub(super) fn note_walked(&self) {
        if let Some(walked) = &self.walked {
            walked.set(self.consumer.position(), self.sequence + self.taken.get());
        }
    }

    /// Looks how far it is published. Returns how many bytes there are to be walked.
    pub(super) fn take_snapshot(&mut self) -> usize {
        self.consumer.refresh()
    }

    pub(super) fn is_walked(&self) -> bool {
        self.consumer.ready_bytes() == 0
    }

    /// Whether there is nothing beyond what was walked, as of now.
    pub(super) fn is_drained(&self) -> bool {
        self.consumer.is_drained()
    }

    /// The next frame of the snapshot.
    #[inline(always)]
    pub(super) fn peek(&self, clock: &StampClock) -> Option<Next<'_>> {
        let frame = self.consumer.peek()?;
        let unix_nanos = bridged(self.last_nanos.get(), clock.unix_nanos(frame.stamp()));
        Some(Next { unix_nanos, frame })
    }

    /// The number of the next event.
    #[inline]
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence + self.taken.get() + 1
    }

    /// Walks over the frame that was peeked at.
    #[inline(always)]
    pub(super) fn take(&self, next: &Next<'_>) {
        let walked = self.consumer.next_frame();
        debug_assert!(walked.is_some(), "a frame that was peeked at is gone");
        self.last_nanos.set(next.unix_nanos);
        self.taken.set(self.taken.get() + 1);
    }

    /// Ends the batch: counts what was taken and gives its space back. In this order, so that a producer which finds the
    /// space finds the count as well.
    pub(super) fn settle(&mut self) {
        let taken = self.taken.take();
        self.sequence += taken;
        if seeded::bug("released_before_counted") {
            self.consumer.release();
        }
        self.counters.drained.add(taken);
        self.note_walked();
        debug_assert_eq!(self.counters.drained.get(), self.sequence, "an event has another number than it counts as");
        // A lane counts a call before it publishes the frame.
        // Numbers alone, and a single panic: the stack of a model's thread is small.
        debug_assert!(
            self.sequence <= self.counters.submitted.get() || std::thread::panicking(),
            "more is drained than was submitted: {} frames",
            self.sequence
        );
        self.consumer.release();
    }

    /// Whether the producer is gone. Frames may be left.
    pub(super) fn is_closed(&self) -> bool {
        self.consumer.is_closed()
    }

    /// Whether the producer is gone and everything is walked.
    pub(super) fn is_finished(&mut self) -> bool {
        self.is_closed() && self.consumer.is_finished()
    }

    pub(super) fn into_consumer(self) -> Consumer {
        self.consumer
    }

    /// Walks everything without looking at it, and returns how many events it was.
    pub(super) fn discard(&mut self) -> u64 {
        self.consumer.refresh();
        let mut events = 0;
        while self.consumer.next_frame().is_some() {
            events += 1;
        }
        debug_assert!(self.is_walked(), "frames are left: {self:?}");
        self.taken.set(self.taken.get() + events);
        self.settle();
        events
    }
}

/// The time of an event at the clock's `time`, behind an event of the time `last`.
#[inline(always)]
fn bridged(last: u64, time: u64) -> u64 {
    // A time that lies behind `last` wraps to a number beyond the limit.
    if last.wrapping_sub(time) <= BRIDGED_NANOS { last } else { time }
}

impl<'batch> Next<'batch> {
    /// Whether the record describes itself.
    #[inline(always)]
    pub(super) fn is_dynamic(&self) -> bool {
        self.frame.tag() == DYNAMIC_ID
    }

    /// The parts of its event.
    #[inline(always)]
    pub(super) fn parts(
        &self,
        ring: &'batch RingState,
        descriptors: &mut DescriptorCache,
        sources: &'batch SourceCache,
        arena: &'batch Bump,
    ) -> Result<EventParts<'batch>, ViewError> {
        let record = self.frame.payload();
        let head = Head::read(record).ok_or(ViewError::Unreadable)?;
        Ok(EventParts {
            timestamp: Timestamp::from_unix_nanos(self.unix_nanos),
            sequence: ring.next_sequence(),
            producer: &ring.info,
            source: sources.get(head.source).ok_or(ViewError::UnknownSource)?,
            descriptor: descriptors.get(self.frame.tag()).ok_or(ViewError::Unreadable)?,
            head,
            record,
            arena,
        })
    }
}

/// Why a frame gave no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ViewError {
    /// The frame is no valid record.
    Unreadable,
    /// Its source is newer than our copy of the table.
    UnknownSource,
}

impl From<RecordError> for ViewError {
    fn from(_: RecordError) -> Self {
        Self::Unreadable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_of_milliseconds_is_bridged() {
        assert_eq!(bridged(1_000_000_000, 1_000_000_000 - BRIDGED_NANOS), 1_000_000_000);
        assert_eq!(bridged(1_000_000_000, 1_000_000_000), 1_000_000_000);
        assert_eq!(bridged(0, 5), 5);
    }

    #[test]
    fn a_longer_step_is_shown() {
        let stepped = 1_000_000_000 - BRIDGED_NANOS - 1;
        assert_eq!(bridged(1_000_000_000, stepped), stepped);
        assert_eq!(bridged(u64::MAX, 0), 0);
    }
}
