//! From payloads to deliveries: attempts start, and are polled.

use std::{task::Context, time::Instant};

use fapilog_plugin::sink::{Delivery, Payload};
use fapilog_record::{timestamp::Timestamp, user_code::Panicked};

use crate::{
    delivery::{
        failure::DeliveryFailure,
        fallback::{FallbackAnswer, FallbackResult, FallbackTicket, HandedOver},
        in_flight::{InFlightPayload, panicked},
        pending::{PayloadContents, PayloadOrigin, PendingPayload},
        sink_worker::SinkWorker,
    },
    supervisor::{CallKind, CallOutcome},
};

impl SinkWorker {
    /// A sink without a queue gets the payload at once; with one, when it is its turn.
    pub(super) fn submit_payload(&mut self, mut payload: Payload, contents: PayloadContents, origin: PayloadOrigin) {
        let order = self.destination.next_order();
        payload.set_id(self.destination.ids.next());
        if self.destination.policy.is_direct() {
            let delivery = self.call_deliver(payload);
            let pending = PendingPayload::new(None, contents, origin, order);
            return self.destination.in_flight.push(InFlightPayload::new(delivery, pending, None));
        }
        let pending = PendingPayload::new(Some(payload), contents, origin, order);
        let spills = self.spills_at_once();
        self.destination.queue.insert(pending);
        if spills {
            self.spill_queue();
        }
    }

    /// In any state of the supervisor's breaker: the sink has taken these events.
    fn call_deliver(&mut self, payload: Payload) -> Delivery {
        let delivery = self.supervisor.ask_in_time(CallKind::Deliver, "a delivery", || self.sink.deliver(payload));
        delivery.unwrap_or_else(|| Delivery::done(Err(panicked())))
    }

    /// Starts and polls deliveries. Returns whether one has ended.
    ///
    /// `latency` is called with the time of the oldest event of each payload that is delivered.
    pub(crate) fn poll(&mut self, now: Instant, context: &mut Context<'_>, mut latency: impl FnMut(Timestamp)) -> bool {
        let mut has_ended = self.destination.store.is_some() && self.work_on_store(now, context);
        self.start_attempts(now);
        has_ended |= self.poll_in_flight(now, context, &mut latency);
        if has_ended {
            self.start_attempts(now);
        }
        if !self.destination.policy.is_direct() {
            self.destination.show(&self.counters.delivery);
        }
        self.assert_balanced();
        has_ended
    }

    /// Polls deliveries, and starts none. Returns whether one has ended.
    pub(super) fn poll_in_flight(
        &mut self,
        now: Instant,
        context: &mut Context<'_>,
        latency: &mut impl FnMut(Timestamp),
    ) -> bool {
        let mut has_ended = false;
        for place in 0..self.destination.in_flight.len() {
            let (in_flight, supervisor) = (&mut self.destination.in_flight, &self.supervisor);
            if let Some((payload, result)) = supervisor.poll(|| in_flight.poll_at(place, now, context)) {
                has_ended = true;
                self.end_attempt(payload, result, now, latency);
            }
        }
        if has_ended {
            self.destination.in_flight.drop_ended();
            // A payload that waits for another attempt keeps its place in the queue.
            if self.destination.has_room(self.on_full) {
                self.health.full_since = None;
            }
            self.count_retries();
        }
        has_ended
    }

    fn start_attempts(&mut self, now: Instant) {
        if self.destination.queue.is_empty() {
            return;
        }
        self.relieve_queue(now);
        while let Some(mut pending) = self.destination.begin_attempt(now) {
            let Some(payload) = &mut pending.payload else { continue };
            pending.attempts += 1;
            pending.is_probe = !self.destination.breaker.is_closed();
            pending.first_attempt.get_or_insert(now);
            let mut attempt = payload.share();
            attempt.set_attempt(pending.attempts);
            if pending.attempts > 1 {
                self.counters.retries.add(1);
            }
            let delivery = self.call_deliver(attempt);
            let limit = self.destination.time_limit(now);
            self.destination.in_flight.push(InFlightPayload::new(delivery, pending, limit));
        }
    }

    /// While the breaker is open, payloads go elsewhere, if there is another place for them.
    fn relieve_queue(&mut self, now: Instant) {
        if let Some(deadline) = self.destination.stop_deadline {
            self.destination.breaker.end_cool_down(now);
            if self.destination.not_before.is_some_and(|until| now < until && deadline <= until) {
                return self.give_up_queue(now);
            }
        }
        let is_down = self.destination.breaker.open_until().is_some_and(|until| now < until);
        if is_down && self.destination.fallback.is_some() {
            for pending in self.destination.queue.extract(PendingPayload::may_be_handed_over) {
                let kept = self.hand_over(pending);
                debug_assert!(kept.is_none(), "a payload that may be handed over is not");
            }
        }
        let store = self.destination.store.as_ref().filter(|store| store.takes_queue());
        if store.is_some_and(|store| is_down || store.is_spilling()) && self.destination.stop_deadline.is_none() {
            self.spill_queue();
        }
    }

