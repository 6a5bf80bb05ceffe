//! The lane of threads that have none of their own.

use std::{
    cell::Cell,
    sync::atomic::{Ordering, compiler_fence},
};

use fapilog_record::erased::ErasedArguments;
use fapilog_ring::{ReserveError, seeded, sync};

use crate::{
    port::ShardPort,
    producer::{
        ProducerLane,
        lane::{Attempt, LogCall},
        overflow::{Overflow, SpaceWait, may_wait},
        thread,
    },
};

thread_local! {
    /// Whether this thread holds the lane. A call that finds it so comes from a signal handler: the lane runs no user code.
    static HOLDS_LANE: Cell<bool> = const { Cell::new(false) };
}

/// A lane that many threads share, under a lock.
///
/// The lock is held for an attempt and never for a wait. So a thread that waits for space blocks neither the attempts of
/// other threads, nor a shutdown that closes the lane, nor a plugin that logs and finds no space.
#[derive(Debug, Default)]
pub(super) struct SharedLane {
    lane: sync::Mutex<Option<ProducerLane>>,
}

/// The result of a call on the shared lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SharedLaneLog {
    /// It is published, or lost and counted.
    Done,
    /// The lane is closed, or was never opened: nothing is counted.
    Closed,
    /// The ring is full and held: nothing is counted, and the lane is to be [replaced](SharedLane::replace).
    RingIsHeld,
    /// The call interrupts another of its thread, which holds the lock: nothing is counted.
    Interrupts,
}

impl SharedLane {
    pub(super) fn open(&self, lane: Option<ProducerLane>) {
        *sync::lock(&self.lane) = lane;
    }

    pub(super) fn close(&self) {
        let lane = sync::lock(&self.lane).take();
        // Dropping the lane rings the doorbell, whose waker is user code: the lock is released before.
        drop(lane);
    }

    /// Logs, and waits for space if the overflow strategy is to block.
    pub(super) fn log(
        &self,
        call: LogCall,
        arguments: &dyn ErasedArguments,
        scope: &[u8],
        overflow: Overflow,
        port: &ShardPort,
    ) -> SharedLaneLog {
        // A model's threads are one thread of the system.
        if !cfg!(fapilog_loom) && HOLDS_LANE.get() {
            return SharedLaneLog::Interrupts;
        }
        let mut stamp = None;
        let mut wait: Option<SpaceWait> = None;
        loop {
            let attempt = self.with_lane(|lane| {
                let stamp = *stamp.get_or_insert_with(|| lane.stamp());
                let attempt = lane.try_to_fit(call, arguments, scope, stamp);
                let may_be_replaced = lane.is_held() && !lane.is_stopped();
                (attempt, may_be_replaced)
            });
            match attempt {
                None if seeded::bug("late_call_uncounted") => return SharedLaneLog::Done,
                None => return SharedLaneLog::Closed,
                Some((Attempt::Done, _)) => return SharedLaneLog::Done,
                Some((Attempt::NoSpace(ReserveError::Full { .. } | ReserveError::Abandoned), true)) => {
                    return SharedLaneLog::RingIsHeld;
                }
                Some((Attempt::RingDoorbell, _)) => {
                    thread::ring(port);
                    return SharedLaneLog::Done;
                }
                Some((Attempt::NoSpace(ReserveError::Full { .. }), _)) if may_wait(&mut wait, overflow, port) => {}
                Some((Attempt::NoSpace(error), _)) => {
                    // The lane may have been closed since the attempt; the caller then counts the call as too late.
                    let is_counted = self.with_lane(|lane| lane.count_lost(call, error)).is_some();
                    return if is_counted || seeded::bug("late_loss_uncounted") {
                        SharedLaneLog::Done
                    } else {
                        SharedLaneLog::Closed
                    };
                }
            }
        }
    }

    /// Puts this lane in the place of one whose ring is held. Another thread may have done so, or closed the lane.
    pub(super) fn replace(&self, mut lane: ProducerLane) {
        let _ = self.with_lane(|current| {
            if current.is_held() {
                std::mem::swap(current, &mut lane);
            }
        });
        // Dropping a lane rings the doorbell, whose waker is user code: the lock is released before.
        drop(lane);
    }

    fn with_lane<R>(&self, work: impl FnOnce(&mut ProducerLane) -> R) -> Option<R> {
        HOLDS_LANE.set(true);
        // pairs: none. The handler runs on this thread: the compiler alone keeps the lock between the two writes.
        compiler_fence(Ordering::SeqCst);
        let result = sync::lock(&self.lane).as_mut().map(work);
        // pairs: none, as above.
        compiler_fence(Ordering::SeqCst);
        HOLDS_LANE.set(false);
        result
    }
}
