//! The rotations of a sink: the one in flight, and the requests that wait for its end.
//!
//! A sink starts one new file at a time. A request that comes meanwhile waits, because events that were encoded after the
//! first request and before the second belong into the file between the two. All requests that wait are answered by one
//! rotation: nothing is encoded between them any more.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use fapilog_plugin::sink::{Delivery, SinkError};
use fapilog_record::user_code::drop_catching_panics;

use crate::{delivery::in_flight::poll_catching_panics, port::rotate::RotateTicket};

/// The rotations of a sink.
#[derive(Default)]
pub(super) struct SinkRotations {
    in_flight: Option<InFlightRotation>,
    waiting: Vec<RotateTicket>,
}

/// A rotation that has begun.
struct InFlightRotation {
    delivery: Delivery,
    tickets: Vec<RotateTicket>,
}

impl SinkRotations {
    pub(super) fn add(&mut self, ticket: RotateTicket) {
        // The last one stands for those before it, and a sink that never answers collects no tickets.
        let now = Instant::now();
        self.waiting.retain(|waiting| now < waiting.deadline());
        self.waiting.push(ticket);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_none() && self.waiting.is_empty()
    }

    /// Whether the sink is to start a new file now.
    pub(super) fn is_start_due(&self) -> bool {
        self.in_flight.is_none() && !self.waiting.is_empty()
    }

    /// The sink has been asked for all requests that wait.
    pub(super) fn start(&mut self, delivery: Delivery) {
        debug_assert!(self.is_start_due(), "a rotation begins inside of another, or without a request");
        self.in_flight = Some(InFlightRotation { delivery, tickets: std::mem::take(&mut self.waiting) });
    }

    /// Polls the rotation in flight, and gives its answer to the requests. Returns the answer, too.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Arc<SinkError>>> {
        let Some(rotation) = &mut self.in_flight else { return Poll::Pending };
        let result = std::task::ready!(poll_catching_panics(&mut rotation.delivery, context)).map_err(Arc::new);
        if let Some(InFlightRotation { delivery, tickets }) = self.in_flight.take() {
            // A future that panicked is still there, and its drop may panic.
            drop_catching_panics(delivery);
            tickets.into_iter().for_each(|ticket| ticket.answer(result.clone()));
        }
        Poll::Ready(result)
    }

    /// Whether the rotation in flight must be polled again and again, because it does not wake the shard.
    pub(super) fn needs_polling(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|rotation| !rotation.delivery.wakes())
    }

    /// Wakes the tasks that wait for an answer and whose time is up at `now`: they have no timer of their own.
    pub(super) fn wake_late(&self, now: Instant) {
        self.tickets().filter(|ticket| ticket.deadline() <= now).for_each(RotateTicket::wake);
    }

    /// When the next task is to be woken.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.tickets().map(RotateTicket::deadline).filter(|deadline| now < *deadline).min()
    }

    fn tickets(&self) -> impl Iterator<Item = &RotateTicket> {
        let in_flight = self.in_flight.iter().flat_map(|rotation| &rotation.tickets);
        in_flight.chain(&self.waiting)
    }

    /// Drops all: the sink ends.
    pub(super) fn clear(&mut self) {
        drop_catching_panics(self.in_flight.take());
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, rc::Rc, task::Waker, time::Duration};

    use super::*;
    use crate::port::rotate::RotateRequest;

    fn request() -> Arc<RotateRequest> {
        Arc::new(RotateRequest::new(None, Instant::now() + Duration::from_secs(30)))
    }

    fn is_answered(request: &RotateRequest) -> bool {
        request.wait(Instant::now()).open.is_empty()
    }

    fn poll(rotations: &mut SinkRotations) -> bool {
        rotations.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn requests_that_come_meanwhile_are_answered_by_one_more_rotation() {
        let mut rotations = SinkRotations::default();
        let (first, second, third) = (request(), request(), request());
        let is_done = Rc::new(Cell::new(false));
        let done = Rc::clone(&is_done);
        rotations.add(first.ticket("file"));
        rotations.start(Delivery::in_flight(poll_fn(move |_| match done.get() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        })));
        rotations.add(second.ticket("file"));
        rotations.add(third.ticket("file"));
        assert!(!rotations.is_start_due() && !poll(&mut rotations) && rotations.needs_polling());
        is_done.set(true);
        assert!(poll(&mut rotations) && is_answered(&first) && !is_answered(&second));
        assert!(rotations.is_start_due() && !rotations.needs_polling());
        rotations.start(Delivery::done(Ok(())));
        assert!(poll(&mut rotations) && is_answered(&second) && is_answered(&third) && rotations.is_empty());
    }

    #[test]
    fn requests_that_no_thread_waits_for_do_not_pile_up() {
        let mut rotations = SinkRotations::default();
        let late = Arc::new(RotateRequest::new(None, Instant::now()));
        (0..10).for_each(|_| rotations.add(late.ticket("file")));
        assert_eq!(rotations.waiting.len(), 1);
    }
}
