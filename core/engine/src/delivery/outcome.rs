//! The end of an attempt: delivered, attempted again, handed over, or lost. An outcome is decided here and nowhere else.
//!
//! 1. Records that the destination has taken are *delivered*, also where it has not taken others of the payload.
//! 2. Records that it refuses, and payloads whose error is permanent, are *given up*.
//! 3. Other records are attempted *again*, after a wait, until the attempts or the time of the policy are used up. Then they are
//!    given up.
//! 4. What is given up goes to the *fallback*. What cannot go there, or comes back from there, is *lost*, with the reason.

use std::time::{Duration, Instant};

use fapilog_plugin::sink::{SinkError, SinkErrorKind};
use fapilog_record::{timestamp::Timestamp, user_code::error_text};

use crate::{
    accounts::BreakerState,
    delivery::{
        backoff,
        failure::DeliveryFailure,
        fallback::{FallbackResult, FallbackTicket},
        pending::{PayloadContents, PayloadOrigin, PendingPayload},
        remainder::split,
        sink_reports::PayloadReports,
        sink_worker::SinkWorker,
    },
};

/// The longest time that a destination may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

impl SinkWorker {
    pub(super) fn end_attempt(
        &mut self,
        payload: PendingPayload,
        result: Result<(), SinkError>,
        now: Instant,
        latency: &mut impl FnMut(Timestamp),
    ) {
        match result {
            Ok(()) => {
                self.destination.breaker.succeed();
                self.health.is_failing = false;
                payload.contents.oldest.into_iter().for_each(latency);
                self.end_delivered(payload);
            }
            Err(error) => {
                self.end_failed(payload, error, now);
                if self.is_given_up_at_its_end() {
                    self.give_up_queue();
                }
            }
        }
    }

    fn end_delivered(&mut self, payload: PendingPayload) {
        match payload.origin {
            PayloadOrigin::Fallback(ticket) => {
                self.counters.bytes.add(payload.contents.bytes);
                self.destination.fallback_results.push(FallbackResult { ticket, result: Ok(()) });
            }
            PayloadOrigin::Encoded | PayloadOrigin::Stored { .. } => self.count_delivered(&payload),
        }
    }

    fn count_delivered(&mut self, PendingPayload { contents, .. }: &PendingPayload) {
        self.health.reports.delivered(&contents.reports);
        self.counters.delivered.add(contents.events);
        self.counters.bytes.add(contents.bytes);
    }

    fn end_failed(&mut self, payload: PendingPayload, error: SinkError, now: Instant) {
        let kind = error.kind();
        if matches!(error, SinkError::Timeout { .. }) {
            self.counters.delivery.timeouts.add(1);
        }
        self.note_failure(kind, payload.is_probe, now);
        let failure = DeliveryFailure::of(&error, self.destination.stop_deadline.is_some());
        if let PayloadOrigin::Fallback(ticket) = payload.origin {
            self.counters.errors.add(1);
            self.health.is_failing = true;
            return self.destination.fallback_results.push(FallbackResult { ticket, result: Err(error) });
        }
        let parts = split(payload, &error);
        self.diagnostics.add(&self.name, error_text(error).into_string());
        self.count_part(parts.delivered);
        if let Some(refused) = parts.refused {
            self.give_up_payload(refused, DeliveryFailure::Refused);
        }
        let Some(payload) = parts.remainder else { return };
        match kind {
            SinkErrorKind::Retryable { .. } => self.retry_or_give_up(payload, failure, now),
            _ => self.give_up_payload(payload, failure),
        }
    }

    /// The breaker and the pause that follow from an error.
    fn note_failure(&mut self, kind: SinkErrorKind, is_probe: bool, now: Instant) {
        if let SinkErrorKind::Retryable { retry_after: Some(wait) } = kind {
            let until = now.checked_add(wait.min(RETRY_AFTER_MAX));
            self.destination.pause_until = self.destination.pause_until.max(until);
        }
        // A destination that refuses records works.
        if kind == SinkErrorKind::Rejected {
            return self.destination.breaker.succeed();
        }
        // While the probe is in flight, an attempt that began before the breaker opened decides nothing.
        if self.destination.breaker.state() == BreakerState::HalfOpen && !is_probe {
            return;
        }
        if self.destination.breaker.fail(now) && !self.destination.policy.is_direct() {
            let text =
                "failed too many times in a row: its breaker is open, and payloads wait until a delivery succeeds";
            self.diagnostics.add(&self.name, text.to_owned());
        }
    }

