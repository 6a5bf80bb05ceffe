//! Changing the plugins and sinks of a running container.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    factory::{Factory, ShardInfo},
    name::is_name,
    processor::Processor,
    sink::SinkFactory,
    threads,
};
use fapilog_ring::sync::lock;

use crate::{
    accounts::PluginState,
    audit_notes::AuditNote,
    container::{Container, ContainerBuilder, deadline_after, wait_until},
    error::ChangeError,
    host::ManualDrain,
    port::{
        changes::{Change, ChangeAnswer},
        plan::{PipelinePlan, PluginPlan, SinkOptions, SinkPlan},
    },
};

/// How long a change may take until every shard has taken it up: a shard takes it up between two batches, and a sink that
/// is removed has still to deliver what it holds.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// # Plugins and sinks of a running container
///
/// Each of these returns once every shard has taken the change up, between two batches. Events that are logged after it
/// returns meet the pipeline as it is then. In a container whose drain the program runs itself, they return at once, and
/// the drain takes the change up when it runs next.
impl Container {
    /// Adds an enricher behind the others, under a name of letters, digits, `_` and `-`. `make` is called once for each
    /// shard, on its thread.
    ///
    /// # Errors
    /// See [`ChangeError`]. If one shard cannot make it, none has it.
    pub fn add_enricher(
        &self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Enricher>, PluginError> + Send + Sync + 'static,
    ) -> Result<(), ChangeError> {
        self.add(name, Change::AddEnricher(PluginPlan::named(name, make).at_run_time()))
    }

    /// Adds a processor behind the others; as [`add_enricher`](Self::add_enricher).
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_processor(
        &self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Processor>, PluginError> + Send + Sync + 'static,
    ) -> Result<(), ChangeError> {
        self.add(name, Change::AddProcessor(PluginPlan::named(name, make).at_run_time()))
    }

    /// Adds a redactor behind the others (see [`ContainerBuilder::redactor`](crate::container::ContainerBuilder::redactor)); as
    /// [`add_enricher`](Self::add_enricher).
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_redactor(
        &self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Processor>, PluginError> + Send + Sync + 'static,
    ) -> Result<(), ChangeError> {
        self.add(name, Change::AddRedactor(PluginPlan::named(name, make).at_run_time()))
    }

