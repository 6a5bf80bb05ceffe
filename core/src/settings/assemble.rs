//! From settings to a container: finds the plugins that they name, and makes them.

use std::{collections::BTreeMap, sync::Arc};

use super::{ErrorHandling, PluginConfig, Settings, SinkEntry, nearest::nearest};
use crate::{
    Container, ContainerBuilder, Level, LevelFilter, ManualDrain, Problem, SettingsError, SinkOptions, StartError,
    drain::{PipelinePlan, PluginPlan},
    plugin::{Factory, Formatter, PluginKind, SinkFactory},
    registry::{Constructor, Entry, Formatters, PluginSettings, Registry},
};

/// The formatters that `auto` stands for.
const AUTO: &str = "auto";
const AUTO_ON_TERMINAL: &str = "pretty";
const AUTO_ELSEWHERE: &str = "json";

/// The formatters that a name stands for: on a terminal, and elsewhere.
pub(super) fn formatters_of(name: &str) -> [&str; 2] {
    if name == AUTO { [AUTO_ON_TERMINAL, AUTO_ELSEWHERE] } else { [name, name] }
}

impl Container {
    /// Starts a container as the settings say, with the [built-in](Registry::built_in) plugins.
    ///
    /// # Errors
    /// See [`StartError`]. Everything that is wrong with the settings, those of the plugins among them, is in one error,
    /// and nothing is started then.
    pub fn from_settings(settings: Settings) -> Result<Self, StartError> {
        Self::from_settings_with(settings, &Registry::built_in())
    }

    /// Starts a container as the settings say, with the plugins of a registry.
    ///
    /// # Errors
    /// As [`from_settings`](Self::from_settings).
    pub fn from_settings_with(settings: Settings, registry: &Registry) -> Result<Self, StartError> {
        if !settings.async_processing {
            let allowed = "the program drains such a container: use Container::manual_from_settings";
            let mut problems = vec![Problem::new("async_processing", false, allowed)];
            settings.attribute(&mut problems);
            return Err(SettingsError { problems }.into());
        }
        let container = assemble(&settings, registry)?.start()?;
        container.keep(settings, registry);
        Ok(container)
    }

    /// Starts a container as the settings say, which the program drains itself, on this thread: `async_processing` must
    /// be false, and `max_workers` 1.
    ///
    /// # Errors
    /// As [`from_settings`](Self::from_settings).
    pub fn manual_from_settings(settings: Settings, registry: &Registry) -> Result<(Self, ManualDrain), StartError> {
        let mut problems = Vec::new();
        if settings.async_processing {
            let allowed = "it must be false for a container that the program drains";
            problems.push(Problem::new("async_processing", true, allowed));
        }
        if settings.max_workers != 1 {
            let allowed = "a container that the program drains has 1";
            problems.push(Problem::new("max_workers", settings.max_workers, allowed));
        }
        if !problems.is_empty() {
            settings.attribute(&mut problems);
            return Err(SettingsError { problems }.into());
        }
        let (container, drain) = assemble(&settings, registry)?.start_manual()?;
        container.keep(settings, registry);
        Ok((container, drain))
    }

    /// Remembers what it was made from, for a reload.
    fn keep(&self, settings: Settings, registry: &Registry) {
        let executor = self.executor().map_or_else(|| "the program".to_owned(), |executor| executor.to_string());
        let text = format!("{} drains {} shard(s); level {}", executor, settings.max_workers, settings.level);
        self.notices.mention("container", text);
        *fapilog_ring::sync::lock(&self.settings) = Some(Box::new(Origin { settings, registry: registry.clone() }));
    }
}

/// What a container was made from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(super) settings: Settings,
    pub(super) registry: Registry,
}

/// A builder that does as the settings say.
pub(super) fn assemble(settings: &Settings, registry: &Registry) -> Result<ContainerBuilder, SettingsError> {
    let mut assembly = Assembly { settings, registry, problems: settings.problems(), formatters: BTreeMap::new() };
    let mut builder = assembly.tuned();
    assembly.add_pipeline(builder.pipeline_mut());
    assembly.add_sinks(&mut builder);
    assembly.check_plugin_config();
    assembly.add_problems(registry.refused().iter().map(|error| Problem::new("plugins", "refused", error.to_string())));
    assembly.add_problems(builder.problems().into_iter().filter_map(in_words_of_settings));
    let mut problems = Settings::in_order(assembly.problems);
    if problems.is_empty() {
        return Ok(builder);
    }
    settings.attribute(&mut problems);
    Err(SettingsError { problems })
}

struct Assembly<'a> {
    settings: &'a Settings,
    registry: &'a Registry,
    problems: Vec<Problem>,
    /// By name, and whether it is for a terminal. Each is made once, however many sinks use it; `None` where it could not
    /// be.
    formatters: BTreeMap<(String, bool), Option<SharedFormatter>>,
}

type SharedFormatter = Arc<Factory<dyn Formatter>>;

