//! Plugins and sinks that come and go while the shard runs.

use std::{
    sync::Arc,
    task::Context,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::standard_streams;
use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use fapilog_ring::sync::lock;

use crate::{
    delivery::sink_worker::SinkWorker,
    error::ChangeError,
    port::{
        changes::{Change, ChangeAnswer},
        plan::{NotMade, PipelinePlan, SinkPlan},
    },
    shard::{Shard, loss_place::LossPlace, pipeline::Pipeline},
};

/// A sink that is being removed.
pub(super) struct Leaving {
    pub(super) worker: SinkWorker,
    pub(super) answer: Arc<ChangeAnswer>,
    deadline: Instant,
}

/// How long a sink that is removed may take to deliver the events that it holds.
const LEAVING_TIMEOUT: Duration = Duration::from_secs(5);

impl Shard {
    #[cold]
    pub(crate) fn take_up_changes(&mut self, now: Instant) {
        let _streams = standard_streams::reserve();
        while let Some((change, answer)) = self.port.changes.take() {
            match &change {
                // The caller has checked the name, but another change may have been posted then.
                Change::AddEnricher(_) | Change::AddProcessor(_) | Change::AddRedactor(_) | Change::AddSink(_)
                    if change.name().is_some_and(|name| self.has(name)) =>
                {
                    let name = change.name().unwrap_or_default().to_owned();
                    answer.give(Err(ChangeError::Taken { name }));
                }
                Change::Remove(name) if matches!(self.sinks.workers.as_slice(), [last] if last.name() == name) => {
                    answer.give(Err(ChangeError::LastSink { name: name.clone() }));
                }
                Change::AddEnricher(plan) => {
                    let added = self.stages.pipeline.add_enricher(plan, &self.port);
                    self.give(&answer, added.map_err(Into::into), &change);
                }
                Change::AddProcessor(plan) => {
                    let added = self.stages.pipeline.add_processor(plan, &self.port);
                    self.give(&answer, added.map_err(Into::into), &change);
                }
                Change::AddRedactor(plan) => {
                    let added = self.stages.pipeline.add_redactor(plan, &self.port);
                    self.give(&answer, added.map_err(Into::into), &change);
                }
                Change::AddSink(plan) => {
                    let added = self.add_sink(plan);
                    self.give(&answer, added, &change);
                }
                Change::PreparePipeline(plan) => {
                    let prepared = self.prepare_pipeline(plan);
                    self.give(&answer, prepared, &change);
                }
                Change::ReplacePipeline if self.stages.not_prepared.is_some() => {
                    let not_made = self.stages.not_prepared.take();
                    answer.give(not_made.map_or(Ok(()), |not_made| Err(not_made.into())));
                }
                Change::ReplacePipeline => {
                    // It is decided: a shard that takes over has the new pipeline, too.
                    self.record(&change);
                    self.replace_pipeline(now);
                    answer.give(Ok(()));
                }
                Change::DiscardPipeline => {
                    self.stages.discard_prepared();
                    self.give(&answer, Ok(()), &change);
                }
                Change::SetEnabled(name, is_enabled) => {
                    self.set_enabled(name, *is_enabled);
                    self.give(&answer, Ok(()), &change);
                }
                Change::Remove(name) => {
                    self.record(&change);
                    self.remove(name, now, answer);
                }
                Change::Rotate(request) => {
                    let asked = self.sinks.workers.iter_mut().filter(|worker| request.is_for(worker.name()));
                    for worker in asked {
                        let ticket = request.ticket(worker.name());
                        if let Some(hand_over) = self.port.hand_over.get() {
                            hand_over.add_ticket(ticket.state());
                        }
                        worker.rotate(ticket);
                    }
                    answer.give(Ok(()));
                }
            }
            // The closures that make plugins are user code, and so is their drop.
            drop_catching_panics(change);
        }
    }

    /// Answers a change, and records it for a shard that takes over, if it is made.
    fn give(&self, answer: &ChangeAnswer, result: Result<(), ChangeError>, change: &Change) {
        if result.is_ok() {
            self.record(change);
        }
        answer.give(result);
    }

    fn record(&self, change: &Change) {
        if let Some(hand_over) = self.port.hand_over.get() {
            hand_over.record(change);
        }
    }

    pub(super) fn set_enabled(&mut self, name: &str, is_enabled: bool) {
        self.stages.pipeline.set_enabled(name, is_enabled);
        let workers = self.sinks.workers.iter_mut().filter(|worker| worker.name() == name);
        workers.for_each(|worker| worker.set_enabled(is_enabled));
    }

    /// Whether there is a plugin or sink of this name. A sink that is being removed counts.
    fn has(&self, name: &str) -> bool {
        let mut workers = self.sinks.workers.iter().chain(self.sinks.leaving.iter().map(|leaving| &leaving.worker));
        self.stages.pipeline.has(name) || workers.any(|worker| worker.name() == name)
    }

    fn add_sink(&mut self, plan: &SinkPlan) -> Result<(), ChangeError> {
        let made = self.sinks.add(plan, self.info, &self.settings);
        let view = made.map_err(|cause| ChangeError::Sink { name: plan.name.clone(), cause })?;
        let passed = self.port.counters.passed.get();
        self.sinks.workers.last().into_iter().for_each(|worker| worker.passed_by(passed));
        if let Some(calls) = self.port.calls.get() {
            view.supervisor_counters.count_calls(calls);
        }
        lock(&self.port.sinks).push(view);
        Ok(())
    }

    fn prepare_pipeline(&mut self, plan: &PipelinePlan) -> Result<(), ChangeError> {
        Ok(self.make_prepared(plan)?)
    }

    pub(super) fn make_prepared(&mut self, plan: &PipelinePlan) -> Result<(), NotMade> {
        self.stages.discard_prepared();
        self.stages.prepared = Some(Pipeline::new(plan, self.info, &self.port, &self.sinks.diagnostics)?);
        Ok(())
    }

    /// Lets the old plugins emit their summaries, and puts the new ones in their place. Changes made at run time stay.
    fn replace_pipeline(&mut self, now: Instant) {
        let Some(mut new) = self.stages.prepared.take() else { return };
        self.take_summaries(now, Pipeline::finish_planned);
        new.take_over(&mut self.stages.pipeline);
        std::mem::swap(&mut self.stages.pipeline, &mut new);
        new.retire();
        self.sinks.policy = self.stages.pipeline.policy();
        self.port.turn_watch.set_limit(self.sinks.policy.timeout);
        self.sinks.workers.iter_mut().for_each(|worker| worker.set_policy(self.sinks.policy));
    }

    fn remove(&mut self, name: &str, now: Instant, answer: Arc<ChangeAnswer>) {
        if self.stages.pipeline.has(name) {
            self.take_summaries(now, |pipeline, batch, port| {
                pipeline.remove(name, batch, port);
                if !batch.is_empty() {
                    pipeline.redact(batch, port);
                }
            });
        }
        let Some(place) = self.sinks.workers.iter().position(|worker| worker.name() == name) else {
            return answer.give(Ok(()));
        };
        let mut worker = self.sinks.workers.remove(place);
        let deadline = now + LEAVING_TIMEOUT;
        worker.begin_flush();
        worker.stop(deadline);
        self.sinks.leaving.push(Leaving { worker, answer, deadline });
    }

    /// Drops removed sinks that have delivered everything, or whose deadline has passed.
    pub(super) fn drop_removed_sinks(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let before = self.sinks.leaving.len();
        let is_gone = |leaving: &mut Leaving| {
            leaving.worker.poll(now, context, |_| {});
            leaving.worker.poll_rotation(now, context);
            // No flush waits for a payload from disk.
            let is_done = leaving.worker.poll_flush(context) && !leaving.worker.is_delivering();
            // The disk may take long: the other sinks do not wait for it.
            (is_done && leaving.worker.has_closed_store()) || leaving.deadline <= now
        };
        let mut fallback_results = Vec::new();
        for Leaving { mut worker, answer, deadline } in self.sinks.leaving.extract_if(.., is_gone) {
            let is_late = (worker.is_delivering() && deadline <= now) || worker.has_lost_to_deadline();
            // The events that it still holds are lost. Its account goes with it, so the reports in the other sinks have the count.
            worker.give_up();
            fallback_results.extend(worker.take_fallback_results());
            self.port.counters.unrouted.add(worker.take_failed_attempts());
            if let Some(lost) = worker.collect_losses() {
                self.source.losses.add(LossPlace::Sink(worker.name().to_owned()), &lost);
            }
            lock(&self.port.sinks).retain(|view| view.name != worker.name());
            // A sink's drop is user code. It comes before the answer: files that it closes are closed then.
            let _ = catch_panic(|| drop(worker));
            answer.give(if is_late { Err(ChangeError::Deadline) } else { Ok(()) });
        }
        self.sinks.give_fallback_results(fallback_results, now);
        self.sinks.leaving.len() != before
    }
}
