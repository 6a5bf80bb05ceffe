//! From batches to payloads: whether a sink has room, and which events it takes.

use std::time::{Duration, Instant};

use fapilog_plugin::{
    event::{Batch, Event},
    sink::OnFull,
};
use fapilog_record::user_code::Panicked;

use crate::{
    accounts::Losses,
    delivery::{
        failure::DeliveryFailure,
        pending::{PayloadContents, PayloadOrigin},
        sink_reports::{OwnLosses, PayloadReports},
        sink_worker::{FillingPayload, SinkWorker},
    },
    port::ShardPort,
    route::Route,
    supervisor::{CallKind, CallOutcome},
};

/// How long an urgent event waits for others of its payload.
const URGENT_WAIT: Duration = Duration::from_millis(1);

/// Whether a sink takes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It has room.
    HasRoom,
    /// It drops events at once: it is disabled, its breaker is open, or its policy is to drop.
    Drops,
    /// It has no room, and blocks the drain.
    Full,
    /// It has had no room for `STALL_TIME`.
    Stalled,
}

impl SinkWorker {
    /// Whether a batch may come.
    #[inline]
    pub(crate) fn readiness(&mut self, now: Instant) -> Readiness {
        // A sink that is disabled or whose breaker is open blocks no other.
        if !self.is_enabled || self.supervisor.is_open() {
            return Readiness::Drops;
        }
        if self.has_room() {
            self.health.full_since = None;
            return Readiness::HasRoom;
        }
        self.health.full_since.get_or_insert(now);
        match self.on_full {
            // It is known within moments what is on disk. The queue goes there then.
            OnFull::Spill if self.destination.awaits_recovery() && !self.is_stalled(now) => Readiness::Full,
            OnFull::Drop | OnFull::DropLowSeverity | OnFull::Spill => Readiness::Drops,
            _ if self.is_stalled(now) => Readiness::Stalled,
            _ => Readiness::Full,
        }
    }

    /// Whether a report of losses may come. A sink that fails, or is short of room, would drop the report, and each report would
    /// make another.
    pub(crate) fn readiness_for_report(&mut self, now: Instant) -> Readiness {
        if self.health.is_failing || self.is_short_of_room() { Readiness::Drops } else { self.readiness(now) }
    }

    /// Whether a report of its own losses may come although it fails. No event is on its way that would show whether it does.
    pub(crate) fn is_attempt_due(&mut self, now: Instant, is_last: bool) -> bool {
        self.health.is_failing
            && !self.is_delivering()
            && self.is_submitted()
            && self.health.reports.is_attempt_due(now, is_last)
            && self.readiness(now) == Readiness::HasRoom
    }

    /// The losses that it gets a report of, as an [attempt](Self::is_attempt_due).
    pub(crate) fn begin_attempt(&mut self, is_last: bool) -> Losses {
        self.health.reports.begin_attempt(is_last)
    }

    /// Whether its route takes the event.
    pub(crate) fn takes(&self, event: &Event<'_>, batch: &Batch<'_>) -> bool {
        self.is_enabled && self.route.as_ref().is_none_or(|route| is_taken_by(route, event, batch))
    }

    /// Whether every event is for this sink.
    pub(crate) fn takes_all(&self) -> bool {
        self.is_enabled && self.route.is_none()
    }

    /// Counts events that are not for this sink as filtered: they came before the sink did, after it was removed, or are
    /// reports of losses while it took no events.
    pub(crate) fn passed_by(&self, events: u64) {
        self.counters.offered.add(events);
        self.counters.filtered.add(events);
    }

    fn has_room(&mut self) -> bool {
        self.take_payload() == Ok(true)
    }

    /// Returns whether there is a payload to encode into.
    pub(super) fn take_payload(&mut self) -> Result<bool, Panicked> {
        if self.filling.is_none() && self.destination.has_room(self.on_full) {
            let payload = self.supervisor.ask(CallKind::Payload, || self.sink.payload()).ok_or(Panicked)?;
            self.filling = payload.map(|payload| FillingPayload {
                payload,
                events: 0,
                oldest: None,
                due: None,
                reports: PayloadReports::default(),
            });
        }
        Ok(self.filling.is_some())
    }

    /// Encodes a batch, and submits the payload if it is full.
    #[inline]
    pub(crate) fn encode(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        self.counters.offered.add(batch.len() as u64);
        if !self.is_enabled {
            return self.counters.filtered.add(batch.len() as u64);
        }
        let Some(route) = &self.route else { return self.encode_all(batch, port, now) };
        let routed = batch.subset(|event| is_taken_by(route, event, batch));
        self.counters.filtered.add((batch.len() - routed.len()) as u64);
        if !routed.is_empty() {
            self.encode_all(&routed, port, now);
        }
    }

