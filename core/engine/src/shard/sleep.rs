//! Going to sleep, and waking up.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use fapilog_ring::{Sleep, seeded};

use crate::shard::{FlushPhase, Shard, TurnOutcome, idle::IdleStep};

/// The number of busy rounds in a row that is more than a short burst.
const BURST_ROUNDS: u32 = 8;

/// The longest step of a shard that must not park.
const UNPARKED_STEP_MAX: Duration = Duration::from_millis(1);

/// The step that a host takes before the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostStep {
    /// None: there is work.
    Continue,
    /// Look again at once; there may be work any moment.
    Spin,
    /// A sleep until the waker is called or the time is up. `None`: no time limit.
    Sleep { depth: Sleep, time: Option<Duration> },
}

impl Shard {
    /// A turn of a shard whose host sleeps. Returns the step before the next turn; `None` when the shard has ended.
    ///
    /// This is the whole protocol of sleep and doorbell: a host takes the step, and nothing else.
    pub(crate) fn host_turn(&mut self, waker: &Waker) -> Option<HostStep> {
        self.after_sleep();
        match self.turn_until_abandoned(waker)? {
            TurnOutcome::Idle(step) => Some(self.before_sleep(step)),
            TurnOutcome::Ended => None,
        }
    }

    /// Marks the shard as about to sleep, and looks once more (rule 8 of the ring). Returns the step that is left to
    /// take.
    fn before_sleep(&mut self, step: IdleStep) -> HostStep {
        debug_assert_ne!(self.lifecycle.marked_asleep, Some(Sleep::Park), "a shard is marked as parked through a turn");
        let (depth, time) = match step {
            IdleStep::Continue => return HostStep::Continue,
            IdleStep::Spin => return HostStep::Spin,
            IdleStep::Sleep(time) => (Sleep::Timed, Some(time)),
            IdleStep::Park(due) => (Sleep::Park, due.map(|due| due.saturating_duration_since(Instant::now()))),
        };
        let may_park = self.port.doorbell.fall_asleep(depth);
        self.lifecycle.marked_asleep = Some(depth);
        if self.has_work() && !seeded::bug("sleeps_without_a_last_look") {
            self.wake_up();
            return HostStep::Continue;
        }
        if !may_park {
            return HostStep::Sleep { depth: Sleep::Timed, time: Some(UNPARKED_STEP_MAX) };
        }
        if depth == Sleep::Park {
            self.port.turn_watch.park();
        }
        HostStep::Sleep { depth, time }
    }

    /// Marks the shard as awake after it was parked. After a sleep it is marked only when there is more to do than a short
    /// burst (see [`stay_awake`](Self::stay_awake)).
    fn after_sleep(&mut self) {
        if self.lifecycle.marked_asleep == Some(Sleep::Park) {
            self.port.turn_watch.unpark();
            self.wake_up();
        }
    }

    fn wake_up(&mut self) {
        self.lifecycle.marked_asleep = None;
        self.port.doorbell.wake_up();
    }

    /// Marks the shard as awake, once it has been busy for eight rounds in a row.
    ///
    /// Producers read the doorbell's state with every frame, and a store to it costs the next frame a cache miss: a program
    /// that logs a few events now and then would pay for it each time. While the doorbell is in the state of a sleeping
    /// shard, an urgent frame rings it; that does no harm, and corrects the state.
    #[inline]
    pub(super) fn stay_awake(&mut self) {
        self.lifecycle.busy_rounds = self.lifecycle.busy_rounds.saturating_add(1);
        if self.lifecycle.marked_asleep.is_some() && self.lifecycle.busy_rounds >= BURST_ROUNDS {
            self.wake_up();
        }
    }

    /// The last look: a request, a change, a task that waits for space, an audit note, a new ring, a closed ring or a frame.
    fn has_work(&mut self) -> bool {
        let is_asked = (self.lifecycle.stop.is_none() && self.port.flush.stop_requested().is_some())
            || (self.port.changes.has_some() && !seeded::bug("last_look_without_changes"))
            || self.port.waiters.is_due()
            || (self.has_notes() && self.sinks.are_ready(Instant::now()));
        // No note is written while a sink has no room: the shard sleeps a step then.
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
