//! Lanes: the way of a producer into a container.

use std::{ptr::NonNull, sync::Arc};

use fapilog_record::{erased::ErasedArguments, level::Level, writer::SCOPE_MAX_BYTES};
use fapilog_ring::{Grant, Producer, ReserveError, seeded};

use crate::{
    accounts::{LaneCounters, LossReason},
    clock::StampSource,
    port::ShardPort,
    producer::{
        overflow::{Overflow, SpaceWait, may_wait},
        thread,
    },
};

/// The producing end of a ring, with all that a log call needs beside it.
///
/// Aligned as [`CachePadded`](crossbeam_utils::CachePadded) would have it: what the drain allocates never shares a cache
/// line with it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ProducerLane {
    producer: Producer,
    /// The number of its container.
    container: u64,
    stamps: StampSource,
    overflow: Overflow,
    /// The bytes that an event below ERROR leaves free.
    headroom_bytes: usize,
    /// Dropped after the producer: fields go in this order.
    lane_end: LaneEnd,
}

/// The level, descriptor and source of a log call: all but its arguments.
///
/// Two scalars, so that it travels in registers. A larger struct would be written to the stack in parts and read back
/// whole, and such a load waits until every store before it has left the store buffer: those to the ring among them,
/// which may take the time of a cache miss. (*Measured*: 280 cycles a call.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogCall {
    /// The id of the arguments' descriptor, and above it the source's.
    ids: u64,
    pub(crate) level: Level,
}

impl LogCall {
    #[inline(always)]
    pub(crate) fn new(level: Level, tag: u32, source: u32) -> Self {
        Self { ids: u64::from(tag) | u64::from(source) << 32, level }
    }

    /// The id of the arguments' descriptor.
    #[inline(always)]
    fn tag(self) -> u32 {
        self.ids as u32
    }

    #[inline(always)]
    pub(super) fn source(self) -> u32 {
        (self.ids >> 32) as u32
    }
}

impl ProducerLane {
    pub(super) fn new(
        producer: Producer,
        container: u64,
        counters: Arc<LaneCounters>,
        port: Arc<ShardPort>,
        overflow: Overflow,
        stamps: StampSource,
    ) -> Self {
        let headroom_bytes = overflow.headroom_bytes(producer.capacity_bytes());
        Self { producer, container, stamps, overflow, headroom_bytes, lane_end: LaneEnd { port, counters } }
    }

    /// The number of its container.
    #[inline(always)]
    pub(super) fn container(&self) -> u64 {
        self.container
    }

