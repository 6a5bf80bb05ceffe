//! Going to sleep, and waking up.

use std::time::Duration;

use fapilog_ring::{Sleep, seeded};

use crate::shard::{FlushPhase, Shard, idle::IdleStep};

/// The number of busy rounds in a row that is more than a short burst.
const BURST_ROUNDS: u32 = 8;

impl Shard {
    /// Marks the shard as about to sleep, and looks once more (rule 8 of the ring). Returns the step that is left to
    /// take.
    pub(crate) fn before_sleep(&self, step: IdleStep) -> IdleStep {
        let sleep = match step {
            IdleStep::Continue | IdleStep::Spin => return step,
            IdleStep::Sleep(_) => Sleep::Timed,
            IdleStep::Park(_) => Sleep::Park,
        };
        let may_park = self.port.doorbell.fall_asleep(sleep);
        if self.has_work() && !seeded::bug("sleeps_without_a_last_look") {
            self.port.doorbell.wake_up();
            return IdleStep::Continue;
        }
        match step {
            IdleStep::Park(_) if !may_park => IdleStep::Sleep(Duration::from_millis(1)),
            step => step,
        }
    }

    /// Marks the shard as awake after it was parked. After a sleep it is marked only when there is more to do than a short
    /// burst (see [`stay_awake`](Self::stay_awake)).
    pub(crate) fn after_sleep(&mut self, step: IdleStep) {
        match step {
            IdleStep::Sleep(_) => self.lifecycle.is_marked_asleep = true,
            _ => self.port.doorbell.wake_up(),
        }
    }

    /// Marks the shard as awake, once it has been busy for eight rounds in a row.
    ///
    /// Producers read the doorbell's state with every frame, and a store to it costs the next frame a cache miss: a program
    /// that logs a few events now and then would pay for it each time. While the doorbell is in the state of a sleeping
    /// shard, an urgent frame rings it; that does no harm, and corrects the state.
    #[inline]
    pub(super) fn stay_awake(&mut self) {
        self.lifecycle.busy_rounds = self.lifecycle.busy_rounds.saturating_add(1);
        if self.lifecycle.is_marked_asleep && self.lifecycle.busy_rounds >= BURST_ROUNDS {
            self.lifecycle.is_marked_asleep = false;
            self.port.doorbell.wake_up();
        }
    }

    /// The last look: a request, a change, a new ring or a frame.
    fn has_work(&self) -> bool {
        let is_asked = (self.lifecycle.stop.is_none() && self.port.flush.stop_requested().is_some())
            || self.port.changes.has_some();
        // A shard that a sink without room blocks in the middle of a pass can take nothing more. It only sleeps, and looks
        // again when the sink may have room.
        is_asked || (self.source.is_pass_over() && self.has_something_to_take())
    }

    fn has_something_to_take(&self) -> bool {
        let is_flush_new = matches!(self.lifecycle.flush.phase, FlushPhase::Idle)
            && self.port.flush.requested() != self.lifecycle.flush.answered;
        is_flush_new || self.source.has_something_to_take()
    }
}
