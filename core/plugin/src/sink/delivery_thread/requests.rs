//! Requests of a shard to the thread of a client, and their answers.
//!
//! A lock is held for moments, and never while the client works. In a forked child, where the thread does not exist and a lock may
//! be held for ever, the shard's side takes no lock.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use fapilog_record::user_code::{catch_panic, drop_catching_panics};

use crate::{
    sink::{
        Payload, SinkError,
        delivery_thread::{DeliveryThreadError, permanent},
    },
    threads::{lock, process::OwnProcess},
};

/// The most requests that wait for the thread.
pub(super) const WAITING_MAX: usize = 16;

/// The client's work.
#[derive(Debug)]
pub(super) enum Work {
    Deliver(Payload),
    Flush,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) work: Work,
    pub(super) answer: Arc<Answer>,
}

/// The requests that the thread has not begun.
#[derive(Debug, Default)]
pub(super) struct RequestQueue {
    requests: Mutex<WaitingRequests>,
    has_changed: Condvar,
}

#[derive(Debug, Default)]
struct WaitingRequests {
    waiting: VecDeque<Request>,
    is_closed: bool,
}

impl RequestQueue {
    /// Returns whether there was room.
    fn push(&self, request: Request) -> bool {
        let mut requests = lock(&self.requests);
        let has_room = requests.waiting.len() < WAITING_MAX;
        if has_room {
            requests.waiting.push_back(request);
            self.has_changed.notify_one();
        }
        has_room
    }

    /// The next request, when there is one. `None` when the queue is closed and empty.
    pub(super) fn next(&self) -> Option<Request> {
        let mut requests = lock(&self.requests);
        loop {
            if let Some(request) = requests.waiting.pop_front() {
                return Some(request);
            }
            if requests.is_closed {
                return None;
            }
            requests = self.has_changed.wait(requests).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes out the request of this answer, if the thread has not begun it.
    fn remove(&self, answer: &Arc<Answer>) {
        let mut requests = lock(&self.requests);
        let place = requests.waiting.iter().position(|request| Arc::ptr_eq(&request.answer, answer));
        let removed = place.and_then(|place| requests.waiting.remove(place));
        drop(requests);
        drop(removed);
    }

    pub(super) fn close(&self) {
        lock(&self.requests).is_closed = true;
        self.has_changed.notify_one();
    }
}

/// The result of a request, from the thread to the shard.
#[derive(Debug, Default)]
pub(super) struct Answer(Mutex<AnswerState>);

#[derive(Debug, Default)]
enum AnswerState {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// The shard is to be woken.
    Asked(Waker),
    Given(Result<(), SinkError>),
    /// The shard has it, or does not want it any more.
    Taken,
}

impl Answer {
    /// The client's result.
    pub(super) fn give(&self, result: Result<(), SinkError>) {
        let mut state = lock(&self.0);
        if matches!(*state, AnswerState::Taken) {
            drop(state);
            return drop_catching_panics(result);
        }
        let before = std::mem::replace(&mut *state, AnswerState::Given(result));
        drop(state);
        if let AnswerState::Asked(waker) = before {
            // A waker of an executor that has ended may panic.
            let _ = catch_panic(|| waker.wake());
        }
    }

    fn take(&self, context: &Context<'_>) -> Poll<Result<(), SinkError>> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, AnswerState::Taken) {
            AnswerState::Given(result) => return Poll::Ready(result),
            AnswerState::Asked(waker) if waker.will_wake(context.waker()) => *state = AnswerState::Asked(waker),
            AnswerState::Unasked | AnswerState::Asked(_) | AnswerState::Taken => {
                *state = AnswerState::Asked(context.waker().clone());
            }
        }
        Poll::Pending
    }

    fn give_up(&self) {
        let before = std::mem::replace(&mut *lock(&self.0), AnswerState::Taken);
        drop_catching_panics(before);
    }
}

/// The shard's side of a request.
pub(super) struct PendingAnswer {
    answer: Arc<Answer>,
    queue: Arc<RequestQueue>,
    process: OwnProcess,
}

impl PendingAnswer {
    /// Submits a request. `None` if there is no room for it.
    pub(super) fn submit(work: Work, queue: &Arc<RequestQueue>, process: OwnProcess) -> Option<Self> {
        let answer = Arc::new(Answer::default());
        let has_room = queue.push(Request { work, answer: Arc::clone(&answer) });
        has_room.then(|| Self { answer, queue: Arc::clone(queue), process })
    }
}

impl Future for PendingAnswer {
    type Output = Result<(), SinkError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        if !self.process.is_this() {
            return Poll::Ready(Err(permanent(DeliveryThreadError::Forked)));
        }
        self.answer.take(context)
    }
}

/// Its time is up, or it has ended.
impl Drop for PendingAnswer {
    fn drop(&mut self) {
        if self.process.is_this() {
            self.queue.remove(&self.answer);
            self.answer.give_up();
        }
    }
}
