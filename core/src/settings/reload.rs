//! New settings for a container that runs.

use std::path::Path;

use fapilog_ring::sync::lock;
use thiserror::Error;

use super::{
    PluginConfig, Settings,
    assemble::{Origin, assemble, formatters_of},
};
use crate::{ChangeError, Container, ManualDrain, SettingsError, registry::Registry};

/// The settings that can change while the container runs.
pub(super) const AT_RUN_TIME: &[&str] =
    &["level", "enrichers", "processors", "redactors", "plugin_config", "plugin_timeout"];

/// The settings of a table that are not as they were, of those that cannot change: a sink keeps those that it was opened
/// with, and the formatter that it was given.
fn changed_tables_of_sinks(new: &Settings, old: &Settings) -> Vec<String> {
    let of = |settings: &Settings, name: &str| settings.plugin_config.get(name).map(PluginConfig::to_value);
    let mut tables: Vec<&str> = Vec::new();
    for sink in &new.sinks {
        tables.extend([sink.name.as_str(), sink.registered_name()]);
        tables.extend(formatters_of(sink.formatter.as_deref().unwrap_or(&new.formatter)));
    }
    tables.sort_unstable();
    tables.dedup();
    tables.retain(|name| of(new, name) != of(old, name));
    tables.into_iter().map(|name| format!("plugin_config.{name}")).collect()
}

/// Why a container keeps the settings that it has.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The new settings make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Some of what is new needs a new container.
    #[error("{} cannot change while the container runs; what can is {}", settings.join(", "), AT_RUN_TIME.join(", "))]
    NeedsRestart {
        /// The settings that are not as they were.
        settings: Vec<String>,
    },
    /// A plugin could not be made, or the drain did not come to it in time.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The container was not made from settings.
    #[error("the container was made by a builder, not from settings")]
    NotFromSettings,
    /// The program runs the drain, on whose thread plugins are made.
    #[error("the program drains this container itself: its plugins are changed by ManualDrain::reload")]
    ManualDrain,
}

impl Container {
    /// Gives the container new settings: all of them, or none. When it returns, every shard has made the new plugins, and
    /// lets them work from its next batch on.
    ///
    /// What was done by hand stays: plugins and sinks that were added to the running container are still there, behind the
    /// others; what was disabled is still disabled; and a plugin that was removed stays so until the settings no longer name
    /// it.
    ///
    /// # Errors
    /// When they make no sense, when what is new cannot change while the container runs, when a plugin cannot be made, or
    /// when a shard does not come to it within ten seconds. Nothing has changed then. New plugins of a container that the
    /// program drains itself are refused here: see [`ManualDrain::reload`].
    pub fn reload(&self, settings: Settings) -> Result<(), ReloadError> {
        self.reload_by(settings, self.executor().is_some(), &mut || {})
    }

    /// `turn` has a drain that the program runs take up what is posted to it.
    fn reload_by(&self, settings: Settings, may_make_plugins: bool, turn: &mut dyn FnMut()) -> Result<(), ReloadError> {
        // Whoever holds the lock may be in the parent.
        if self.is_foreign() {
            return Err(ChangeError::Forked.into());
        }
        let mut current = lock(&self.settings);
        let Some(origin) = current.as_mut() else { return Err(ReloadError::NotFromSettings) };
        let differences = settings.differences(&origin.settings);
        let fixed = differences.iter().filter(|name| !AT_RUN_TIME.contains(name));
        let mut fixed: Vec<String> = fixed.map(|name| (*name).to_owned()).collect();
        // What is wrong is told before what cannot change.
        let mut new = assemble(&settings, &origin.registry)?;
        fixed.extend(changed_tables_of_sinks(&settings, &origin.settings));
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart { settings: fixed });
        }
        if differences.iter().any(|name| *name != "level") {
            if !may_make_plugins {
                return Err(ReloadError::ManualDrain);
            }
            self.replace_pipeline(new.pipeline_mut(), turn)?;
        }
        self.set_level(settings.level.clone());
        origin.settings = settings;
        Ok(())
    }

    /// Gives the container the settings of a file, covered by the environment: see [`Settings::load`].
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and when the file cannot be read.
    pub fn reload_file(&self, path: impl AsRef<Path>) -> Result<(), ReloadError> {
        let settings = self.load(path.as_ref())?;
        self.reload(settings)
    }

    /// The settings of a file, with what can only be said by code.
    fn load(&self, path: &Path) -> Result<Settings, ReloadError> {
        if self.is_foreign() {
            return Err(ChangeError::Forked.into());
        }
        let callback = lock(&self.settings).as_ref().and_then(|known| known.settings.error_callback.clone());
        let mut settings = Settings::load(Some(path))?;
        settings.error_callback = callback;
        Ok(settings)
    }

    /// The settings that the container was made from, with what was reloaded since; `None` if a builder made it, and in a
    /// forked child.
    #[must_use]
    pub fn settings(&self) -> Option<Settings> {
        self.with_origin(|origin| origin.settings.clone())
    }

    /// The registry that the container takes the plugins from that its settings name; `None` if a builder made it, and in a
    /// forked child. A copy: what is registered with it is not known to the container.
    #[must_use]
    pub fn registry(&self) -> Option<Registry> {
        self.with_origin(|origin| origin.registry.clone())
    }

    /// In a forked child whoever holds the lock may be in the parent.
    fn with_origin<R>(&self, look: impl FnOnce(&Origin) -> R) -> Option<R> {
        if self.is_foreign() { None } else { lock(&self.settings).as_ref().map(|origin| look(origin)) }
    }
}

impl ManualDrain {
    /// Gives the container that this drain belongs to new settings: all of them, or none. Plugins are made and told their
    /// end on this thread, before it returns. See [`Container::reload`].
    ///
    /// # Errors
    /// As [`Container::reload`]; for the container of another drain, that this one does not answer for it.
    pub fn reload(&mut self, container: &Container, settings: Settings) -> Result<(), ReloadError> {
        container.reload_by(settings, true, &mut || self.take_up_changes())
    }

    /// As [`reload`](Self::reload), with the settings of a file, covered by the environment.
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and when the file cannot be read.
    pub fn reload_file(&mut self, container: &Container, path: impl AsRef<Path>) -> Result<(), ReloadError> {
        let settings = container.load(path.as_ref())?;
        self.reload(container, settings)
    }
}
