//! Requests and answers between the drain and the thread of the store.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use fapilog_plugin::threads::lock;

use crate::delivery::store::{
    error::StoreError,
    stored_payload::{DeadLetter, DeliveryStoreAnswer, StoredPayload},
};

/// A request to the thread. A clone shares the bytes of its payload.
#[derive(Debug, Clone)]
pub(super) enum StoreRequest {
    Append(StoredPayload),
    Read {
        epoch: u64,
    },
    Acknowledge,
    Rewind,
    Bury(DeadLetter),
    /// Test code waits until the thread has come to it.
    #[cfg(test)]
    Work(TestWork),
}

/// Work of a test on the thread.
#[cfg(test)]
#[derive(Clone)]
pub(super) struct TestWork(pub(super) std::sync::Arc<dyn Fn() + Send + Sync>);

#[cfg(test)]
impl std::fmt::Debug for TestWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestWork")
    }
}

/// Why the thread is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreEnd {
    /// It executes all requests first.
    Close,
    /// It ends as if the process were killed.
    #[cfg(test)]
    Crash,
}

/// The requests, the answers, and the states of both ends.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    state: Mutex<StoreQueueState>,
    /// Notified of requests, and of the end.
    to_thread: Condvar,
    /// Notified when the thread has ended.
    to_drain: Condvar,
}

#[derive(Debug, Default)]
struct StoreQueueState {
    /// The first one stays until it is executed.
    requests: VecDeque<StoreRequest>,
    is_executing: bool,
    answers: VecDeque<DeliveryStoreAnswer>,
    /// Reads of another epoch were asked for before the last rewind.
    epoch: u64,
    waker: Option<Waker>,
    end: Option<StoreEnd>,
    has_thread_ended: bool,
    /// The drain has taken the requests back: their answers count no more.
    is_abandoned: bool,
    /// So many requests are executed before a crash.
    #[cfg(test)]
    executed_before_crash: usize,
}

/// The end of the drain.
impl RequestQueue {
    /// Adds a request. After the end, it is refused.
    pub(super) fn add(&self, request: StoreRequest) {
        let mut state = lock(&self.state);
        if state.end.is_some() || state.has_thread_ended {
            state.refuse(request, || StoreError::Closed);
            return;
        }
        state.requests.push_back(request);
        self.to_thread.notify_one();
    }

    /// Asks for the next payload.
    pub(super) fn add_read(&self) {
        let epoch = lock(&self.state).epoch;
        self.add(StoreRequest::Read { epoch });
    }

    /// Drops the reads that are not answered or whose answers are not taken, and moves the read position back.
    pub(super) fn rewind(&self) {
        let mut state = lock(&self.state);
        state.epoch = state.epoch.wrapping_add(1);
        let executing = if state.is_executing { state.requests.pop_front() } else { None };
        state.requests.retain(|request| !matches!(request, StoreRequest::Read { .. }));
        if let Some(executing) = executing {
            state.requests.push_front(executing);
        }
        state.answers.retain(|answer| !matches!(answer, DeliveryStoreAnswer::Read(_)));
        drop(state);
        self.add(StoreRequest::Rewind);
    }

    /// The next answer.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<DeliveryStoreAnswer> {
        let mut state = lock(&self.state);
        if let Some(answer) = state.answers.pop_front() {
            return Poll::Ready(answer);
        }
        match &state.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => state.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Has the thread end.
    pub(super) fn end(&self, end: StoreEnd) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(end);
        // It belongs to the shard, whose thread may have to drop it.
        state.waker = None;
        self.to_thread.notify_one();
    }

    /// Whether the thread has ended.
    pub(super) fn has_thread_ended(&self) -> bool {
        lock(&self.state).has_thread_ended
    }

    /// Waits for the end of the thread. Returns whether it has ended by the deadline.
    pub(super) fn wait_for_end(&self, deadline: Instant) -> bool {
        let mut state = lock(&self.state);
        while !state.has_thread_ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            state = wait_for(&self.to_drain, state, left);
        }
        true
    }

    /// Takes all answers. Requests that are not executed by now are refused, the one that is being executed among them.
    pub(super) fn take_back(&self) -> Vec<DeliveryStoreAnswer> {
        let mut state = lock(&self.state);
        state.is_abandoned = true;
        while let Some(request) = state.requests.pop_front() {
            state.refuse(request, || StoreError::Deadline);
        }
        std::mem::take(&mut state.answers).into()
    }
}

