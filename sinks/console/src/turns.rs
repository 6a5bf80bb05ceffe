//! Who writes to a file, where several writers have descriptors of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Instant,
};

use fapilog_plugin::threads::{process::OwnProcess, undivided};

use super::destination::FileId;

/// Turns at one file, first come, first served. A turn is taken for some whole lines.
///
/// A writer that is stuck keeps its turn, for it may be in the middle of a line. The others wait for it as they would wait
/// for the file itself: as long as their own [`Patience`] lasts.
#[derive(Debug, Default)]
pub(super) struct LineTurns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    /// The numbers of those who wait, in order.
    waiting: VecDeque<u64>,
    last_number: u64,
    /// The last writer ended in the middle of a line.
    is_mid_line: bool,
}

/// How long a writer may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Endless,
    Until(Instant),
    Over,
}

/// The turns at all files that are written to.
static TURNS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

struct Entry {
    /// A forked child has turns of its own: the parent's threads, which hold the inherited ones, are not there.
    process: OwnProcess,
    file: FileId,
    turns: Weak<LineTurns>,
}

impl LineTurns {
    /// The turns at this file, shared by all of the process that write to it.
    pub(super) fn at(file: FileId) -> Arc<Self> {
        let process = OwnProcess::this();
        undivided(|| {
            let mut all = lock(&TURNS);
            all.retain(|entry| entry.process == process && entry.turns.strong_count() > 0);
            let known = all.iter().find(|entry| entry.file == file).and_then(|entry| entry.turns.upgrade());
            known.unwrap_or_else(|| {
                let turns = Arc::<Self>::default();
                all.push(Entry { process, file, turns: Arc::downgrade(&turns) });
                turns
            })
        })
    }

    /// Waits for a turn; `None` when `patience` is over. It is asked anew after each [`reconsider`](Self::reconsider).
    pub(super) fn take(&self, patience: impl Fn() -> Patience) -> Option<Turn<'_>> {
        let mut state = lock(&self.state);
        state.last_number = state.last_number.wrapping_add(1);
        let number = state.last_number;
        state.waiting.push_back(number);
        while state.is_taken || state.waiting.front() != Some(&number) {
            state = match patience() {
                Patience::Endless => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Patience::Until(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                Patience::Over => {
                    state.waiting.retain(|waiting| *waiting != number);
                    drop(state);
                    // Whoever waited behind may be the first now.
                    self.changed.notify_all();
                    return None;
                }
            };
        }
        state.waiting.pop_front();
        state.is_taken = true;
        Some(Turn { turns: self, is_mid_line: state.is_mid_line })
    }

    /// Has all who wait look at their patience again.
    pub(super) fn reconsider(&self) {
        // Whoever has looked already waits by the time the lock is free.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

/// The right to write.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a LineTurns,
    /// What is written next would go on a line that somebody has begun.
    pub(super) is_mid_line: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.turns.state);
            state.is_taken = false;
            state.is_mid_line = self.is_mid_line;
        }
        // All of them: only the first of them goes on.
        self.turns.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, thread, time::Duration};

    use super::*;

    #[test]
    fn who_has_no_patience_left_gets_no_turn_while_another_has_it() {
        let turns = LineTurns::default();
        let turn = turns.take(|| Patience::Endless).unwrap();
        assert!(turns.take(|| Patience::Over).is_none());
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(turns.take(|| if Instant::now() < soon { Patience::Until(soon) } else { Patience::Over }).is_none());
        drop(turn);
        assert!(turns.take(|| Patience::Over).is_some());
    }

    #[test]
    fn who_waits_can_be_told_that_it_is_over() {
        let turns = LineTurns::default();
        let _turn = turns.take(|| Patience::Endless).unwrap();
        let patience = Mutex::new(Patience::Endless);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| turns.take(|| *lock(&patience)).is_none());
            *lock(&patience) = Patience::Over;
            turns.reconsider();
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn who_has_had_a_turn_waits_for_those_who_have_not() {
        let turns = LineTurns::default();
        let order = Mutex::new(Vec::new());
        let first = turns.take(|| Patience::Endless).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = turns.take(|| Patience::Endless).unwrap();
                lock(&order).push("second");
            });
            while lock(&turns.state).waiting.is_empty() {
                thread::yield_now();
            }
            drop(first);
            let _turn = turns.take(|| Patience::Endless).unwrap();
            lock(&order).push("first again");
        });
        assert_eq!(*lock(&order), ["second", "first again"]);
    }

    #[test]
    fn the_next_writer_learns_that_a_line_was_begun() {
        let turns = LineTurns::default();
        turns.take(|| Patience::Over).unwrap().is_mid_line = true;
        assert!(turns.take(|| Patience::Over).unwrap().is_mid_line);
    }
}
