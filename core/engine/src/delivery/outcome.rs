//! The end of an attempt: delivered, attempted again, handed over, or lost. No other module decides an outcome.
//!
//! 1. Records that the destination has taken are *delivered*, also where it has not taken others of the payload.
//! 2. Records that it refuses, and payloads whose error is permanent, are *given up*.
//! 3. Other records are attempted *again*, after a wait, until the attempts or the time of the policy are used up. Then they are
//!    given up.
//! 4. A payload that is given up goes to the *fallback*. If it cannot go there, or comes back from there, it is
//!    [*spilled*](super::spill) to disk, unless its error is permanent. If it cannot be spilled, it is written to the file for
//!    *dead letters*, and counts as *lost* with that reason. Without such a file, it is lost.

use std::time::{Duration, Instant};

use fapilog_plugin::sink::{SinkError, SinkErrorKind};
use fapilog_record::{timestamp::Timestamp, user_code::drop_catching_panics};

use crate::{
    accounts::BreakerState,
    delivery::{
        backoff,
        failure::DeliveryFailure,
        fallback::{FallbackResult, FallbackTicket},
        pending::{PayloadContents, PayloadOrigin, PendingPayload},
        remainder::{PayloadParts, split},
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
                    self.give_up_queue(now);
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

    fn count_delivered(&mut self, payload: &PendingPayload) {
        self.count_part(&payload.origin, payload.contents);
        self.end_stored_part(&payload.origin);
    }

    /// Counts records of a payload that are delivered.
    fn count_part(&mut self, origin: &PayloadOrigin, delivered: PayloadContents) {
        if delivered.events > 0 {
            self.health.reports.delivered(&delivered.reports);
        }
        self.counters.bytes.add(delivered.bytes);
        let PayloadOrigin::Stored { is_recovered } = *origin else {
            return self.counters.delivered.add(delivered.events);
        };
        self.subtract_stored(origin, delivered.events);
        self.counters.delivery.replayed.add(delivered.events);
        match is_recovered {
            true => self.counters.delivery.recovered_delivered.add(delivered.events),
            false => self.counters.delivered.add(delivered.events),
        }
    }

    fn end_failed(&mut self, mut payload: PendingPayload, error: SinkError, now: Instant) {
        let kind = error.kind();
        if matches!(error, SinkError::Timeout { .. }) {
            self.counters.delivery.timeouts.add(1);
        }
        self.note_failure(kind, has_decided(&error, payload.contents.events), payload.is_probe, now);
        if let PayloadOrigin::Fallback(ticket) = payload.origin {
            self.counters.errors.add(1);
            self.health.is_failing = true;
            return self.destination.fallback_results.push(FallbackResult { ticket, result: Err(error) });
        }
        let failure = DeliveryFailure::of(&error, self.destination.stop_deadline.is_some());
        payload.last_error = self.diagnostics.error_text(&error);
        self.diagnostics.add(&self.name, payload.last_error.clone());
        let remainder = self.take_parts(payload, &error, now);
        // Its drop is user code.
        drop_catching_panics(error);
        if let Some(payload) = remainder {
            match kind {
                SinkErrorKind::Retryable { .. } => self.retry_or_give_up(payload, failure, now),
                _ => self.give_up_payload(payload, failure, now),
            }
        }
    }

    /// Counts the records that are delivered, and gives up those that are refused. Returns the others.
    fn take_parts(&mut self, payload: PendingPayload, error: &SinkError, now: Instant) -> Option<PendingPayload> {
        let PayloadParts { refused, remainder, .. } = self.split_counted(payload, error);
        if let Some(refused) = refused {
            self.give_up_payload(refused, DeliveryFailure::Refused, now);
        }
        remainder
    }

    /// Splits a payload by an answer, and counts the records that are delivered.
    fn split_counted(&mut self, payload: PendingPayload, error: &SinkError) -> PayloadParts {
        let origin = payload.origin.clone();
        let parts = split(payload, error);
        self.count_part(&origin, parts.delivered);
        match (&parts.refused, &parts.remainder) {
            (None, None) => self.end_stored_part(&origin),
            (Some(_), Some(_)) => self.split_stored(&origin),
            _ => {}
        }
        parts
    }

    /// The effect of an error on the next attempts.
    fn note_failure(&mut self, kind: SinkErrorKind, has_decided: bool, is_probe: bool, now: Instant) {
        if let SinkErrorKind::Retryable { retry_after: Some(wait) } = kind {
            let until = now.checked_add(wait.min(RETRY_AFTER_MAX));
            self.destination.not_before = self.destination.not_before.max(until);
        }
        // A destination that accepts or refuses some records, or refuses a payload, works.
        if has_decided || !matches!(kind, SinkErrorKind::Retryable { .. }) {
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
        let asked = self.destination.not_before.map(|time| time.saturating_duration_since(now));
        if !self.destination.allows_retry(&payload, now, wait.max(asked.unwrap_or_default()))
            || self.is_given_up_at_its_end()
        {
            return self.give_up_payload(payload, failure, now);
        }
        payload.not_before = now.checked_add(wait);
        self.destination.queue.insert(payload);
    }

    /// Whether the sink stops, and its destination is down: the last probe has failed.
    fn is_given_up_at_its_end(&self) -> bool {
        self.destination.stop_deadline.is_some() && self.destination.breaker.open_until().is_some()
    }

    pub(super) fn give_up_payload(&mut self, mut payload: PendingPayload, failure: DeliveryFailure, now: Instant) {
        payload.given_up = Some(failure);
        let payload = self.hand_over(payload).and_then(|payload| self.spill(payload, failure, now));
        if let Some(payload) = payload {
            self.end_undelivered(payload, failure);
        }
    }

    /// The fallback has ended a payload of this sink. `Err(None)`: it has not taken it.
    pub(crate) fn end_fallback(
        &mut self,
        ticket: &FallbackTicket,
        result: Result<(), Option<SinkError>>,
        now: Instant,
    ) {
        let is_it = |(number, _): &mut (u64, PendingPayload)| *number == ticket.number;
        let Some((_, mut payload)) = self.destination.at_fallback.extract_if(.., is_it).next() else { return };
        payload.has_failed_at_fallback = true;
        match result {
            Ok(()) => {
                self.counters.delivery.fell_back.add(payload.contents.events);
                self.count_delivered(&payload);
            }
            Err(None) => self.attempt_after_fallback(payload, now),
            Err(Some(error)) => {
                let PayloadParts { delivered, refused, remainder } = self.split_counted(payload, &error);
                drop_catching_panics(error);
                self.counters.delivery.fell_back.add(delivered.events);
                refused.into_iter().chain(remainder).for_each(|payload| self.attempt_after_fallback(payload, now));
            }
        }
        self.assert_balanced();
    }

    /// A payload that the fallback did not take may have attempts left at its own destination, if it came from the queue.
    fn attempt_after_fallback(&mut self, payload: PendingPayload, now: Instant) {
        if let Some(failure) = payload.given_up {
            return self.give_up_payload(payload, failure, now);
        }
        match self.destination.allows_retry(&payload, now, Duration::ZERO) {
            true => self.destination.queue.insert(payload),
            false => self.give_up_payload(payload, DeliveryFailure::AttemptsUsedUp, now),
        }
    }

    pub(super) fn count_lost_payload(&mut self, payload: &PendingPayload, failure: DeliveryFailure) {
        let PayloadContents { events, reports, .. } = payload.contents;
        match &payload.origin {
            PayloadOrigin::Fallback(ticket) => {
                let ticket = ticket.clone();
                let result = Err(SinkError::Deadline);
                self.destination.fallback_results.push(FallbackResult { ticket, result });
            }
            PayloadOrigin::Stored { is_recovered: true } => self.counters.delivery.recovered_lost.add(events),
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
            self.health.is_failing |= failure.is_of_destination();
            self.health.has_failed_since_flush = true;
        }
    }
}

/// Whether the destination has accepted or refused some of so many records, although others are left.
fn has_decided(error: &SinkError, records: u64) -> bool {
    matches!(error, SinkError::PerRecord { retryable, .. } if (retryable.len() as u64) < records)
}
