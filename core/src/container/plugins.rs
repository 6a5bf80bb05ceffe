//! Changing the plugins and sinks of a running container.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use fapilog_ring::sync::lock;

use super::{Container, deadline_after, patience_until};
#[cfg(feature = "settings")]
use crate::drain::PipelinePlan;
use crate::{
    accounts::PluginState,
    drain::{
        PluginPlan, SinkOptions, SinkPlan,
        changes::{Answer, Change, ChangeError},
    },
    name::is_name,
    plugin::{Enricher, PluginError, Processor, ShardInfo, SinkFactory},
};

/// How long a change may take until every shard has taken it up: a shard takes it up between two batches, and a sink that
/// is removed has still to deliver what it holds.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// # Plugins and sinks of a running container
///
/// Each of these returns once every shard has taken the change up, between two batches. Events that are logged after it
/// returns meet the pipeline as it is then. In a container whose drain the program runs itself, they return at once, and
/// the change is taken up by the drain's next turns.
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
        self.add(name, Change::AddEnricher(PluginPlan::named(name, make)))
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
        self.add(name, Change::AddProcessor(PluginPlan::named(name, make)))
    }

    /// Adds a redactor behind the others (see [`ContainerBuilder::redactor`](crate::ContainerBuilder::redactor)); as
    /// [`add_enricher`](Self::add_enricher).
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_redactor(
        &self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Processor>, PluginError> + Send + Sync + 'static,
    ) -> Result<(), ChangeError> {
        self.add(name, Change::AddRedactor(PluginPlan::named(name, make)))
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
        self.add(name, Change::AddSink(SinkPlan { name: name.to_owned(), factory: Arc::new(sink), options }))
    }

    /// Removes the plugin or sink of this name. A plugin says its last words; a sink delivers what it holds, within five
    /// seconds, and then is no longer in the [accounts](Self::accounts).
    ///
    /// # Errors
    /// When there is none, or it is the last sink, or the drain does not come to it in time.
    pub fn remove_plugin(&self, name: &str) -> Result<(), ChangeError> {
        self.check_known(name)?;
        let sinks = self.sink_names();
        if sinks.len() == 1 && sinks.iter().any(|sink| sink == name) {
            return Err(ChangeError::LastSink { name: name.to_owned() });
        }
        self.post(&Change::Remove(name.to_owned()))
    }

    /// Leaves the plugin or sink of this name out, or lets it work again. A plugin that its guard has switched off is tried
    /// at once when it is enabled. While a redactor is disabled, no event goes on.
    ///
    /// # Errors
    /// When there is none, or the drain does not come to it in time.
    pub fn set_plugin_enabled(&self, name: &str, is_enabled: bool) -> Result<(), ChangeError> {
        self.check_known(name)?;
        self.post(&Change::SetEnabled(name.to_owned(), is_enabled))
    }

    /// Gives the container other enrichers, processors and redactors: all of them, or none.
    #[cfg(feature = "settings")]
    pub(crate) fn replace_pipeline(&self, old: &PipelinePlan, new: &PipelinePlan) -> Result<(), ChangeError> {
        let result = self.post(&Change::ReplacePipeline(new.clone()));
        if matches!(&result, Err(ChangeError::Plugin { .. })) {
            // Shards that could make it go back to what they had.
            let _ = self.post(&Change::ReplacePipeline(old.clone()));
        }
        result
    }

    fn add(&self, name: &str, change: Change) -> Result<(), ChangeError> {
        if !is_name(name) {
            return Err(ChangeError::BadName { name: name.to_owned() });
        }
        if self.known_names().iter().any(|known| known == name) {
            return Err(ChangeError::Taken { name: name.to_owned() });
        }
        let result = self.post(&change);
        if matches!(&result, Err(ChangeError::Plugin { .. } | ChangeError::Sink { .. })) {
            // Shards that could make it let go of it again.
            let _ = self.post(&Change::Remove(name.to_owned()));
        }
        result
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
        if self.intake.is_foreign() {
            return Err(ChangeError::Forked);
        }
        let answers: Vec<Arc<Answer>> = {
            let _posting = self.posting.lock().unwrap_or_else(PoisonError::into_inner);
            self.intake.ports.iter().map(|port| port.changes.post(change.clone())).collect()
        };
        self.intake.ports.iter().for_each(|port| port.doorbell.ring());
        let is_manual = self.executor.is_none();
        // Whoever runs the drain may be this very thread: there is nobody to wait for.
        let deadline = if is_manual { Instant::now() } else { patience_until(deadline_after(CHANGE_TIMEOUT)) };
        let mut result = Ok(());
        for answer in answers {
            match answer.wait(deadline) {
                Err(ChangeError::Deadline) if is_manual => {}
                // Each is waited for, and the first mistake is told.
                answered => result = result.and(answered),
            }
        }
        result
    }

    fn sink_names(&self) -> Vec<String> {
        let port = self.intake.ports.first();
        port.map(|port| lock(&port.sinks).iter().map(|view| view.name.clone()).collect()).unwrap_or_default()
    }

    fn known_names(&self) -> Vec<String> {
        if self.intake.is_foreign() {
            return Vec::new();
        }
        let mut names = self.sink_names();
        if let Some(port) = self.intake.ports.first() {
            let plugins = lock(&port.plugins);
            let living = plugins.iter().filter(|view| view.tallies.state() != PluginState::Removed);
            names.extend(living.map(|view| view.name.clone()));
        }
        names
    }
}
