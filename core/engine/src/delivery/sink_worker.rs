//! A sink worker: one sink of a shard, the payload that is being filled, and the payloads in flight.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    diagnostics::Diagnostics,
    event::{Batch, Event},
    factory::ShardInfo,
    sink::{Delivery, OnFull, Payload, Sink, SinkContext, SinkError},
};
use fapilog_record::{
    timestamp::Timestamp,
    user_code::{Panicked, catch_panic, drop_catching_panics, error_text},
};

use crate::{
    accounts::{LossReason, Losses, PluginCounters, SinkCounters},
    delivery::{
        failure::DeliveryFailure,
        in_flight::{InFlightPayload, InFlightPayloads, PayloadContents, panicked, poll_catching_panics},
        rotations::SinkRotations,
        sink_reports::{OwnLosses, PayloadReports, SinkReports},
    },
    diagnostics::DiagnosticLog,
    port::{
        ShardPort, SinkView, WriterText,
        plan::{SinkOptions, SinkPlan},
        rotate::RotateTicket,
    },
    route::Route,
    supervisor::{CallKind, CallOutcome, Supervisor, SupervisorPolicy},
};

/// How long an urgent event waits for others of its payload.
const URGENT_WAIT: Duration = Duration::from_millis(1);

/// After this time without room, a sink blocks no other sink.
const STALL_TIME: Duration = Duration::from_secs(1);

/// A sink with the payload that is being filled, and the payloads in flight.
pub(crate) struct SinkWorker {
    name: String,
    sink: Box<dyn Sink>,
    on_full: OnFull,
    /// `None` where it takes all.
    route: Option<Route>,
    supervisor: Supervisor,
    is_enabled: bool,
    counters: Arc<SinkCounters>,
    writer: Arc<WriterText>,
    diagnostics: DiagnosticLog,
    filling: Option<FillingPayload>,
    flush_interval: Duration,
    in_flight: InFlightPayloads,
    flush: SinkFlush,
    rotations: SinkRotations,
    health: SinkHealth,
}

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

/// An impairment of a sink, for its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SinkImpairment {
    /// The last delivery or batch failed.
    Fails,
    /// It has had no room for `STALL_TIME`.
    Stalls,
}

/// The failures of a sink, as far as the shard acts on them.
#[derive(Debug, Default)]
struct SinkHealth {
    /// The last delivery or batch failed.
    is_failing: bool,
    /// The sink was asked to stop: a delivery that its deadline ends is lost to the shutdown.
    is_stopping: bool,
    /// Something has failed since the last flush was answered.
    has_failed_since_flush: bool,
    /// Since when it has had no room, as far as it was asked.
    full_since: Option<Instant>,
    reports: SinkReports,
}

struct FillingPayload {
    payload: Payload,
    events: u64,
    /// When the first of them was logged.
    oldest: Option<Timestamp>,
    /// When it is to be delivered, full or not. `None` while it is empty.
    due: Option<Instant>,
    reports: PayloadReports,
}

/// A flush of the sink.
enum SinkFlush {
    None,
    /// Until this many payloads are completed.
    Completing {
        until: u64,
    },
    Flushing(Delivery),
}

