//! The alarm of a watchdog: a shard that comes back from a park wakes it. The rules are on the [page of the watchdog](super).

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use fapilog_ring::{
    seeded,
    sync::{AtomicBool, Condvar, Mutex, Ordering, fence, lock},
};

/// Whether a shard is parked, as its watchdog sees it.
#[derive(Debug, Default)]
pub(crate) struct ParkMark(AtomicBool);

impl ParkMark {
    /// The shard parks: behind its last turn, and before it sleeps (rule 1).
    pub(crate) fn set(&self) {
        // Relaxed: the watchdog only goes to sleep on its strength; rule 3, pairs with the load in `is_set`.
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        // Relaxed: the fence in `WatchAlarm::fall_asleep` orders it; pairs with the stores in `set` and `WatchAlarm::unpark`.
        self.0.load(Ordering::Relaxed)
    }
}

/// The alarm beside a watchdog. All shards of the container share it.
#[derive(Debug, Default)]
pub(crate) struct WatchAlarm {
    /// The watchdog sleeps until it is called.
    is_asleep: AtomicBool,
    calls: Mutex<AlarmCalls>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct AlarmCalls {
    is_called: bool,
    /// The container ends, and the watchdog with it.
    is_over: bool,
    /// The watchdog's thread has ended.
    has_ended: bool,
}

impl WatchAlarm {
    /// The shard's side, before its first turn behind a park (rule 2).
    pub(crate) fn unpark(&self, mark: &ParkMark) {
        // Relaxed, with the fence: rule 2, pairs with the load in `ParkMark::is_set`.
        mark.0.store(false, Ordering::Relaxed);
        if !seeded::bug("unpark_without_fence") {
            // pairs: the fence in `fall_asleep`.
            fence(Ordering::SeqCst);
        }
        // Relaxed: the fence orders it; pairs with the store in `fall_asleep`.
        if self.is_asleep.load(Ordering::Relaxed) {
            self.ring();
        }
    }

    #[cold]
    fn ring(&self) {
        // Relaxed: one of several shards gets to ring; nothing is read on its strength.
        if self.is_asleep.swap(false, Ordering::Relaxed) {
            lock(&self.calls).is_called = true;
            self.called.notify_one();
        }
    }

    /// The watchdog's side: announces that it is about to sleep until it is called, and looks once more (rule 3). Returns whether it may.
    pub(crate) fn fall_asleep(&self, are_all_parked: impl FnOnce() -> bool) -> bool {
        // Relaxed, with the fence: rule 3, pairs with the load in `unpark`.
        self.is_asleep.store(true, Ordering::Relaxed);
        // pairs: the fence in `unpark`.
        fence(Ordering::SeqCst);
        let may_sleep = seeded::bug("watchdog_without_a_last_look") || are_all_parked();
        if !may_sleep {
            // Relaxed: a ring that comes before it ends the next sleep early, and does no harm.
            self.is_asleep.store(false, Ordering::Relaxed);
        }
        may_sleep
    }

    /// The watchdog's side: sleeps until it is called, the container ends, or the time is up. `None`: no time limit.
    pub(crate) fn sleep(&self, time: Option<Duration>) {
        let mut calls = lock(&self.calls);
        while !calls.is_called && !calls.is_over {
            let Some(time) = time else {
                calls = self.called.wait(calls).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // A wake-up for no reason shortens the sleep, and does no harm.
            calls = self.called.wait_timeout(calls, time).unwrap_or_else(PoisonError::into_inner).0;
            break;
        }
        calls.is_called = false;
    }

    /// Whether the watchdog is to end.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.calls).is_over
    }

    /// Has the watchdog end.
    pub(super) fn end(&self) {
        lock(&self.calls).is_over = true;
        self.called.notify_all();
    }

    /// The watchdog's thread is about to end.
    pub(super) fn report_end(&self) {
        lock(&self.calls).has_ended = true;
        self.called.notify_all();
    }

    /// Waits for the end of the watchdog's thread. Returns whether it came in time.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut calls = lock(&self.calls);
        while !calls.has_ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            calls = self.called.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
