//! A stage of the pipeline: plugins of one kind, each with its supervisor.

use std::{mem::ManuallyDrop, sync::Arc, time::Instant};

use fapilog_plugin::{
    enricher::Enricher, error::PluginError, event::Batch, factory::ShardInfo, kind::PluginKind, name::is_name,
    plugin_counts::PluginCounts, processor::Processor,
};
use fapilog_record::user_code::{catch_panic, drop_catching_panics};

use crate::{
    accounts::{LossReason, PluginCounters, PluginState},
    port::{
        ShardPort,
        plan::{NotMade, PluginPlan},
    },
    supervisor::{CallKind, CallOutcome, Supervisor, SupervisorPolicy},
};

/// The calls that a stage makes of a plugin, whatever its kind.
pub(super) trait StagePlugin {
    fn name(&self) -> &'static str;

    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError>;

    fn stop(&mut self) -> Result<(), PluginError>;

    /// Emits the plugin's summary. An enricher has none.
    fn finish(&mut self, _batch: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }

    fn is_essential(&self) -> bool {
        false
    }

    fn counts(&self) -> Option<PluginCounts> {
        None
    }

    fn due(&self) -> Option<Instant> {
        None
    }
}

impl StagePlugin for dyn Enricher {
    fn name(&self) -> &'static str {
        Enricher::name(self)
    }

    #[inline]
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.enrich(batch)
    }

    fn stop(&mut self) -> Result<(), PluginError> {
        Enricher::stop(self)
    }
}

impl StagePlugin for dyn Processor {
    fn name(&self) -> &'static str {
        Processor::name(self)
    }

    #[inline]
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.process(batch)
    }

    fn stop(&mut self) -> Result<(), PluginError> {
        Processor::stop(self)
    }

    fn finish(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        Processor::finish(self, batch)
    }

    fn is_essential(&self) -> bool {
        Processor::is_essential(self)
    }

    fn counts(&self) -> Option<PluginCounts> {
        Processor::counts(self)
    }

    fn due(&self) -> Option<Instant> {
        Processor::due(self)
    }
}

/// Plugins of one kind, in the order in which they are called.
pub(super) struct PluginStage<P: ?Sized> {
    kind: PluginKind,
    plugins: Vec<SupervisedPlugin<P>>,
}

/// A plugin that is made and has a valid name, which may be another's too.
pub(super) struct MadePlugin<P: ?Sized> {
    plugin: Box<P>,
    pub(super) name: String,
    is_at_run_time: bool,
}

impl<P: StagePlugin + ?Sized> PluginStage<P> {
    pub(super) fn new(kind: PluginKind) -> Self {
        Self { kind, plugins: Vec::new() }
    }

    pub(super) fn kind(&self) -> PluginKind {
        self.kind
    }

    /// Makes the plugin that would be the next one of the stage.
    pub(super) fn make(&self, plan: &PluginPlan<P>, shard: ShardInfo) -> Result<MadePlugin<P>, NotMade> {
        let not_made = |cause| {
            let name = plan.name.clone().unwrap_or_else(|| format!("{} {}", self.kind, self.plugins.len()));
            NotMade { kind: self.kind, name, cause }
        };
        let made = catch_panic(|| (plan.make)(shard)).unwrap_or(Err(PluginError::Panicked));
        let plugin = made.map_err(not_made)?;
        let Ok(name) = catch_panic(|| plan.name.clone().unwrap_or_else(|| plugin.name().to_owned())) else {
            // Not while the panic unwinds: the plugin's drop may panic too.
            drop_catching_panics(plugin);
            return Err(not_made(PluginError::Panicked));
        };
        if !is_name(&name) {
            drop_catching_panics(plugin);
            return Err(not_made(PluginError::BadName { name }));
        }
        Ok(MadePlugin { plugin, name, is_at_run_time: plan.is_at_run_time })
    }

    /// Adds a plugin behind the others.
    pub(super) fn push(&mut self, made: MadePlugin<P>, supervisor: Supervisor, counters: Arc<PluginCounters>) {
        let MadePlugin { plugin, is_at_run_time, .. } = made;
        // A redactor is called in any state of the pipeline, and an enricher is never essential.
        let is_processor = self.kind == PluginKind::Processor;
        let is_essential = is_processor && catch_panic(|| plugin.is_essential()).unwrap_or(false);
        counters.show_own(catch_panic(|| plugin.counts()).unwrap_or(None));
        let plugin = OwnedPlugin::new(plugin);
        self.plugins.push(SupervisedPlugin { plugin, supervisor, counters, is_essential, is_at_run_time });
    }