    /// Whether no shard drains this lane any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.lane_end.port.is_stopped()
    }

    /// The first half of a call: reserves `wanted_bytes`, and returns where they are. `None` if no space is known: changes
    /// nothing then.
    #[inline(always)]
    pub(super) fn open(&mut self, wanted_bytes: usize, is_urgent: bool) -> Option<NonNull<u8>> {
        self.producer.reserve_seen(wanted_bytes, self.headroom_bytes(is_urgent)).map(Grant::hold)
    }

    #[inline(always)]
    fn headroom_bytes(&self, is_urgent: bool) -> usize {
        if is_urgent { 0 } else { self.headroom_bytes }
    }

    /// The second half of a call: publishes the first `used_bytes` of what was reserved, or counts the event as too long if there
    /// are none. Returns whether the doorbell is due. Runs no user code: ringing the doorbell, which may, is left to the caller.
    #[inline(always)]
    pub(super) fn publish(&mut self, call: LogCall, used_bytes: usize, stamp: u64) -> bool {
        let counters = &self.lane_end.counters;
        if !seeded::bug("submitted_counted_after_publish") {
            counters.submitted.add(1);
        }
        if used_bytes == 0 {
            counters.refused.count_lost(LossReason::TooLong, call.level);
            return false;
        }
        self.producer.held().commit(used_bytes, call.tag(), stamp);
        if seeded::bug("submitted_counted_after_publish") {
            self.lane_end.counters.submitted.add(1);
        }
        self.lane_end.port.doorbell.is_ring_due(call.level.is_urgent())
    }

    /// Whether a call that is not urgent finds an eighth of the ring free, and room for the longest record. A ring that serves no more
    /// counts as one with space: the next call finds another.
    pub(super) fn has_space(&mut self) -> bool {
        let payload_max_bytes = self.producer.payload_max_bytes();
        let more_bytes = (self.producer.capacity_bytes() / 8).saturating_sub(payload_max_bytes);
        if self.is_stopped() || self.is_held() {
            return true;
        }
        // The grant is dropped: it publishes nothing.
        let grant = self.producer.reserve_leaving(payload_max_bytes, self.headroom_bytes + more_bytes);
        !matches!(grant, Err(ReserveError::Full { .. }))
    }

    /// Whether its ring serves no more once it is full, so that its thread takes another.
    pub(super) fn is_held(&self) -> bool {
        self.lane_end.counters.is_held()
    }

    /// Logs, and waits for space if the overflow strategy is to block. Counts the event as lost if there is no space in time.
    /// Returns whether this is done; if not, the ring is full and held, and the thread takes another lane.
    pub(crate) fn log(&mut self, call: LogCall, arguments: &dyn ErasedArguments, scope: &[u8]) -> bool {
        let stamp = self.stamp();
        let mut wait: Option<SpaceWait> = None;
        loop {
            match self.try_to_fit(call, arguments, scope, stamp) {
                Attempt::Done => return true,
                Attempt::RingDoorbell => {
                    thread::ring(&self.lane_end.port);
                    return true;
                }
                Attempt::NoSpace(ReserveError::Full { .. } | ReserveError::Abandoned)
                    if self.is_held() && !self.is_stopped() =>
                {
                    return false;
                }
                Attempt::NoSpace(ReserveError::Full { .. })
                    if may_wait(&mut wait, self.overflow, &self.lane_end.port) => {}
                Attempt::NoSpace(error) => {
                    self.count_lost(call, error);
                    return true;
                }
            }
        }
    }

    /// A stamp of now: a call that waits for space is of the time when it was made.
    pub(super) fn stamp(&self) -> u64 {
        self.stamps.stamp()
    }

    /// A stamp of now, if that takes no call.
    #[inline(always)]
    pub(super) fn stamp_inline(&self) -> Option<u64> {
        self.stamps.stamp_inline()
    }

    /// An attempt to log, cut to the longest payload of the ring: the writer gets no more room than that. Touches nothing if
    /// there is no space.
    pub(super) fn try_to_fit(
        &mut self,
        call: LogCall,
        arguments: &dyn ErasedArguments,
        scope: &[u8],
        stamp: u64,
    ) -> Attempt {
        let payload_max_bytes = self.producer.payload_max_bytes();
        let record_bytes = arguments.record_bytes(scope.len());
        let headroom_bytes = self.headroom_bytes(call.level.is_urgent());
        let mut grant = match self.producer.reserve_leaving(record_bytes.min(payload_max_bytes), headroom_bytes) {
            Ok(grant) => grant,
            Err(error) => return Attempt::NoSpace(error),
        };
        let is_whole = record_bytes <= payload_max_bytes && scope.len() <= SCOPE_MAX_BYTES;
        let written = if is_whole {
            arguments.write_whole_record(grant.payload_mut(), call.source(), scope)
        } else {
            arguments.write_cut_record(grant.payload_mut(), call.source(), scope)
        };
        if written.is_ok_and(|written| written.is_cut) {
            self.lane_end.counters.refused.cut.add(1);
        }
        let used_bytes = written.map_or(0, |written| written.used_bytes);
        if self.publish(call, used_bytes, stamp) { Attempt::RingDoorbell } else { Attempt::Done }
    }

    /// Counts a call that found no space.
    pub(super) fn count_lost(&self, call: LogCall, error: ReserveError) {
        let reason = match error {
            ReserveError::Full { .. } => LossReason::RingFull,
            ReserveError::Abandoned => LossReason::ContainerClosed,
            _ => LossReason::TooLong,
        };
        self.lane_end.counters.submitted.add(1);
        self.lane_end.counters.refused.count_lost(reason, call.level);
    }

    /// The port of its shard.
    pub(super) fn port(&self) -> &Arc<ShardPort> {
        &self.lane_end.port
    }
}

/// The result of an attempt to log.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attempt {
    /// It is published, or lost and counted.
    Done,
    /// It is published, and the drain sleeps: the caller has to ring the doorbell.
    RingDoorbell,
    /// Nothing has happened.
    NoSpace(ReserveError),
}

/// Runs when a lane's producer is gone.
#[derive(Debug)]
struct LaneEnd {
    port: Arc<ShardPort>,
    counters: Arc<LaneCounters>,
}

impl Drop for LaneEnd {
    fn drop(&mut self) {
        // A parked drain would not see for a long while that the ring is closed. A drain that has stopped is not parked.
        if !seeded::bug("lane_ends_unheard") && self.port.doorbell.is_ring_due(false) {
            thread::ring(&self.port);
        }
    }
}
