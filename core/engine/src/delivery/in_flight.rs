//! Payloads in flight: submitted to a sink, and not yet completed in order.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use fapilog_plugin::sink::{Delivery, SinkError};
use fapilog_record::{
    timestamp::Timestamp,
    user_code::{catch_panic, drop_catching_panics},
};

use crate::delivery::sink_reports::PayloadReports;

/// The contents of a payload, for the accounts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PayloadContents {
    pub(super) events: u64,
    /// The time of the oldest event.
    pub(super) oldest: Option<Timestamp>,
    pub(super) bytes: u64,
    /// The events among these that are reports of losses.
    pub(super) reports: PayloadReports,
}

/// A payload in flight.
pub(super) struct InFlightPayload {
    delivery: Delivery,
    contents: PayloadContents,
    has_ended: bool,
}

impl InFlightPayload {
    pub(super) fn new(delivery: Delivery, contents: PayloadContents) -> Self {
        Self { delivery, contents, has_ended: false }
    }

    /// Polls the delivery. `Pending` for ever once it has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        if self.has_ended {
            return Poll::Pending;
        }
        let polled = poll_catching_panics(&mut self.delivery, context);
        self.has_ended = polled.is_ready();
        polled
    }
}

/// A payload that has ended, and its result.
pub(super) type EndedPayload = (PayloadContents, Result<(), SinkError>);

/// The payloads in flight, in the order in which they were submitted. They may end in any order, and are completed in this
/// one.
#[derive(Default)]
pub(super) struct InFlightPayloads {
    payloads: VecDeque<InFlightPayload>,
    submitted: u64,
    completed: u64,
}

impl InFlightPayloads {
    pub(super) fn push(&mut self, payload: InFlightPayload) {
        self.payloads.push_back(payload);
        self.submitted += 1;
        self.assert_counts();
    }

    /// A payload is in flight from its submission to its completion.
    fn assert_counts(&self) {
        debug_assert_eq!(self.submitted, self.completed + self.payloads.len() as u64);
    }

    /// The number of payloads that were submitted.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// The number of payloads that have ended, without a gap in the order of submission.
    pub(super) fn completed(&self) -> u64 {
        self.completed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Polls the payload at this place. Returns its contents and its result once, when it has ended.
    pub(super) fn poll_at(&mut self, place: usize, context: &mut Context<'_>) -> Option<EndedPayload> {
        let payload = self.payloads.get_mut(place)?;
        match payload.poll(context) {
            Poll::Ready(result) => Some((payload.contents, result)),
            Poll::Pending => None,
        }
    }

    /// The events of payloads that have not ended.
    pub(super) fn pending_events(&self) -> u64 {
        self.payloads.iter().filter(|payload| !payload.has_ended).map(|payload| payload.contents.events).sum()
    }

    /// Whether a payload must be polled again and again, because its delivery does not wake the shard.
    pub(super) fn needs_polling(&self) -> bool {
        self.payloads.iter().any(|payload| !payload.has_ended && !payload.delivery.wakes())
    }

    /// Drops the payloads that have ended, up to the first that has not.
    pub(super) fn drop_completed(&mut self) {
        while let Some(payload) = self.payloads.pop_front_if(|payload| payload.has_ended) {
            self.completed += 1;
            // A future that panicked is still there, and its drop may panic.
            drop_catching_panics(payload);
        }
        self.assert_counts();
    }

    /// Drops all payloads, one by one: of two panics in one unwinding, the second would end the program.
    pub(super) fn clear(&mut self) {
        self.payloads.drain(..).for_each(drop_catching_panics);
    }
}

/// Polls a delivery; its panic is an error of the sink.
pub(super) fn poll_catching_panics(delivery: &mut Delivery, context: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
    catch_panic(|| delivery.poll(context)).unwrap_or_else(|_| Poll::Ready(Err(panicked())))
}

/// The error of a sink that panicked.
pub(super) fn panicked() -> SinkError {
    SinkError::Other("the sink panicked".into())
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, rc::Rc, task::Waker};

    use super::*;

    fn payload(delivery: Delivery, events: u64) -> InFlightPayload {
        InFlightPayload::new(delivery, PayloadContents { events, ..PayloadContents::default() })
    }

    #[test]
    fn payloads_end_in_any_order_and_are_completed_in_the_order_of_submission() {
        let is_first_done = Rc::new(Cell::new(false));
        let done = Rc::clone(&is_first_done);
        let first = Delivery::in_flight(poll_fn(move |_| if done.get() { Poll::Ready(Ok(())) } else { Poll::Pending }));
        let mut payloads = InFlightPayloads::default();
        payloads.push(payload(first, 2));
        payloads.push(payload(Delivery::done(Ok(())), 3));
        let poll = |payloads: &mut InFlightPayloads| {
            let mut context = Context::from_waker(Waker::noop());
            let ended = (0..payloads.len()).filter(|place| payloads.poll_at(*place, &mut context).is_some()).count();
            payloads.drop_completed();
            (ended, payloads.completed(), payloads.pending_events())
        };
        assert_eq!(poll(&mut payloads), (1, 0, 2));
        is_first_done.set(true);
        assert_eq!(poll(&mut payloads), (1, 2, 0));
        assert!(payloads.is_empty());
    }

    #[test]
    fn a_delivery_that_panics_has_failed() {
        let mut payload = payload(Delivery::in_flight(poll_fn(|_| panic!("planted"))), 1);
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(payload.poll(&mut context), Poll::Ready(Err(SinkError::Other(_)))));
        assert!(payload.poll(&mut context).is_pending());
    }
}
