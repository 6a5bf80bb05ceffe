//! Overflow: the policy of a log call when a ring is full.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use fapilog_plugin::{named_enum, threads::drain_thread};

use crate::{port::ShardPort, producer::thread};

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
    /// Wait for space, this long at most; then the event is lost and counted. After a wait in vain, no thread waits until
    /// the drain has made space. A plugin that logs on a drain's thread does not wait: no other thread would make space
    /// meanwhile.
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

/// How often a shard has made space in its rings, and after which time a thread last waited in vain. Threads that log and the
/// drain share it. Only the length of waits depends on it: no model need see it.
#[derive(Debug)]
pub(crate) struct SpaceSignal {
    releases: AtomicU64,
    /// The number of releases at which a wait was in vain.
    vain_at: AtomicU64,
}

impl Default for SpaceSignal {
    fn default() -> Self {
        Self { releases: AtomicU64::new(0), vain_at: AtomicU64::new(u64::MAX) }
    }
}

impl SpaceSignal {
    /// The drain has made space. Only the drain may call this.
    #[inline]
    pub(crate) fn released(&self) {
        // Relaxed: the drain alone writes it.
        let releases = self.releases.load(Ordering::Relaxed);
        // Release: a thread that sees the number sees the space; pairs with `releases`.
        self.releases.store(releases.wrapping_add(1), Ordering::Release);
    }

    fn releases(&self) -> u64 {
        // Acquire: pairs with `released`.
        self.releases.load(Ordering::Acquire)
    }

    /// A thread found no space, after it had seen this number of releases, and its time is up.
    fn waited_in_vain(&self, releases: u64) {
        // Relaxed: nothing but the number is read on its strength.
        self.vain_at.store(releases, Ordering::Relaxed);
    }

    /// Whether a thread has waited in vain, and the drain has made no space since.
    pub(crate) fn is_vain(&self) -> bool {
        // Relaxed: see `waited_in_vain`.
        self.vain_at.load(Ordering::Relaxed) == self.releases()
    }
}

/// Waits a step for space; `false` if the strategy does not wait, or time is up, or an earlier wait was in vain.
pub(super) fn may_wait(wait: &mut Option<SpaceWait>, overflow: Overflow, port: &ShardPort) -> bool {
    // A plugin that logs, or its panic that is logged: the drain would wait for itself.
    if drain_thread::is_marked() {
        return false;
    }
    let Some(timeout) = overflow.timeout() else { return false };
    if wait.is_none() && port.space.is_vain() {
        port.report_if_it_hangs();
        return false;
    }
    let wait = wait.get_or_insert_with(|| {
        // A thread that waits for the drain wakes it first.
        thread::ring(port);
        SpaceWait::new(timeout, &port.space)
    });
    let goes_on = wait.step(&port.space);
    if !goes_on && port.space.is_vain() {
        // Nor do tasks wait from now on.
        port.wake_all_waiters();
    }
    goes_on
}

/// Waits for space, by steps that grow: the drain is at work on another core, so a short wait is the rule.
#[derive(Debug)]
pub(crate) struct SpaceWait {
    /// `None`: no deadline, because the end of the timeout is beyond the range of [`Instant`].
    deadline: Option<Instant>,
    steps: u32,
    /// The number of releases before the last attempt.
    releases: u64,
}

impl SpaceWait {
    fn new(timeout: Duration, space: &SpaceSignal) -> Self {
        Self { deadline: Instant::now().checked_add(timeout), steps: 0, releases: space.releases() }
    }

    /// Waits one step; `false` when time is up.
    fn step(&mut self, space: &SpaceSignal) -> bool {
        const SPINS: u32 = 64;
        const SPINS_AND_YIELDS: u32 = SPINS + 16;
        const SLEEP: Duration = Duration::from_micros(50);

        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            // The first attempt comes before the first look at the number: a wait without a step shows nothing.
            if self.steps > 0 {
                space.waited_in_vain(self.releases);
            }
            return false;
        }
        match self.steps {
            0..SPINS => std::hint::spin_loop(),
            SPINS..SPINS_AND_YIELDS => std::thread::yield_now(),
            _ => std::thread::sleep(SLEEP),
        }
        self.steps = self.steps.saturating_add(1);
        // Before the next attempt: space that is made after it makes another number.
        self.releases = space.releases();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Overflow = Overflow::Block { timeout: Duration::from_secs(3600) };

    /// Begins a wait, if that is allowed.
    fn begin(port: &ShardPort) -> Option<SpaceWait> {
        let mut wait = None;
        may_wait(&mut wait, BLOCK, port).then_some(wait).flatten()
    }

    /// Ends a wait, as at its deadline.
    fn end(wait: SpaceWait, port: &ShardPort) {
        let mut wait = Some(SpaceWait { deadline: Some(Instant::now()), ..wait });
        assert!(!may_wait(&mut wait, BLOCK, port));
    }

    #[test]
    fn after_a_wait_in_vain_no_thread_waits_until_the_drain_has_made_space() {
        let port = ShardPort::default();
        end(begin(&port).unwrap(), &port);
        assert!(begin(&port).is_none());
        port.space.released();
        end(begin(&port).unwrap(), &port);
        assert!(begin(&port).is_none());
    }

    #[test]
    fn a_wait_that_has_begun_goes_on_when_another_was_in_vain() {
        let port = ShardPort::default();
        let mut wait = begin(&port);
        end(begin(&port).unwrap(), &port);
        assert!(may_wait(&mut wait, BLOCK, &port));
    }

    #[test]
    fn a_wait_is_not_in_vain_if_space_was_made_since_its_last_attempt() {
        let port = ShardPort::default();
        let wait = begin(&port).unwrap();
        port.space.released();
        end(wait, &port);
        assert!(begin(&port).is_some());
    }
}
