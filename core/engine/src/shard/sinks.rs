//! The sinks of a shard: a worker for each, and those that are being removed.

use std::time::Instant;

use fapilog_plugin::{
    event::{Batch, Event},
    factory::ShardInfo,
    sink::SinkError,
};
use fapilog_record::user_code::drop_catching_panics;
use fapilog_ring::sync::lock;

use crate::{
    delivery::{
        encode::Readiness,
        fallback::{FallbackAnswer, FallbackResult, FallbackTicket, HandedOver},
        payload_ids::PayloadIds,
        sink_reports::OwnLosses,
        sink_worker::{SinkWorker, WorkerPlace},
    },
    diagnostics::DiagnosticLog,
    error::StartError,
    port::{ShardPort, SinkView, plan::SinkPlan},
    shard::{ShardSettings, apply_changes::Leaving, degradation::Emergency, in_band::Reports},
    supervisor::SupervisorPolicy,
};

/// The sink workers of a shard.
pub(super) struct ShardSinks {
    pub(super) workers: Vec<SinkWorker>,
    /// Sinks that are removed, and have still to deliver the events that they hold.
    pub(super) leaving: Vec<Leaving>,
    pub(super) emergency: Emergency,
    pub(super) policy: SupervisorPolicy,
    pub(super) diagnostics: DiagnosticLog,
    ids: PayloadIds,
}

impl ShardSinks {
    pub(super) fn new(
        plans: &[SinkPlan],
        shard: ShardInfo,
        settings: &ShardSettings,
        diagnostics: &DiagnosticLog,
        policy: SupervisorPolicy,
        port: &ShardPort,
        ids: PayloadIds,
    ) -> Result<Self, StartError> {
        let mut sinks = Self {
            workers: Vec::with_capacity(plans.len()),
            leaving: Vec::new(),
            emergency: Emergency::default(),
            policy,
            diagnostics: diagnostics.clone(),
            ids,
        };
        let mut views = Vec::with_capacity(plans.len());
        for plan in plans {
            let made = sinks.add(plan, shard, settings);
            views.push(made.map_err(|cause| StartError::Sink { sink: plan.name.clone(), cause })?);
        }
        *lock(&port.sinks) = views;
        Ok(sinks)
    }

    /// Adds a sink behind the others.
    pub(super) fn add(
        &mut self,
        plan: &SinkPlan,
        shard: ShardInfo,
        settings: &ShardSettings,
    ) -> Result<SinkView, SinkError> {
        let flush_interval = settings.flush_interval;
        let Self { diagnostics, policy, ids, .. } = &*self;
        let place = WorkerPlace { shard, flush_interval, diagnostics, policy: *policy, ids };
        let (worker, view) = SinkWorker::new(plan, place)?;
        self.workers.push(worker);
        Ok(view)
    }

    /// Takes payloads to fallbacks, and results back. Returns whether anything has changed.
    pub(super) fn exchange_fallbacks(&mut self, now: Instant) -> bool {
        self.all().any(|worker| worker.has_mail()) && (self.take_to_fallbacks(now) | self.take_results_back(now))
    }

    /// Returns whether a fallback has answered otherwise than that it has no room now.
    #[cold]
    fn take_to_fallbacks(&mut self, now: Instant) -> bool {
        let mut has_answer = false;
        let handed_over: Vec<HandedOver> =
            self.all().flat_map(|worker| std::iter::from_fn(|| worker.take_handed_over())).collect();
        for payload in handed_over {
            let answer = match self.fit_for_fallback(payload) {
                Ok((fallback, payload)) => fallback.deliver_for_another(payload, now),
                Err(ticket) => FallbackAnswer::Fails(ticket),
            };
            has_answer |= !matches!(answer, FallbackAnswer::NoRoom(_));
            match answer {
                FallbackAnswer::Taken => {}
                FallbackAnswer::NoRoom(payload) => {
                    if let Some(worker) = self.all().find(|worker| worker.name() == payload.ticket.sink) {
                        worker.wait_for_fallback(payload);
                    }
                }
                FallbackAnswer::Fails(ticket) => {
                    if let Some(worker) = self.all().find(|worker| worker.name() == ticket.sink) {
                        worker.end_fallback(&ticket, Err(None), now);
                    }
                }
            }
        }
        has_answer
    }

    /// The fallback, and the payload in a form that it takes. An error if there is no such sink, or no text of the records.
    fn fit_for_fallback(&mut self, payload: HandedOver) -> Result<(&mut SinkWorker, HandedOver), FallbackTicket> {
        let of_name = |worker: &SinkWorker, name: &str| worker.name() == name;
        let place = self.workers.iter().position(|worker| of_name(worker, &payload.fallback));
        let form = place.and_then(|place| self.workers.get(place)).map(SinkWorker::record_form);
        let payload = match form {
            Some(form) if !payload.is_for(form) => {
                let giver = self.all().find(|worker| of_name(worker, &payload.ticket.sink));
                match giver.and_then(|giver| giver.as_text(&payload.payload)) {
                    Some(text) => payload.with_text(text),
                    None => return Err(payload.ticket),
                }
            }
            _ => payload,
        };
        match place.and_then(|place| self.workers.get_mut(place)) {
            Some(fallback) => Ok((fallback, payload)),
            None => Err(payload.ticket),
        }
    }

