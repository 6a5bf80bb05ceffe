//! Lanes: the way of a producer into a container.

use std::sync::Arc;

use fapilog_record::{
    arguments::Arguments,
    level::Level,
    writer::{Overrun, SCOPE_MAX_BYTES, WrittenRecord, record_bytes, write_cut_record, write_whole_record},
};
use fapilog_ring::{Producer, ReserveError, seeded};

use crate::{
    accounts::{LaneCounters, LossReason},
    clock::StampSource,
    port::ShardPort,
    producer::overflow::{Overflow, SpaceWait, may_wait},
};

/// The producing end of a ring, with all that a log call needs beside it.
///
/// Aligned as [`CachePadded`](crossbeam_utils::CachePadded) would have it: what the drain allocates never shares a cache
/// line with it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct ProducerLane {
    producer: Producer,
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
    fn source(self) -> u32 {
        (self.ids >> 32) as u32
    }
}

impl ProducerLane {
    pub(super) fn new(
        producer: Producer,
        counters: Arc<LaneCounters>,
        port: Arc<ShardPort>,
        overflow: Overflow,
        stamps: StampSource,
    ) -> Self {
        let headroom_bytes = overflow.headroom_bytes(producer.capacity_bytes());
        Self { producer, stamps, overflow, headroom_bytes, lane_end: LaneEnd { port, counters } }
    }

    /// Whether no shard drains this lane any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.lane_end.port.is_stopped()
    }

    /// Logs if there is space in the ring, and touches nothing if there is none. Runs no user code: ringing the
    /// doorbell, which may, is left to the caller.
    ///
    /// Where the arguments have no tail, the record's length is a constant, and inlining leaves nothing of the writer but
    /// stores.
    #[inline(always)]
    pub(crate) fn try_log<A: Arguments>(&mut self, call: LogCall, arguments: &A, scope: &[u8]) -> Attempt {
        self.try_reserved(record_bytes(arguments, scope.len()), call, self.stamps.stamp(), |slot| {
            write_whole_record(slot, call.source(), arguments, scope)
        })
    }

    #[inline(always)]
    fn try_reserved(
        &mut self,
        wanted_bytes: usize,
        call: LogCall,
        stamp: u64,
        write: impl FnOnce(&mut [u8]) -> Result<WrittenRecord, Overrun>,
    ) -> Attempt {
        let headroom_bytes = if call.level.is_urgent() { 0 } else { self.headroom_bytes };
        let mut grant = match self.producer.reserve_leaving(wanted_bytes, headroom_bytes) {
            Ok(grant) => grant,
            Err(error) => return Attempt::NoSpace(error),
        };
        let counters = &self.lane_end.counters;
        if !seeded::bug("submitted_counted_after_publish") {
            counters.submitted.add(1);
        }
        match write(grant.payload_mut()) {
            Ok(written) => {
                if written.is_cut {
                    counters.refused.cut.add(1);
                }
                grant.commit(written.used_bytes, call.tag(), stamp);
                if seeded::bug("submitted_counted_after_publish") {
                    counters.submitted.add(1);
                }
                if self.lane_end.port.doorbell.is_ring_due(call.level.is_urgent()) {
                    Attempt::RingDoorbell
                } else {
                    Attempt::Done
                }
            }
            Err(_overrun) => {
                counters.refused.lost.add(LossReason::TooLong, 1);
                Attempt::Done
            }
        }
    }

    /// Logs, and waits for space if the overflow strategy is to block. Counts the event as lost if there is no space in time.
    pub(crate) fn log<A: Arguments>(&mut self, call: LogCall, arguments: &A, scope: &[u8]) {
        let stamp = self.stamp();
        let mut wait: Option<SpaceWait> = None;
        loop {
            match self.try_to_fit(call, arguments, scope, stamp) {
                Attempt::Done => return,
                Attempt::RingDoorbell => return self.lane_end.port.doorbell.ring(),
                Attempt::NoSpace(ReserveError::Full { .. })
                    if may_wait(&mut wait, self.overflow, &self.lane_end.port) => {}
                Attempt::NoSpace(error) => return self.count_lost(error),
            }
        }
    }

    /// A stamp of now: a call that waits for space is of the time when it was made.
    pub(super) fn stamp(&self) -> u64 {
        self.stamps.stamp()
    }

    /// An attempt to log, cut to the longest payload of the ring: the writer gets no more room than that.
    pub(super) fn try_to_fit<A: Arguments>(
        &mut self,
        call: LogCall,
        arguments: &A,
        scope: &[u8],
        stamp: u64,
    ) -> Attempt {
        let wanted_bytes = record_bytes(arguments, scope.len());
        if wanted_bytes > self.producer.payload_max_bytes() || scope.len() > SCOPE_MAX_BYTES {
            return self.try_cut(call, arguments, scope, stamp);
        }
        self.try_reserved(wanted_bytes, call, stamp, |slot| write_whole_record(slot, call.source(), arguments, scope))
    }

    #[cold]
    #[inline(never)]
    fn try_cut<A: Arguments>(&mut self, call: LogCall, arguments: &A, scope: &[u8], stamp: u64) -> Attempt {
        let wanted_bytes = record_bytes(arguments, scope.len()).min(self.producer.payload_max_bytes());
        self.try_reserved(wanted_bytes, call, stamp, |slot| write_cut_record(slot, call.source(), arguments, scope))
    }

    /// Counts a call that found no space.
    pub(super) fn count_lost(&self, error: ReserveError) {
        let reason = match error {
            ReserveError::Full { .. } => LossReason::RingFull,
            ReserveError::Abandoned => LossReason::ContainerClosed,
            _ => LossReason::TooLong,
        };
        self.lane_end.counters.submitted.add(1);
        self.lane_end.counters.refused.lost.add(reason, 1);
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
        if !seeded::bug("lane_ends_unheard") {
            self.port.doorbell.after_publish(false);
        }
    }
}
