//! Flush requests: a thread or task waits until a shard has delivered every earlier event.

use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog_ring::{
    seeded,
    sync::{AtomicBool, AtomicU64, Condvar, Mutex, Ordering, lock},
};

/// Requests to one shard, and its answers.
#[derive(Debug, Default)]
pub(crate) struct FlushGate {
    /// The last ticket given out.
    requested: AtomicU64,
    /// Set when the shard has to end: no more events come.
    stop: AtomicBool,
    answered: Mutex<Answered>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Answered {
    ticket: u64,
    /// Up to this ticket, something was lost, or could not be delivered or made durable.
    failed: u64,
    /// The losses as of that ticket.
    losses: FlushLosses,
    /// The shard is gone: nothing will be answered any more.
    is_over: bool,
    /// When to give up, once a stop is requested.
    stop_deadline: Option<Instant>,
    /// Tasks that wait, each with its deadline.
    tasks: Vec<Task>,
}

/// A task that waits.
#[derive(Debug)]
struct Task {
    /// The flush it waits for, which no other task waits for; `None` for the end of the shard.
    ticket: Option<u64>,
    deadline: Instant,
    waker: Waker,
}

/// Losses since the flush before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlushLosses {
    /// Sinks at which an event was not delivered, or is not durable where it should be.
    pub(crate) failed_sinks: Vec<String>,
    /// Events lost anywhere: before any sink, and at sinks, each sink by itself.
    pub(crate) events: u64,
}

impl FlushLosses {
    fn is_none(&self) -> bool {
        self.failed_sinks.is_empty() && self.events == 0
    }
}

/// The end of a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WaitOutcome {
    /// Everything that came before the request is delivered.
    Done,
    /// Every delivery has ended, and something was lost.
    Failed(FlushLosses),
    /// The shard has ended.
    Over,
    /// Time is up.
    Late,
}

impl Answered {
    /// The answer to a ticket, if there is one.
    fn to(&self, ticket: u64) -> Option<WaitOutcome> {
        if self.failed >= ticket {
            return Some(WaitOutcome::Failed(self.losses.clone()));
        }
        (self.ticket >= ticket).then_some(WaitOutcome::Done)
    }
}

/// Wakes the tasks. No lock may be held: wakers are user code.
fn wake(tasks: Vec<Task>) {
    tasks.into_iter().for_each(|task| {
        let _ = fapilog_record::user_code::catch_panic(|| task.waker.wake());
    });
}

impl FlushGate {
    /// Asks for a flush of everything that was published before this call. The doorbell is the caller's to ring.
    pub(crate) fn request(&self) -> u64 {
        // Release: what this thread has published, or knows to be published, comes before the ticket; pairs with the
        // load in `requested`.
        self.requested.fetch_add(1, seeded::ordering(Ordering::Release, "flush_request_relaxed")) + 1
    }

    /// The last ticket given out: the shard reads it at the start of a turn.
    #[inline]
    pub(crate) fn requested(&self) -> u64 {
        // Acquire: pairs with `request`.
        self.requested.load(seeded::ordering(Ordering::Acquire, "flush_requested_relaxed"))
    }

    /// Answers all requests up to `ticket`.
    pub(crate) fn answer(&self, ticket: u64, losses: FlushLosses) {
        let tasks = {
            let mut answered = lock(&self.answered);
            debug_assert!(!answered.is_over, "a shard that has ended answers nothing");
            debug_assert!(answered.ticket < ticket, "ticket {ticket} is answered after {}", answered.ticket);
            debug_assert!(ticket <= self.requested(), "ticket {ticket} was not given out");
            answered.ticket = ticket;
            if !losses.is_none() {
                answered.failed = ticket;
                answered.losses = losses;
            }
            std::mem::take(&mut answered.tasks)
        };
        self.changed.notify_all();
        wake(tasks);
    }

    /// The last ticket that was answered: a shard that takes over goes on behind it.
    pub(crate) fn answered(&self) -> u64 {
        lock(&self.answered).ticket
    }

