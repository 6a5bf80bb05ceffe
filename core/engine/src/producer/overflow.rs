//! Overflow: the policy of a log call when a ring is full.

use std::time::{Duration, Instant};

use fapilog_plugin::{named_enum, threads::drain_thread};
use fapilog_ring::Doorbell;

named_enum! {
    /// The behaviour of a log call when its thread's ring is full, by name: see [`Overflow`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum OverflowStrategy {
        /// Waits for space, up to a timeout; then the event is lost and counted.
        #[default]
        Block = "block",
        /// Drops and counts the event at once.
        DropNewest = "drop_newest",
        /// Keeps the last eighth of the ring for ERROR and above.
        DropLowSeverity = "drop_low_severity",
    }
}

impl OverflowStrategy {
    /// The strategy with its timeout, which only [`Block`](Self::Block) has.
    #[must_use]
    pub const fn with_timeout(self, timeout: Duration) -> Overflow {
        match self {
            Self::Block => Overflow::Block { timeout },
            Self::DropNewest => Overflow::DropNewest,
            Self::DropLowSeverity => Overflow::DropLowSeverity,
        }
    }
}

/// The behaviour of a log call when its thread's ring is full.
#[doc(alias = "OverflowStrategy")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Wait for space, this long at most; then the event is lost and counted. A plugin that logs on a drain's thread does
    /// not wait: no other thread would make space meanwhile.
    Block {
        /// The longest wait.
        timeout: Duration,
    },
    /// Drop and count the event at once.
    DropNewest,
    /// Drop and count events below ERROR as soon as less than an eighth of the ring is free; ERROR and above use that
    /// eighth before they are lost.
    DropLowSeverity,
}

impl Default for Overflow {
    fn default() -> Self {
        Self::Block { timeout: Duration::from_millis(50) }
    }
}

impl Overflow {
    /// How much of the ring an event below ERROR must leave free.
    pub(crate) fn headroom_bytes(self, capacity_bytes: usize) -> usize {
        match self {
            Self::DropLowSeverity => capacity_bytes / 8,
            _ => 0,
        }
    }

    /// How long to wait for space, if at all.
    pub(crate) fn timeout(self) -> Option<Duration> {
        match self {
            Self::Block { timeout } => Some(timeout),
            Self::DropNewest | Self::DropLowSeverity => None,
        }
    }
}

/// Waits a step for space; `false` if the strategy does not wait, or time is up.
pub(super) fn may_wait(wait: &mut Option<SpaceWait>, overflow: Overflow, doorbell: &Doorbell) -> bool {
    // A plugin that logs, or its panic that is logged: the drain would wait for itself.
    if drain_thread::is_marked() {
        return false;
    }
    let Some(timeout) = overflow.timeout() else { return false };
    let wait = wait.get_or_insert_with(|| {
        // A thread that waits for the drain wakes it first.
        doorbell.ring();
        SpaceWait::new(timeout)
    });
    wait.step()
}

/// Waits for space, by steps that grow: the drain is at work on another core, so a short wait is the rule.
#[derive(Debug)]
pub(crate) struct SpaceWait {
    /// `None`: no deadline, because the end of the timeout is beyond the range of [`Instant`].
    deadline: Option<Instant>,
    steps: u32,
}

impl SpaceWait {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(timeout), steps: 0 }
    }

    /// Waits one step; `false` when time is up.
    pub(crate) fn step(&mut self) -> bool {
        const SPINS: u32 = 64;
        const SPINS_AND_YIELDS: u32 = SPINS + 16;
        const SLEEP: Duration = Duration::from_micros(50);

        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
        match self.steps {
            0..SPINS => std::hint::spin_loop(),
            SPINS..SPINS_AND_YIELDS => std::thread::yield_now(),
            _ => std::thread::sleep(SLEEP),
        }
        self.steps = self.steps.saturating_add(1);
        true
    }
}