    /// The sink stops, and its destination takes nothing more until then.
    pub(super) fn give_up_queue(&mut self, now: Instant) {
        while let Some(payload) = self.destination.queue.pop() {
            self.give_up_payload(payload, DeliveryFailure::AttemptsUsedUp, now);
        }
    }

    /// When an attempt starts or ends by the clock.
    pub(crate) fn delivery_due(&self, now: Instant) -> Option<Instant> {
        self.destination.due(now)
    }

    /// Whether a payload or a flush is on its way.
    pub(crate) fn is_delivering(&self) -> bool {
        !self.destination.is_idle() || self.is_flushing()
    }

    /// Whether a delivery in flight must be polled again and again, because it does not wake the shard.
    pub(crate) fn needs_polling(&self) -> bool {
        self.destination.in_flight.needs_polling() || self.rotations.needs_polling() || self.flush_needs_polling()
    }

    /// Hands a payload over to the fallback. Returns it if it cannot go there.
    pub(super) fn hand_over(&mut self, mut pending: PendingPayload) -> Option<PendingPayload> {
        let Some(fallback) = &self.destination.fallback else { return Some(pending) };
        if !pending.may_be_handed_over() {
            return Some(pending);
        }
        let Some(payload) = &mut pending.payload else { return Some(pending) };
        let number = self.destination.ids.next_hand_over();
        self.destination.handed_over.push_back(HandedOver {
            fallback: fallback.clone(),
            payload: payload.share(),
            form: self.record_form,
            ticket: FallbackTicket { sink: self.name.clone(), number },
        });
        self.destination.at_fallback.push((number, pending));
        None
    }

    /// Whether payloads or results wait for the shard to take them to another sink.
    pub(crate) fn has_mail(&self) -> bool {
        !self.destination.handed_over.is_empty() || !self.destination.fallback_results.is_empty()
    }

    /// A payload for the fallback.
    pub(crate) fn take_handed_over(&mut self) -> Option<HandedOver> {
        self.destination.handed_over.pop_front()
    }

    /// The results of payloads of other sinks.
    pub(crate) fn take_fallback_results(&mut self) -> Vec<FallbackResult> {
        std::mem::take(&mut self.destination.fallback_results)
    }

    /// The fallback has no room: the payload stays with this sink until it has.
    pub(crate) fn wait_for_fallback(&mut self, handed_over: HandedOver) {
        self.destination.handed_over.push_back(handed_over);
    }

    /// Delivers a payload of another sink, whose fallback this one is.
    pub(crate) fn deliver_for_another(&mut self, handed_over: HandedOver, now: Instant) -> FallbackAnswer {
        // The events that it has encoded itself come first.
        self.submit();
        if !self.may_work_for_another(now) {
            return FallbackAnswer::Fails(handed_over.ticket);
        }
        match self.take_payload() {
            Ok(true) => {
                self.health.full_since = None;
                self.append_for_another(handed_over)
            }
            Ok(false) if self.is_stalled(now) => FallbackAnswer::Fails(handed_over.ticket),
            Ok(false) => {
                self.health.full_since.get_or_insert(now);
                FallbackAnswer::NoRoom(handed_over)
            }
            Err(Panicked) => FallbackAnswer::Fails(handed_over.ticket),
        }
    }

    /// Whether an attempt may be made. A sink whose last delivery failed may work again, and a fallback may have no events of its
    /// own that would show it.
    fn may_work_for_another(&self, now: Instant) -> bool {
        let is_called = self.is_enabled && !self.supervisor.is_open();
        is_called && self.destination.breaker.allows_attempt(now)
    }

    fn append_for_another(&mut self, handed_over: HandedOver) -> FallbackAnswer {
        let HandedOver { payload: records, ticket, .. } = handed_over;
        let Some(mut filling) = self.filling.take() else { return FallbackAnswer::Fails(ticket) };
        let before = filling.payload.mark();
        let sink = &mut self.sink;
        let outcome = self.supervisor.call(|| {
            sink.append_records(&records, &mut filling.payload);
            Ok(())
        });
        if outcome != CallOutcome::Done {
            filling.payload.truncate(before);
            self.filling = Some(filling);
            return FallbackAnswer::Fails(ticket);
        }
        let bytes = filling.payload.len() as u64;
        let contents = PayloadContents { bytes, ..PayloadContents::default() };
        self.submit_payload(filling.payload, contents, PayloadOrigin::Fallback(ticket));
        FallbackAnswer::Taken
    }
}