    /// Wakes the tasks whose time is up. A shard that has been asked for something calls it with every turn, so a task
    /// needs no timer.
    pub(crate) fn wake_late(&self, now: Instant) {
        let late: Vec<_> = {
            let mut answered = lock(&self.answered);
            if answered.tasks.iter().all(|task| task.deadline > now) {
                return;
            }
            answered.tasks.extract_if(.., |task| task.deadline <= now).collect()
        };
        wake(late);
    }

    /// Asks the shard to end by `deadline`.
    pub(crate) fn request_stop(&self, deadline: Instant) {
        lock(&self.answered).stop_deadline = Some(deadline);
        // Release: what came before comes before; pairs with the load in `stop_requested`.
        self.stop.store(true, Ordering::Release);
    }

    /// Whether, and until when, the shard is to end.
    #[inline]
    pub(crate) fn stop_requested(&self) -> Option<Instant> {
        // Acquire: pairs with `request_stop`.
        if !self.stop.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.answered).stop_deadline
    }

    /// Answers every wait: the shard has ended.
    pub(crate) fn end(&self) {
        let tasks = {
            let mut answered = lock(&self.answered);
            answered.is_over = true;
            std::mem::take(&mut answered.tasks)
        };
        self.changed.notify_all();
        wake(tasks);
    }

    /// Waits for the answer to `ticket`.
    pub(crate) fn wait(&self, ticket: u64, deadline: Instant) -> WaitOutcome {
        self.wait_until(deadline, |answered| answered.to(ticket))
    }

    /// As [`wait`](Self::wait), for a task.
    pub(crate) fn poll(&self, ticket: u64, deadline: Instant, context: &mut Context<'_>) -> Poll<WaitOutcome> {
        self.poll_until(Some(ticket), deadline, context, |answered| answered.to(ticket))
    }

    /// As [`wait_for_end`](Self::wait_for_end), for a task.
    pub(crate) fn poll_end(&self, deadline: Instant, context: &mut Context<'_>) -> Poll<WaitOutcome> {
        self.poll_until(None, deadline, context, |_| None)
    }

    fn poll_until(
        &self,
        ticket: Option<u64>,
        deadline: Instant,
        context: &mut Context<'_>,
        answer: impl Fn(&Answered) -> Option<WaitOutcome>,
    ) -> Poll<WaitOutcome> {
        // Cloned before the lock is taken, and dropped after it is released: wakers are user code.
        let mut waker = context.waker().clone();
        let mut answered = lock(&self.answered);
        if let Some(waited) = answer(&answered) {
            return Poll::Ready(waited);
        }
        if answered.is_over {
            return Poll::Ready(WaitOutcome::Over);
        }
        if deadline <= Instant::now() {
            return Poll::Ready(WaitOutcome::Late);
        }
        // A ticket has one task, also if several tasks poll it in sequence. Several tasks may wait for the end: they differ by their wakers.
        let is_known = |task: &&mut Task| {
            task.ticket == ticket && task.deadline == deadline && (ticket.is_some() || task.waker.will_wake(&waker))
        };
        match answered.tasks.iter_mut().find(is_known) {
            Some(task) => std::mem::swap(&mut task.waker, &mut waker),
            None => {
                answered.tasks.push(Task { ticket, deadline, waker });
                return Poll::Pending;
            }
        }
        drop(answered);
        drop(waker);
        Poll::Pending
    }

    /// A task waits no more for the answer to `ticket`.
    pub(crate) fn forget(&self, ticket: u64) {
        let forgotten: Vec<_> = {
            let mut answered = lock(&self.answered);
            answered.tasks.extract_if(.., |task| task.ticket == Some(ticket)).collect()
        };
        // Wakers are user code.
        let _ = fapilog_record::user_code::catch_panic(|| drop(forgotten));
    }

    /// Waits for the end of the shard.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> WaitOutcome {
        self.wait_until(deadline, |_| None)
    }

    fn wait_until(&self, deadline: Instant, answer: impl Fn(&Answered) -> Option<WaitOutcome>) -> WaitOutcome {
        let mut answered = lock(&self.answered);
        loop {
            if let Some(waited) = answer(&answered) {
                return waited;
            }
            if answered.is_over {
                return WaitOutcome::Over;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return WaitOutcome::Late;
            }
            answered = match self.changed.wait_timeout(answered, left) {
                Ok((answered, _)) => answered,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}