impl Assembly<'_> {
    /// Everything but the plugins.
    fn tuned(&self) -> ContainerBuilder {
        let settings = self.settings;
        let mut builder = Container::builder()
            .level(settings.level.clone())
            .executor(settings.executor)
            .order(settings.ordering)
            .shards(settings.max_workers)
            .ring_capacity_bytes(settings.ring_bytes())
            .threads_max(settings.threads_max)
            .overflow(settings.overflow())
            .batch_events_max(settings.batch_size)
            .flush_interval(settings.flush_interval)
            .idle_doze(settings.idle_doze)
            .message_max_chars(settings.message_max_chars)
            .emergency_lines(settings.emergency_lines)
            .plugin_timeout(settings.plugin_timeout);
        let limit = fapilog_ring::Capacity::payload_limit(settings.ring_bytes());
        builder = builder.record_max_bytes(settings.record_max_bytes.unwrap_or_else(|| limit.min(64 << 10)));
        if let Some(spin) = settings.idle_spin {
            builder = builder.idle_spin(spin);
        }
        if let Some(interval) = settings.heartbeat {
            builder = builder.heartbeat(interval);
        }
        if !settings.drain_cpus.is_empty() {
            builder = builder.drain_cpus(settings.drain_cpus.clone());
        }
        let notices = builder.notices_mut();
        notices.least = settings.internal_log_level;
        notices.stderr = stderr_level(settings);
        notices.callback = settings.error_callback.clone();
        builder
    }

    fn add_pipeline(&mut self, plan: &mut PipelinePlan) {
        let settings = self.settings;
        plan.enrichers = self.plans("enrichers", &settings.enrichers, PluginKind::Enricher, |entry| match entry {
            Entry::Enricher(constructor) => Some(constructor),
            _ => None,
        });
        plan.processors = self.plans("processors", &settings.processors, PluginKind::Processor, |entry| match entry {
            Entry::Processor(constructor) => Some(constructor),
            _ => None,
        });
        plan.redactors = self.plans("redactors", &settings.redactors, PluginKind::Redactor, |entry| match entry {
            Entry::Redactor(constructor) => Some(constructor),
            _ => None,
        });
    }

    /// How to make the plugins that one setting names. Those that cannot be made are problems.
    fn plans<P: ?Sized + 'static>(
        &mut self,
        setting: &str,
        names: &[String],
        kind: PluginKind,
        constructor_of: impl Fn(Entry) -> Option<Constructor<Factory<P>>>,
    ) -> Vec<PluginPlan<P>> {
        let plan = |(index, name): (usize, &String)| {
            let constructor = constructor_of(self.find(&format!("{setting}[{index}]"), name, kind)?)?;
            let factory = self.make(&constructor, name, None)?;
            Some(PluginPlan::named(name, move |shard| Ok(factory.make(shard))))
        };
        names.iter().enumerate().filter_map(plan).collect()
    }

    fn add_sinks(&mut self, builder: &mut ContainerBuilder) {
        let settings = self.settings;
        for (index, sink) in settings.sinks.iter().enumerate() {
            if let Some(factory) = self.sink(index, sink) {
                let route = settings.routing.get(&sink.name).cloned().unwrap_or_default();
                let options = SinkOptions::new().route(route);
                let options = match sink.when_busy {
                    Some(when_busy) => options.when_busy(when_busy),
                    None => options,
                };
                builder.add_sink(&sink.name, factory, options);
            }
        }
    }

    fn sink(&mut self, index: usize, sink: &SinkEntry) -> Option<Arc<dyn SinkFactory>> {
        let path = format!("sinks[{index}]");
        let kind_path = if sink.kind.is_some() { format!("{path}.type") } else { path.clone() };
        let entry = self.find(&kind_path, sink.registered_name(), PluginKind::Sink);
        let (formatter_path, formatter) = match &sink.formatter {
            Some(formatter) => (format!("{path}.formatter"), formatter.as_str()),
            None => ("formatter".to_owned(), self.settings.formatter.as_str()),
        };
        let formatters = self.formatters(&formatter_path, formatter);
        self.check_own_name(&path, sink);
        match (entry, formatters) {
            (Some(Entry::Sink(constructor)), Some(formatters)) => self.make(&constructor, &sink.name, Some(formatters)),
            _ => None,
        }
    }

    /// A sink's settings are found by its name, and so are those of plugins of other kinds.
    fn check_own_name(&mut self, path: &str, sink: &SinkEntry) {
        if let Some((info, _)) = self.registry.entry(&sink.name)
            && info.kind != PluginKind::Sink
        {
            let allowed = format!("{} has that name; a sink needs another", info.kind);
            self.add_problems([Problem::new(format!("{path}.name"), format!("{:?}", sink.name), allowed)]);
        }
    }

    /// One for a terminal and one for elsewhere: colours, and what `auto` stands for, depend on it.
    fn formatters(&mut self, path: &str, name: &str) -> Option<Formatters> {
        let [on_terminal, elsewhere] = formatters_of(name);
        let elsewhere = self.formatter(path, elsewhere, false)?;
        let on_terminal = self.formatter(path, on_terminal, true)?;
        Some(Formatters { on_terminal, elsewhere })
    }

    fn formatter(&mut self, path: &str, name: &str, is_terminal: bool) -> Option<SharedFormatter> {
        let key = (name.to_owned(), is_terminal);
        if let Some(known) = self.formatters.get(&key) {
            return known.clone();
        }
        let made = match self.find(path, name, PluginKind::Formatter) {
            Some(Entry::Formatter(constructor)) => {
                let settings = PluginSettings { is_terminal, ..self.own_settings(name) };
                self.call(&constructor, &settings).map(Arc::new)
            }
            _ => None,
        };
        self.formatters.insert(key, made.clone());
        made
    }

    /// The plugin that is meant by `name`.
    fn find(&mut self, path: &str, name: &str, kind: PluginKind) -> Option<Entry> {
        if let Some((info, entry)) = self.registry.entry(name)
            && info.kind == kind
        {
            return Some(entry.clone());
        }
        let known: Vec<&str> =
            self.registry.plugins().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.name.as_str()).collect();
        let allowed = match (self.registry.left_to_code(name), known.as_slice()) {
            (Some(how), _) => format!("settings alone cannot name it: {how}"),
            (None, []) => format!("no {kind} is registered"),
            (None, known) => format!("there is no such {kind}; allowed are {}", known.join(", ")),
        };
        let mut problem = Problem::new(path, format!("{name:?}"), allowed);
        problem.nearest = nearest(name, known);
        self.add_problems([problem]);
        None
    }

    /// Calls a plugin's constructor with its own settings.
    fn make<T>(&mut self, constructor: &Constructor<T>, name: &str, formatters: Option<Formatters>) -> Option<T> {
        let settings = PluginSettings { formatters, ..self.own_settings(name) };
        self.call(constructor, &settings)
    }

    fn own_settings<'n>(&self, name: &'n str) -> PluginSettings<'n> {
        let own = self.settings.plugin_config.get(name).map(PluginConfig::to_value);
        let values = own.unwrap_or_else(|| PluginConfig::new().to_value());
        PluginSettings { name, values, colors: self.settings.colors, is_terminal: false, formatters: None }
    }

    fn call<T>(&mut self, constructor: &Constructor<T>, settings: &PluginSettings<'_>) -> Option<T> {
        let name = settings.name;
        match crate::plugin::guarded(|| constructor(settings)) {
            Ok(Ok(made)) => return Some(made),
            Ok(Err(problems)) => {
                let path = format!("plugin_config.{name}");
                self.add_problems(problems.into_iter().map(|problem| problem.below(&path)));
            }
            Err(_panicked) => {
                let problem = Problem::new(format!("plugin_config.{name}"), "given", "the plugin panicked on it");
                self.add_problems([problem]);
            }
        }
        None
    }

    /// Settings of a plugin that nobody knows are read by nobody.
    fn check_plugin_config(&mut self) {
        let sinks = self.settings.sinks.iter().map(|sink| sink.name.as_str());
        let known: Vec<&str> = sinks.chain(self.registry.plugins().map(|plugin| plugin.name.as_str())).collect();
        let unknown = self.settings.plugin_config.keys().filter(|name| !known.contains(&name.as_str()));
        let problems: Vec<Problem> = unknown
            .map(|name| {
                let allowed = "there is no sink and no plugin of that name";
                let mut problem = Problem::new(format!("plugin_config.{name}"), "given", allowed);
                problem.nearest = nearest(name, known.iter().copied());
                problem
            })
            .collect();
        self.add_problems(problems);
    }

    /// One problem a place is enough.
    fn add_problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if !self.problems.iter().any(|known| known.path == problem.path) {
                self.problems.push(problem);
            }
        }
    }
}

/// The least level of the notices that go to stderr.
fn stderr_level(settings: &Settings) -> LevelFilter {
    match (settings.enable_internal_logging, settings.error_handling_mode) {
        (true, _) => settings.internal_log_level,
        (false, ErrorHandling::Loud) => LevelFilter::AtLeast(Level::Warning),
        (false, ErrorHandling::Silent) => LevelFilter::Off,
    }
}

/// What the builder says, with the names that settings have. What it says of the list of sinks has been said: those that
/// could not be made are not in it.
fn in_words_of_settings(mut problem: Problem) -> Option<Problem> {
    if problem.path == "sinks" || problem.path.starts_with("sinks[") {
        return None;
    }
    problem.path = match problem.path.as_str() {
        "shards" => "max_workers".to_owned(),
        "batch_events_max" => "batch_size".to_owned(),
        "overflow.timeout" => "overflow_timeout".to_owned(),
        other => other.strip_prefix("sinks.").map_or_else(|| other.to_owned(), |own| format!("plugin_config.{own}")),
    };
    Some(problem)
}