    /// Adds the redactor that a factory makes behind the others, and [its redactor of texts](Factory::text_redactor), if it has one; as
    /// [`add_enricher`](Self::add_enricher). Texts pass that one until the redactor is removed.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_redactor_from(&self, name: &str, factory: Factory<dyn Processor>) -> Result<(), ChangeError> {
        let texts = self.diagnostics.redaction();
        // First: the redactor's own diagnostics pass it. The second of two calls at once with one name adds none.
        let redactor = factory.text_redactor().cloned();
        if redactor.is_some_and(|redactor| !texts.add_at_run_time(name, redactor)) {
            let taken = Err(ChangeError::Taken { name: name.to_owned() });
            self.note_addition(name, "redactor", &taken);
            return taken;
        }
        let result = self.add_redactor(name, move |shard| Ok(factory.make(shard)));
        if result.is_err() {
            texts.remove_at_run_time(name);
        }
        result
    }

    /// Adds a sink. Events that came before it are counted as filtered there.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_sink(
        &self,
        name: &str,
        sink: impl SinkFactory + 'static,
        options: SinkOptions,
    ) -> Result<(), ChangeError> {
        let plan = SinkPlan { name: name.to_owned(), factory: Arc::new(sink), options };
        self.add(name, Change::AddSink(Arc::new(plan)))
    }

    /// Removes the plugin or sink of this name. A plugin emits its summary. A sink delivers the events that it holds, within
    /// five seconds, and then is no longer in the [accounts](Self::accounts).
    ///
    /// # Errors
    /// When there is none, or it is the last sink, or the drain does not come to it in time.
    pub fn remove_plugin(&self, name: &str) -> Result<(), ChangeError> {
        let result = self.remove(name);
        self.frontend.add_audit_note(AuditNote::new("plugin removed", name).of(&result));
        result
    }

    fn remove(&self, name: &str) -> Result<(), ChangeError> {
        self.check_known(name)?;
        let sinks = self.sink_names();
        if sinks.len() == 1 && sinks.iter().any(|sink| sink == name) {
            return Err(ChangeError::LastSink { name: name.to_owned() });
        }
        let result = self.post(&Change::Remove(name.to_owned()));
        // A shard that is late does it all the same.
        if matches!(&result, Ok(()) | Err(ChangeError::Deadline)) {
            threads::lock(&self.at_run_time).remove(name);
            self.diagnostics.redaction().remove_at_run_time(name);
        }
        result
    }

    /// Enables or disables the plugin or sink of this name. A plugin whose breaker is open is called again at once when it
    /// is enabled. While a redactor is disabled, every event is dropped.
    ///
    /// # Errors
    /// When there is none, or the drain does not come to it in time.
    pub fn set_plugin_enabled(&self, name: &str, is_enabled: bool) -> Result<(), ChangeError> {
        let result = self.check_known(name).and_then(|()| self.post(&Change::SetEnabled(name.to_owned(), is_enabled)));
        let what = if is_enabled { "plugin enabled" } else { "plugin disabled" };
        self.frontend.add_audit_note(AuditNote::new(what, name).of(&result));
        result
    }

    /// A change that is refused is an audit event, too.
    fn add(&self, name: &str, change: Change) -> Result<(), ChangeError> {
        let result = self.check_new(name).and_then(|()| self.post(&change));
        self.note_addition(name, change.kind(), &result);
        match &result {
            // Shards that could make it remove it again.
            Err(ChangeError::Plugin { .. } | ChangeError::Sink { .. }) => {
                let _ = self.post(&Change::Remove(name.to_owned()));
            }
            // So do shards that are late. No thread waits for them a second time.
            Err(ChangeError::Deadline) => drop(self.send(&Change::Remove(name.to_owned()))),
            Ok(()) => threads::lock(&self.at_run_time).add(name),
            _ => {}
        }
        result
    }

    fn note_addition(&self, name: &str, kind: &'static str, result: &Result<(), ChangeError>) {
        self.frontend.add_audit_note(AuditNote::new("plugin added", name).of(result).detail("kind", kind));
    }

    fn check_new(&self, name: &str) -> Result<(), ChangeError> {
        if !is_name(name) {
            return Err(ChangeError::BadName { name: name.to_owned() });
        }
        if self.known_names().iter().any(|known| known == name) {
            return Err(ChangeError::Taken { name: name.to_owned() });
        }
        Ok(())
    }

    fn check_known(&self, name: &str) -> Result<(), ChangeError> {
        let known = self.known_names();
        if known.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(ChangeError::Unknown { name: name.to_owned(), known })
    }

    /// Sends the change to every shard, and waits for the answers.
    fn post(&self, change: &Change) -> Result<(), ChangeError> {
        let answered = self.wait_for_all(&self.send(change)?);
        match answered {
            // This very thread may run the drain: it takes the change up later.
            Err(ChangeError::Deadline) if self.executor.is_none() => Ok(()),
            answered => answered,
        }
    }

    /// Sends the change to every shard.
    pub(crate) fn send(&self, change: &Change) -> Result<Vec<Arc<ChangeAnswer>>, ChangeError> {
        if self.frontend.is_in_forked_child() {
            return Err(ChangeError::Forked);
        }
        let answers = {
            let _posting = threads::lock(&self.posting);
            self.frontend.ports.iter().map(|port| port.changes.post(change.clone())).collect()
        };
        self.frontend.ports.iter().for_each(|port| port.doorbell.ring());
        Ok(answers)
    }

    /// Waits for all answers, and returns the first error.
    fn wait_for_all(&self, answers: &[Arc<ChangeAnswer>]) -> Result<(), ChangeError> {
        let is_manual = self.executor.is_none();
        // A program that runs the drain itself makes no change while this waits.
        let deadline = if is_manual { Instant::now() } else { wait_until(deadline_after(CHANGE_TIMEOUT)) };
        let mut result = Ok(());
        for answer in answers {
            // Each answer is waited for, also after an error.
            result = result.and(answer.wait(deadline));
        }
        result
    }

    pub(super) fn sink_names(&self) -> Vec<String> {
        let port = self.frontend.ports.first();
        port.map(|port| lock(&port.sinks).iter().map(|view| view.name.clone()).collect()).unwrap_or_default()
    }

    fn known_names(&self) -> Vec<String> {
        if self.frontend.is_in_forked_child() {
            return Vec::new();
        }
        let mut names = self.sink_names();
        if let Some(port) = self.frontend.ports.first() {
            let plugins = lock(&port.plugins);
            let living = plugins.iter().filter(|view| view.counters.state() != PluginState::Removed);
            names.extend(living.map(|view| view.name.clone()));
        }
        names
    }
}

