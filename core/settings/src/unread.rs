//! Settings of plugins and sinks that nothing reads.

use std::collections::BTreeSet;

use fapilog_plugin::{kind::PluginKind, problem::Problem, registry::Registry, settings::suggestion::suggestion};

use crate::{GIVEN, Settings, into_builder::formatters_of};

/// The plugins and sinks that settings name, and the tables of `plugin_config` that belong to none of them.
pub(super) struct Unread<'a> {
    settings: &'a Settings,
    registry: &'a Registry,
    /// The names of sinks, of enrichers, processors and redactors, of standards, and of the formatters in use.
    named: BTreeSet<&'a str>,
}

impl<'a> Unread<'a> {
    /// `standards` are the names of those that the settings are checked against.
    pub(super) fn of(settings: &'a Settings, registry: &'a Registry, standards: &'a [String]) -> Self {
        let plugins = settings.enrichers.iter().chain(&settings.processors).chain(&settings.redactors);
        let plugins = plugins.chain(&settings.compliance_standards).chain(standards);
        let mut named: BTreeSet<&str> = plugins.map(String::as_str).collect();
        for sink in &settings.sinks {
            named.insert(&sink.name);
            named.extend(formatters_of(sink.formatter.as_deref().unwrap_or(&settings.formatter)));
        }
        Self { settings, registry, named }
    }

    /// Whether a plugin or sink reads the table, or would if no later layer took it out: for a run with `FAPILOG_SINKS=stdout`
    /// nobody removes the settings of a file sink.
    pub(super) fn is_read(&self, name: &str) -> bool {
        self.named.contains(name) || self.settings.loaded.names_plugin(name) || self.is_of_preset(name)
    }

    fn is_of_preset(&self, name: &str) -> bool {
        let own = self.settings.plugin_config.get(name);
        self.settings.preset.is_some_and(|preset| Settings::preset(preset).plugin_config.get(name) == own)
    }

    /// The problem of a table that is not read, and whether it is one whichever other plugins are registered.
    pub(super) fn problem(&self, name: &str) -> (Problem, bool) {
        let path = format!("plugin_config.{name}");
        if let Some((info, _)) = self.registry.entry(name) {
            let problem = Problem::new(path, GIVEN, self.unnamed(name, info.kind));
            return (problem.beside(naming(info.kind)), true);
        }
        let mut problem = Problem::new(path, GIVEN, "there is no sink and no plugin of that name");
        let known = self.named.iter().copied();
        problem.suggestion = suggestion(name, known.chain(self.registry.plugins().map(|info| info.name.as_str())));
        let is_certain = problem.suggestion.is_some();
        (problem, is_certain)
    }

    /// The reason why nothing reads the table of a plugin that is known.
    fn unnamed(&self, name: &str, kind: PluginKind) -> String {
        let own_name = self.settings.sinks.iter().find(|sink| sink.registered_name() == name);
        match (kind, own_name) {
            (PluginKind::Sink, Some(sink)) => {
                format!("the settings of that sink are under its own name, plugin_config.{}", sink.name)
            }
            (PluginKind::Sink, None) => "`sinks` names no such sink".to_owned(),
            (PluginKind::Formatter, _) => "no sink has that formatter".to_owned(),
            (PluginKind::Substitute, _) => "no redactor names it as an action".to_owned(),
            (kind, _) => format!("`{}` names no such {kind}", naming(kind)),
        }
    }
}

/// The setting that names plugins of this kind.
const fn naming(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Enricher => "enrichers",
        PluginKind::Processor => "processors",
        PluginKind::Redactor => "redactors",
        PluginKind::Formatter => "formatter",
        PluginKind::Standard => "compliance_standards",
        PluginKind::Substitute => "redactors",
        // Sinks; there is no other kind.
        _ => "sinks",
    }
}
