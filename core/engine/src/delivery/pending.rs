//! A payload from its submission to its end, and the queue of those that wait.

use std::{collections::VecDeque, time::Instant};

use fapilog_plugin::sink::Payload;
use fapilog_record::timestamp::Timestamp;

use crate::delivery::{
    failure::DeliveryFailure, fallback::FallbackTicket, sink_reports::PayloadReports, sink_store::EventsByOrigin,
    store::stored_payload::StoredPayload,
};

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
#[derive(Debug, Clone)]
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
    /// Other records of it are delivered or given up.
    pub(super) is_part: bool,
    /// The last error.
    pub(super) last_error: String,
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
            is_part: false,
            last_error: String::new(),
            given_up: None,
        }
    }

    /// A payload from disk. No flush waits for it.
    pub(super) fn stored(stored: StoredPayload, is_recovered: bool) -> Self {
        let StoredPayload { payload, events, oldest } = stored;
        let bytes = payload.len() as u64;
        let contents = PayloadContents { events, oldest, bytes, reports: PayloadReports::default() };
        Self::new(Some(payload), contents, PayloadOrigin::Stored { is_recovered }, u64::MAX)
    }

    /// Whether an earlier container has stored it.
    pub(super) fn is_recovered(&self) -> bool {
        matches!(self.origin, PayloadOrigin::Stored { is_recovered: true })
    }

    pub(super) fn events_by_origin(&self) -> EventsByOrigin {
        EventsByOrigin::new(self.contents.events, self.is_recovered())
    }

    /// Its events, if it is from disk.
    pub(super) fn stored_events(&self) -> Option<EventsByOrigin> {
        matches!(self.origin, PayloadOrigin::Stored { .. }).then(|| self.events_by_origin())
    }

    /// Adds an error to the last one.
    pub(super) fn add_error(&mut self, error: &str) {
        let separator = if self.last_error.is_empty() { "" } else { "; and " };
        self.last_error.extend([separator, error]);
    }

    /// It has other records than before.
    pub(super) fn begin_next_part(&mut self) {
        self.is_part = true;
        if let Some(payload) = &mut self.payload {
            payload.set_id(payload.id().next_part());
        }
    }

    /// Whether it may go to the fallback.
    pub(super) fn may_be_handed_over(&self) -> bool {
        let is_of_this_sink = !matches!(self.origin, PayloadOrigin::Fallback(_));
        is_of_this_sink && !self.has_failed_at_fallback && self.payload.is_some()
    }

    /// All attempts are before it.
    pub(super) fn start_again(&mut self) {
        (self.attempts, self.first_attempt, self.not_before, self.given_up) = (0, None, None, None);
    }

    /// The events of this container in a payload that waits or is in flight. Those of another sink are counted there, and those
    /// of a payload from disk are counted as on disk.
    pub(super) fn local_events(&self) -> u64 {
        match self.origin {
            PayloadOrigin::Encoded => self.contents.events,
            PayloadOrigin::Stored { .. } | PayloadOrigin::Fallback(_) => 0,
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
    /// Puts a payload in its place by the order of submission. A payload that was not delivered goes in front of later ones, and
    /// behind other parts of itself.
    pub(super) fn insert(&mut self, payload: PendingPayload) {
        self.bytes += payload.contents.bytes;
        let place = self.payloads.partition_point(|waiting| waiting.order <= payload.order);
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

    /// Takes these payloads out. The others keep their places.
    pub(super) fn extract(&mut self, is_taken: impl FnMut(&PendingPayload) -> bool) -> Vec<PendingPayload> {
        let payloads = Vec::from(std::mem::take(&mut self.payloads));
        let (taken, kept): (Vec<_>, Vec<_>) = payloads.into_iter().partition(is_taken);
        self.payloads = kept.into();
        self.bytes -= taken.iter().map(|payload| payload.contents.bytes).sum::<u64>();
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.payloads.len()
    }

    /// The bytes of all payloads.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PendingPayload> {
        self.payloads.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
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
        let orders: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|payload| payload.order).collect();
        assert_eq!(orders, [1, 2, 3, 4]);
    }
}
