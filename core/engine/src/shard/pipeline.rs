//! What a batch passes through before it is encoded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    enricher::Enricher, error::PluginError, event::Batch, factory::ShardInfo, kind::PluginKind, name::is_name,
    processor::Processor,
};
use fapilog_record::user_code::{catch_panic, drop_catching_panics};
use fapilog_ring::sync::lock;

use crate::{
    accounts::{LossReason, PluginCounters, PluginState},
    diagnostics::DiagnosticLog,
    guard::{Guard, GuardPolicy, Outcome, Step},
    port::{
        PluginView, ShardPort,
        plan::{NotMade, PipelinePlan, PluginPlan},
    },
};

/// How many plugins may be off before the pipeline is reduced to what is essential: with one, it is that plugin's affair.
const OFF_MAX: usize = 2;

/// The least time between two calls that no event is the reason for.
const DUE_INTERVAL: Duration = Duration::from_millis(1);

/// Enrichers, then processors, then redactors.
pub(super) struct Pipeline {
    enrichers: Vec<Guarded<dyn Enricher>>,
    processors: Vec<Guarded<dyn Processor>>,
    redactors: Vec<Guarded<dyn Processor>>,
    shard: ShardInfo,
    /// When it was run last.
    last_run: Option<Instant>,
    policy: GuardPolicy,
    diagnostics: DiagnosticLog,
}

/// A plugin and who watches it.
struct Guarded<P: ?Sized> {
    plugin: Box<P>,
    guard: Guard,
    counters: Arc<PluginCounters>,
    /// It is called even when the pipeline is reduced.
    is_essential: bool,
    /// See [`PluginPlan::at_run_time`].
    is_at_run_time: bool,
}

