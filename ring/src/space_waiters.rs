//! Tasks that wait for space in a ring without blocking a thread.

use std::{fmt, task::Waker};

use crate::{
    Doorbell, seeded,
    sync::{AtomicBool, AtomicU64, Mutex, Ordering, lock},
};

/// The tasks that wait until a consumer makes space (rule 11). All producers of the consumer share it.
#[derive(Default)]
pub struct SpaceWaiters {
    /// How often the consumer has made space.
    releases: AtomicU64,
    /// Whether a task waits.
    is_waiting: AtomicBool,
    tasks: Mutex<TaskList>,
}

/// Nothing is allocated or freed, and no waker runs, while it is locked: the consumer takes the lock, and the program's allocator may
/// log.
#[derive(Default)]
struct TaskList {
    /// In the order of their tickets: a task that was woken and waits anew finds that its old place is gone without a walk.
    tasks: Vec<WaitingTask>,
    last_ticket: u64,
}

struct WaitingTask {
    ticket: u64,
    /// The number of releases before the task looked for space.
    releases: u64,
    waker: Waker,
}

/// A task's place among those that wait. The owner gives it back by [`SpaceWaiters::leave`].
#[derive(Debug, PartialEq, Eq)]
pub struct WaitTicket(u64);

impl SpaceWaiters {
    /// No task waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The task's side: waits, in the place of `old` if there is one. `has_space` looks for space, twice at most. `None`: there is
    /// space, and the task does not wait. Otherwise the waker is called when the consumer has made space since.
    pub fn wait(
        &self,
        doorbell: &Doorbell,
        old: Option<WaitTicket>,
        waker: &Waker,
        mut has_space: impl FnMut() -> bool,
    ) -> Option<WaitTicket> {
        // Acquire: the look finds the space that the number counts; pairs with the store in `released`.
        let mut releases = self.releases.load(Ordering::Acquire);
        if has_space() {
            old.into_iter().for_each(|old| self.leave(old));
            return None;
        }
        if seeded::bug("waiter_counts_after_its_look") {
            // Acquire: as above, but behind the look.
            releases = self.releases.load(Ordering::Acquire);
        }
        let ticket = self.enter(old, releases, waker);
        // Rule 11: a consumer that falls asleep finds the task, or is woken.
        if !seeded::bug("waiter_does_not_ring") {
            doorbell.ring();
        }
        if has_space() && !seeded::bug("waiter_counts_after_its_look") {
            self.leave(ticket);
            return None;
        }
        Some(ticket)
    }

    /// Enters a task, which leaves the place of `old`.
    fn enter(&self, old: Option<WaitTicket>, releases: u64, waker: &Waker) -> WaitTicket {
        let mut task = WaitingTask { ticket: 0, releases, waker: waker.clone() };
        let left = old.and_then(|old| lock(&self.tasks).take(&old));
        let ticket = loop {
            match self.try_to_enter(task) {
                Ok(ticket) => break ticket,
                Err(returned) => {
                    task = returned;
                    self.make_room();
                }
            }
        };
        drop(left);
        ticket
    }

    /// # Errors
    /// The task, if the list has no room.
    fn try_to_enter(&self, mut task: WaitingTask) -> Result<WaitTicket, WaitingTask> {
        let mut list = lock(&self.tasks);
        if list.tasks.len() == list.tasks.capacity() {
            return Err(task);
        }
        list.last_ticket += 1;
        task.ticket = list.last_ticket;
        list.tasks.push(task);
        // Relaxed: the doorbell's swap behind it publishes it; rule 11, pairs with the swap in `fall_asleep`.
        self.is_waiting.store(true, Ordering::Relaxed);
        Ok(WaitTicket(list.last_ticket))
    }

    fn make_room(&self) {
        let wanted = lock(&self.tasks).tasks.len() * 2 + 4;
        let mut larger = Vec::with_capacity(wanted);
        let mut list = lock(&self.tasks);
        if list.tasks.len() < wanted && list.tasks.capacity() < wanted {
            larger.append(&mut list.tasks);
            std::mem::swap(&mut list.tasks, &mut larger);
        }
        drop(list);
        drop(larger);
    }

    /// The task's side: it waits no more.
    pub fn leave(&self, ticket: WaitTicket) {
        let left = lock(&self.tasks).take(&ticket);
        drop(left);
    }

    /// The consumer's side, behind the release of space. Only the consumer may call this.
    #[inline]
    pub fn released(&self) {
        // Relaxed: the consumer alone writes it.
        let releases = self.releases.load(Ordering::Relaxed);
        // Release: a task that loads the number finds the space; pairs with the load in `wait`.
        self.releases.store(releases.wrapping_add(1), Ordering::Release);
    }

    /// The consumer's side: whether a task waits for space that is made by now. A part of each last look before a sleep.
    #[inline]
    #[must_use]
    pub fn is_due(&self) -> bool {
        // Relaxed: before a sleep, the swap of the doorbell orders it; rule 11, pairs with the swap in `ring`. At other times a
        // task that is missed is found later.
        self.is_waiting.load(Ordering::Relaxed) && self.is_due_now() && !seeded::bug("last_look_without_waiters")
    }

    #[cold]
    fn is_due_now(&self) -> bool {
        // Relaxed: the consumer alone writes it.
        let releases = self.releases.load(Ordering::Relaxed);
        lock(&self.tasks).tasks.iter().any(|task| task.releases != releases)
    }

