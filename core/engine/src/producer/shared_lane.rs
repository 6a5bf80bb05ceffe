//! The lane of threads that have none of their own.

use fapilog_record::arguments::Arguments;
use fapilog_ring::{Doorbell, ReserveError, seeded, sync};

use crate::producer::{
    Lane,
    lane::{Attempt, Call},
    overflow::{Overflow, Wait, may_wait},
};

/// One lane for many threads, under a lock.
///
/// The lock is held for a try and never for a wait: a thread that waits for space keeps neither the others from their
/// own try, nor a shutdown from closing the lane, nor a plugin that logs from being told that there is no space.
#[derive(Debug, Default)]
pub(super) struct SharedLane {
    lane: sync::Mutex<Option<Lane>>,
}

/// What became of a call on the shared lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SharedLaneLog {
    /// It is published, or lost and counted.
    Done,
    /// The lane is closed, or was never opened: nothing is counted.
    Closed,
}

impl SharedLane {
    pub(super) fn open(&self, lane: Option<Lane>) {
        *sync::lock(&self.lane) = lane;
    }

    pub(super) fn close(&self) {
        let lane = sync::lock(&self.lane).take();
        // Its farewell rings the bell, whose waker is foreign.
        drop(lane);
    }

    /// Logs, and waits for space if the overflow strategy says so.
    pub(super) fn log<A: Arguments>(
        &self,
        call: Call,
        arguments: &A,
        scope: &[u8],
        overflow: Overflow,
        doorbell: &Doorbell,
    ) -> SharedLaneLog {
        let mut stamp = None;
        let mut wait: Option<Wait> = None;
        loop {
            let tried = self.with_lane(|lane| {
                let stamp = *stamp.get_or_insert_with(|| lane.stamp());
                lane.try_to_fit(call, arguments, scope, stamp)
            });
            match tried {
                None if seeded::bug("late_call_uncounted") => return SharedLaneLog::Done,
                None => return SharedLaneLog::Closed,
                Some(Attempt::Done) => return SharedLaneLog::Done,
                Some(Attempt::RingBell) => {
                    doorbell.ring();
                    return SharedLaneLog::Done;
                }
                Some(Attempt::NoSpace(ReserveError::Full { .. })) if may_wait(&mut wait, overflow, doorbell) => {}
                Some(Attempt::NoSpace(error)) => {
                    // The lane may have been closed since the try; the call is then counted as one that came too late.
                    let is_counted = self.with_lane(|lane| lane.lose(error)).is_some();
                    return if is_counted || seeded::bug("late_loss_uncounted") {
                        SharedLaneLog::Done
                    } else {
                        SharedLaneLog::Closed
                    };
                }
            }
        }
    }

    fn with_lane<R>(&self, work: impl FnOnce(&mut Lane) -> R) -> Option<R> {
        sync::lock(&self.lane).as_mut().map(work)
    }
}
