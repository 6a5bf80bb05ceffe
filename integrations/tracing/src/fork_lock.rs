//! Locks that a forked child does not wait for without end: a thread of the parent may have held one at the fork, and the child does
//! not have that thread.

use std::{
    sync::{
        Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The time after which a holder is taken for a thread that a fork has left behind. Locks are held for less than a microsecond, by code of this
/// crate alone; a holder whose process gets no time at all for a whole second is not to be expected.
const HELD_MAX: Duration = Duration::from_secs(1);
/// The attempts before a waiting thread sleeps between two of them.
const YIELDS: u32 = 100;
const SLEEP: Duration = Duration::from_micros(50);

/// A lock that is held for moments.
#[derive(Debug, Default)]
pub(crate) struct ForkLock<T> {
    value: Mutex<T>,
    /// Whether a thread has waited for it in vain: the next one does not wait.
    is_orphaned: AtomicBool,
}

impl<T> ForkLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: Mutex::new(value), is_orphaned: AtomicBool::new(false) }
    }

    /// `None` where the holder is gone.
    #[inline]
    pub(crate) fn lock(&self) -> Option<MutexGuard<'_, T>> {
        self.attempt().or_else(|| self.wait())
    }

    #[inline]
    fn attempt(&self) -> Option<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(value)) => Some(value.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    #[cold]
    fn wait(&self) -> Option<MutexGuard<'_, T>> {
        let start = Instant::now();
        let mut attempts = 0;
        loop {
            if let Some(value) = self.attempt() {
                // Relaxed: a hint. Its holder was there after all.
                self.is_orphaned.store(false, Ordering::Relaxed);
                return Some(value);
            }
            // Relaxed: a hint, which no data depends on.
            if self.is_orphaned.load(Ordering::Relaxed) && attempts >= YIELDS {
                return None;
            }
            if start.elapsed() > HELD_MAX {
                // Relaxed: the same.
                self.is_orphaned.store(true, Ordering::Relaxed);
                return None;
            }
            attempts += 1;
            if attempts < YIELDS { thread::yield_now() } else { thread::sleep(SLEEP) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_for_ever_is_given_up_once_slowly_and_then_at_once() {
        let lock = ForkLock::new(1);
        let held = lock.lock().unwrap();
        assert!(lock.lock().is_none());
        let start = Instant::now();
        assert!(lock.lock().is_none());
        assert!(start.elapsed() < HELD_MAX);
        drop(held);
        assert_eq!(*lock.lock().unwrap(), 1);
    }

    #[test]
    fn a_lock_that_was_given_up_is_waited_for_again_once_it_was_had_by_waiting() {
        let lock = ForkLock::new(0);
        // Relaxed: a single thread.
        lock.is_orphaned.store(true, Ordering::Relaxed);
        assert!(lock.wait().is_some());
        assert!(!lock.is_orphaned.load(Ordering::Relaxed));
    }

    #[test]
    fn threads_that_contend_for_a_lock_all_get_it() {
        let lock = ForkLock::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *lock.lock().unwrap() += 1));
            }
        });
        assert_eq!(*lock.lock().unwrap(), 40_000);
    }
}
