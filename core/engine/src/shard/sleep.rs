//! Going to sleep, and waking up.

use std::time::Duration;

use fapilog_ring::{Sleep, seeded};

use crate::shard::{FlushPhase, Shard, idle::Rest, ring_state::RingState};

/// So many busy turns in a row are more than a short burst.
const BURST_TURNS: u32 = 8;

impl Shard {
    /// Says that the shard is about to sleep, and looks once more (rule 8 of the ring). Returns the rest that is left to
    /// take.
    pub(crate) fn before_rest(&self, rest: Rest) -> Rest {
        let sleep = match rest {
            Rest::None | Rest::Spin => return rest,
            Rest::Doze(_) => Sleep::Doze,
            Rest::Park(_) => Sleep::Park,
        };
        let may_park = self.port.doorbell.fall_asleep(sleep);
        if self.has_work() && !seeded::bug("sleeps_without_a_last_look") {
            self.port.doorbell.wake_up();
            return Rest::None;
        }
        match rest {
            Rest::Park(_) if !may_park => Rest::Doze(Duration::from_millis(1)),
            rest => rest,
        }
    }

    /// Says that the shard is awake, after it was parked. After a doze it says so only when there is more to do than a
    /// short burst (see [`stay_awake`](Self::stay_awake)).
    pub(crate) fn after_rest(&mut self, rest: Rest) {
        match rest {
            Rest::Doze(_) => self.is_said_to_doze = true,
            _ => self.port.doorbell.wake_up(),
        }
    }

    /// Says that the shard is awake, once it has been busy for some turns in a row.
    ///
    /// Producers read the bell's state with every frame, and a store to it costs the next frame a cache miss: a program that
    /// logs a few events now and then would pay for it each time. As long as the bell says that the shard dozes, an urgent
    /// frame rings it, which does no harm, and puts it right.
    #[inline]
    pub(super) fn stay_awake(&mut self) {
        self.busy_turns = self.busy_turns.saturating_add(1);
        if self.is_said_to_doze && self.busy_turns >= BURST_TURNS {
            self.is_said_to_doze = false;
            self.port.doorbell.wake_up();
        }
    }

    /// The last look: a request, a change, a new ring or a frame.
    fn has_work(&self) -> bool {
        let is_asked =
            (self.stop.is_none() && self.port.flush.stop_requested().is_some()) || self.port.changes.has_some();
        // A shard that a sink holds back in the middle of a pass could take none of the rest. It only dozes, and looks
        // again when the sink may have room.
        is_asked || (self.is_pass_over() && self.has_something_to_take())
    }

    fn has_something_to_take(&self) -> bool {
        !self.port.roster.is_seen(self.enlisted)
            || (matches!(self.flush.phase, FlushPhase::Idle) && self.port.flush.requested() != self.flush.answered)
            || !self.rings.iter().all(RingState::is_drained)
    }
}