/// The end of the thread.
impl RequestQueue {
    /// The next request, which stays in the queue until it is answered; `None` at the end.
    pub(super) fn next(&self) -> Option<StoreRequest> {
        let mut state = lock(&self.state);
        loop {
            #[cfg(test)]
            if state.end == Some(StoreEnd::Crash) {
                state.executed_before_crash = state.executed_before_crash.checked_sub(1)?;
            }
            if let Some(request) = state.requests.front().cloned() {
                state.is_executing = true;
                return Some(request);
            }
            if state.end.is_some() {
                return None;
            }
            state = self.to_thread.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds an answer that belongs to no request, or to the one that goes on.
    pub(super) fn report(&self, answer: DeliveryStoreAnswer) {
        let mut state = lock(&self.state);
        state.answers.push_back(answer);
        state.wake();
    }

    /// The request of the last `next` is executed.
    pub(super) fn complete(&self, answer: Option<DeliveryStoreAnswer>) {
        let mut state = lock(&self.state);
        state.is_executing = false;
        if state.is_abandoned {
            return;
        }
        let request = state.requests.pop_front();
        let is_stale = matches!(request, Some(StoreRequest::Read { epoch }) if epoch != state.epoch);
        if let Some(answer) = answer.filter(|_| !is_stale) {
            state.answers.push_back(answer);
            state.wake();
        }
    }

    /// Has the thread end as if the process were killed behind so many of the next requests.
    #[cfg(test)]
    pub(super) fn crash_behind(&self, requests: usize) {
        lock(&self.state).executed_before_crash = requests;
        self.end(StoreEnd::Crash);
    }

    /// Whether the thread ends as if the process were killed.
    #[cfg(test)]
    pub(super) fn is_crashing(&self) -> bool {
        lock(&self.state).end == Some(StoreEnd::Crash)
    }

    /// The thread has ended, and uses nothing of the store any more.
    pub(super) fn note_thread_end(&self) {
        let mut state = lock(&self.state);
        state.has_thread_ended = true;
        self.to_drain.notify_all();
    }
}

impl StoreQueueState {
    /// Under the lock: after the end, the thread uses no waker of the shard.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn refuse(&mut self, request: StoreRequest, error: impl FnOnce() -> StoreError) {
        self.answers.extend(match request {
            StoreRequest::Append(payload) => Some(DeliveryStoreAnswer::Refused { payload, error: error() }),
            StoreRequest::Bury(letter) => Some(DeliveryStoreAnswer::Buried(Err((letter, error())))),
            StoreRequest::Read { .. } => Some(DeliveryStoreAnswer::Read(None)),
            StoreRequest::Acknowledge | StoreRequest::Rewind => None,
            #[cfg(test)]
            StoreRequest::Work(_) => None,
        });
        self.wake();
    }
}

fn wait_for<'a>(
    condition: &Condvar,
    state: MutexGuard<'a, StoreQueueState>,
    time: std::time::Duration,
) -> MutexGuard<'a, StoreQueueState> {
    condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(queue: &RequestQueue) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        std::iter::from_fn(|| queue.poll(&mut context).is_ready().then_some(())).count()
    }

    #[test]
    fn a_read_that_a_rewind_overtakes_is_not_answered() {
        let queue = RequestQueue::default();
        queue.add_read();
        assert!(matches!(queue.next(), Some(StoreRequest::Read { .. })));
        queue.rewind();
        queue.add_read();
        queue.complete(Some(DeliveryStoreAnswer::Read(None)));
        assert_eq!(answers(&queue), 0);
        assert!(matches!(queue.next(), Some(StoreRequest::Rewind)));
        queue.complete(None);
        assert!(matches!(queue.next(), Some(StoreRequest::Read { .. })));
        queue.complete(Some(DeliveryStoreAnswer::Read(None)));
        assert_eq!(answers(&queue), 1);
    }

    #[test]
    fn a_rewind_drops_reads_that_are_not_executed() {
        let queue = RequestQueue::default();
        (0..3).for_each(|_| queue.add_read());
        queue.add(StoreRequest::Acknowledge);
        queue.rewind();
        assert!(matches!(queue.next(), Some(StoreRequest::Acknowledge)));
        queue.complete(None);
        assert!(matches!(queue.next(), Some(StoreRequest::Rewind)));
    }

    #[test]
    fn the_answer_of_a_request_that_was_taken_back_does_not_count() {
        let queue = RequestQueue::default();
        queue.add_read();
        queue.next();
        queue.end(StoreEnd::Close);
        assert_eq!(queue.take_back().len(), 1);
        queue.complete(Some(DeliveryStoreAnswer::Read(None)));
        assert_eq!((answers(&queue), queue.next().is_none()), (0, true));
    }
}
