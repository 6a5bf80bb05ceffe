//! A shard that the program runs itself.

use std::task::Waker;

use crate::container::StartError;
use crate::drain::{
    here,
    idle::Rest,
    shard::{Shard, ShardPlan, Turn},
};

/// The drain of a container that has no threads of its own: for tests, and for programs with a loop of their own.
///
/// It stays on the thread that made it. Dropping it ends the drain: what is not delivered then is counted as lost.
pub struct ManualDrain {
    shard: Shard,
    has_ended: bool,
}

impl ManualDrain {
    pub(crate) fn new(plan: &ShardPlan) -> Result<Self, StartError> {
        let _here = here::enter();
        Ok(Self { shard: Shard::new(plan)?, has_ended: false })
    }

    /// Does what there is to do, for a batch of events at most. Returns whether there was anything. In a forked child
    /// there never is: the events are the parent's.
    pub fn turn(&mut self) -> bool {
        if self.has_ended || self.shard.is_foreign() {
            return false;
        }
        let _here = here::enter();
        match self.shard.turn(Waker::noop()) {
            Turn::Rest(rest) => rest == Rest::None,
            Turn::Ended => {
                self.has_ended = true;
                false
            }
        }
    }

    /// Takes up the changes that are posted, and nothing else.
    #[cfg(feature = "settings")]
    pub(crate) fn take_up_changes(&mut self) {
        if !self.has_ended && !self.shard.is_foreign() {
            let _here = here::enter();
            self.shard.take_up_changes(std::time::Instant::now());
        }
    }

    /// Takes turns until nothing is left to do at once. Payloads that are not yet due stay where they are: a
    /// [flush](crate::Container::request_flush) makes them go.
    pub fn run_until_idle(&mut self) {
        while self.turn() {}
    }

    /// Runs the drain to its end by the loop of the thread host, with a model's way to sleep.
    #[cfg(fapilog_loom)]
    pub(crate) fn run(self, waker: &Waker, sleep: impl Fn(Option<std::time::Duration>)) {
        super::thread::run(self.shard, waker, sleep);
    }

    /// Whether the drain has ended, because the container was shut down.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl std::fmt::Debug for ManualDrain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualDrain").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}
