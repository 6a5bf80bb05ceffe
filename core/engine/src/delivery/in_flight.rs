//! Payloads in flight: a sink delivers them.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{Delivery, SinkError};
use fapilog_record::user_code::{catch_panic, drop_catching_panics};

use crate::delivery::pending::PendingPayload;

/// A payload in flight.
pub(super) struct InFlightPayload {
    delivery: Delivery,
    /// `None` once it has ended.
    payload: Option<PendingPayload>,
    limit: Option<TimeLimit>,
}

/// The time limit of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimit {
    pub(super) time: Duration,
    pub(super) end: Instant,
}

impl InFlightPayload {
    pub(super) fn new(delivery: Delivery, payload: PendingPayload, limit: Option<TimeLimit>) -> Self {
        Self { delivery, payload: Some(payload), limit }
    }

    /// Polls the delivery. Returns the payload once, when the delivery has ended, or its time is up.
    fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Option<EndedPayload> {
        self.payload.as_ref()?;
        let result = match poll_catching_panics(&mut self.delivery, context) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                let TimeLimit { time: limit, .. } = self.limit.filter(|limit| limit.end <= now)?;
                Err(SinkError::Timeout { limit })
            }
        };
        Some((self.payload.take()?, result))
    }

    fn has_ended(&self) -> bool {
        self.payload.is_none()
    }
}

/// A payload that has ended, and its result.
pub(super) type EndedPayload = (PendingPayload, Result<(), SinkError>);

/// The payloads in flight, in the order in which their deliveries began. They may end in any order.
#[derive(Default)]
pub(super) struct InFlightPayloads {
    payloads: VecDeque<InFlightPayload>,
}

impl InFlightPayloads {
    pub(super) fn push(&mut self, payload: InFlightPayload) {
        self.payloads.push_back(payload);
    }

    pub(super) fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Polls the payload at this place. Returns it and its result once, when it has ended.
    pub(super) fn poll_at(&mut self, place: usize, now: Instant, context: &mut Context<'_>) -> Option<EndedPayload> {
        self.payloads.get_mut(place)?.poll(now, context)
    }

    /// The payloads that have not ended.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PendingPayload> {
        self.payloads.iter().filter_map(|payload| payload.payload.as_ref())
    }

    /// Whether a payload must be polled again and again, because its delivery does not wake the shard.
    pub(super) fn needs_polling(&self) -> bool {
        self.payloads.iter().any(|payload| !payload.has_ended() && !payload.delivery.wakes())
    }

    /// The end of the first time limit.
    pub(super) fn due(&self) -> Option<Instant> {
        self.payloads.iter().filter_map(|payload| Some(payload.limit?.end)).min()
    }

    /// Drops the payloads that have ended.
    pub(super) fn drop_ended(&mut self) {
        let mut place = 0;
        while let Some(payload) = self.payloads.get(place) {
            if !payload.has_ended() {
                place += 1;
            } else if let Some(payload) = self.payloads.remove(place) {
                // A future that panicked is still there, and its drop may panic.
                drop_catching_panics(payload);
            }
        }
    }

    /// Drops all payloads, one by one: of two panics in one unwinding, the second would end the program. Returns those that had
    /// not ended.
    pub(super) fn clear(&mut self) -> Vec<PendingPayload> {
        let take = |mut payload: InFlightPayload| {
            let pending = payload.payload.take();
            drop_catching_panics(payload);
            pending
        };
        self.payloads.drain(..).filter_map(take).collect()
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
    use crate::delivery::pending::{PayloadContents, PayloadOrigin};

    fn payload(delivery: Delivery, order: u64, limit: Option<TimeLimit>) -> InFlightPayload {
        let pending = PendingPayload::new(None, PayloadContents::default(), PayloadOrigin::Encoded, order);
        InFlightPayload::new(delivery, pending, limit)
    }

    fn poll(payloads: &mut InFlightPayloads, now: Instant) -> Vec<(u64, Result<(), String>)> {
        let mut context = Context::from_waker(Waker::noop());
        let ended = (0..payloads.len()).filter_map(|place| payloads.poll_at(place, now, &mut context));
        let ended = ended.map(|(payload, result)| (payload.order, result.map_err(|error| error.to_string()))).collect();
        payloads.drop_ended();
        ended
    }

    #[test]
    fn payloads_end_in_any_order() {
        let is_first_done = Rc::new(Cell::new(false));
        let done = Rc::clone(&is_first_done);
        let first = Delivery::in_flight(poll_fn(move |_| if done.get() { Poll::Ready(Ok(())) } else { Poll::Pending }));
        let mut payloads = InFlightPayloads::default();
        payloads.push(payload(first, 1, None));
        payloads.push(payload(Delivery::done(Ok(())), 2, None));
        let now = Instant::now();
        assert_eq!(poll(&mut payloads, now), [(2, Ok(()))]);
        assert_eq!(payloads.iter().map(|payload| payload.order).collect::<Vec<_>>(), [1]);
        is_first_done.set(true);
        assert_eq!(poll(&mut payloads, now), [(1, Ok(()))]);
        assert_eq!(payloads.len(), 0);
    }

    #[test]
    fn a_delivery_that_panics_has_failed() {
        let mut payloads = InFlightPayloads::default();
        payloads.push(payload(Delivery::in_flight(poll_fn(|_| panic!("planted"))), 1, None));
        assert_eq!(poll(&mut payloads, Instant::now()), [(1, Err("the sink failed".to_owned()))]);
    }

    #[test]
    fn a_delivery_whose_time_is_up_has_failed() {
        let (now, time) = (Instant::now(), Duration::from_secs(30));
        let mut payloads = InFlightPayloads::default();
        let limit = Some(TimeLimit { time, end: now + time });
        payloads.push(payload(Delivery::in_flight(std::future::pending()), 1, limit));
        assert_eq!((poll(&mut payloads, now), payloads.due()), (vec![], Some(now + time)));
        assert_eq!(poll(&mut payloads, now + time), [(1, Err("not delivered within 30s".to_owned()))]);
    }

    #[test]
    fn payloads_that_have_not_ended_are_left_when_all_are_dropped() {
        let mut payloads = InFlightPayloads::default();
        payloads.push(payload(Delivery::done(Ok(())), 1, None));
        payloads.push(payload(Delivery::in_flight(std::future::pending()), 2, None));
        let mut context = Context::from_waker(Waker::noop());
        assert!(payloads.poll_at(0, Instant::now(), &mut context).is_some());
        assert_eq!(payloads.clear().iter().map(|payload| payload.order).collect::<Vec<_>>(), [2]);
    }
}