    /// Passes a batch through. Where the pipeline is reduced, only essential plugins are called, and those whose breaker
    /// has opened: without a retry, no breaker would close again.
    #[inline]
    pub(super) fn run(&mut self, batch: &mut Batch<'_>, port: &ShardPort, is_reduced: bool) {
        for plugin in &mut self.plugins {
            if !is_reduced || plugin.is_essential || plugin.supervisor.is_tripped() {
                plugin.run(batch, port);
            }
        }
    }

    /// Passes a batch through. An event that a plugin could not see is lost.
    pub(super) fn run_or_drop(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        for plugin in &mut self.plugins {
            if plugin.run(batch, port) != CallOutcome::Done && !batch.is_empty() {
                batch.events().iter().for_each(|event| port.counters.lost_by_level.add(event.level(), 1));
                plugin.count_lost(LossReason::RedactorFailed, batch.len() as u64, port);
                batch.retain(|_| false);
                port.counters.in_hand.set(batch.taken(), 0);
            }
        }
    }

    /// Passes a batch through, up to the first plugin that could not see it. Returns whether there was none.
    pub(super) fn run_until_failure(&mut self, batch: &mut Batch<'_>, port: &ShardPort) -> bool {
        self.plugins.iter_mut().all(|plugin| plugin.run(batch, port) == CallOutcome::Done)
    }

    /// Lets each plugin emit its summary, if `is_finishing`; the plugins behind it see the summary.
    pub(super) fn finish(
        &mut self,
        batch: &mut Batch<'_>,
        port: &ShardPort,
        is_finishing: impl Fn(&SupervisedPlugin<P>) -> bool,
    ) {
        for plugin in &mut self.plugins {
            if !batch.is_empty() {
                plugin.run(batch, port);
            }
            if is_finishing(plugin) {
                plugin.finish(batch, port);
            }
        }
    }

    /// The number of plugins whose breaker has opened.
    #[inline]
    pub(super) fn tripped(&self) -> usize {
        self.plugins.iter().filter(|plugin| plugin.supervisor.is_tripped()).count()
    }

    /// The earliest time at which a plugin wants to be called, events or not.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        let active = self.plugins.iter_mut().filter(|plugin| plugin.supervisor.is_active(now));
        let ask = |SupervisedPlugin { plugin, supervisor, .. }: &mut SupervisedPlugin<P>| {
            supervisor.ask(CallKind::Due, || plugin.0.due())
        };
        active.filter_map(|plugin| ask(plugin).flatten()).min()
    }

    /// Whether there is a plugin of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.plugins.iter().any(|plugin| plugin.supervisor.name() == name)
    }

    /// Enables or disables the plugins of this name.
    pub(super) fn set_enabled(&mut self, name: &str, is_enabled: bool) {
        let named = self.plugins.iter_mut().filter(|plugin| plugin.supervisor.name() == name);
        named.for_each(|plugin| plugin.supervisor.set_enabled(is_enabled));
    }

    /// Removes the plugins of this name. Their summaries are in the batch then.
    pub(super) fn remove(&mut self, name: &str, batch: &mut Batch<'_>, port: &ShardPort) {
        let has_summary = self.kind != PluginKind::Enricher;
        for mut gone in self.plugins.extract_if(.., |plugin| plugin.supervisor.name() == name) {
            if has_summary {
                gone.finish(batch, port);
            }
            gone.stop();
            gone.counters.set_state(PluginState::Removed);
        }
    }

    /// Stops the plugins of this name, and drops them without their summaries.
    pub(super) fn discard(&mut self, name: &str) {
        for mut gone in self.plugins.extract_if(.., |plugin| plugin.supervisor.name() == name) {
            gone.stop();
            gone.counters.set_state(PluginState::Removed);
        }
    }

    /// Drops all plugins, the last one first, and calls none.
    pub(super) fn drop_plugins(&mut self) {
        self.plugins.drain(..).rev().for_each(drop);
    }

    /// Takes over the program's changes at run time from the stage before it: added plugins, which come behind the others,
    /// and disabled ones.
    pub(super) fn take_over(&mut self, old: &mut Self, policy: SupervisorPolicy) {
        for plugin in &mut self.plugins {
            let name = plugin.supervisor.name();
            let was_disabled =
                |before: &SupervisedPlugin<P>| before.supervisor.name() == name && !before.supervisor.is_enabled();
            if old.plugins.iter().any(was_disabled) {
                plugin.supervisor.set_enabled(false);
            }
        }
        for mut kept in old.plugins.extract_if(.., |plugin| plugin.is_at_run_time) {
            kept.supervisor.set_policy(policy);
            self.plugins.push(kept);
        }
    }

    /// Shows every plugin as removed.
    pub(super) fn mark_removed(&self) {
        self.plugins.iter().for_each(|plugin| plugin.counters.set_state(PluginState::Removed));
    }

    /// Stops all plugins, the last one first. The failure of a plugin stops no other.
    pub(super) fn stop(&mut self) {
        for mut plugin in self.plugins.drain(..).rev() {
            plugin.stop();
        }
    }
}

