//! New settings for a container that runs.

use std::{fmt, path::Path, sync::Mutex};

use fapilog_engine::{
    container::{Container, ContainerBuilder},
    error::ChangeError,
    host::ManualDrain,
};
use fapilog_plugin::{
    compliance::ChangeFindings, directives::Directives, problem::SettingsError, registry::Registry, threads::lock,
};
use thiserror::Error;

use crate::{
    Settings,
    environment::PREFIX,
    into_builder::{CheckedBuilder, Origin, build, formatters_of},
};

/// The settings that can change while the container runs.
pub(super) const AT_RUN_TIME: &[&str] =
    &["level", "rust_log", "enrichers", "processors", "redactors", "plugin_config", "plugin_timeout"];

/// Those that make the level.
const OF_THE_LEVEL: [&str; 2] = ["level", "rust_log"];

/// The settings of a table that are not as they were, of those that cannot change: a sink keeps those that it was opened
/// with, and the formatter that it was given.
fn changed_tables_of_sinks(new: &Settings, old: &Settings) -> Vec<String> {
    let of = |settings: &Settings, name: &str| settings.plugin_config.get(name).cloned();
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
#[derive(Error)]
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

/// The text, for a `main` that returns the error.
impl fmt::Debug for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ReloadError {
    /// A stable code, for programs and for searching: see the page on errors. A change that could not be made has the
    /// code of the [`ChangeError`].
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Settings(error) => error.code(),
            Self::NeedsRestart { .. } => "configuration.needs_restart",
            Self::Change(error) => error.code(),
            Self::NotFromSettings => "configuration.not_from_settings",
            Self::ManualDrain => "configuration.manual_drain",
        }
    }

    /// The codes that no other error has.
    pub const CODES: &'static [&'static str] =
        &["configuration.needs_restart", "configuration.not_from_settings", "configuration.manual_drain"];
}

/// New settings for a running container that was made from settings.
///
/// ```no_run
/// use fapilog_settings::{Reload, Settings};
///
/// let logs = Settings::from_env()?.into_builder()?.start()?;
/// logs.reload_file("/etc/my-server/log.toml")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Reload: sealed::SealedReload {
    /// Gives the container new settings: all of them, or none. When it returns, every shard has made the new plugins, and
    /// lets them work from its next batch on.
    ///
    /// Plugins and sinks that were added to the running container stay, behind the others. A plugin that was disabled stays
    /// disabled. A plugin that was removed stays removed until the settings no longer name it.
    ///
    /// # Errors
    /// When a value is invalid, when what is new cannot change while the container runs, when a plugin cannot be made, or
    /// when a shard does not answer within ten seconds. Nothing has changed then. New plugins of a container that the
    /// program drains itself are an error: see [`ReloadManual`].
    fn reload(&self, settings: Settings) -> Result<(), ReloadError>;

    /// Gives the container the settings of a file, below the environment: see [`Settings::load`].
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and when the file cannot be read.
    fn reload_file(&self, path: impl AsRef<Path>) -> Result<(), ReloadError>;

    /// The settings that the container was made from, with what was reloaded since; `None` if a builder made it, and in a
    /// forked child.
    fn settings(&self) -> Option<Settings>;

    /// The registry that the container takes the plugins from that its settings name; `None` if a builder made it, and in
    /// a forked child. A copy: what is registered with it is not known to the container.
    fn registry(&self) -> Option<Registry>;
}

/// New settings for a container that the program drains itself.
pub trait ReloadManual: sealed::SealedReload {
    /// Gives the container that this drain belongs to new settings: all of them, or none. Plugins are made, and the old
    /// ones stopped, on this thread, before it returns. See [`Reload::reload`].
    ///
    /// # Errors
    /// As [`Reload::reload`]; for the container of another drain, that this one does not answer for it.
    fn reload(&mut self, container: &Container, settings: Settings) -> Result<(), ReloadError>;

    /// As [`reload`](Self::reload), with the settings of a file, below the environment.
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and when the file cannot be read.
    fn reload_file(&mut self, container: &Container, path: impl AsRef<Path>) -> Result<(), ReloadError>;
}

mod sealed {
    pub trait SealedReload {}
    impl SealedReload for super::Container {}
    impl SealedReload for super::ManualDrain {}
}

impl Reload for Container {
    fn reload(&self, settings: Settings) -> Result<(), ReloadError> {
        let replace = self.executor().is_some().then_some(|new: &ContainerBuilder| self.replace_pipeline(new));
        reload_by(self, settings, replace)
    }

