//! What a plugin is given when it is made.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Colors, Problem,
    plugin::{Factory, Formatter, ShardInfo},
    settings::read_plugin_config,
};

/// What a plugin is given when it is made: its own settings, and what else concerns it.
///
/// Its problems have paths relative to its own settings.
pub struct PluginSettings<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: Value,
    pub(crate) colors: Colors,
    /// A formatter is made for a terminal.
    pub(crate) is_terminal: bool,
    pub(crate) formatters: Option<Formatters>,
}

/// What a sink's events are rendered by.
#[derive(Clone)]
pub(crate) struct Formatters {
    pub(crate) on_terminal: Arc<Factory<dyn Formatter>>,
    pub(crate) elsewhere: Arc<Factory<dyn Formatter>>,
}

impl PluginSettings<'_> {
    /// Its name: that of the sink in the container, or of the plugin in the registry.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// Its own settings, `plugin_config.<name>`, as a struct that derives `Deserialize`, best with
    /// `#[serde(default, deny_unknown_fields)]`. Numbers, booleans and lists may be written as text; for sizes and
    /// durations there are [`size_bytes`](crate::settings::size_bytes) and [`duration`](crate::settings::duration).
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        read_plugin_config(&self.values)
    }

    /// Refuses every setting: for plugins that have none.
    ///
    /// # Errors
    /// Every setting that is there.
    pub fn none(&self) -> Result<(), Vec<Problem>> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        self.read::<Nothing>().map(|Nothing {}| ())
    }

    /// Whether a formatter is to write colours, by the setting `colors`, by whether its sink writes to a terminal, and by
    /// what the environment says: see [`Colors::resolve`].
    #[must_use]
    pub fn has_colors(&self) -> bool {
        self.colors.resolve(self.is_terminal, |name| std::env::var_os(name))
    }

    /// Makes the formatters of a sink: the one that its entry names, or the setting `formatter`. A sink that writes to a
    /// terminal says so, because `auto` is another there.
    ///
    /// # Errors
    /// When the plugin is no sink.
    pub fn formatter(
        &self,
        is_terminal: bool,
    ) -> Result<impl Fn() -> Box<dyn Formatter> + Clone + Send + Sync + 'static, Vec<Problem>> {
        let Some(formatters) = self.formatters.clone() else {
            return Err(vec![Problem::new("formatter", "asked for", "only a sink has one")]);
        };
        let Formatters { on_terminal, elsewhere } = formatters;
        let factory = if is_terminal { on_terminal } else { elsewhere };
        // Formatters are alike on all shards.
        Ok(move || factory.make(ShardInfo::new(0, 1)))
    }
}

impl fmt::Debug for PluginSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings").field("name", &self.name).field("values", &self.values).finish_non_exhaustive()
    }
}
