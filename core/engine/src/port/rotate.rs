//! Requests for new files: a thread waits until each sink of each shard has started a new file.
//!
//! A request goes to all shards, as a [change](crate::port::changes). A shard takes a ticket for each of its sinks before it
//! answers the change. So once every shard has answered, the request is complete when no ticket is open.

use std::{
    sync::{Arc, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Instant,
};

use fapilog_plugin::sink::SinkError;
use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use fapilog_ring::sync::{AtomicBool, Condvar, Mutex, Ordering, lock};

use crate::error::RotateFailure;

/// A request for new files, and the answers to it.
#[derive(Debug)]
pub(crate) struct RotateRequest {
    /// The sink that is asked; `None`: each.
    sink: Option<String>,
    deadline: Instant,
    answers: Mutex<RotateAnswers>,
    changed: Condvar,
    /// The task that waits. No lock but its own may be held where it is cloned, called or dropped: wakers are user code.
    task: Mutex<Option<Waker>>,
}

/// The answers of sinks so far.
#[derive(Debug, Default)]
pub(crate) struct RotateAnswers {
    /// The sinks that have not answered, each as often as there are shards.
    pub(crate) open: Vec<String>,
    pub(crate) failures: Vec<RotateFailure>,
    /// A sink ended before it answered.
    pub(crate) has_ended_sinks: bool,
}

impl RotateRequest {
    pub(crate) fn new(sink: Option<&str>, deadline: Instant) -> Self {
        Self {
            sink: sink.map(str::to_owned),
            deadline,
            answers: Mutex::default(),
            changed: Condvar::default(),
            task: Mutex::default(),
        }
    }

    /// Whether this sink is asked.
    pub(crate) fn is_for(&self, sink: &str) -> bool {
        self.sink.as_deref().is_none_or(|asked| asked == sink)
    }

    /// Makes a ticket for a sink.
    pub(crate) fn ticket(self: &Arc<Self>, sink: &str) -> RotateTicket {
        lock(&self.answers).open.push(sink.to_owned());
        let is_answered = AtomicBool::new(false);
        RotateTicket(Arc::new(OpenTicket { request: Arc::clone(self), sink: sink.to_owned(), is_answered }))
    }

    /// Waits until no ticket is open, or until this time. Returns the answers.
    pub(crate) fn wait(&self, until: Instant) -> RotateAnswers {
        let mut answers = lock(&self.answers);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if answers.open.is_empty() || left.is_zero() {
                return answers.take();
            }
            answers = self.changed.wait_timeout(answers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// As [`wait`](Self::wait), for a task, until the deadline of the request. A shard with an open ticket wakes it then.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<RotateAnswers> {
        let waker = context.waker().clone();
        let before = lock(&self.task).replace(waker);
        drop_catching_panics(before);
        // After the waker is there: a ticket that is closed from now on finds it, and so does a shard that looks at the time.
        let mut answers = lock(&self.answers);
        if answers.open.is_empty() || self.deadline <= Instant::now() {
            return Poll::Ready(answers.take());
        }
        Poll::Pending
    }

    /// No task waits any more.
    pub(crate) fn forget_task(&self) {
        let task = lock(&self.task).take();
        drop_catching_panics(task);
    }

    fn wake(&self) {
        let task = lock(&self.task).take();
        let _ = catch_panic(|| task.map(Waker::wake));
    }

    fn close_ticket(&self, sink: &str, end: impl FnOnce(&mut RotateAnswers)) {
        {
            let mut answers = lock(&self.answers);
            if let Some(place) = answers.open.iter().position(|open| open == sink) {
                answers.open.swap_remove(place);
            }
            end(&mut answers);
        }
        self.changed.notify_all();
        self.wake();
    }
}

impl RotateAnswers {
    fn take(&mut self) -> Self {
        let (open, failures) = (self.open.clone(), std::mem::take(&mut self.failures));
        Self { open, failures, has_ended_sinks: self.has_ended_sinks }
    }
}

impl Drop for RotateRequest {
    fn drop(&mut self) {
        // Failures that no thread has taken hold the sink's own errors, whose drop is user code on the drain.
        std::mem::take(&mut lock(&self.answers).failures).into_iter().for_each(drop_catching_panics);
        self.forget_task();
    }
}

/// The right of a sink to answer a request. A sink that ends before it has answered is no longer waited for.
#[derive(Debug)]
pub(crate) struct RotateTicket(Arc<OpenTicket>);

/// The state of a ticket, for the sink and for a watchdog that abandons the sink's shard.
#[derive(Debug)]
pub(crate) struct OpenTicket {
    request: Arc<RotateRequest>,
    sink: String,
    is_answered: AtomicBool,
}

impl RotateTicket {
    /// The time until which the program waits.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.request.deadline
    }

    /// Wakes the task that waits: its time is up.
    pub(crate) fn wake(&self) {
        self.0.request.wake();
    }

    /// Its state, for a watchdog.
    pub(crate) fn state(&self) -> Weak<OpenTicket> {
        Arc::downgrade(&self.0)
    }

    /// Gives the sink's answer.
    pub(crate) fn answer(self, result: Result<(), Arc<SinkError>>) {
        self.0.answer(result);
    }
}

impl OpenTicket {
    /// The shard of the sink was abandoned, and nothing else answers.
    pub(crate) fn end_with_shard(&self) {
        self.answer(Err(Arc::new(SinkError::Other("its drain was abandoned".into()))));
    }

    fn answer(&self, result: Result<(), Arc<SinkError>>) {
        let failure = result.err().map(|cause| RotateFailure { sink: self.sink.clone(), cause });
        self.close(|answers| answers.failures.extend(failure));
    }

    /// The first that comes closes the ticket.
    fn close(&self, end: impl FnOnce(&mut RotateAnswers)) {
        // Relaxed: one of several closes it; the lock in `close_ticket` orders the answer.
        if !self.is_answered.swap(true, Ordering::Relaxed) {
            self.request.close_ticket(&self.sink, end);
        }
    }
}

impl Drop for RotateTicket {
    fn drop(&mut self) {
        self.0.close(|answers| answers.has_ended_sinks = true);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thiserror::Error;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn request() -> Arc<RotateRequest> {
        Arc::new(RotateRequest::new(None, Instant::now() + LONG))
    }

    /// An error that panics when it is dropped.
    #[derive(Debug, Error)]
    #[error("it will not go")]
    struct ClingsToo;

    impl Drop for ClingsToo {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_request_ends_when_the_sinks_of_all_shards_have_answered() {
        let request = request();
        let tickets = [request.ticket("file"), request.ticket("file")];
        let [first, second] = tickets;
        first.answer(Ok(()));
        assert_eq!(request.wait(Instant::now()).open, ["file"]);
        second.answer(Err(Arc::new(SinkError::Deadline)));
        let answers = request.wait(Instant::now() + LONG);
        assert!(answers.open.is_empty() && !answers.has_ended_sinks);
        assert_eq!(answers.failures.iter().map(|failure| failure.sink.as_str()).collect::<Vec<_>>(), ["file"]);
    }

    #[test]
    fn a_sink_that_ends_before_it_answers_is_not_waited_for() {
        let request = request();
        drop(request.ticket("file"));
        let answers = request.wait(Instant::now() + LONG);
        assert!(answers.open.is_empty() && answers.has_ended_sinks && answers.failures.is_empty());
    }

    #[test]
    fn a_task_is_woken_by_the_last_answer_and_by_the_shard_that_looks_at_the_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        struct Counts(AtomicUsize);
        impl std::task::Wake for Counts {
            fn wake(self: Arc<Self>) {
                // Relaxed: one thread.
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let wakes = Arc::new(Counts(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let request = request();
        let ticket = request.ticket("file");
        assert!(request.poll(&mut context).is_pending());
        ticket.wake();
        // Relaxed: one thread.
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(request.poll(&mut context).is_pending());
        ticket.answer(Ok(()));
        // Relaxed: one thread.
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
        assert!(request.poll(&mut context).is_ready());
        drop(waker);
        request.forget_task();
        assert_eq!(Arc::strong_count(&wakes), 1, "a task that is gone has a waker");
    }

    #[test]
    fn failures_that_no_thread_waits_for_are_dropped_without_a_panic() {
        let request = request();
        for _ in 0..2 {
            request.ticket("file").answer(Err(Arc::new(SinkError::Other(Box::new(ClingsToo)))));
        }
        drop(request);
    }
}