impl Pipeline {
    pub(super) fn new(
        plan: &PipelinePlan,
        shard: ShardInfo,
        port: &ShardPort,
        diagnostics: &DiagnosticLog,
    ) -> Result<Self, NotMade> {
        let mut pipeline = Self {
            enrichers: Vec::new(),
            processors: Vec::new(),
            redactors: Vec::new(),
            shard,
            last_run: None,
            policy: plan.policy,
            diagnostics: diagnostics.clone(),
        };
        match pipeline.add_all(plan, port) {
            Ok(()) => Ok(pipeline),
            Err(not_made) => {
                // Those that were made are gone again.
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

    /// Stops all plugins for good, while the shard goes on without them.
    pub(super) fn retire(&mut self) {
        let counters = self.enrichers.iter().map(|plugin| &plugin.counters);
        let counters = counters.chain(self.processors.iter().chain(&self.redactors).map(|plugin| &plugin.counters));
        counters.for_each(|counters| counters.set_state(PluginState::Removed));
        self.stop();
    }

    pub(super) fn add_enricher(&mut self, plan: &PluginPlan<dyn Enricher>, port: &ShardPort) -> Result<(), NotMade> {
        let place = self.enrichers.len();
        let made = self.make(plan, PluginKind::Enricher, place, port, |plugin| plugin.name())?;
        self.enrichers.push(made);
        Ok(())
    }

    pub(super) fn add_processor(&mut self, plan: &PluginPlan<dyn Processor>, port: &ShardPort) -> Result<(), NotMade> {
        let place = self.processors.len();
        let mut made = self.make(plan, PluginKind::Processor, place, port, |plugin| plugin.name())?;
        made.is_essential = catch_panic(|| made.plugin.is_essential()).unwrap_or(false);
        self.processors.push(made);
        Ok(())
    }

    pub(super) fn add_redactor(&mut self, plan: &PluginPlan<dyn Processor>, port: &ShardPort) -> Result<(), NotMade> {
        let place = self.redactors.len();
        let made = self.make(plan, PluginKind::Redactor, place, port, |plugin| plugin.name())?;
        self.redactors.push(made);
        Ok(())
    }

    fn make<P: ?Sized>(
        &self,
        plan: &PluginPlan<P>,
        kind: PluginKind,
        place: usize,
        port: &ShardPort,
        name_of: impl Fn(&P) -> &'static str,
    ) -> Result<Guarded<P>, NotMade> {
        let not_made = |source| {
            let name = plan.name.clone().unwrap_or_else(|| format!("{kind} {place}"));
            NotMade { kind, name, source }
        };
        let made = catch_panic(|| (plan.make)(self.shard)).unwrap_or(Err(PluginError::Panicked));
        let plugin = made.map_err(not_made)?;
        let Ok(name) = catch_panic(|| plan.name.clone().unwrap_or_else(|| name_of(&plugin).to_owned())) else {
            // Not while the panic unwinds: its drop may panic too.
            drop_catching_panics(plugin);
            return Err(not_made(PluginError::Panicked));
        };
        if !is_name(&name) {
            drop_catching_panics(plugin);
            return Err(not_made(PluginError::BadName { name }));
        }
        let name = self.free_name(name, port);
        let counters = tallies_for(&name, kind, port);
        let guard = Guard::new(&name, self.policy, Arc::clone(&counters), self.diagnostics.clone());
        Ok(Guarded { plugin, guard, counters, is_essential: false, is_at_run_time: plan.is_at_run_time })
    }

    /// The name, with a number behind it where another plugin or a sink has it: two plugins of a type are both welcome, but
    /// whoever asks for one by its name must not get both.
    fn free_name(&self, name: String, port: &ShardPort) -> String {
        let is_free = |name: &String| !self.has(name) && lock(&port.sinks).iter().all(|sink| sink.name != *name);
        if is_free(&name) {
            return name;
        }
        (2_u64..).map(|number| format!("{name}-{number}")).find(is_free).unwrap_or(name)
    }

    /// Passes a batch through. A plugin that fails has no say about this batch.
    #[inline]
    pub(super) fn run(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.last_run = Some(batch.instant());
        let is_reduced = self.is_reduced();
        // What is off is tried again all the same, when its pause is over: there is no other way back.
        let passes_by = |guard: &Guard| is_reduced && !guard.is_off();
        for enricher in &mut self.enrichers {
            if !passes_by(&enricher.guard) {
                enricher.call(batch, port, |plugin, batch| plugin.enrich(batch));
            }
        }
        for processor in &mut self.processors {
            if passes_by(&processor.guard) && !processor.is_essential {
                continue;
            }
            processor.call(batch, port, |plugin, batch| plugin.process(batch));
        }
        self.redact(batch, port);
    }

    /// Whether so many plugins are left out for failing that only the essential ones are called.
    #[inline]
    pub(super) fn is_reduced(&self) -> bool {
        let enrichers = self.enrichers.iter().filter(|plugin| plugin.guard.is_off()).count();
        let processors = self.processors.iter().filter(|plugin| plugin.guard.is_off()).count();
        enrichers + processors >= OFF_MAX
    }

    /// The last batch of all: each processor says its last words, and those behind it see them.
    pub(super) fn finish(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.say_last_words(batch, port, |_| true);
    }

    /// The last batch of all but those added by hand, which only see it.
    pub(super) fn finish_all_but_by_hand(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        self.say_last_words(batch, port, |processor| !processor.is_at_run_time);
    }

    fn say_last_words(
        &mut self,
        batch: &mut Batch<'_>,
        port: &ShardPort,
        is_ending: impl Fn(&Guarded<dyn Processor>) -> bool,
    ) {
        for processor in &mut self.processors {
            if !batch.is_empty() {
                processor.call(batch, port, |plugin, batch| plugin.process(batch));
            }
            if is_ending(processor) {
                processor.finish(batch, port);
            }
        }
        self.redact(batch, port);
    }

    /// What its plugins are held to.
    pub(super) fn policy(&self) -> GuardPolicy {
        self.policy
    }

    /// Takes over what was done by hand to the pipeline before it: plugins that were added, and what is disabled.
    pub(super) fn take_over(&mut self, old: &mut Self) {
        take_over(&mut self.enrichers, &mut old.enrichers, self.policy);
        take_over(&mut self.processors, &mut old.processors, self.policy);
        take_over(&mut self.redactors, &mut old.redactors, self.policy);
    }

    /// What a redactor has not seen does not go on.
    pub(super) fn redact(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        for redactor in &mut self.redactors {
            let outcome = redactor.call(batch, port, |plugin, batch| plugin.process(batch));
            if outcome != Outcome::Done && !batch.is_empty() {
                port.counters.lost.add(LossReason::RedactorFailed, batch.len() as u64);
                batch.retain(|_| false);
            }
        }
    }

    /// When a processor wants to be called, events or not.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        let asked = self.processors.iter_mut().filter(|processor| processor.guard.is_active(now));
        let ask = |Guarded { plugin, guard, .. }: &mut Guarded<dyn Processor>| guard.ask(Step::Due, || plugin.due());
        let due = asked.filter_map(|processor| ask(processor).flatten()).min()?;
        // One that is due for ever keeps nobody awake.
        let earliest = self.last_run.and_then(|last| last.checked_add(DUE_INTERVAL));
        Some(earliest.map_or(due, |earliest| due.max(earliest)))
    }

    /// Whether there is a plugin of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.enrichers.iter().any(|plugin| plugin.guard.name() == name)
            || self.processors.iter().chain(&self.redactors).any(|plugin| plugin.guard.name() == name)
    }

    /// Leaves the plugins of this name out, or lets them work again.
    pub(super) fn set_enabled(&mut self, name: &str, is_enabled: bool) {
        let enrichers = self.enrichers.iter_mut().map(|plugin| &mut plugin.guard);
        let others = self.processors.iter_mut().chain(&mut self.redactors).map(|plugin| &mut plugin.guard);
        enrichers.chain(others).filter(|guard| guard.name() == name).for_each(|guard| guard.set_enabled(is_enabled));
    }

    /// Lets the plugins of this name say their last words into the batch, stops them, and drops them. The batch is empty,
    /// and what is in it then has still to pass what is left of the pipeline.
    pub(super) fn remove(&mut self, name: &str, batch: &mut Batch<'_>, port: &ShardPort) {
        let is_it = |guard: &Guard| guard.name() == name;
        for mut gone in self.enrichers.extract_if(.., |plugin| is_it(&plugin.guard)) {
            gone.stop(|plugin| plugin.stop());
            gone.counters.set_state(PluginState::Removed);
            drop_catching_panics(gone.plugin);
        }
        let processors = self.processors.extract_if(.., |plugin| is_it(&plugin.guard));
        for mut gone in processors.chain(self.redactors.extract_if(.., |plugin| is_it(&plugin.guard))) {
            gone.finish(batch, port);
            gone.stop(|plugin| plugin.stop());
            gone.counters.set_state(PluginState::Removed);
            drop_catching_panics(gone.plugin);
        }
    }

    /// Stops all plugins, last first. One that fails stops nobody else.
    pub(super) fn stop(&mut self) {
        for mut redactor in self.redactors.drain(..).rev() {
            redactor.stop(|plugin| plugin.stop());
            drop_catching_panics(redactor.plugin);
        }
        for mut processor in self.processors.drain(..).rev() {
            processor.stop(|plugin| plugin.stop());
            drop_catching_panics(processor.plugin);
        }
        for mut enricher in self.enrichers.drain(..).rev() {
            enricher.stop(|plugin| plugin.stop());
            drop_catching_panics(enricher.plugin);
        }
    }
}

/// Plugins of one kind; those added by hand come behind the others, as they did before.
fn take_over<P: ?Sized>(new: &mut Vec<Guarded<P>>, old: &mut Vec<Guarded<P>>, policy: GuardPolicy) {
    for plugin in new.iter_mut() {
        let name = plugin.guard.name();
        if old.iter().any(|before| before.guard.name() == name && !before.guard.is_enabled()) {
            plugin.guard.set_enabled(false);
        }
    }
    for mut kept in old.extract_if(.., |plugin| plugin.is_at_run_time) {
        kept.guard.set_policy(policy);
        new.push(kept);
    }
}

impl<P: ?Sized> Guarded<P> {
    fn stop(&mut self, stop: impl FnOnce(&mut P) -> Result<(), PluginError>) {
        // Also one that is off: it may have something to close.
        self.guard.call_last(|| stop(&mut self.plugin));
    }