    fn retry_or_give_up(&mut self, mut payload: PendingPayload, failure: DeliveryFailure, now: Instant) {
        let wait = backoff::wait_after(payload.attempts, &self.destination.policy);
        let pause = self.destination.pause_until.map_or(wait, |until| until.saturating_duration_since(now).max(wait));
        if !self.destination.allows_retry(&payload, now, pause) || self.is_given_up_at_its_end() {
            return self.give_up_payload(payload, failure);
        }
        payload.not_before = now.checked_add(wait);
        self.destination.queue.insert(payload);
    }

    /// Whether the sink stops, and its destination is down: the last probe has failed.
    fn is_given_up_at_its_end(&self) -> bool {
        self.destination.stop_deadline.is_some() && self.destination.breaker.open_until().is_some()
    }

    pub(super) fn give_up_payload(&mut self, mut payload: PendingPayload, failure: DeliveryFailure) {
        payload.given_up = Some(failure);
        if let Some(payload) = self.hand_over(payload) {
            self.count_lost_payload(&payload, failure);
        }
    }

    /// The fallback has ended a payload of this sink.
    pub(crate) fn end_fallback(
        &mut self,
        ticket: &FallbackTicket,
        result: Result<(), Option<SinkError>>,
        now: Instant,
    ) {
        let is_it = |(number, _): &mut (u64, PendingPayload)| *number == ticket.number;
        let Some((_, mut payload)) = self.destination.at_fallback.extract_if(.., is_it).next() else { return };
        let error = match result {
            Ok(()) => {
                self.counters.delivery.fell_back.add(payload.contents.events);
                return self.count_delivered(&payload);
            }
            Err(error) => error,
        };
        payload.has_failed_at_fallback = true;
        let Some(error) = error else { return self.attempt_after_fallback(payload, now) };
        let parts = split(payload, &error);
        self.counters.delivery.fell_back.add(parts.delivered.events);
        self.count_part(parts.delivered);
        for payload in parts.refused.into_iter().chain(parts.remainder) {
            self.attempt_after_fallback(payload, now);
        }
        self.assert_balanced();
    }

    /// A payload that the fallback did not take may have attempts left at its own destination, if it came from the queue.
    fn attempt_after_fallback(&mut self, payload: PendingPayload, now: Instant) {
        if let Some(failure) = payload.given_up {
            return self.count_lost_payload(&payload, failure);
        }
        match self.destination.allows_retry(&payload, now, Duration::ZERO) {
            true => self.destination.queue.insert(payload),
            false => self.give_up_payload(payload, DeliveryFailure::NotDelivered),
        }
    }

    /// Counts the records of a payload that are delivered although its delivery failed.
    fn count_part(&mut self, delivered: PayloadContents) {
        if delivered.events > 0 {
            self.health.reports.delivered(&delivered.reports);
        }
        self.counters.delivered.add(delivered.events);
        self.counters.bytes.add(delivered.bytes);
    }

    pub(super) fn count_lost_payload(&mut self, payload: &PendingPayload, failure: DeliveryFailure) {
        let PayloadContents { events, reports, .. } = payload.contents;
        match &payload.origin {
            PayloadOrigin::Fallback(ticket) => {
                let ticket = ticket.clone();
                let result = Err(SinkError::Deadline);
                self.destination.fallback_results.push(FallbackResult { ticket, result });
            }
            PayloadOrigin::Encoded | PayloadOrigin::Stored { .. } => {
                self.count_lost_events(failure, events, events, &reports);
            }
        }
    }

    /// Counts the events of a payload with these reports that are lost. Attempts are no losses.
    pub(super) fn count_lost_events(
        &mut self,
        failure: DeliveryFailure,
        events: u64,
        lost: u64,
        reports: &PayloadReports,
    ) {
        let lost_attempts = reports.lost_attempts(events, lost);
        self.counters.filtered.add(lost_attempts);
        self.count_lost(failure, lost - lost_attempts);
        if lost > 0 {
            self.health.reports.give_back(reports, lost_attempts);
        }
    }

    /// Counts events that are lost at this sink. This is the only place that does.
    #[cold]
    pub(super) fn count_lost(&mut self, failure: DeliveryFailure, events: u64) {
        self.counters.lost.add(failure.loss_reason(), events);
        if failure.is_of_sink() {
            self.counters.errors.add(1);
            self.health.is_failing = true;
            self.health.has_failed_since_flush = true;
        }
    }
}
