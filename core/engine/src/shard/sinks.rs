//! The sinks of a shard: a worker for each, and those that are being removed.

use std::time::Instant;

use fapilog_plugin::{event::Batch, factory::ShardInfo};
use fapilog_ring::sync::lock;

use crate::{
    delivery::sink_worker::SinkWorker,
    diagnostics::DiagnosticLog,
    error::StartError,
    port::{ShardPort, plan::SinkPlan},
    shard::{ShardSettings, apply_changes::Leaving, degradation::Emergency},
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
}

impl ShardSinks {
    pub(super) fn new(
        plans: &[SinkPlan],
        shard: ShardInfo,
        settings: &ShardSettings,
        diagnostics: &DiagnosticLog,
        policy: SupervisorPolicy,
        port: &ShardPort,
    ) -> Result<Self, StartError> {
        let mut workers = Vec::with_capacity(plans.len());
        let mut views = Vec::with_capacity(plans.len());
        for plan in plans {
            let made = SinkWorker::new(plan, shard, settings.flush_interval, diagnostics, policy);
            let (worker, view) = made.map_err(|source| StartError::Sink { sink: plan.name.clone(), source })?;
            workers.push(worker);
            views.push(view);
        }
        *lock(&port.sinks) = views;
        let diagnostics = diagnostics.clone();
        Ok(Self { workers, leaving: Vec::new(), emergency: Emergency::default(), policy, diagnostics })
    }

    /// Whether every sink takes a batch.
    pub(super) fn are_ready(&mut self) -> bool {
        self.workers.iter_mut().all(SinkWorker::is_ready)
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
        port.counters.passed.add(batch.len() as u64);
        for worker in &mut self.workers {
            worker.encode(batch, now);
            debug_assert_eq!(worker.offered(), port.counters.passed.get(), "{} has not had every event", worker.name());
        }
        // They are still in the accounts.
        for Leaving { worker, .. } in &self.leaving {
            worker.passed_by(batch.len() as u64);
            debug_assert_eq!(worker.offered(), port.counters.passed.get(), "{} has not had every event", worker.name());
        }
    }
}