impl SinkWorker {
    pub(crate) fn new(
        plan: &SinkPlan,
        shard: ShardInfo,
        flush_interval: Duration,
        diagnostics: &DiagnosticLog,
        policy: SupervisorPolicy,
    ) -> Result<(Self, SinkView), SinkError> {
        let reports: Arc<dyn Diagnostics> = Arc::new(diagnostics.clone());
        let context = SinkContext::new(shard, &plan.name, &reports);
        let made = catch_panic(|| plan.factory.make(&context));
        let sink = made.unwrap_or_else(|_| Err(panicked()))?;
        let SinkOptions { on_full, route } = plan.options.clone();
        let asked = catch_panic(|| (sink.writer(), on_full.unwrap_or_else(|| plan.factory.on_full())));
        let Ok((writer, on_full)) = asked else {
            // Not while the panic unwinds: its drop may panic too.
            drop_catching_panics(sink);
            return Err(panicked());
        };
        let writer = Arc::new(WriterText::new(writer));
        let counters = Arc::<SinkCounters>::default();
        let supervisor_counters = Arc::<PluginCounters>::default();
        let view = SinkView {
            name: plan.name.clone(),
            writer: Arc::clone(&writer),
            counters: Arc::clone(&counters),
            own_counters: context.counters(),
            supervisor_counters: Arc::clone(&supervisor_counters),
        };
        let worker = Self {
            name: plan.name.clone(),
            sink,
            on_full,
            route: (route != Route::default()).then_some(route),
            supervisor: Supervisor::new(&plan.name, policy, supervisor_counters, diagnostics.clone()),
            is_enabled: true,
            counters,
            writer,
            diagnostics: diagnostics.clone(),
            filling: None,
            flush_interval,
            in_flight: InFlightPayloads::default(),
            flush: SinkFlush::None,
            rotations: SinkRotations::default(),
            health: SinkHealth::default(),
        };
        Ok((worker, view))
    }

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
            OnFull::Drop => Readiness::Drops,
            _ if self.is_stalled(now) => Readiness::Stalled,
            _ => Readiness::Full,
        }
    }

    /// Whether a report of losses may come. A sink that fails, or is short of room, would drop the report, and each report would
    /// make another.
    pub(crate) fn readiness_for_report(&mut self, now: Instant) -> Readiness {
        if self.health.is_failing || self.sink_is_short_of_room() { Readiness::Drops } else { self.readiness(now) }
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

    /// Attempts that failed since the last call. They were for this sink alone, so that they are for none.
    pub(crate) fn take_failed_attempts(&mut self) -> u64 {
        self.health.reports.take_failed_attempts()
    }

    /// Losses that it has reported, and that the shard keeps still.
    pub(crate) fn take_reported(&mut self) -> Option<Losses> {
        self.health.reports.take_reported()
    }

    /// Subtracts losses that it has reported from those that [`keep_losses`](Self::keep_losses) kept.
    pub(crate) fn subtract_losses(&mut self, reported: &Losses) {
        self.health.reports.subtract(reported);
    }

    /// Whether the last delivery or batch failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.health.is_failing
    }

    fn is_stalled(&self, now: Instant) -> bool {
        self.health.full_since.is_some_and(|since| now.saturating_duration_since(since) >= STALL_TIME)
    }

    /// Its impairment, if it has one.
    pub(crate) fn impairment(&self, now: Instant) -> Option<SinkImpairment> {
        match self.health.is_failing {
            true => Some(SinkImpairment::Fails),
            false => self.is_stalled(now).then_some(SinkImpairment::Stalls),
        }
    }

    /// Whether events were lost to the deadline that it was stopped with.
    pub(crate) fn has_lost_to_deadline(&self) -> bool {
        self.counters.lost.read().of(LossReason::ShutdownDeadline) > 0
    }

    /// Events that it could not deliver.
    pub(crate) fn failed_events(&self) -> u64 {
        self.counters.lost.read().of(LossReason::SinkFailed)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sets the limits of its supervisor from now on.
    pub(crate) fn set_policy(&mut self, policy: SupervisorPolicy) {
        self.supervisor.set_policy(policy);
    }

    /// Enables or disables the sink.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
        self.supervisor.set_enabled(is_enabled);
    }

    /// Events that came as far as this sink.
    pub(crate) fn offered(&self) -> u64 {
        self.counters.offered.get()
    }

    /// The law of the accounts at this sink. On the drain it is exact at any time: the drain alone writes these counters.
    fn assert_balanced(&self) {
        let (events, is_due) =
            self.filling.as_ref().map_or((0, false), |filling| (filling.events, filling.due.is_some()));
        debug_assert_eq!(is_due, events > 0, "an empty payload is due, or a payload with events is not");
        let SinkCounters { delivered, filtered, lost, .. } = &*self.counters;
        debug_assert_eq!(
            self.offered(),
            delivered.get() + filtered.get() + lost.read().total() + self.in_flight.pending_events() + events,
            "the accounts of {} do not balance",
            self.name
        );
    }

    /// Whether its route takes the event.
    pub(crate) fn takes(&self, event: &Event<'_>, batch: &Batch<'_>) -> bool {
        self.is_enabled && self.route.as_ref().is_none_or(|route| is_taken_by(route, event, batch))
    }

    /// Whether every event is for this sink.
    pub(crate) fn takes_all(&self) -> bool {
        self.is_enabled && self.route.is_none()
    }

    /// Events that were lost at this sink since the last call.
    pub(crate) fn collect_losses(&mut self) -> Option<Losses> {
        self.health.reports.collect(&self.counters.lost)
    }

    /// Keeps losses at this sink for a report of its own, because it takes no events now.
    pub(crate) fn keep_losses(&mut self, losses: &Losses) {
        self.health.reports.keep(losses);
    }

    /// Whether it has lost events of which it has had no report.
    pub(crate) fn has_unreported_losses(&self) -> bool {
        self.health.reports.has_unreported()
    }

    /// The losses that [`keep_losses`](Self::keep_losses) kept.
    pub(crate) fn take_unreported_losses(&mut self) -> Losses {
        self.health.reports.take_unreported()
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
    fn take_payload(&mut self) -> Result<bool, Panicked> {
        if self.filling.is_none() {
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
            return self.count_lost_payload(failure, events, events, &reports);
        }
        if let Some(filling) = &mut self.filling {
            filling.reports.add(&reports);
        }
        self.submit_if_full(port);
    }

    #[inline]
    fn encode_all(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        if self.sink_is_short_of_room() {
            return self.encode_urgent(batch, port, now);
        }
        self.encode_taken(batch, port, now);
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
        let length_before = filling.payload.buffer().len();
        let sink = &mut self.sink;
        let outcome = self.supervisor.call(|| {
            sink.encode(batch, &mut filling.payload);
            Ok(())
        });
        if outcome != CallOutcome::Done {
            // Half a batch may be half a record.
            filling.payload.buffer().truncate(length_before);
            return Err(DeliveryFailure::EncodePanicked);
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

    /// Counts events that are lost at this sink. This is the only place that does.
    #[cold]
    fn count_lost(&mut self, failure: DeliveryFailure, events: u64) {
        self.counters.lost.add(failure.loss_reason(), events);
        if failure.is_of_sink() {
            self.counters.errors.add(1);
            self.health.is_failing = true;
            self.health.has_failed_since_flush = true;
        }
    }

    /// Lets the sink do the work that is due.
    pub(crate) fn work(&mut self, now: Instant) {
        if self.open_for_own_work(now).is_some() || self.sink_due(now).is_none_or(|due| now < due) {
            return;
        }
        if self.supervisor.ask_in_time(CallKind::Work, "what was due", || self.sink.work(now)).is_none() {
            self.counters.errors.add(1);
        }
    }

    /// The time at which the sink wants to work by itself.
    pub(crate) fn sink_due(&mut self, now: Instant) -> Option<Instant> {
        let cool_down_end = self.open_for_own_work(now);
        cool_down_end.or_else(|| self.supervisor.ask(CallKind::Due, || self.sink.due(now)).flatten())
    }

    /// The end of the cool-down, if the sink's own work opened the breaker. A breaker that opened for another reason does
    /// not stop that work: the sink may hold payloads that are delivered and not yet durable.
    fn open_for_own_work(&self, now: Instant) -> Option<Instant> {
        self.supervisor.open_until(&[CallKind::Due, CallKind::Work], now)
    }

    /// Submits the payload if it is due.
    pub(crate) fn submit_if_due(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.submit();
        }
    }

    /// The time at which the payload is to be submitted.
    pub(crate) fn due(&self) -> Option<Instant> {
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
        let bytes = payload.len() as u64;
        // In any state of the breaker: the sink has taken these events.
        let delivery = self.supervisor.ask_in_time(CallKind::Deliver, "a delivery", || self.sink.deliver(payload));
        let delivery = delivery.unwrap_or_else(|| Delivery::done(Err(panicked())));
        self.in_flight.push(InFlightPayload::new(delivery, PayloadContents { events, oldest, bytes, reports }));
    }

    /// Polls the payloads in flight. Returns whether one is completed.
    ///
    /// `latency` is called with the time of the oldest event of each payload that is delivered.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, mut latency: impl FnMut(Timestamp)) -> bool {
        let completed_before = self.in_flight.completed();
        for place in 0..self.in_flight.len() {
            let (in_flight, supervisor) = (&mut self.in_flight, &self.supervisor);
            if let Some((contents, result)) = supervisor.poll(|| in_flight.poll_at(place, context)) {
                self.account(contents, result, &mut latency);
            }
        }
        self.in_flight.drop_completed();
        self.assert_balanced();
        let has_completed = self.in_flight.completed() != completed_before;
        if has_completed {
            self.health.full_since = None;
            self.count_retries();
        }
        has_completed
    }

    fn account(
        &mut self,
        contents: PayloadContents,
        result: Result<(), SinkError>,
        latency: &mut impl FnMut(Timestamp),
    ) {
        match result {
            Ok(()) => {
                self.health.is_failing = false;
                self.health.reports.delivered(&contents.reports);
                self.counters.delivered.add(contents.events);
                self.counters.bytes.add(contents.bytes);
                contents.oldest.into_iter().for_each(latency);
            }
            Err(error) => {
                let delivered = self.count_part(&error, contents);
                let lost = contents.events - delivered;
                let failure = DeliveryFailure::of(&error, self.health.is_stopping);
                self.count_lost_payload(failure, contents.events, lost, &contents.reports);
                self.diagnostics.add(&self.name, error_text(error).into_string());
            }
        }
    }

    /// Counts the events of a payload with these reports that are lost. Attempts are no losses.
    fn count_lost_payload(&mut self, failure: DeliveryFailure, events: u64, lost: u64, reports: &PayloadReports) {
        let lost_attempts = reports.lost_attempts(events, lost);
        self.counters.filtered.add(lost_attempts);
        self.count_lost(failure, lost - lost_attempts);
        if lost > 0 {
            self.health.reports.give_back(reports, lost_attempts);
        }
    }

    /// Counts the records of a payload that are delivered although its delivery failed. Returns their number.
    fn count_part(&mut self, error: &SinkError, contents: PayloadContents) -> u64 {
        let SinkError::Partial { records, bytes, .. } = error else { return 0 };
        let records = (*records).min(contents.events);
        self.counters.delivered.add(records);
        self.counters.bytes.add((*bytes).min(contents.bytes));
        records
    }

    /// A sink that has retried may write in another way. An impaired sink retries before a delivery ends.
    pub(crate) fn count_retries(&mut self) {
        if self.supervisor.is_open() {
            return;
        }
        let retries = self.supervisor.ask(CallKind::Occasional, || self.sink.retries()).unwrap_or(0);
        let new = retries.saturating_sub(self.counters.retries.get());
        self.counters.retries.add(new);
        if new > 0
            && let Some(text) = self.supervisor.ask(CallKind::Occasional, || self.sink.writer())
        {
            self.writer.set(text);
        }
    }

    /// Whether a payload or a flush is in flight.
    pub(crate) fn is_delivering(&self) -> bool {
        !self.in_flight.is_empty() || matches!(self.flush, SinkFlush::Flushing(_))
    }

    /// Whether a delivery in flight must be polled again and again, because it does not wake the shard.
    pub(crate) fn needs_polling(&self) -> bool {
        self.in_flight.needs_polling()
            || self.rotations.needs_polling()
            || matches!(&self.flush, SinkFlush::Flushing(delivery) if !delivery.wakes())
    }

    /// Starts a flush of everything that was encoded so far.
    pub(crate) fn begin_flush(&mut self) {
        self.submit();
        self.set_flush(SinkFlush::Completing { until: self.in_flight.submitted() });
    }

    /// The drop of a flush in flight is user code.
    fn set_flush(&mut self, flush: SinkFlush) {
        drop_catching_panics(std::mem::replace(&mut self.flush, flush));
    }

    /// Whether the flush that was started is over.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> bool {
        if let SinkFlush::Completing { until } = self.flush {
            if self.in_flight.completed() < until {
                return false;
            }
            let delivery = self.supervisor.ask(CallKind::Occasional, || self.sink.flush());
            let delivery = delivery.unwrap_or_else(|| Delivery::done(Err(panicked())));
            self.set_flush(SinkFlush::Flushing(delivery));
        }
        let SinkFlush::Flushing(delivery) = &mut self.flush else { return true };
        let supervisor = &self.supervisor;
        let Poll::Ready(result) = supervisor.poll(|| poll_catching_panics(delivery, context)) else { return false };
        if let Err(error) = result {
            self.counters.errors.add(1);
            self.health.has_failed_since_flush = true;
            self.diagnostics.add(&self.name, error_text(error).into_string());
        }
        self.set_flush(SinkFlush::None);
        true
    }

    /// Has the sink start a new file, as soon as it has ended the rotation before.
    pub(crate) fn rotate(&mut self, ticket: RotateTicket) {
        self.rotations.add(ticket);
    }

    /// Starts and polls rotations. Returns whether one has ended.
    #[inline]
    pub(crate) fn poll_rotation(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        !self.rotations.is_empty() && self.work_on_rotations(now, context)
    }

    /// When a task that waits for a new file has waited long enough.
    pub(crate) fn rotation_due(&self, now: Instant) -> Option<Instant> {
        self.rotations.due(now)
    }

    #[cold]
    fn work_on_rotations(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        if self.rotations.is_start_due() {
            self.submit();
            let asked = self.supervisor.ask_in_time(CallKind::Occasional, "a new file", || self.sink.rotate());
            self.rotations.start(asked.unwrap_or_else(|| Delivery::done(Err(panicked()))));
        }
        let (rotations, supervisor) = (&mut self.rotations, &self.supervisor);
        let Poll::Ready(result) = supervisor.poll(|| rotations.poll(context)) else {
            self.rotations.wake_late(now);
            return false;
        };
        if let Err(error) = result {
            self.counters.errors.add(1);
            self.diagnostics.add(&self.name, error_text(error).into_string());
        }
        true
    }

    /// Whether something has failed since this was last asked.
    pub(crate) fn take_failure(&mut self) -> bool {
        std::mem::take(&mut self.health.has_failed_since_flush)
    }

    pub(crate) fn stop(&mut self, deadline: Instant) {
        self.health.is_stopping = true;
        let stop = || {
            self.sink.stop(deadline);
            Ok(())
        };
        if self.supervisor.call_last(stop) != CallOutcome::Done {
            self.counters.errors.add(1);
        }
    }

    /// Counts everything that is not delivered as lost to the deadline of the shutdown. Before that, deliveries in flight may end.
    pub(crate) fn give_up(&mut self) {
        if !self.in_flight.is_empty() {
            if !self.health.is_stopping {
                self.stop(Instant::now());
            }
            self.poll(&mut Context::from_waker(Waker::noop()), |_| {});
        }
        self.abandon();
    }

    /// As [`give_up`](Self::give_up), but deliveries in flight may not end: nobody reads their counts any more.
    pub(crate) fn abandon(&mut self) {
        let encoded = self.filling.take().map_or(0, |filling| filling.events);
        self.count_lost(DeliveryFailure::GivenUp, self.in_flight.pending_events() + encoded);
        self.drop_deliveries();
        self.assert_balanced();
    }

    fn drop_deliveries(&mut self) {
        self.in_flight.clear();
        self.rotations.clear();
        self.set_flush(SinkFlush::None);
    }
}

fn is_taken_by(route: &Route, event: &Event<'_>, batch: &Batch<'_>) -> bool {
    route.takes(event.level(), event.target(), event.source().name())
        || batch.subject_of(event).is_some_and(|subject| route.takes_subject(&subject))
}

impl Drop for SinkWorker {
    fn drop(&mut self) {
        self.drop_deliveries();
        drop_catching_panics(std::mem::replace(&mut self.sink, Box::new(Gone)));
    }
}

/// Takes the place of a sink that is dropped.
struct Gone;

impl Sink for Gone {
    fn writer(&self) -> String {
        String::new()
    }

    fn payload(&mut self) -> Option<Payload> {
        None
    }

    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) {}

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(panicked()))
    }
}
