//! What became of a payload, from the thread that writes to the shard that waits.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use fapilog_plugin::{sink::SinkError, threads::process::OwnProcess};

type State = Arc<Mutex<Option<Stage>>>;

enum Stage {
    AwaitedBy(Waker),
    Known(Result<(), SinkError>),
}

/// The writing thread's end. If it is dropped unsettled, the payload has failed.
pub(super) struct Outcome(State);

/// The shard's end.
pub(super) struct Landing {
    state: State,
    process: OwnProcess,
}

/// Both ends, for one payload.
pub(super) fn outcome() -> (Outcome, Landing) {
    let state = State::default();
    (Outcome(Arc::clone(&state)), Landing { state, process: OwnProcess::this() })
}

impl Outcome {
    pub(super) fn settle(&self, result: Result<(), SinkError>) {
        let mut stage = lock(&self.0);
        if let Some(Stage::AwaitedBy(waker)) = stage.replace(Stage::Known(result)) {
            // Under the lock: once the landing is dropped, nobody touches the shard's waker any more.
            waker.wake();
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if !matches!(*lock(&self.0), Some(Stage::Known(_))) {
            self.settle(Err(SinkError::Other("the thread that writes has ended".into())));
        }
    }
}

impl Future for Landing {
    type Output = Result<(), SinkError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = lock(&self.state);
        match stage.take() {
            Some(Stage::Known(result)) => Poll::Ready(result),
            Some(Stage::AwaitedBy(waker)) if waker.will_wake(context.waker()) => {
                *stage = Some(Stage::AwaitedBy(waker));
                Poll::Pending
            }
            _ => {
                *stage = Some(Stage::AwaitedBy(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        // Rule 9: in a forked child, whoever holds the lock may not be there.
        if self.process.is_this() {
            // The waker is the shard's, and may have to be dropped on its thread.
            lock(&self.state).take_if(|stage| matches!(stage, Stage::AwaitedBy(_)));
        }
    }
}

fn lock(state: &State) -> MutexGuard<'_, Option<Stage>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(landing: &mut Landing, waker: &Waker) -> Poll<Result<(), SinkError>> {
        Pin::new(landing).poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn whoever_waits_is_woken_once_and_told() {
        let wakes = Arc::<Counted>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let (outcome, mut landing) = outcome();
        assert!(poll(&mut landing, &waker).is_pending());
        assert!(poll(&mut landing, &waker).is_pending());
        outcome.settle(Ok(()));
        drop(outcome);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(matches!(poll(&mut landing, &waker), Poll::Ready(Ok(()))));
    }

    #[test]
    fn a_payload_whose_writer_is_gone_has_failed() {
        let (outcome, mut landing) = outcome();
        drop(outcome);
        assert!(matches!(poll(&mut landing, Waker::noop()), Poll::Ready(Err(SinkError::Other(_)))));
    }

    #[test]
    fn nobody_keeps_the_waker_of_one_who_no_longer_waits() {
        let wakes = Arc::<Counted>::default();
        let (outcome, mut landing) = outcome();
        assert!(poll(&mut landing, &Waker::from(Arc::clone(&wakes))).is_pending());
        drop(landing);
        assert_eq!(Arc::strong_count(&wakes), 1);
        outcome.settle(Ok(()));
    }
}