/// # Another pipeline, for all shards or for none
///
/// 1. **Prepare.** Each shard makes the new plugins, and answers. Events still pass the old ones.
/// 2. **Decide.** When every shard has made them, it is decided: each shard gets the change to use them, which cannot fail. When a shard
///    could not make them, or does not answer in time, each shard gets the change to drop them. A shard that is late finds
///    both changes, in this order: it makes the plugins and drops them.
impl Container {
    /// Gives the container the enrichers, processors and redactors of `new`: all of them, or none. Plugins that were added to
    /// or removed from the running container stay so.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn replace_pipeline(&self, new: &ContainerBuilder) -> Result<(), ChangeError> {
        self.replace_pipeline_by(&new.pipeline(), &mut || {})
    }

    /// `turn` has a drain that the program runs itself take the change up.
    pub(crate) fn replace_pipeline_by(&self, plan: &PipelinePlan, turn: &mut dyn FnMut()) -> Result<(), ChangeError> {
        let result = self.exchange_pipeline(plan, turn);
        self.frontend.add_audit_note(AuditNote::new("plugins replaced", "pipeline").of(&result));
        result
    }

    fn exchange_pipeline(&self, plan: &PipelinePlan, turn: &mut dyn FnMut()) -> Result<(), ChangeError> {
        let named: BTreeSet<String> = plan.names().map(str::to_owned).collect();
        let text_redactor = plan.text_redactor.clone();
        let plan = threads::lock(&self.at_run_time).leave_to(plan)?;
        let answers = self.send(&Change::PreparePipeline(plan))?;
        turn();
        if let Err(error) = self.wait_for_all(&answers) {
            self.send(&Change::DiscardPipeline)?;
            turn();
            return Err(error);
        }
        // Until no shard has the old plugins, texts pass the redactors of both.
        let former = self.diagnostics.redaction().add(text_redactor.clone());
        let answers = match self.send(&Change::ReplacePipeline) {
            Ok(answers) => answers,
            Err(error) => {
                self.diagnostics.redaction().replace(former);
                return Err(error);
            }
        };
        turn();
        let answered = self.wait_for_all(&answers);
        self.diagnostics.redaction().replace(text_redactor);
        match answered {
            // It is decided. The shard is blocked in a batch, and its next batch passes the new plugins.
            Err(ChangeError::Deadline) => {
                self.diagnostics.add(
                    "container",
                    "a shard is blocked in a batch: it uses its new plugins from the next batch on".to_owned(),
                );
            }
            answered => answered?,
        }
        threads::lock(&self.at_run_time).removed.retain(|name| named.contains(name));
        Ok(())
    }
}

impl ManualDrain {
    /// Gives the container that this drain belongs to the enrichers, processors and redactors of `new`: all of them, or
    /// none. They are made on this thread, before it returns. See [`Container::replace_pipeline`].
    ///
    /// # Errors
    /// As [`Container::replace_pipeline`]; for the container of another drain, that this one does not answer for it.
    pub fn replace_pipeline(&mut self, container: &Container, new: &ContainerBuilder) -> Result<(), ChangeError> {
        container.replace_pipeline_by(&new.pipeline(), &mut || self.take_up_changes())
    }
}

/// Changes of a running container, by name.
#[derive(Debug, Default)]
pub(super) struct RunTimeChanges {
    added: BTreeSet<String>,
    /// Names that settings may still have.
    removed: BTreeSet<String>,
}

impl RunTimeChanges {
    fn add(&mut self, name: &str) {
        self.added.insert(name.to_owned());
    }

    fn remove(&mut self, name: &str) {
        if !self.added.remove(name) {
            self.removed.insert(name.to_owned());
        }
    }

    /// The plan without what was removed.
    ///
    /// # Errors
    /// When it has a name that was given to something else meanwhile.
    fn leave_to(&self, plan: &PipelinePlan) -> Result<PipelinePlan, ChangeError> {
        let is_wanted = |name: Option<&str>| name.is_none_or(|name| !self.removed.contains(name));
        let mut plan = plan.clone();
        plan.enrichers.retain(|plugin| is_wanted(plugin.name()));
        plan.processors.retain(|plugin| is_wanted(plugin.name()));
        plan.redactors.retain(|plugin| is_wanted(plugin.name()));
        let taken = plan.names().find(|name| self.added.contains(*name)).map(str::to_owned);
        match taken {
            Some(name) => Err(ChangeError::Taken { name }),
            None => Ok(plan),
        }
    }
}