/// A plugin whose drop lets no panic through: it is user code, and may come while an abandoned shard unwinds.
struct OwnedPlugin<P: ?Sized>(ManuallyDrop<Box<P>>);

impl<P: ?Sized> OwnedPlugin<P> {
    fn new(plugin: Box<P>) -> Self {
        Self(ManuallyDrop::new(plugin))
    }
}

impl<P: ?Sized> Drop for OwnedPlugin<P> {
    fn drop(&mut self) {
        // SAFETY: the plugin is taken once, and not used behind it: `self` is dropped.
        let plugin = unsafe { ManuallyDrop::take(&mut self.0) };
        drop_catching_panics(plugin);
    }
}

/// A plugin with its supervisor.
pub(super) struct SupervisedPlugin<P: ?Sized> {
    plugin: OwnedPlugin<P>,
    supervisor: Supervisor,
    counters: Arc<PluginCounters>,
    /// It is called even when the pipeline is reduced.
    is_essential: bool,
    /// See [`PluginPlan::at_run_time`].
    pub(super) is_at_run_time: bool,
}

impl<P: StagePlugin + ?Sized> SupervisedPlugin<P> {
    /// Passes a batch through the plugin, and counts the events that it takes out and emits.
    #[inline]
    fn run(&mut self, batch: &mut Batch<'_>, port: &ShardPort) -> CallOutcome {
        let before = BatchSize::of(batch);
        let plugin = &mut **self.plugin.0;
        let outcome = self.supervisor.call(|| plugin.run(batch));
        self.count(&before, outcome, batch, port);
        outcome
    }

    /// Lets the plugin emit its summary in any state: it sums up what the plugin did before.
    fn finish(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        let before = BatchSize::of(batch);
        let plugin = &mut **self.plugin.0;
        let outcome = self.supervisor.call_in_any_state(|| plugin.finish(batch));
        self.count(&before, outcome, batch, port);
    }

    /// Stops the plugin in any state: it may have something to close.
    fn stop(&mut self) {
        let plugin = &mut **self.plugin.0;
        self.supervisor.call_last(|| plugin.stop());
    }

    /// An event that is gone from the batch is gone, however the call ended; a panic changes only how it counts.
    #[inline]
    fn count(&self, before: &BatchSize, outcome: CallOutcome, batch: &Batch<'_>, port: &ShardPort) {
        let emitted = batch.emitted() - before.emitted;
        if emitted > 0 {
            port.counters.internal.add(emitted);
        }
        let gone = (before.events + emitted).saturating_sub(batch.len() as u64);
        match outcome {
            CallOutcome::Done | CallOutcome::Failed => self.counters.filtered.add(gone),
            CallOutcome::Panicked => self.count_lost(LossReason::PluginPanicked, gone, port),
            CallOutcome::Skipped => debug_assert_eq!(gone, 0, "a plugin that is not called takes nothing out"),
        }
        port.counters.in_hand.set(batch.taken(), batch.len() as u64);
    }

    /// Counts events that are lost by this plugin.
    #[cold]
    fn count_lost(&self, reason: LossReason, events: u64, port: &ShardPort) {
        self.counters.lost.add(reason, events);
        port.counters.lost.add(reason, events);
    }
}

/// The size of a batch before a call.
struct BatchSize {
    events: u64,
    emitted: u64,
}

impl BatchSize {
    #[inline]
    fn of(batch: &Batch<'_>) -> Self {
        Self { events: batch.len() as u64, emitted: batch.emitted() }
    }
}
