//! A shard that the program runs itself.

use std::task::Waker;

use fapilog_plugin::threads::{drain_thread, signals};

use crate::{
    error::StartError,
    shard::{Shard, ShardPlan, TurnOutcome, idle::IdleStep},
};

/// The drain of a container that has no threads of its own: for tests, and for programs with a loop of their own.
///
/// It stays on the thread that made it. Dropping it ends the drain: what is not delivered then is counted as lost.
///
/// While it works, the thread takes neither SIGXFSZ nor SIGPIPE, so that a file that may not grow or a pipe without a reader
/// is an error and not the end of the program; that goes for those that others send in this time, too.
pub struct ManualDrain {
    /// `None` while it is dropped.
    /// In a box: a program moves the drain around.
    shard: Option<Box<Shard>>,
    has_ended: bool,
}

impl ManualDrain {
    pub(crate) fn new(plan: &ShardPlan) -> Result<Self, StartError> {
        let _held = signals::hold_write_signals();
        let _mark = drain_thread::enter();
        Ok(Self { shard: Some(Box::new(Shard::new(plan)?)), has_ended: false })
    }

    /// Does what there is to do, for a batch of events at most. Returns whether there was anything. In a forked child
    /// there never is: the events are the parent's.
    pub fn turn(&mut self) -> bool {
        let _held = signals::hold_write_signals();
        self.turn_with_signals_held()
    }

    fn turn_with_signals_held(&mut self) -> bool {
        let Some(shard) = self.working_shard() else { return false };
        let _mark = drain_thread::enter();
        match shard.turn(Waker::noop()) {
            TurnOutcome::Idle(step) => step == IdleStep::Continue,
            TurnOutcome::Ended => {
                self.has_ended = true;
                false
            }
        }
    }

    /// Takes up the changes that are posted, and nothing else.
    pub(crate) fn take_up_changes(&mut self) {
        let _held = signals::hold_write_signals();
        if let Some(shard) = self.working_shard() {
            let _mark = drain_thread::enter();
            shard.take_up_changes(std::time::Instant::now());
        }
    }

    /// The shard, unless it has ended or is another process's.
    fn working_shard(&mut self) -> Option<&mut Shard> {
        self.shard.as_deref_mut().filter(|shard| !self.has_ended && !shard.is_in_forked_child())
    }

    /// Runs the drain until nothing is left to do at once. Payloads that are not yet due stay where they are: a
    /// [flush](crate::container::Container::request_flush) makes them go.
    pub fn run_until_idle(&mut self) {
        let _held = signals::hold_write_signals();
        while self.turn_with_signals_held() {}
    }

    /// As [`turn`](Self::turn), at a time that a test has chosen.
    #[cfg(test)]
    pub(crate) fn turn_at(&mut self, now: std::time::Instant) {
        if let Some(shard) = self.working_shard() {
            let _mark = drain_thread::enter();
            let _ = shard.turn_at(now, Waker::noop());
        }
    }

    /// Runs the drain to its end by the loop of the thread host, with a model's way to sleep.
    #[cfg(fapilog_loom)]
    pub(crate) fn run(mut self, waker: &Waker, sleep: impl Fn(Option<std::time::Duration>)) {
        if let Some(shard) = self.shard.take() {
            super::thread::run(shard, waker, sleep);
        }
    }

    /// Whether the drain has ended, because the container was shut down.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Drop for ManualDrain {
    fn drop(&mut self) {
        let _held = signals::hold_write_signals();
        // The shard is dropped while the signals are blocked: a sink may write while it is dropped.
        drop(self.shard.take());
    }
}

impl std::fmt::Debug for ManualDrain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualDrain").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}