    /// Calls it, and counts what it takes out and what it emits. An enricher should do neither, but it can.
    #[inline]
    fn call<'batch>(
        &mut self,
        batch: &mut Batch<'batch>,
        port: &ShardPort,
        call: impl FnOnce(&mut P, &mut Batch<'batch>) -> Result<(), PluginError>,
    ) -> Outcome {
        let before = Before::of(batch);
        let plugin = &mut *self.plugin;
        let outcome = self.guard.call(|| call(plugin, batch));
        self.account(&before, outcome, batch, port);
        outcome
    }

    #[inline]
    fn account(&self, before: &Before, outcome: Outcome, batch: &Batch<'_>, port: &ShardPort) {
        let emitted = batch.emitted() - before.emitted;
        if emitted > 0 {
            port.counters.own.add(emitted);
        }
        // What is gone from the batch is gone, however the call ended; a panic only changes what it counts as.
        let gone = (before.events + emitted).saturating_sub(batch.len() as u64);
        match outcome {
            Outcome::Done | Outcome::Failed => self.counters.filtered.add(gone),
            Outcome::Panicked => port.counters.lost.add(LossReason::PluginPanicked, gone),
            Outcome::Skipped => {}
        }
    }
}

impl Guarded<dyn Processor> {
    /// Lets it say its last words, also if it is disabled or off: they sum up what it did before.
    fn finish(&mut self, batch: &mut Batch<'_>, port: &ShardPort) {
        let before = Before::of(batch);
        let plugin = &mut *self.plugin;
        let outcome = self.guard.call_in_any_case(|| plugin.finish(batch));
        self.account(&before, outcome, batch, port);
    }
}

/// A batch, as it was before a call.
struct Before {
    events: u64,
    emitted: u64,
}

impl Before {
    #[inline]
    fn of(batch: &Batch<'_>) -> Self {
        Self { events: batch.len() as u64, emitted: batch.emitted() }
    }
}

/// Counts on where a plugin of this name that was removed has left off, so that what is kept of those that are gone is
/// bounded by their names.
fn tallies_for(name: &str, kind: PluginKind, port: &ShardPort) -> Arc<PluginCounters> {
    let mut plugins = lock(&port.plugins);
    let is_gone =
        |view: &&PluginView| view.name == name && view.kind == kind && view.counters.state() == PluginState::Removed;
    if let Some(gone) = plugins.iter().find(is_gone) {
        gone.counters.set_state(PluginState::Active);
        return Arc::clone(&gone.counters);
    }
    let counters = Arc::<PluginCounters>::default();
    plugins.push(PluginView { name: name.to_owned(), kind, counters: Arc::clone(&counters) });
    counters
}