    /// Encodes reports of losses, whatever the route: a loss of events that the route takes must not be hidden by the route.
    /// Only while the sink has room. `own`: the losses at this sink that are among them.
    pub(crate) fn encode_report(&mut self, batch: &Batch<'_>, own: OwnLosses, port: &ShardPort, now: Instant) {
        let events = batch.len() as u64;
        self.counters.offered.add(events);
        let reports = PayloadReports::new(events, own);
        if let Err(failure) = self.fill(batch, now) {
            return self.count_lost_events(failure, events, events, &reports);
        }
        if let Some(filling) = &mut self.filling {
            filling.reports.add(&reports);
        }
        self.submit_if_full(port);
    }

    #[inline]
    fn encode_all(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        if self.is_short_of_room() {
            return self.encode_urgent(batch, port, now);
        }
        self.encode_taken(batch, port, now);
    }

    /// Whether its room is kept for events of ERROR and above.
    fn is_short_of_room(&mut self) -> bool {
        (self.on_full == OnFull::DropLowSeverity && self.destination.is_short_of_room()) || self.sink_is_short_of_room()
    }

    /// A sink whose breaker is open is not asked, and one that panics over the question has as much room as ever.
    fn sink_is_short_of_room(&mut self) -> bool {
        !self.supervisor.is_open()
            && self.supervisor.ask(CallKind::Occasional, || self.sink.is_short_of_room()).unwrap_or(false)
    }

    /// Encodes the events of ERROR and above. The others are lost.
    #[cold]
    fn encode_urgent(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        let urgent = batch.subset(|event| event.level().is_urgent());
        self.count_lost(DeliveryFailure::LittleRoom, (batch.len() - urgent.len()) as u64);
        if !urgent.is_empty() {
            self.encode_taken(&urgent, port, now);
        }
    }

    #[inline]
    fn encode_taken(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        match self.fill(batch, now) {
            Ok(()) => self.submit_if_full(port),
            Err(failure) => self.count_lost(failure, batch.len() as u64),
        }
    }

    /// Encodes a batch into the payload.
    #[inline]
    fn fill(&mut self, batch: &Batch<'_>, now: Instant) -> Result<(), DeliveryFailure> {
        if self.supervisor.is_open() {
            return Err(DeliveryFailure::BreakerOpen);
        }
        match self.take_payload() {
            Ok(true) => {}
            Ok(false) => return Err(DeliveryFailure::NoRoom),
            Err(Panicked) => return Err(DeliveryFailure::EncodePanicked),
        }
        let Some(filling) = &mut self.filling else { return Err(DeliveryFailure::NoRoom) };
        let before = filling.payload.mark();
        let sink = &mut self.sink;
        let outcome = self.supervisor.call(|| sink.encode(batch, &mut filling.payload));
        if outcome != CallOutcome::Done {
            // Half a batch may be half a record.
            filling.payload.truncate(before);
            let is_refused = outcome == CallOutcome::Failed;
            return Err(if is_refused { DeliveryFailure::NotEncoded } else { DeliveryFailure::EncodePanicked });
        }
        let first = batch.events().first().map(Event::timestamp);
        filling.oldest = filling.oldest.or(first);
        filling.events += batch.len() as u64;
        let is_urgent = batch.events().iter().any(|event| event.level().is_urgent());
        let wait = if is_urgent { URGENT_WAIT.min(self.flush_interval) } else { self.flush_interval };
        let due = now + wait;
        filling.due = Some(filling.due.map_or(due, |earlier| earlier.min(due)));
        Ok(())
    }

    #[inline]
    fn submit_if_full(&mut self, port: &ShardPort) {
        let is_full = self.filling.as_ref().is_some_and(|filling| filling.payload.is_full());
        // A sink that took so long that the container has ended without it: its payload is not delivered any more.
        if is_full && !port.is_abandoned() {
            self.submit();
        }
    }

    /// Submits the payload if it is due. While the destination is busy, the payload would only wait in the queue: it is filled
    /// further, so that a slow destination gets fewer and longer ones.
    pub(crate) fn submit_if_due(&mut self, now: Instant) {
        if self.submission_due().is_some_and(|due| due <= now) {
            self.submit();
        }
    }

    /// When the payload is to be submitted by the clock.
    pub(crate) fn submission_due(&self) -> Option<Instant> {
        self.due().filter(|_| !self.destination.is_busy())
    }

    /// The time at which the payload is to be submitted, if the destination is not busy.
    fn due(&self) -> Option<Instant> {
        self.filling.as_ref().and_then(|filling| filling.due)
    }

    /// Whether everything that was encoded is submitted.
    pub(crate) fn is_submitted(&self) -> bool {
        self.due().is_none()
    }

    /// Submits the payload, full or not.
    pub(crate) fn submit(&mut self) {
        // An empty payload is kept for the next batch.
        let Some(FillingPayload { payload, events, oldest, reports, .. }) =
            self.filling.take_if(|filling| filling.due.is_some())
        else {
            return;
        };
        let contents = PayloadContents { events, oldest, bytes: payload.len() as u64, reports };
        self.submit_payload(payload, contents, PayloadOrigin::Encoded);
    }
}

fn is_taken_by(route: &Route, event: &Event<'_>, batch: &Batch<'_>) -> bool {
    route.takes(event.level(), event.target(), event.source().name())
        || batch.subject_of(event).is_some_and(|subject| route.takes_subject(&subject))
}
