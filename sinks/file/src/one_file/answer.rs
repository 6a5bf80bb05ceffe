//! The answer of the writer's thread to a request of a shard.
//!
//! A request has exactly one answer: that of the thread, or an error if the thread drops the request, or, behind the deadline of a
//! shutdown, that of the shard, which gives the request up. The lock of the slot decides between thread and shard: the thread
//! acknowledges records under that lock, and only for a shard that still waits.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    sink::SinkError,
    threads::{lock, process::OwnProcess},
};

/// How long a shard waits behind its deadline for the answer to a payload. A container closes its accounts 500 ms behind the
/// deadline.
const OVERTIME: Duration = Duration::from_millis(350);

/// The waker of a shard. The shard alone sets and drops it.
#[derive(Debug, Default)]
pub(super) struct ShardWaker(Mutex<Option<Waker>>);

impl ShardWaker {
    fn register(&self, waker: &Waker) {
        let mut known = lock(&self.0);
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Wakes the shard. Under the lock, so that no other thread drops the last copy: an executor may need it dropped at home.
    pub(super) fn wake(&self) {
        lock(&self.0).iter().for_each(Waker::wake_by_ref);
    }

    /// The shard waits no more.
    pub(super) fn clear(&self) {
        *lock(&self.0) = None;
    }
}

/// Records that are in the file although their payload is not delivered whole.
#[derive(Debug, Clone, Copy, Default)]
struct DeliveredPart {
    records: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct AnswerState {
    answer: Option<Result<(), SinkError>>,
    /// Nobody takes the answer any more.
    is_abandoned: bool,
    /// The first part of a payload of two.
    part: DeliveredPart,
    /// The error of the first part.
    part_error: Option<SinkError>,
}

impl AnswerState {
    /// The answer for a payload whose last part has this result.
    fn of_whole(&mut self, result: Result<(), SinkError>) -> Result<(), SinkError> {
        let error = match (self.part_error.take(), result) {
            (Some(error), _) | (None, Err(error)) => error,
            (None, Ok(())) => return Ok(()),
        };
        let DeliveredPart { records, bytes } = self.part;
        Err(match error {
            SinkError::Partial { records: more, bytes: more_bytes, source } => {
                SinkError::Partial { records: records + more, bytes: bytes + more_bytes, source }
            }
            error if records > 0 => SinkError::Partial { records, bytes, source: Box::new(error) },
            error => error,
        })
    }
}

#[derive(Debug, Default)]
struct AnswerSlot {
    state: Mutex<AnswerState>,
    is_given: Condvar,
}

/// The thread's end. Dropped without an answer, it answers that the thread has ended.
#[derive(Debug)]
pub(super) struct AnswerSender {
    slot: Arc<AnswerSlot>,
    waker: Arc<ShardWaker>,
    is_given: bool,
}

impl AnswerSender {
    /// Whether the shard waits for the answer.
    pub(super) fn is_awaited(&self) -> bool {
        !lock(&self.slot.state).is_abandoned
    }

    /// Answers by the result of `settle`, which is called only if the shard waits.
    pub(super) fn give(mut self, settle: impl FnOnce() -> Result<(), SinkError>) {
        self.put(settle);
    }

    fn put(&mut self, settle: impl FnOnce() -> Result<(), SinkError>) {
        {
            let mut state = lock(&self.slot.state);
            if !state.is_abandoned {
                let result = settle();
                let answer = state.of_whole(result);
                state.answer = Some(answer);
            }
            self.is_given = true;
            self.slot.is_given.notify_one();
        }
        self.waker.wake();
    }

    /// The sender of the first part of the same payload.
    pub(super) fn of_part(&self) -> PartSender {
        PartSender { slot: Arc::clone(&self.slot) }
    }
}

impl Drop for AnswerSender {
    fn drop(&mut self) {
        if !self.is_given {
            self.put(|| Err(thread_ended()));
        }
    }
}

/// The thread's end for the first part of a payload of two.
#[derive(Debug)]
pub(super) struct PartSender {
    slot: Arc<AnswerSlot>,
}

impl PartSender {
    /// Whether the shard waits for the answer to the whole payload.
    pub(super) fn is_awaited(&self) -> bool {
        !lock(&self.slot.state).is_abandoned
    }

