//! The pipeline: the stages that a batch passes through before it is encoded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{enricher::Enricher, event::Batch, factory::ShardInfo, kind::PluginKind, processor::Processor};
use fapilog_ring::sync::lock;

use crate::{
    accounts::{PluginCounters, PluginState},
    diagnostics::DiagnosticLog,
    port::{
        PluginView, ShardPort,
        plan::{NotMade, PipelinePlan, PluginPlan},
    },
    shard::stage::{PluginStage, StagePlugin},
    supervisor::{Supervisor, SupervisorPolicy},
};

/// The number of open breakers that reduces the pipeline to its essential plugins. A single one leaves the others as they are.
const TRIPPED_MAX: usize = 2;

/// The least time between two calls that no event is the reason for.
const DUE_INTERVAL: Duration = Duration::from_millis(1);

/// Enrichers, then processors, then redactors.
pub(super) struct Pipeline {
    enrichers: PluginStage<dyn Enricher>,
    processors: PluginStage<dyn Processor>,
    redactors: PluginStage<dyn Processor>,
    shard: ShardInfo,
    /// The time of the last run.
    last_run: Option<Instant>,
    policy: SupervisorPolicy,
    diagnostics: DiagnosticLog,
}

impl Pipeline {
    pub(super) fn new(
        plan: &PipelinePlan,
        shard: ShardInfo,
        port: &ShardPort,
        diagnostics: &DiagnosticLog,
    ) -> Result<Self, NotMade> {
        let mut pipeline = Self {
            enrichers: PluginStage::new(PluginKind::Enricher),
            processors: PluginStage::new(PluginKind::Processor),
            redactors: PluginStage::new(PluginKind::Redactor),
            shard,
            last_run: None,
            policy: plan.policy,
            diagnostics: diagnostics.clone(),
        };
        match pipeline.add_all(plan, port) {
            Ok(()) => Ok(pipeline),
            Err(not_made) => {
                // The plugins that were made are stopped again.
                pipeline.retire();
                Err(not_made)
            }
        }
    }

    fn add_all(&mut self, plan: &PipelinePlan, port: &ShardPort) -> Result<(), NotMade> {
        plan.enrichers.iter().try_for_each(|enricher| self.add_enricher(enricher, port))?;
        plan.processors.iter().try_for_each(|processor| self.add_processor(processor, port))?;
        plan.redactors.iter().try_for_each(|redactor| self.add_redactor(redactor, port))
    }

    pub(super) fn add_enricher(&mut self, plan: &PluginPlan<dyn Enricher>, port: &ShardPort) -> Result<(), NotMade> {
        self.add(|pipeline| &mut pipeline.enrichers, plan, port)
    }

    pub(super) fn add_processor(&mut self, plan: &PluginPlan<dyn Processor>, port: &ShardPort) -> Result<(), NotMade> {
        self.add(|pipeline| &mut pipeline.processors, plan, port)
    }

    pub(super) fn add_redactor(&mut self, plan: &PluginPlan<dyn Processor>, port: &ShardPort) -> Result<(), NotMade> {
        self.add(|pipeline| &mut pipeline.redactors, plan, port)
    }

    fn add<P: StagePlugin + ?Sized>(
        &mut self,
        stage_of: fn(&mut Self) -> &mut PluginStage<P>,
        plan: &PluginPlan<P>,
        port: &ShardPort,
    ) -> Result<(), NotMade> {
        let shard = self.shard;
        let stage = stage_of(self);
        let kind = stage.kind();
        let made = stage.make(plan, shard)?;
        let name = self.free_name(&made.name, port);
        let counters = counters_for(&name, kind, port);
        let supervisor = Supervisor::new(&name, self.policy, Arc::clone(&counters), self.diagnostics.clone());
        stage_of(self).push(made, supervisor, counters);
        Ok(())
    }