    /// Returns whether there were any.
    #[cold]
    fn take_results_back(&mut self, now: Instant) -> bool {
        let results: Vec<FallbackResult> = self.all().flat_map(SinkWorker::take_fallback_results).collect();
        let has_some = !results.is_empty();
        self.give_fallback_results(results, now);
        has_some
    }

    /// Gives results of fallbacks to the sinks whose payloads they are of.
    pub(super) fn give_fallback_results(&mut self, results: Vec<FallbackResult>, now: Instant) {
        for FallbackResult { ticket, result } in results {
            match self.all().find(|worker| worker.name() == ticket.sink) {
                Some(worker) => worker.end_fallback(&ticket, result.map_err(Some), now),
                // A sink that is gone has counted its events.
                None => drop_catching_panics(result),
            }
        }
    }

    /// Ends all deliveries. Those in flight are polled for the last time, unless the accounts are closed.
    pub(super) fn end(&mut self, is_abandoned: bool) {
        if !is_abandoned {
            self.all().for_each(SinkWorker::poll_last);
            // A payload that its fallback has just delivered is not lost.
            let _ = self.take_results_back(Instant::now());
        }
        self.all().for_each(if is_abandoned { SinkWorker::abandon } else { SinkWorker::give_up });
    }

    /// All workers, those of sinks that are being removed, too.
    fn all(&mut self) -> impl Iterator<Item = &mut SinkWorker> {
        self.workers.iter_mut().chain(self.leaving.iter_mut().map(|leaving| &mut leaving.worker))
    }

    /// Whether a batch may come: every sink takes or drops it. A stalled sink drops its events as long as another sink has
    /// room; where none has, the events wait.
    pub(super) fn are_ready(&mut self, now: Instant) -> bool {
        let (mut has_room, mut is_stalled) = (false, false);
        for worker in &mut self.workers {
            match worker.readiness(now) {
                Readiness::HasRoom => has_room = true,
                Readiness::Drops => {}
                Readiness::Stalled => is_stalled = true,
                Readiness::Full => return false,
            }
        }
        has_room || !is_stalled
    }

    /// Whether a sink takes a report of losses now.
    pub(super) fn takes_report(&mut self, now: Instant) -> bool {
        self.workers.iter_mut().any(|worker| worker.readiness_for_report(now) == Readiness::HasRoom)
    }

    /// Whether a sink takes a report of losses, now or before long.
    pub(super) fn may_take_report(&mut self, now: Instant) -> bool {
        let may_take =
            |worker: &mut SinkWorker| matches!(worker.readiness_for_report(now), Readiness::HasRoom | Readiness::Full);
        self.workers.iter_mut().any(may_take)
    }

    /// Whether everything that was encoded is submitted.
    pub(super) fn is_all_submitted(&self) -> bool {
        self.workers.iter().all(SinkWorker::is_submitted)
    }

    /// Encodes a batch for every sink.
    #[inline]
    pub(super) fn encode(&mut self, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        if batch.is_empty() {
            return;
        }
        pass(batch, port);
        port.counters.unrouted.add(self.count_unrouted(batch));
        for worker in &mut self.workers {
            worker.encode(batch, port, now);
        }
        self.pass_by_leaving(batch, port);
    }

    /// Encodes a batch of these reports for those sinks that they are for.
    pub(super) fn encode_reports(&mut self, reports: &Reports<'_>, batch: &Batch<'_>, port: &ShardPort, now: Instant) {
        pass(batch, port);
        for (place, worker) in self.workers.iter_mut().enumerate() {
            let is_addressed = match reports.only {
                Some(only) => only == place,
                None => worker.readiness_for_report(now) == Readiness::HasRoom,
            };
            if is_addressed {
                let all = reports.of_sink(worker.name());
                let own = match reports.attempt_kept {
                    Some(kept) => OwnLosses::Attempted { all, kept },
                    None => OwnLosses::Regular(all),
                };
                worker.encode_report(batch, own, port, now);
            } else {
                worker.passed_by(batch.len() as u64);
            }
        }
        self.pass_by_leaving(batch, port);
    }

    /// Counts reports that no sink has taken, because an attempt failed.
    pub(super) fn count_failed_attempts(&mut self, port: &ShardPort) {
        let leaving = self.leaving.iter_mut().map(|leaving| &mut leaving.worker);
        let failed = self.workers.iter_mut().chain(leaving).map(SinkWorker::take_failed_attempts).sum();
        port.counters.unrouted.add(failed);
    }

    /// Sinks that are being removed are still in the accounts.
    fn pass_by_leaving(&self, batch: &Batch<'_>, port: &ShardPort) {
        for Leaving { worker, .. } in &self.leaving {
            worker.passed_by(batch.len() as u64);
        }
        let leaving = self.leaving.iter().map(|leaving| &leaving.worker);
        for worker in self.workers.iter().chain(leaving) {
            debug_assert_eq!(worker.offered(), port.counters.passed.get(), "{} has not had every event", worker.name());
        }
    }

    /// The number of events that are for no sink.
    fn count_unrouted(&self, batch: &Batch<'_>) -> u64 {
        if self.workers.iter().any(SinkWorker::takes_all) {
            return 0;
        }
        let is_unrouted = |event: &&Event<'_>| !self.workers.iter().any(|worker| worker.takes(event, batch));
        batch.events().iter().filter(is_unrouted).count() as u64
    }
}

/// Counts the events of a batch as passed to the sinks.
fn pass(batch: &Batch<'_>, port: &ShardPort) {
    port.counters.passed.add(batch.len() as u64);
    port.counters.in_hand.set(batch.taken(), 0);
}
