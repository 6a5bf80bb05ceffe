//! The outcome of a payload, from the writing thread to the waiting shard.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use fapilog_plugin::{
    sink::SinkError,
    threads::{lock, process::OwnProcess},
};

type SharedStage = Arc<Mutex<Option<OutcomeStage>>>;

enum OutcomeStage {
    AwaitedBy(Waker),
    Known(Result<(), SinkError>),
}

/// The writing thread's end. If it is dropped unsettled, the payload has failed.
pub(super) struct WriteOutcome(SharedStage);

/// The shard's end: a future of the outcome.
pub(super) struct PendingWrite {
    stage: SharedStage,
    process: OwnProcess,
}

/// Both ends, for one payload.
pub(super) fn write_outcome() -> (WriteOutcome, PendingWrite) {
    let stage = SharedStage::default();
    (WriteOutcome(Arc::clone(&stage)), PendingWrite { stage, process: OwnProcess::this() })
}

impl WriteOutcome {
    pub(super) fn settle(&self, result: Result<(), SinkError>) {
        let mut stage = lock(&self.0);
        if let Some(OutcomeStage::AwaitedBy(waker)) = stage.replace(OutcomeStage::Known(result)) {
            // Under the lock: after the drop of the pending write, no thread uses the shard's waker.
            waker.wake();
        }
    }
}

impl Drop for WriteOutcome {
    fn drop(&mut self) {
        if !matches!(*lock(&self.0), Some(OutcomeStage::Known(_))) {
            self.settle(Err(SinkError::Other("the writing thread has ended".into())));
        }
    }
}

impl Future for PendingWrite {
    type Output = Result<(), SinkError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = lock(&self.stage);
        match stage.take() {
            Some(OutcomeStage::Known(result)) => Poll::Ready(result),
            Some(OutcomeStage::AwaitedBy(waker)) if waker.will_wake(context.waker()) => {
                *stage = Some(OutcomeStage::AwaitedBy(waker));
                Poll::Pending
            }
            _ => {
                *stage = Some(OutcomeStage::AwaitedBy(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for PendingWrite {
    fn drop(&mut self) {
        // Rule 9: in a forked child, the thread that holds the lock may not exist.
        if self.process.is_this() {
            // The waker belongs to the shard, whose thread may have to drop it.
            lock(&self.stage).take_if(|stage| matches!(stage, OutcomeStage::AwaitedBy(_)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct WakeCounter(AtomicUsize);

    impl Wake for WakeCounter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(pending: &mut PendingWrite, waker: &Waker) -> Poll<Result<(), SinkError>> {
        Pin::new(pending).poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn a_waiting_shard_is_woken_once_and_gets_the_result() {
        let wakes = Arc::<WakeCounter>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let (outcome, mut pending) = write_outcome();
        assert!(poll(&mut pending, &waker).is_pending());
        assert!(poll(&mut pending, &waker).is_pending());
        outcome.settle(Ok(()));
        drop(outcome);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(matches!(poll(&mut pending, &waker), Poll::Ready(Ok(()))));
    }

    #[test]
    fn a_payload_of_an_ended_thread_has_failed() {
        let (outcome, mut pending) = write_outcome();
        drop(outcome);
        assert!(matches!(poll(&mut pending, Waker::noop()), Poll::Ready(Err(SinkError::Other(_)))));
    }

    #[test]
    fn a_dropped_pending_write_keeps_no_waker() {
        let wakes = Arc::<WakeCounter>::default();
        let (outcome, mut pending) = write_outcome();
        assert!(poll(&mut pending, &Waker::from(Arc::clone(&wakes))).is_pending());
        drop(pending);
        assert_eq!(Arc::strong_count(&wakes), 1);
        outcome.settle(Ok(()));
    }
}
