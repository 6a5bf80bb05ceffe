//! A sink worker: one sink of a shard, from the payload that is being filled to the end of each payload.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    diagnostics::Diagnostics,
    factory::ShardInfo,
    problem::SettingsError,
    sink::{Delivery, OnFull, Payload, Sink, SinkContext, SinkError},
};
use fapilog_record::{
    timestamp::Timestamp,
    user_code::{catch_panic, drop_catching_panics},
};

use crate::{
    accounts::{LossReason, Losses, PluginCounters, SinkCounters},
    delivery::{
        destination::Destination,
        flush::SinkFlush,
        in_flight::panicked,
        payload_ids::PayloadIds,
        rotations::SinkRotations,
        sink_reports::{PayloadReports, SinkReports},
        sink_store::SinkStore,
    },
    diagnostics::DiagnosticLog,
    port::{
        SinkView, WriterText,
        plan::{SinkOptions, SinkPlan},
        rotate::RotateTicket,
    },
    route::Route,
    supervisor::{CallKind, Supervisor, SupervisorPolicy},
};

/// After this time without room, a sink blocks no other sink.
const STALL_TIME: Duration = Duration::from_secs(1);

/// A sink with the payload that is being filled, and the payloads on their way.
pub(crate) struct SinkWorker {
    pub(super) name: String,
    pub(super) sink: Box<dyn Sink>,
    /// The form of the sink's records.
    pub(super) record_form: Option<&'static str>,
    pub(super) on_full: OnFull,
    /// `None` where it takes all.
    pub(super) route: Option<Route>,
    pub(super) supervisor: Supervisor,
    pub(super) is_enabled: bool,
    pub(super) counters: Arc<SinkCounters>,
    writer: Arc<WriterText>,
    /// Its last audit event states that it fails.
    pub(crate) is_noted_as_impaired: bool,
    pub(super) diagnostics: DiagnosticLog,
    pub(super) filling: Option<FillingPayload>,
    pub(super) flush_interval: Duration,
    pub(super) destination: Destination,
    pub(super) flush: SinkFlush,
    pub(super) rotations: SinkRotations,
    pub(super) health: SinkHealth,
    /// Retries of the sink's own that are counted.
    own_retries: u64,
}

/// The place of a sink worker: the same for all sinks of a shard.
#[derive(Clone, Copy)]
pub(crate) struct WorkerPlace<'a> {
    pub(crate) shard: ShardInfo,
    pub(crate) flush_interval: Duration,
    pub(crate) diagnostics: &'a DiagnosticLog,
    pub(crate) policy: SupervisorPolicy,
    pub(crate) ids: &'a PayloadIds,
}

/// An impairment of a sink, for its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SinkImpairment {
    /// The last delivery or batch failed, or the breaker of its destination is open.
    Fails,
    /// It has had no room for `STALL_TIME`.
    Stalls,
}

/// The failures of a sink, as far as the shard acts on them.
#[derive(Debug, Default)]
pub(super) struct SinkHealth {
    /// The last delivery or batch failed.
    pub(super) is_failing: bool,
    /// Something has failed since the last flush was answered.
    pub(super) has_failed_since_flush: bool,
    /// Since when it has had no room, as far as it was asked.
    pub(super) full_since: Option<Instant>,
    pub(super) reports: SinkReports,
}

pub(super) struct FillingPayload {
    pub(super) payload: Payload,
    pub(super) events: u64,
    /// When the first of them was logged.
    pub(super) oldest: Option<Timestamp>,
    /// When it is to be delivered, full or not. `None` while it is empty.
    pub(super) due: Option<Instant>,
    pub(super) reports: PayloadReports,
}

