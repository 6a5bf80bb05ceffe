//! The lock that keeps lines whole, where several writers have descriptors of one file.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    time::Instant,
};

use fapilog_plugin::threads::{lock, process::OwnProcess, undivided};

use super::destination::FileId;

/// A fair lock for one file, in the order of requests. A writer holds it while it writes some whole lines.
///
/// A stuck writer keeps the lock, because it may be in the middle of a line. The others wait for the lock as they would wait
/// for the file itself: until their own [`WriteDeadline`].
#[derive(Debug, Default)]
pub(super) struct LineLock {
    state: Mutex<LineLockState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LineLockState {
    is_held: bool,
    /// The numbers of the waiting writers, in order.
    waiting: VecDeque<u64>,
    last_number: u64,
    /// The last writer stopped in the middle of a line.
    is_mid_line: bool,
}

/// How long a writer may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteDeadline {
    /// Without limit.
    Endless,
    /// Until that instant.
    At(Instant),
    /// Not at all: the deadline has passed, or the sink is closed.
    Passed,
}

/// The locks of all files that this process writes to.
static LINE_LOCKS: Mutex<Vec<KnownLineLock>> = Mutex::new(Vec::new());

struct KnownLineLock {
    /// A forked child has its own locks: the parent's threads, which hold the inherited locks, do not exist in it.
    process: OwnProcess,
    file: FileId,
    lock: Weak<LineLock>,
}

impl LineLock {
    /// The lock of this file, shared by all writers of the process.
    pub(super) fn of(file: FileId) -> Arc<Self> {
        let process = OwnProcess::this();
        undivided(|| {
            let mut all = lock(&LINE_LOCKS);
            all.retain(|known| known.process == process && known.lock.strong_count() > 0);
            let known = all.iter().find(|known| known.file == file).and_then(|known| known.lock.upgrade());
            known.unwrap_or_else(|| {
                let line_lock = Arc::<Self>::default();
                all.push(KnownLineLock { process, file, lock: Arc::downgrade(&line_lock) });
                line_lock
            })
        })
    }

    /// Waits for the lock; `None` when the deadline has passed. Each [`recheck`](Self::recheck) has `deadline` called again.
    pub(super) fn acquire(&self, deadline: impl Fn() -> WriteDeadline) -> Option<HeldLineLock<'_>> {
        let mut state = lock(&self.state);
        state.last_number = state.last_number.wrapping_add(1);
        let number = state.last_number;
        state.waiting.push_back(number);
        while state.is_held || state.waiting.front() != Some(&number) {
            state = match deadline() {
                WriteDeadline::Endless => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                WriteDeadline::At(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                WriteDeadline::Passed => {
                    state.waiting.retain(|waiting| *waiting != number);
                    drop(state);
                    // The writer behind may be the first now.
                    self.changed.notify_all();
                    return None;
                }
            };
        }
        state.waiting.pop_front();
        state.is_held = true;
        Some(HeldLineLock { line_lock: self, is_mid_line: state.is_mid_line })
    }

    /// Has all waiting writers check their deadlines again.
    pub(super) fn recheck(&self) {
        // A writer that has checked its deadline already waits on the condition by the time the mutex is free.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(super) struct HeldLineLock<'a> {
    line_lock: &'a LineLock,
    /// The next byte would continue an unfinished line.
    pub(super) is_mid_line: bool,
}

impl Drop for HeldLineLock<'_> {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.line_lock.state);
            state.is_held = false;
            state.is_mid_line = self.is_mid_line;
        }
        // All writers wake, and the first in order continues.
        self.line_lock.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_writer_whose_deadline_has_passed_gets_no_lock_while_another_holds_it() {
        let line_lock = LineLock::default();
        let held = line_lock.acquire(|| WriteDeadline::Endless).unwrap();
        assert!(line_lock.acquire(|| WriteDeadline::Passed).is_none());
        let soon = Instant::now() + Duration::from_millis(5);
        let until_soon = || if Instant::now() < soon { WriteDeadline::At(soon) } else { WriteDeadline::Passed };
        assert!(line_lock.acquire(until_soon).is_none());
        drop(held);
        assert!(line_lock.acquire(|| WriteDeadline::Passed).is_some());
    }

    #[test]
    fn a_recheck_ends_the_wait_of_a_writer_whose_deadline_has_passed() {
        let line_lock = LineLock::default();
        let _held = line_lock.acquire(|| WriteDeadline::Endless).unwrap();
        let deadline = Mutex::new(WriteDeadline::Endless);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| line_lock.acquire(|| *lock(&deadline)).is_none());
            *lock(&deadline) = WriteDeadline::Passed;
            line_lock.recheck();
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn a_writer_that_had_the_lock_waits_for_those_that_requested_it_before() {
        let line_lock = LineLock::default();
        let order = Mutex::new(Vec::new());
        let first = line_lock.acquire(|| WriteDeadline::Endless).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _held = line_lock.acquire(|| WriteDeadline::Endless).unwrap();
                lock(&order).push("second");
            });
            while lock(&line_lock.state).waiting.is_empty() {
                thread::yield_now();
            }
            drop(first);
            let _held = line_lock.acquire(|| WriteDeadline::Endless).unwrap();
            lock(&order).push("first again");
        });
        assert_eq!(*lock(&order), ["second", "first again"]);
    }

    #[test]
    fn no_forked_child_inherits_the_list_of_locks_locked() {
        let is_found = AtomicBool::new(false);
        thread::scope(|scope| {
            // A fork waits for the end of undivided work, and so does whatever takes the list's lock.
            undivided(|| {
                scope.spawn(|| {
                    LineLock::of(FileId::of(&fs::metadata("/").unwrap()));
                    is_found.store(true, Ordering::Relaxed);
                });
                let start = Instant::now();
                while !is_found.load(Ordering::Relaxed) && start.elapsed() < Duration::from_millis(300) {
                    thread::sleep(Duration::from_millis(1));
                }
                assert!(!is_found.load(Ordering::Relaxed));
            });
        });
    }

    #[test]
    fn the_next_writer_gets_the_state_of_the_unfinished_line() {
        let line_lock = LineLock::default();
        line_lock.acquire(|| WriteDeadline::Passed).unwrap().is_mid_line = true;
        assert!(line_lock.acquire(|| WriteDeadline::Passed).unwrap().is_mid_line);
    }
}