    fn reload_file(&self, path: impl AsRef<Path>) -> Result<(), ReloadError> {
        let settings = audited(self, load(self, path.as_ref()))?;
        Reload::reload(self, settings)
    }

    fn settings(&self) -> Option<Settings> {
        with_origin(self, |origin| origin.settings.clone())
    }

    fn registry(&self) -> Option<Registry> {
        with_origin(self, |origin| origin.registry.clone())
    }
}

impl ReloadManual for ManualDrain {
    fn reload(&mut self, container: &Container, settings: Settings) -> Result<(), ReloadError> {
        reload_by(container, settings, Some(|new: &ContainerBuilder| self.replace_pipeline(container, new)))
    }

    fn reload_file(&mut self, container: &Container, path: impl AsRef<Path>) -> Result<(), ReloadError> {
        let settings = audited(container, load(container, path.as_ref()))?;
        ReloadManual::reload(self, container, settings)
    }
}

/// `replace` gives the container new plugins; `None` where that is not possible.
fn reload_by(
    container: &Container,
    settings: Settings,
    replace: Option<impl FnOnce(&ContainerBuilder) -> Result<(), ChangeError>>,
) -> Result<(), ReloadError> {
    audited(container, change_settings(container, settings, replace))
}

/// The result, after an audit event if it is an error.
fn audited<T>(container: &Container, result: Result<T, ReloadError>) -> Result<T, ReloadError> {
    if let Err(error) = &result {
        container.note_refused_change("settings reloaded", "settings", &error.to_string());
    }
    result
}

fn change_settings(
    container: &Container,
    settings: Settings,
    replace: Option<impl FnOnce(&ContainerBuilder) -> Result<(), ChangeError>>,
) -> Result<(), ReloadError> {
    // In a forked child, the thread that holds the lock may be in the parent.
    if container.is_in_forked_child() {
        return Err(ChangeError::Forked.into());
    }
    let Some(origin) = container.attachment::<Mutex<Origin>>() else { return Err(ReloadError::NotFromSettings) };
    let mut origin = lock(&origin);
    let differences = settings.differences(&origin.settings);
    let fixed = differences.iter().filter(|name| !AT_RUN_TIME.contains(name));
    let mut fixed: Vec<String> = fixed.map(|name| settings.as_written(name)).collect();
    // Invalid values are reported before those that cannot change.
    let CheckedBuilder { builder: new, checked } = build(&settings, &origin.registry)?;
    fixed.extend(changed_tables_of_sinks(&settings, &origin.settings));
    if !fixed.is_empty() {
        return Err(ReloadError::NeedsRestart { settings: fixed });
    }
    let has_new_plugins = differences.iter().any(|name| !OF_THE_LEVEL.contains(name));
    // The pipeline has what logs the rules that are not met.
    let has_new_findings = !checked.misses_the_same(&origin.checked);
    if has_new_plugins || (has_new_findings && replace.is_some()) {
        let Some(replace) = replace else { return Err(ReloadError::ManualDrain) };
        replace(&new)?;
    }
    container.set_level(settings.level.clone());
    (origin.settings, origin.checked) = (settings, checked);
    Ok(())
}

/// The settings of a file, below variables of the prefix that the program chose, with the callback, which only code can give.
fn load(container: &Container, path: &Path) -> Result<Settings, ReloadError> {
    if container.is_in_forked_child() {
        return Err(ChangeError::Forked.into());
    }
    let origin = with_origin(container, |origin| {
        let prefix = origin.settings.loaded.prefix().map(str::to_owned);
        (prefix, origin.settings.error_callback.clone())
    });
    let (prefix, callback) = origin.unwrap_or_default();
    let prefix = prefix.as_deref().unwrap_or(PREFIX);
    let mut settings = Settings::builder().file(path).environment_with_prefix(prefix).build()?;
    settings.error_callback = callback;
    Ok(settings)
}

/// The rules of the container's standards that other levels would miss, and whether such a change is to be refused. Nothing for a container
/// that was made by a builder, and for settings without a standard.
///
/// [`Container::set_level`] does not ask: what changes levels on behalf of others, as the control socket does, asks before.
#[must_use]
pub fn findings_of_levels(container: &Container, level: &Directives) -> ChangeFindings {
    let in_force = container.directives();
    with_origin(container, |origin| origin.checked.with_level(&in_force, level)).unwrap_or_default()
}

/// In a forked child, the thread that holds the lock may be in the parent.
fn with_origin<R>(container: &Container, look: impl FnOnce(&Origin) -> R) -> Option<R> {
    if container.is_in_forked_child() {
        None
    } else {
        container.attachment::<Mutex<Origin>>().map(|origin| look(&lock(&origin)))
    }
}
