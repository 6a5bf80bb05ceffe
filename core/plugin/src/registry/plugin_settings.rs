//! Settings that a plugin gets when it is made.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    colors::Colors,
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    problem::Problem,
    settings::{self, PluginConfig},
    substitute::Substitute,
};

/// The settings that a plugin gets when it is made: its own, and those of the program that concern it.
///
/// Its problems have paths relative to its own settings.
#[doc(alias = "load_plugin")]
pub struct PluginSettings<'a> {
    name: &'a str,
    values: Value,
    colors: Colors,
    /// A formatter is made for a terminal.
    is_terminal: bool,
    formatters: Option<Formatters>,
    named_formatters: Option<&'a FormatterByName<'a>>,
    named_substitutes: Option<&'a SubstituteByName<'a>>,
}

/// Makes the substitute of a name, or returns all errors: their paths are relative to the setting that has the name.
pub type SubstituteByName<'a> = dyn Fn(&str) -> Result<Arc<dyn Substitute>, Vec<Problem>> + 'a;

/// Makes the formatter of a name, for a sink that writes to a terminal or not, or returns all errors: their paths are relative to
/// the setting that has the name.
pub type FormatterByName<'a> = dyn Fn(&str, bool) -> Result<Arc<Factory<dyn Formatter>>, Vec<Problem>> + 'a;

/// The formatters of a sink's events.
#[derive(Debug, Clone)]
pub struct Formatters {
    /// The formatter of a sink that writes to a terminal.
    pub on_terminal: Arc<Factory<dyn Formatter>>,
    /// The formatter of every other sink.
    pub elsewhere: Arc<Factory<dyn Formatter>>,
}

impl<'a> PluginSettings<'a> {
    /// The settings of the plugin `name`: what a registry gives to its constructor. Tests of a plugin may make them, too.
    #[must_use]
    pub fn new(name: &'a str, config: &PluginConfig) -> Self {
        Self {
            name,
            values: config.to_value(),
            colors: Colors::Auto,
            is_terminal: false,
            formatters: None,
            named_formatters: None,
            named_substitutes: None,
        }
    }

    /// With this setting of `colors`, for a formatter whose sink writes to a terminal or not.
    #[must_use]
    pub fn colors(self, colors: Colors, is_terminal: bool) -> Self {
        Self { colors, is_terminal, ..self }
    }

    /// With the formatters of a sink.
    #[must_use]
    pub fn formatters(self, formatters: Formatters) -> Self {
        Self { formatters: Some(formatters), ..self }
    }

    /// With the formatters that a formatter may wrap.
    #[must_use]
    pub fn named_formatters(self, named: &'a FormatterByName<'a>) -> Self {
        Self { named_formatters: Some(named), ..self }
    }

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
    /// All invalid values, with their places.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        settings::read(&self.values)
    }

    /// As [`read`](Self::read), for a plugin that also checks values that can be read: with defaults in place of those that
    /// cannot. There is no struct if one of these has no default.
    #[must_use]
    pub fn read_with_problems<T: DeserializeOwned>(&self) -> (Option<T>, Vec<Problem>) {
        let settings::ReadOutcome { read, problems } = settings::read_all(&self.values);
        (read, problems)
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
    /// the environment: see [`Colors::resolve`].
    #[must_use]
    pub fn has_colors(&self) -> bool {
        self.colors.resolve(self.is_terminal, |name| std::env::var_os(name))
    }

    /// Whether a formatter is made for a sink that writes to a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Makes the formatters of a sink: the one that its entry names, or the setting `formatter`. A sink that writes to a
    /// terminal passes `true`, because `auto` is another formatter there.
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
        Ok(maker(if is_terminal { on_terminal } else { elsewhere }))
    }

    /// With the substitutes that a redactor's actions may name.
    #[must_use]
    pub fn named_substitutes(self, named: &'a SubstituteByName<'a>) -> Self {
        Self { named_substitutes: Some(named), ..self }
    }

    /// Makes a [substitute](Substitute) by its name, with its own settings: for a redactor whose action has that name. `setting` is the
    /// setting that has the name, for errors.
    ///
    /// # Errors
    /// When there is none of that name. Errors in the settings of the substitute are not among them: they are reported as its own.
    pub fn substitute_named(&self, setting: &str, name: &str) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
        let Some(named) = self.named_substitutes else {
            let allowed = "only a redactor has substitutes";
            return Err(vec![Problem::new(setting, format!("{name:?}"), allowed)]);
        };
        named(name).map_err(|problems| problems.into_iter().map(|problem| problem.below(setting)).collect())
    }

    /// Makes a formatter by its name, with its own settings: for a formatter that wraps another. `setting` is the setting that has
    /// the name, for errors.
    ///
    /// # Errors
    /// When there is no formatter of that name, when it would wrap itself, or when the plugin is no formatter. Errors in the settings
    /// of the other formatter are not among them: they are reported as its own.
    pub fn formatter_named(
        &self,
        setting: &str,
        name: &str,
    ) -> Result<impl Fn() -> Box<dyn Formatter> + Clone + Send + Sync + 'static, Vec<Problem>> {
        let Some(named) = self.named_formatters else {
            return Err(vec![Problem::new(setting, format!("{name:?}"), "only a formatter wraps another by its name")]);
        };
        let below = |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below(setting)).collect();
        named(name, self.is_terminal).map(maker).map_err::<Vec<Problem>, _>(below)
    }
}

/// Formatters are alike on all shards.
fn maker(factory: Arc<Factory<dyn Formatter>>) -> impl Fn() -> Box<dyn Formatter> + Clone + Send + Sync + 'static {
    move || factory.make(ShardInfo::new(0, 1))
}

impl fmt::Debug for PluginSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginSettings")
            .field("name", &self.name)
            .field("values", &settings::redact(&self.values))
            .finish_non_exhaustive()
    }
}