    /// Keeps the result of `settle` for the answer to the whole payload. It is called only if the shard waits.
    pub(super) fn give(self, records: u64, bytes: u64, settle: impl FnOnce() -> Result<(), SinkError>) {
        let mut state = lock(&self.slot.state);
        if state.is_abandoned {
            return;
        }
        match settle() {
            Ok(()) => state.part = DeliveredPart { records, bytes },
            Err(SinkError::Partial { records, bytes, source }) => {
                state.part = DeliveredPart { records, bytes };
                state.part_error = Some(*source);
            }
            Err(error) => state.part_error = Some(error),
        }
    }
}

/// The shard's end.
pub(super) struct AnswerReceiver {
    slot: Arc<AnswerSlot>,
    waker: Arc<ShardWaker>,
    deadline: Rc<Cell<Option<Instant>>>,
    process: OwnProcess,
}

/// The two ends of an answer. A receiver gives up a moment behind `deadline`.
pub(super) fn answer(
    waker: &Arc<ShardWaker>,
    deadline: Rc<Cell<Option<Instant>>>,
    process: OwnProcess,
) -> (AnswerSender, AnswerReceiver) {
    let slot = Arc::<AnswerSlot>::default();
    let sender = AnswerSender { slot: Arc::clone(&slot), waker: Arc::clone(waker), is_given: false };
    (sender, AnswerReceiver { slot, waker: Arc::clone(waker), deadline, process })
}

impl AnswerReceiver {
    /// The answer, which is waited for behind the deadline: the shard polls once more then, and never again.
    fn take_at_deadline(&self, deadline: Instant) -> Result<(), SinkError> {
        let end = deadline.checked_add(OVERTIME).unwrap_or(deadline);
        let mut state = lock(&self.slot.state);
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.is_abandoned = true;
                return state.of_whole(Err(SinkError::Deadline));
            }
            state = self.slot.is_given.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Future for AnswerReceiver {
    type Output = Result<(), SinkError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.process.is_this() {
            // A forked child: its parent has the thread, and may have held the locks.
            return Poll::Pending;
        }
        if let Some(deadline) = self.deadline.get().filter(|deadline| *deadline <= Instant::now()) {
            return Poll::Ready(self.take_at_deadline(deadline));
        }
        // An answer that comes behind the look finds the waker.
        self.waker.register(context.waker());
        lock(&self.slot.state).answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for AnswerReceiver {
    fn drop(&mut self) {
        if self.process.is_this() {
            lock(&self.slot.state).is_abandoned = true;
        }
    }
}

/// The error of a request that the thread has dropped.
pub(super) fn thread_ended() -> SinkError {
    SinkError::Other("the thread that writes the file has ended".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (AnswerSender, AnswerReceiver) {
        answer(&Arc::default(), Rc::default(), OwnProcess::this())
    }

    fn poll(receiver: &mut AnswerReceiver) -> Poll<Result<(), SinkError>> {
        Pin::new(receiver).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_request_that_the_thread_drops_has_failed() {
        let (sender, mut receiver) = ends();
        assert!(poll(&mut receiver).is_pending());
        drop(sender);
        assert!(matches!(poll(&mut receiver), Poll::Ready(Err(SinkError::Other(_)))));
    }

    #[test]
    fn a_result_is_settled_only_for_a_shard_that_waits() {
        let (sender, receiver) = ends();
        drop(receiver);
        assert!(!sender.is_awaited() && !sender.of_part().is_awaited());
        sender.of_part().give(1, 2, || unreachable!("settled for nobody"));
        sender.give(|| unreachable!("settled for nobody"));
    }

    #[test]
    fn a_shard_gives_up_behind_its_deadline_with_the_part_that_is_delivered() {
        let (sender, mut receiver) = ends();
        sender.of_part().give(3, 30, || Ok(()));
        receiver.deadline.set(Some(Instant::now()));
        let start = Instant::now();
        assert!(matches!(poll(&mut receiver), Poll::Ready(Err(SinkError::Partial { records: 3, bytes: 30, .. }))));
        assert!(start.elapsed() >= OVERTIME && !sender.is_awaited());
    }

    #[test]
    fn an_answer_that_comes_behind_the_deadline_is_waited_for() {
        let (sender, mut receiver) = ends();
        receiver.deadline.set(Some(Instant::now()));
        let thread = std::thread::spawn(move || sender.give(|| Ok(())));
        assert!(matches!(poll(&mut receiver), Poll::Ready(Ok(()))));
        thread.join().unwrap();
    }

    #[test]
    fn the_records_of_both_parts_are_in_the_answer() {
        let partial = |records, bytes| SinkError::Partial { records, bytes, source: Box::new(SinkError::Deadline) };
        let (sender, mut receiver) = ends();
        sender.of_part().give(3, 30, || Ok(()));
        sender.give(|| Err(partial(2, 20)));
        assert!(matches!(poll(&mut receiver), Poll::Ready(Err(SinkError::Partial { records: 5, bytes: 50, .. }))));

        let (sender, mut receiver) = ends();
        sender.of_part().give(3, 30, || Err(partial(2, 20)));
        sender.give(|| Err(SinkError::Deadline));
        assert!(matches!(poll(&mut receiver), Poll::Ready(Err(SinkError::Partial { records: 2, bytes: 20, .. }))));

        let (sender, mut receiver) = ends();
        sender.of_part().give(3, 30, || Ok(()));
        sender.give(|| Ok(()));
        assert!(matches!(poll(&mut receiver), Poll::Ready(Ok(()))));
    }
}
