//! A payload from its submission to its end, and the queue of those that wait.

use std::{collections::VecDeque, time::Instant};

use fapilog_plugin::sink::Payload;
use fapilog_record::timestamp::Timestamp;

use crate::delivery::{failure::DeliveryFailure, fallback::FallbackTicket, sink_reports::PayloadReports};

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

/// The origin of a payload.
#[derive(Debug)]
pub(super) enum PayloadOrigin {
    /// This sink encoded it.
    Encoded,
    /// This sink encoded it, and it was on disk meanwhile. `is_recovered`: an earlier container stored it.
    Stored { is_recovered: bool },
    /// Another sink encoded it, whose fallback this one is.
    Fallback(FallbackTicket),
}

/// A payload from its submission to its end.
#[derive(Debug)]
pub(super) struct PendingPayload {
    /// `None`: the sink has it, and no other attempt is made.
    pub(super) payload: Option<Payload>,
    pub(super) contents: PayloadContents,
    pub(super) origin: PayloadOrigin,
    /// Its place in the order of submission.
    pub(super) order: u64,
    /// Attempts that have started.
    pub(super) attempts: u32,
    pub(super) first_attempt: Option<Instant>,
    /// The start of the next attempt at the earliest.
    pub(super) not_before: Option<Instant>,
    /// Its last attempt was the probe of the breaker.
    pub(super) is_probe: bool,
    /// The fallback could not deliver it.
    pub(super) has_failed_at_fallback: bool,
    /// Why no other attempt is made at its own destination, once that is decided.
    pub(super) given_up: Option<DeliveryFailure>,
}

impl PendingPayload {
    pub(super) fn new(payload: Option<Payload>, contents: PayloadContents, origin: PayloadOrigin, order: u64) -> Self {
        Self {
            payload,
            contents,
            origin,
            order,
            attempts: 0,
            first_attempt: None,
            not_before: None,
            is_probe: false,
            has_failed_at_fallback: false,
            given_up: None,
        }
    }

    /// The events among the sink's own that are in this payload. Those of another sink, or of an earlier container, are counted
    /// elsewhere.
    pub(super) fn own_events(&self) -> u64 {
        match self.origin {
            PayloadOrigin::Encoded | PayloadOrigin::Stored { is_recovered: false } => self.contents.events,
            PayloadOrigin::Stored { is_recovered: true } | PayloadOrigin::Fallback(_) => 0,
        }
    }
}

/// Payloads that wait for an attempt, in the order of submission.
#[derive(Debug, Default)]
pub(super) struct DeliveryQueue {
    payloads: VecDeque<PendingPayload>,
    bytes: u64,
}

impl DeliveryQueue {
    /// Puts a payload in its place by the order of submission. A payload that was not delivered goes in front of later ones.
    pub(super) fn insert(&mut self, payload: PendingPayload) {
        self.bytes += payload.contents.bytes;
        let place = self.payloads.partition_point(|waiting| waiting.order < payload.order);
        self.payloads.insert(place, payload);
    }

    pub(super) fn front(&self) -> Option<&PendingPayload> {
        self.payloads.front()
    }

    pub(super) fn pop(&mut self) -> Option<PendingPayload> {
        let payload = self.payloads.pop_front()?;
        self.bytes -= payload.contents.bytes;
        Some(payload)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PendingPayload> {
        self.payloads.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.payloads.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(order: u64, bytes: u64) -> PendingPayload {
        let contents = PayloadContents { bytes, ..PayloadContents::default() };
        PendingPayload::new(None, contents, PayloadOrigin::Encoded, order)
    }

    #[test]
    fn a_payload_that_comes_back_goes_in_front_of_later_ones() {
        let mut queue = DeliveryQueue::default();
        [2, 3, 4].into_iter().for_each(|order| queue.insert(pending(order, 10)));
        let second = queue.pop().unwrap();
        queue.insert(pending(1, 10));
        queue.insert(second);
        assert_eq!((queue.len(), queue.bytes()), (4, 40));
        let orders: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|payload| payload.order).collect();
        assert_eq!((orders, queue.bytes()), (vec![1, 2, 3, 4], 0));
    }
}