    /// The consumer's side: takes the tasks that wait for space that is made by now. The caller wakes them: wakers are user code.
    #[must_use]
    pub fn take_due(&self) -> Vec<Waker> {
        // Relaxed: see `is_due_now`.
        let releases = self.releases.load(Ordering::Relaxed);
        let waiting = lock(&self.tasks).tasks.len();
        let mut wakers = Vec::with_capacity(waiting);
        let mut list = lock(&self.tasks);
        let due = list.tasks.extract_if(.., |task| task.releases != releases);
        // No more than there is room for: nothing is allocated under the lock. More that come meanwhile are found by the next look.
        wakers.extend(due.take(waiting).map(|task| task.waker));
        // Relaxed: under the lock, as every other store.
        self.is_waiting.store(!list.tasks.is_empty(), Ordering::Relaxed);
        drop(list);
        wakers
    }

    /// Takes all tasks, at the end of the consumer or where it hangs. The caller wakes them.
    #[must_use]
    pub fn take_all(&self) -> Vec<Waker> {
        if seeded::bug("end_takes_due_tasks_alone") {
            return self.take_due();
        }
        let mut list = lock(&self.tasks);
        // The list as it is: none of those that wait by now is left to a next look, which may not come.
        let all = std::mem::take(&mut list.tasks);
        // Relaxed: under the lock, as every other store.
        self.is_waiting.store(false, Ordering::Relaxed);
        drop(list);
        all.into_iter().map(|task| task.waker).collect()
    }
}

impl TaskList {
    fn take(&mut self, ticket: &WaitTicket) -> Option<WaitingTask> {
        let place = self.tasks.binary_search_by_key(&ticket.0, |task| task.ticket).ok()?;
        Some(self.tasks.remove(place))
    }
}

impl fmt::Debug for SpaceWaiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceWaiters").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::{Arc, atomic::AtomicUsize},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct CountsWakes(AtomicUsize);

    impl Wake for CountsWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn waiting(waiters: &SpaceWaiters) -> (Arc<CountsWakes>, WaitTicket) {
        let task = Arc::new(CountsWakes::default());
        let ticket = waiters.wait(&Doorbell::new(), None, &Waker::from(Arc::clone(&task)), || false).unwrap();
        (task, ticket)
    }

    fn wake_due(waiters: &SpaceWaiters) -> usize {
        let due = waiters.take_due();
        due.into_iter().map(Waker::wake).count()
    }

    #[test]
    fn a_task_is_woken_by_space_that_is_made_after_its_look() {
        let waiters = SpaceWaiters::new();
        let (task, _ticket) = waiting(&waiters);
        assert!(!waiters.is_due());
        assert_eq!(wake_due(&waiters), 0);
        waiters.released();
        assert!(waiters.is_due());
        assert_eq!((wake_due(&waiters), task.0.load(Ordering::SeqCst)), (1, 1));
        assert!(!waiters.is_due());
        waiters.released();
        assert_eq!(wake_due(&waiters), 0);
    }

    #[test]
    fn a_task_that_finds_space_does_not_wait() {
        let waiters = SpaceWaiters::new();
        let waker = Waker::from(Arc::new(CountsWakes::default()));
        assert_eq!(waiters.wait(&Doorbell::new(), None, &waker, || true), None);
        // Space that comes between the two looks.
        let looks = Cell::new(0);
        let second_look = || looks.replace(looks.get() + 1) == 1;
        assert_eq!(waiters.wait(&Doorbell::new(), None, &waker, second_look), None);
        assert_eq!(waiters.take_all().len(), 0);
    }

    #[test]
    fn a_task_that_has_left_is_not_woken_and_takes_no_other_with_it() {
        let waiters = SpaceWaiters::new();
        let (_first, first_ticket) = waiting(&waiters);
        assert_eq!(waiters.take_all().len(), 1);
        let (second, _second_ticket) = waiting(&waiters);
        // It was taken before: its ticket is no other task's.
        waiters.leave(first_ticket);
        let (third, third_ticket) = waiting(&waiters);
        waiters.leave(third_ticket);
        waiters.released();
        wake_due(&waiters);
        assert_eq!((second.0.load(Ordering::SeqCst), third.0.load(Ordering::SeqCst)), (1, 0));
    }

    #[test]
    fn a_task_that_waits_again_keeps_a_single_place() {
        let waiters = SpaceWaiters::new();
        let (first, ticket) = waiting(&waiters);
        let other = Arc::new(CountsWakes::default());
        let waker = Waker::from(Arc::clone(&other));
        assert!(waiters.wait(&Doorbell::new(), Some(ticket), &waker, || false).is_some());
        waiters.take_all().into_iter().for_each(Waker::wake);
        assert_eq!((first.0.load(Ordering::SeqCst), other.0.load(Ordering::SeqCst)), (0, 1));
    }

    #[test]
    fn the_end_takes_every_task_that_waited_before_it_whoever_comes_meanwhile() {
        let waiters = SpaceWaiters::new();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let (_task, ticket) = waiting(&waiters);
                    waiters.leave(ticket);
                }
            });
            for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
                let before: Vec<_> = (0..3).map(|_| waiting(&waiters)).collect();
                waiters.take_all().into_iter().for_each(Waker::wake);
                let woken = before.iter().filter(|(task, _)| task.0.load(Ordering::SeqCst) == 1).count();
                is_over.store(woken < before.len(), Ordering::Relaxed);
                assert_eq!(woken, before.len());
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn many_tasks_wait_and_those_that_came_after_the_release_stay() {
        let waiters = SpaceWaiters::new();
        let before: Vec<_> = (0..20).map(|_| waiting(&waiters)).collect();
        waiters.released();
        let after: Vec<_> = (0..20).map(|_| waiting(&waiters)).collect();
        while waiters.is_due() {
            wake_due(&waiters);
        }
        assert!(before.iter().all(|(task, _)| task.0.load(Ordering::SeqCst) == 1));
        assert!(after.iter().all(|(task, _)| task.0.load(Ordering::SeqCst) == 0));
        assert_eq!(waiters.take_all().len(), 20);
    }
}
