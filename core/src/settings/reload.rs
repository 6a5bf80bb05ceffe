//! New settings for a container that runs.

use std::path::Path;

use fapilog_ring::sync::lock;
use thiserror::Error;

use super::{PluginConfig, Settings, assemble::assemble};
use crate::{ChangeError, Container, SettingsError};

/// The settings that can change while the container runs.
pub(super) const AT_RUN_TIME: &[&str] =
    &["level", "enrichers", "processors", "redactors", "plugin_config", "plugin_timeout"];

/// A sink keeps the settings that it was opened with.
fn with_own_settings_of_sinks(mut fixed: Vec<&'static str>, new: &Settings, old: &Settings) -> Vec<&'static str> {
    let of = |settings: &Settings, name: &str| settings.plugin_config.get(name).map(PluginConfig::to_value);
    let is_changed = |name: &str| of(new, name) != of(old, name);
    let of_sinks = new.sinks.iter().any(|sink| is_changed(&sink.name) || is_changed(sink.registered_name()));
    if of_sinks {
        fixed.push("plugin_config");
    }
    fixed
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
        settings: Vec<&'static str>,
    },
    /// A plugin could not be made, or the drain did not come to it in time.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The container was not made from settings.
    #[error("the container was made by a builder, not from settings")]
    NotFromSettings,
}

impl Container {
    /// Gives the container new settings: all of them, or none.
    ///
    /// # Errors
    /// When they make no sense, or when what is new cannot change while the container runs. Nothing has changed then.
    pub fn reload(&self, settings: Settings) -> Result<(), ReloadError> {
        // Whoever holds the lock may be in the parent.
        if self.is_foreign() {
            return Err(ChangeError::Forked.into());
        }
        let mut current = lock(&self.settings);
        let Some(origin) = current.as_mut() else { return Err(ReloadError::NotFromSettings) };
        let differences = settings.differences(&origin.settings);
        let fixed: Vec<_> = differences.iter().copied().filter(|name| !AT_RUN_TIME.contains(name)).collect();
        // What is wrong is told before what cannot change.
        let mut new = assemble(&settings, &origin.registry)?;
        let fixed = with_own_settings_of_sinks(fixed, &settings, &origin.settings);
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart { settings: fixed });
        }
        if differences.iter().any(|name| *name != "level") {
            let mut old = assemble(&origin.settings, &origin.registry)?;
            self.replace_pipeline(old.pipeline_mut(), new.pipeline_mut())?;
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
        if self.is_foreign() {
            return Err(ChangeError::Forked.into());
        }
        let callback = lock(&self.settings).as_ref().and_then(|known| known.settings.error_callback.clone());
        let mut settings = Settings::load(Some(path.as_ref()))?;
        settings.error_callback = callback;
        self.reload(settings)
    }

    /// The settings that the container was made from, with what was reloaded since; `None` if a builder made it, and in a
    /// forked child.
    #[must_use]
    pub fn settings(&self) -> Option<Settings> {
        if self.is_foreign() {
            return None;
        }
        lock(&self.settings).as_ref().map(|origin| origin.settings.clone())
    }
}