    /// The name, with a number behind it where another plugin or a sink has it. Two plugins of one type are welcome, but a
    /// name must mean one of them.
    fn free_name(&self, name: &str, port: &ShardPort) -> String {
        let is_free = |name: &String| !self.has(name) && lock(&port.sinks).iter().all(|sink| sink.name != *name);
        let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| name.to_owned())
    }

    /// Passes a batch through. A plugin that fails leaves the batch as it is.
    #[inline]
    pub(super) fn run(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.last_run = Some(batch.instant());
        let is_reduced = self.is_reduced();
        self.enrichers.run(batch, port, is_reduced);
        self.processors.run(batch, port, is_reduced);
        self.redact(batch, port);
    }

    /// Passes reports of losses through. Processors do not see them: a filter could take them out.
    ///
    /// Returns whether every redactor has seen them. If not, the fields that enrichers have added must not go on.
    pub(super) fn run_report(&mut self, batch: &mut Batch<'_>, port: &ShardPort) -> bool {
        let is_reduced = self.is_reduced();
        self.enrichers.run(batch, port, is_reduced);
        self.redactors.run_until_failure(batch, port)
    }

    /// Whether so many breakers are open that only the essential plugins are called.
    #[inline]
    pub(super) fn is_reduced(&self) -> bool {
        self.enrichers.tripped() + self.processors.tripped() >= TRIPPED_MAX
    }

    /// Passes a batch through the redactors. An event that a redactor has not seen is lost.
    pub(super) fn redact(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.redactors.run_or_drop(batch, port);
    }

    /// Lets each processor emit its summary into the last batch; those behind it see the summary.
    pub(super) fn finish(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.processors.finish(batch, port, |_| true);
        self.redact(batch, port);
    }

    /// As [`finish`](Self::finish), but for the plugins that were added at run time, which see the summaries and go on.
    pub(super) fn finish_planned(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.processors.finish(batch, port, |processor| !processor.is_at_run_time);
        self.redact(batch, port);
    }

    /// The limits for its plugins.
    pub(super) fn policy(&self) -> SupervisorPolicy {
        self.policy
    }

    /// Takes over the program's changes at run time from the pipeline before it: added and disabled plugins.
    pub(super) fn take_over(&mut self, old: &mut Self) {
        self.enrichers.take_over(&mut old.enrichers, self.policy);
        self.processors.take_over(&mut old.processors, self.policy);
        self.redactors.take_over(&mut old.redactors, self.policy);
    }

    /// The earliest time at which a processor wants to be called, events or not.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.processors.due(now)?;
        // A processor that is always due keeps no drain awake.
        let earliest = self.last_run.and_then(|last| last.checked_add(DUE_INTERVAL));
        Some(earliest.map_or(due, |earliest| due.max(earliest)))
    }

    /// Whether there is a plugin of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.enrichers.has(name) || self.processors.has(name) || self.redactors.has(name)
    }

    /// Enables or disables the plugins of this name.
    pub(super) fn set_enabled(&mut self, name: &str, is_enabled: bool) {
        self.enrichers.set_enabled(name, is_enabled);
        self.processors.set_enabled(name, is_enabled);
        self.redactors.set_enabled(name, is_enabled);
    }

    /// Removes the plugins of this name. The batch is empty before; the summaries in it have still to pass the redactors.
    pub(super) fn remove(&mut self, name: &str, batch: &mut Batch<'_>, port: &ShardPort) {
        self.enrichers.remove(name, batch, port);
        self.processors.remove(name, batch, port);
        self.redactors.remove(name, batch, port);
    }

    /// Stops the plugins of this name, and drops them without their summaries: they have had no event.
    pub(super) fn discard(&mut self, name: &str) {
        self.enrichers.discard(name);
        self.processors.discard(name);
        self.redactors.discard(name);
    }

    /// Drops all plugins and calls none.
    pub(super) fn drop_plugins(&mut self) {
        self.enrichers.drop_plugins();
        self.processors.drop_plugins();
        self.redactors.drop_plugins();
    }

    /// Stops all plugins for good, while the shard goes on with another pipeline.
    pub(super) fn retire(&mut self) {
        self.enrichers.mark_removed();
        self.processors.mark_removed();
        self.redactors.mark_removed();
        self.stop();
    }

    /// Stops all plugins, the last one first.
    pub(super) fn stop(&mut self) {
        self.redactors.stop();
        self.processors.stop();
        self.enrichers.stop();
    }
}

/// The counters for a plugin. A removed plugin of the same name and kind hands its counters on: their number is bounded by
/// the number of names.
fn counters_for(name: &str, kind: PluginKind, port: &ShardPort) -> Arc<PluginCounters> {
    let mut plugins = lock(&port.plugins);
    let is_gone =
        |view: &&PluginView| view.name == name && view.kind == kind && view.counters.state() == PluginState::Removed;
    if let Some(gone) = plugins.iter().find(is_gone) {
        gone.counters.set_state(PluginState::Active);
        return Arc::clone(&gone.counters);
    }
    let counters = Arc::<PluginCounters>::default();
    if let Some(calls) = port.calls.get() {
        counters.count_calls(calls);
    }
    plugins.push(PluginView { name: name.to_owned(), kind, counters: Arc::clone(&counters) });
    counters
}
