//! Payloads between the drain and the thread that writes.

use std::{
    collections::VecDeque,
    io,
    os::fd::BorrowedFd,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{Payload, SinkError};

pub(super) use super::outcome::Landing;
use super::{
    bell::{Bell, Waited},
    outcome::{Outcome, outcome},
    turns::Patience,
};

/// When a payload is full.
pub(super) const PAYLOAD_BYTES: usize = 64 * 1024;

/// Buffers that are kept for the next payloads.
const SPARE_BUFFERS_MAX: usize = 4;

/// How much earlier than the deadline waits end (rule 8).
const GIVE_UP_BEFORE: Duration = Duration::from_millis(5);

/// Payloads in order, and how long the thread that writes them may take.
#[derive(Debug)]
pub(super) struct Queue {
    capacity_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
    bell: Bell,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Of all jobs that are not done, the one that is being written included.
    under_way_bytes: usize,
    spare: Vec<Vec<u8>>,
    deadline: Option<Instant>,
    /// The sink is gone.
    is_closed: bool,
    /// The thread is gone.
    has_ended: bool,
}

/// A payload to be written.
pub(super) struct Job {
    payload: Payload,
    outcome: Outcome,
}

impl Job {
    pub(super) fn records(&self) -> &[u8] {
        self.payload.records()
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

/// The drain's side.
impl Queue {
    pub(super) fn new(capacity_bytes: usize) -> io::Result<Self> {
        Ok(Self { capacity_bytes, state: Mutex::default(), changed: Condvar::new(), bell: Bell::new()? })
    }

    /// An empty payload, if there is room for it.
    pub(super) fn payload(&self) -> Option<Payload> {
        let mut state = self.lock();
        if state.under_way_bytes.saturating_add(PAYLOAD_BYTES) > self.capacity_bytes {
            return None;
        }
        let buffer = state.spare.pop();
        drop(state);
        Some(buffer.map_or_else(|| Payload::new(PAYLOAD_BYTES), |buffer| Payload::in_buffer(buffer, PAYLOAD_BYTES)))
    }

    /// Has a payload written.
    pub(super) fn push(&self, payload: Payload) -> Landing {
        let (outcome, landing) = outcome();
        let job = Job { payload, outcome };
        {
            let mut state = self.lock();
            if state.has_ended {
                // Dropped, it says so.
                return landing;
            }
            state.under_way_bytes = state.under_way_bytes.saturating_add(job.payload.len());
            state.jobs.push_back(job);
        }
        self.changed.notify_all();
        landing
    }

    /// What is not written by then is not to be written.
    pub(super) fn stop(&self, deadline: Instant) {
        self.lock().deadline = Some(deadline);
        self.bell.ring();
    }

    /// Nothing more is to be written, from now on.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
        self.bell.ring();
    }

    /// Waits until the thread has ended, so long at most. Returns whether it has.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, timeout, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }
}

/// The side of the thread that writes.
impl Queue {
    /// Waits for a payload; `None` when no more will come.
    pub(super) fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says what became of a payload, and takes its memory back.
    pub(super) fn done(&self, job: Job, result: Result<(), SinkError>) {
        let Job { payload, outcome } = job;
        let bytes = payload.len();
        let mut buffer = payload.into_buffer();
        {
            let mut state = self.lock();
            state.under_way_bytes = state.under_way_bytes.saturating_sub(bytes);
            // One that a long batch has made far longer is not kept.
            if state.spare.len() < SPARE_BUFFERS_MAX && buffer.capacity() <= 4 * PAYLOAD_BYTES {
                buffer.clear();
                state.spare.push(buffer);
            }
        }
        outcome.settle(result);
    }

    /// The thread has ended: what is left fails.
    pub(super) fn end(&self) {
        let left = {
            let mut state = self.lock();
            state.has_ended = true;
            std::mem::take(&mut state.jobs)
        };
        drop(left);
        self.changed.notify_all();
    }

    /// Whether nothing is to be written any more.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_closed || state.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How long the thread may wait.
    pub(super) fn patience(&self) -> Patience {
        let (is_closed, deadline) = {
            let state = self.lock();
            (state.is_closed, state.deadline)
        };
        let Some(deadline) = deadline.filter(|_| !is_closed) else {
            return if is_closed { Patience::Over } else { Patience::Endless };
        };
        match deadline.checked_sub(GIVE_UP_BEFORE) {
            Some(deadline) if deadline > Instant::now() => Patience::Until(deadline),
            _ => Patience::Over,
        }
    }

    /// Waits until `fd` can be written to, if patience allows, but for `at_most` at most. [`stop`](Self::stop) and
    /// [`close`](Self::close) end it.
    pub(super) fn wait(&self, fd: Option<BorrowedFd<'_>>, at_most: Duration) -> Waited {
        let left = match self.patience() {
            Patience::Endless => None,
            Patience::Until(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            // A look can be had without waiting.
            Patience::Over => Some(Duration::ZERO),
        };
        let timeout = left.map_or(at_most, |left| left.min(at_most));
        self.bell.wait(fd, (timeout != Duration::MAX).then_some(timeout))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: usize) -> Payload {
        let mut payload = Payload::new(PAYLOAD_BYTES);
        payload.buffer().resize(bytes, b'x');
        payload
    }

    #[test]
    fn there_is_no_payload_while_the_capacity_is_used_up() {
        let queue = Queue::new(2 * PAYLOAD_BYTES).unwrap();
        let _landings = (queue.push(payload(PAYLOAD_BYTES)), queue.push(payload(1)));
        assert!(queue.payload().is_none());
        let job = queue.next().unwrap();
        assert!(queue.payload().is_none(), "what is being written counts");
        queue.done(job, Ok(()));
        assert!(queue.payload().is_some());
    }

    #[test]
    fn payloads_come_in_order_until_the_queue_is_closed() {
        let queue = Queue::new(1 << 20).unwrap();
        let _landings = [3, 1, 2].map(|bytes| queue.push(payload(bytes)));
        assert_eq!(queue.next().unwrap().records().len(), 3);
        assert_eq!(queue.next().unwrap().records().len(), 1);
        queue.close();
        assert!(queue.next().is_none());
    }

    #[test]
    fn memory_is_used_again_unless_it_has_become_too_much() {
        let queue = Queue::new(1 << 20).unwrap();
        for bytes in [10 * PAYLOAD_BYTES, 100] {
            let _landing = queue.push(payload(bytes));
            let job = queue.next().unwrap();
            queue.done(job, Ok(()));
        }
        let capacities: Vec<usize> = queue.lock().spare.iter().map(Vec::capacity).collect();
        assert_eq!(capacities, [PAYLOAD_BYTES]);
        assert!(queue.payload().unwrap().is_empty());
    }

    #[test]
    fn patience_ends_with_the_deadline_and_at_once_when_closed() {
        let queue = Queue::new(1 << 20).unwrap();
        assert_eq!(queue.patience(), Patience::Endless);
        let deadline = Instant::now() + Duration::from_secs(60);
        queue.stop(deadline);
        assert_eq!(queue.patience(), Patience::Until(deadline - GIVE_UP_BEFORE));
        queue.stop(Instant::now() + GIVE_UP_BEFORE);
        assert_eq!(queue.patience(), Patience::Over);
        queue.stop(deadline);
        queue.close();
        assert_eq!((queue.patience(), queue.is_over()), (Patience::Over, true));
    }
}
