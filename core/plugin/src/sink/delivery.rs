//! The delivery of a payload.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::sink::SinkError;

/// A delivery that is in flight, or done.
pub struct Delivery {
    state: DeliveryState,
    wakes: bool,
}

enum DeliveryState {
    Done(Result<(), SinkError>),
    InFlight(Pin<Box<dyn Future<Output = Result<(), SinkError>>>>),
    Reported,
}

impl Delivery {
    /// A delivery that is over.
    #[must_use]
    pub fn done(result: Result<(), SinkError>) -> Self {
        Self { state: DeliveryState::Done(result), wakes: true }
    }

    /// A delivery that goes on. The future is polled on the shard's thread. It may wake the shard by its waker; it need
    /// not, for the shard looks at it every 100 microseconds or so.
    #[must_use]
    pub fn in_flight(future: impl Future<Output = Result<(), SinkError>> + 'static) -> Self {
        Self { state: DeliveryState::InFlight(Box::pin(future)), wakes: false }
    }

    /// As [`in_flight`](Self::in_flight), by a future that wakes the shard when there is something to see: a shard with
    /// nothing else to do sleeps until then, however long it takes.
    #[must_use]
    pub fn waking(future: impl Future<Output = Result<(), SinkError>> + 'static) -> Self {
        Self { wakes: true, ..Self::in_flight(future) }
    }

    /// Whether its future wakes the shard.
    #[doc(hidden)]
    #[must_use]
    pub fn wakes(&self) -> bool {
        self.wakes
    }

    /// `Pending` for ever once it has reported its result.
    #[doc(hidden)]
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        if let DeliveryState::InFlight(future) = &mut self.state {
            let result = std::task::ready!(future.as_mut().poll(context));
            self.state = DeliveryState::Done(result);
        }
        match std::mem::replace(&mut self.state, DeliveryState::Reported) {
            DeliveryState::Done(result) => Poll::Ready(result),
            DeliveryState::InFlight(_) | DeliveryState::Reported => Poll::Pending,
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            DeliveryState::Done(result) => return f.debug_tuple("Delivery").field(result).finish(),
            DeliveryState::InFlight(_) => "in flight",
            DeliveryState::Reported => "reported",
        };
        f.debug_tuple("Delivery").field(&state).finish()
    }
}