impl SinkWorker {
    pub(crate) fn new(plan: &SinkPlan, place: WorkerPlace<'_>) -> Result<(Self, SinkView), SinkError> {
        let WorkerPlace { shard, flush_interval, diagnostics, policy, ids } = place;
        let problems = plan.own_delivery_problems();
        if !problems.is_empty() {
            return Err(SinkError::permanent(SettingsError { problems }));
        }
        let reports: Arc<dyn Diagnostics> = Arc::new(diagnostics.clone());
        let context = SinkContext::new(shard, &plan.name, &reports);
        let made = catch_panic(|| plan.factory.make(&context));
        let sink = made.unwrap_or_else(|_| Err(panicked()))?;
        let SinkOptions { on_full, route, delivery } = plan.options.clone();
        let asked = catch_panic(|| {
            let on_full = on_full.unwrap_or_else(|| plan.factory.on_full());
            (sink.writer(), sink.record_form(), on_full)
        });
        let Ok((writer, record_form, on_full)) = asked else {
            // Not while the panic unwinds: its drop may panic too.
            drop_catching_panics(sink);
            return Err(panicked());
        };
        let (spill, letters) = (delivery.spill, delivery.dead_letters);
        let store = SinkStore::open(spill, letters, &plan.name, shard, context.reporter(), ids);
        let store = match store {
            Ok(store) => store,
            Err(error) => {
                drop_catching_panics(sink);
                return Err(error);
            }
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
            record_form,
            on_full,
            route: (route != Route::default()).then_some(route),
            supervisor: Supervisor::new(&plan.name, policy, supervisor_counters, diagnostics.clone()),
            is_enabled: true,
            counters,
            writer,
            is_noted_as_impaired: false,
            diagnostics: diagnostics.clone(),
            filling: None,
            flush_interval,
            destination: Destination::new(plan.delivery_policy(), delivery.fallback, ids.clone(), store),
            flush: SinkFlush::None,
            rotations: SinkRotations::default(),
            health: SinkHealth::default(),
            own_retries: 0,
        };
        Ok((worker, view))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The form of the sink's records; `None` for those of a formatter.
    pub(crate) fn record_form(&self) -> Option<&'static str> {
        self.record_form
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

    /// Whether the last delivery or batch failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.health.is_failing
    }

    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        self.health.full_since.is_some_and(|since| now.saturating_duration_since(since) >= STALL_TIME)
    }

    /// Its impairment, if it has one.
    pub(crate) fn impairment(&self, now: Instant) -> Option<SinkImpairment> {
        match self.health.is_failing || !self.destination.breaker.is_closed() {
            true => Some(SinkImpairment::Fails),
            false => self.is_stalled(now).then_some(SinkImpairment::Stalls),
        }
    }

    /// Whether something has failed since this was last asked, or events of this container are on disk, and not delivered.
    pub(crate) fn take_failure(&mut self) -> bool {
        let is_spilling = self.destination.store.as_ref().is_some_and(|store| store.local_events() > 0);
        std::mem::take(&mut self.health.has_failed_since_flush) || is_spilling
    }

    /// Whether events were lost to the deadline that it was stopped with.
    pub(crate) fn has_lost_to_deadline(&self) -> bool {
        self.counters.lost.read().of(LossReason::ShutdownDeadline) > 0
    }

    /// Events that it could not deliver.
    pub(crate) fn failed_events(&self) -> u64 {
        self.counters.lost.read().of(LossReason::SinkFailed)
    }

    /// Events that came as far as this sink.
    pub(crate) fn offered(&self) -> u64 {
        self.counters.offered.get()
    }

    /// The law of the accounts at this sink. On the drain it is exact at any time: the drain alone writes these counters.
    pub(super) fn assert_balanced(&self) {
        let (events, is_due) =
            self.filling.as_ref().map_or((0, false), |filling| (filling.events, filling.due.is_some()));
        debug_assert_eq!(is_due, events > 0, "an empty payload is due, or a payload with events is not");
        let SinkCounters { delivered, filtered, lost, .. } = &*self.counters;
        debug_assert_eq!(
            self.offered(),
            delivered.get() + filtered.get() + lost.read().total() + self.destination.local_events() + events,
            "the accounts of {} do not balance",
            self.name
        );
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

    /// A sink that has retried may write in another way. An impaired sink retries before a delivery ends.
    pub(crate) fn count_retries(&mut self) {
        if self.supervisor.is_open() {
            return;
        }
        let retries = self.supervisor.ask(CallKind::Occasional, || self.sink.retries()).unwrap_or(0);
        let new = retries.saturating_sub(self.own_retries);
        self.own_retries += new;
        self.counters.retries.add(new);
        if new > 0
            && let Some(text) = self.supervisor.ask(CallKind::Occasional, || self.sink.writer())
        {
            self.writer.set(text);
        }
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
            if !self.destination.begins_new_file() {
                self.rotations.wake_late(now);
                return false;
            }
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
            self.diagnostics.add(&self.name, self.diagnostics.error_text(error));
        }
        true
    }
}
