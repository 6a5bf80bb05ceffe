//! From settings to a container's builder: finds the plugins that the settings name, and makes them.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fapilog_engine::{
    container::{Container, ContainerBuilder, SinkOptions},
    container_options,
};
use fapilog_plugin::{
    compliance::{ComplianceReport, PlannedContainer, PlannedPlugin, Standard},
    error::PluginError,
    event::Batch,
    factory::Factory,
    formatter::Formatter,
    kind::PluginKind,
    problem::{Problem, SettingsError},
    processor::Processor,
    registry::{Constructor, Entry, Formatters, PluginSettings, Registry},
    settings::{suggestion::suggestion, without_reading_secrets},
    sink::SinkFactory,
    substitute::Substitute,
};
use fapilog_plugin::{
    level::{Level, LevelFilter},
    user_code::catch_panic,
};

use crate::{
    ComplianceMode, ErrorHandling, PROBLEMS_MAX, PluginConfig, Settings, SinkEntry,
    compliance::{CRATE_OF_STANDARDS, CheckedPlan, report_violations},
    declare::give_options,
    delivery,
    unread::Unread,
};

/// The formatters that `auto` stands for.
const AUTO: &str = "auto";
const AUTO_ON_TERMINAL: &str = "pretty";
const AUTO_ELSEWHERE: &str = "json";

/// The settings that name plugins and sinks.
pub(super) const NAME_PLUGINS: [&str; 6] =
    ["sinks", "enrichers", "processors", "redactors", "formatter", "compliance_standards"];

/// The formatters that a name stands for: on a terminal, and elsewhere.
pub(super) fn formatters_of(name: &str) -> [&str; 2] {
    if name == AUTO { [AUTO_ON_TERMINAL, AUTO_ELSEWHERE] } else { [name, name] }
}

impl Settings {
    /// The options of the container, without plugins.
    pub(super) fn options(&self) -> ContainerBuilder {
        let mut builder = Container::builder().diagnostics_to_stderr(stderr_level(self));
        if let Some(callback) = self.error_callback.clone() {
            builder = builder.error_callback(move |diagnostic| callback.call(diagnostic));
        }
        container_options! { give_options! { (self to builder) } }
        builder
    }

    /// A builder that is set up by the settings, with the plugins that are [linked](Registry::linked) into the
    /// program. It may be changed before it is started.
    ///
    /// ```no_run
    /// use fapilog_settings::Settings;
    ///
    /// let logs = Settings::from_env()?.into_builder()?.start()?;
    /// # drop(logs);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Every invalid value, those of the plugins' own settings among them.
    pub fn into_builder(self) -> Result<ContainerBuilder, SettingsError> {
        self.into_builder_with(&Registry::linked())
    }

    /// As [`into_builder`](Self::into_builder), with the plugins of a registry.
    ///
    /// # Errors
    /// As [`into_builder`](Self::into_builder).
    #[doc(alias = "load_plugins")]
    pub fn into_builder_with(self, registry: &Registry) -> Result<ContainerBuilder, SettingsError> {
        let CheckedBuilder { builder, checked } = build(&self, registry)?;
        let origin = Origin { settings: self, registry: registry.clone(), checked };
        Ok(builder.attachment(Arc::new(Mutex::new(origin))))
    }
}

/// The settings and the registry that a container was made from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(super) settings: Settings,
    pub(super) registry: Registry,
    /// The plan of the settings, and the rules that it misses.
    pub(super) checked: CheckedPlan,
}

/// A builder with the options and plugins of the settings, which meet the standards that they name.
pub(super) fn build(settings: &Settings, registry: &Registry) -> Result<CheckedBuilder, SettingsError> {
    let Built { mut builder, planned, standards, .. } =
        build_against(settings, &settings.compliance_standards, registry)?;
    let checked = CheckedPlan::of(planned, standards, settings.compliance_mode);
    match settings.compliance_mode {
        ComplianceMode::Strict => {
            let problems = settings.compliance_problems(checked.report());
            if !problems.is_empty() {
                return Err(settings.as_error(problems));
            }
        }
        ComplianceMode::Report => builder = report_violations(builder, checked.report()),
    }
    Ok(CheckedBuilder { builder, checked })
}

/// A builder, and its plan with the report of the standards that the settings name.
pub(super) struct CheckedBuilder {
    pub(super) builder: ContainerBuilder,
    pub(super) checked: CheckedPlan,
}

/// The container that the settings ask for.
pub(super) fn plan(settings: &Settings, registry: &Registry) -> Result<PlannedContainer, SettingsError> {
    build_without_secrets(settings, &settings.compliance_standards, registry).map(|built| built.planned)
}

/// The report of the settings by these standards. A report needs no secrets, which may be on another machine.
pub(super) fn check_against(
    settings: &Settings,
    standards: &[String],
    registry: &Registry,
) -> Result<ComplianceReport, SettingsError> {
    let built = build_without_secrets(settings, standards, registry)?;
    Ok(ComplianceReport::of(&built.planned, &built.standards))
}

/// All that the settings ask for, if they are valid.
fn build_against(settings: &Settings, standards: &[String], registry: &Registry) -> Result<Built, SettingsError> {
    let built = Build::of(settings, standards, registry, KnownPlugins::All, settings.problems());
    if built.problems.is_empty() { Ok(built) } else { Err(settings.as_error(built.problems)) }
}

/// As [`build_against`], without the plugins whose secrets are needed to make them: for a report, not for a container.
fn build_without_secrets(
    settings: &Settings,
    standards: &[String],
    registry: &Registry,
) -> Result<Built, SettingsError> {
    let mut built = None;
    let problems = without_reading_secrets(|| {
        let all = Build::of(settings, standards, registry, KnownPlugins::All, settings.problems());
        let problems = all.problems.clone();
        built = Some(all);
        problems
    });
    match built.filter(|_| problems.is_empty()) {
        Some(built) => Ok(built),
        None => Err(settings.as_error(problems)),
    }
}

/// The problems, and those that the plugins find in their own settings.
pub(super) fn problems_of_plugins(
    settings: &Settings,
    registry: &Registry,
    known: KnownPlugins,
    problems: Vec<Problem>,
) -> Vec<Problem> {
    // The error lists no more, and each name of a plugin is compared with all of them.
    if problems.len() > PROBLEMS_MAX {
        return problems;
    }
    Build::of(settings, &settings.compliance_standards, registry, known, problems).problems
}

/// A builder, what standards see of it, the standards, and all that was found to be invalid.
struct Built {
    builder: ContainerBuilder,
    planned: PlannedContainer,
    standards: Vec<Arc<dyn Standard>>,
    problems: Vec<Problem>,
}

/// The plugins of a registry, among all that the program has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownPlugins {
    All,
    /// The program may register others: a name that resembles none of the linked plugins may be that of another.
    Linked,
}

/// The settings on their way into a builder, with all that is found to be invalid.
struct Build<'a> {
    settings: &'a Settings,
    /// The names of the standards that the settings are checked against.
    standards: &'a [String],
    registry: &'a Registry,
    known: KnownPlugins,
    problems: Vec<Problem>,
    planned: PlannedContainer,
    /// By name, and whether it is for a terminal. Each is made once, however many sinks use it; `None` where it could not
    /// be.
    formatters: BTreeMap<(String, bool), Option<SharedFormatter>>,
    /// The formatters that are being made, each by the one in front of it.
    formatters_in_work: Vec<String>,
    /// By name; `None` where it could not be made.
    substitutes: BTreeMap<String, Option<Arc<dyn Substitute>>>,
    /// The names of the sinks that the builder has.
    made_sinks: Vec<&'a str>,
}

type SharedFormatter = Arc<Factory<dyn Formatter>>;

/// Stands for a formatter that could not be made. No container uses it: settings with a problem give none.
struct NoFormatter;

impl Formatter for NoFormatter {
    fn name(&self) -> &'static str {
        "none"
    }

    fn format(&mut self, _batch: &Batch<'_>, _out: &mut Vec<u8>) -> Result<(), PluginError> {
        Ok(())
    }
}

fn no_formatters() -> Formatters {
    let none: SharedFormatter = Arc::new(Factory::formatter(|_shard| NoFormatter));
    Formatters { on_terminal: Arc::clone(&none), elsewhere: none }
}

impl<'a> Build<'a> {
    /// The builder, and all problems.
    fn of(
        settings: &'a Settings,
        standards: &'a [String],
        registry: &'a Registry,
        known: KnownPlugins,
        problems: Vec<Problem>,
    ) -> Built {
        let mut build = Build {
            settings,
            standards,
            registry,
            known,
            problems,
            planned: settings.plan_of_options(),
            formatters: BTreeMap::new(),
            formatters_in_work: Vec::new(),
            substitutes: BTreeMap::new(),
            made_sinks: Vec::new(),
        };
        let builder = build.add_pipeline(settings.options());
        let builder = build.add_sinks(builder);
        let standards = build.make_standards();
        build.check_plugin_config();
        build
            .add_problems(registry.refused().iter().map(|error| Problem::new("plugins", "refused", error.to_string())));
        if !build.problems.iter().any(|problem| ["shards", "drain_cpus"].contains(&Settings::name_of(&problem.path))) {
            build.add_problems(builder.cpu_problem());
        }
        let of_sinks = builder.sink_problems();
        build.add_problems(of_sinks.map(|(sink, problem)| problem.below(&format!("plugin_config.{sink}"))));
        build.add_delivery_problems(&builder);
        Built { builder, planned: build.planned, standards, problems: Settings::in_order(build.problems) }
    }

    fn add_pipeline(&mut self, mut builder: ContainerBuilder) -> ContainerBuilder {
        let settings = self.settings;
        let enrichers = self.factories("enrichers", &settings.enrichers, PluginKind::Enricher, |entry| match entry {
            Entry::Enricher(constructor) => Some(constructor),
            _ => None,
        });
        self.planned.enrichers = planned_plugins(&enrichers);
        for (name, factory) in enrichers {
            builder = builder.named_enricher(name, move |shard| Ok(factory.make(shard)));
        }
        let processors =
            self.factories("processors", &settings.processors, PluginKind::Processor, |entry| match entry {
                Entry::Processor(constructor) => Some(constructor),
                _ => None,
            });
        self.planned.processors = planned_plugins(&processors);
        for (name, factory) in processors {
            builder = builder.named_processor(name, move |shard| Ok(factory.make(shard)));
        }
        let redactors = self.redactors();
        self.planned.redactors = planned_plugins(&redactors);
        for (name, factory) in redactors {
            if let Some(redactor) = factory.text_redactor() {
                builder = builder.text_redactor(redactor.clone());
            }
            builder = builder.named_redactor(name, move |shard| Ok(factory.make(shard)));
        }
        builder
    }

    /// The redactors, whose actions may name substitutes.
    fn redactors(&mut self) -> Vec<(&'a str, Factory<dyn Processor>)> {
        let settings = self.settings;
        let factory = |(index, name): (usize, &'a String)| {
            let entry = self.find(&format!("redactors[{index}]"), name, PluginKind::Redactor)?;
            let Entry::Redactor(constructor) = entry else { return None };
            let own = self.own_settings(name);
            let build = RefCell::new(&mut *self);
            let substitute = |name: &str| build.borrow_mut().substitute(name);
            let made = construct(&constructor, &own.named_substitutes(&substitute));
            Some((name.as_str(), self.made_or_problems(name, made)?))
        };
        settings.redactors.iter().enumerate().filter_map(factory).collect()
    }

    /// The substitute of this name, made once.
    fn substitute(&mut self, name: &str) -> Result<Arc<dyn Substitute>, Vec<Problem>> {
        if let Some(known) = self.substitutes.get(name) {
            return known.clone().ok_or_else(Vec::new);
        }
        // A problem of the name belongs to the redactor; others are added for the substitute.
        let made = match self.found(name, PluginKind::Substitute)? {
            Entry::Substitute(constructor) => self.make(&constructor, name, None),
            _ => None,
        };
        self.substitutes.insert(name.to_owned(), made.clone());
        made.ok_or_else(Vec::new)
    }

    /// The plugins that one setting names. Those that cannot be made are problems.
    fn factories<'n, P: ?Sized + 'static>(
        &mut self,
        setting: &str,
        names: &'n [String],
        kind: PluginKind,
        constructor_of: impl Fn(Entry) -> Option<Constructor<Factory<P>>>,
    ) -> Vec<(&'n str, Factory<P>)> {
        let factory = |(index, name): (usize, &'n String)| {
            let constructor = constructor_of(self.find(&format!("{setting}[{index}]"), name, kind)?)?;
            Some((name.as_str(), self.make(&constructor, name, None)?))
        };
        names.iter().enumerate().filter_map(factory).collect()
    }

    fn add_sinks(&mut self, mut builder: ContainerBuilder) -> ContainerBuilder {
        let settings = self.settings;
        for (index, sink) in settings.sinks.iter().enumerate() {
            if let Some(factory) = self.sink(index, sink) {
                let route = settings.routing.get(&sink.name).cloned().unwrap_or_default();
                let options = self.delivery_options(index, sink, &*factory).route(route);
                self.planned.sinks.push(settings.planned_sink(sink, &*factory, self.registry));
                builder = builder.sink_with(&sink.name, factory, options);
                self.made_sinks.push(&sink.name);
            }
        }
        builder
    }

    /// The standards that are named. Those that cannot be made are problems.
    fn make_standards(&mut self) -> Vec<Arc<dyn Standard>> {
        let names = self.standards;
        let standard = |(index, name): (usize, &String)| match self.find(
            &format!("compliance_standards[{index}]"),
            name,
            PluginKind::Standard,
        )? {
            Entry::Standard(constructor) => self.make(&constructor, name, None),
            _ => None,
        };
        names.iter().enumerate().filter_map(standard).collect()
    }

    /// The options of a sink's deliveries.
    fn delivery_options(&mut self, index: usize, sink: &SinkEntry, factory: &dyn SinkFactory) -> SinkOptions {
        let mut options = SinkOptions::new();
        if let Some(on_full) = sink.on_full {
            options = options.on_full(on_full);
        }
        if !sink.delivery.is_empty() {
            let policy = sink.delivery.over(catch_panic(|| factory.delivery()).unwrap_or_default());
            let unread = sink.delivery.unread_problems(&policy).into_iter();
            self.add_problems(unread.map(|problem| problem.below(&format!("sinks[{index}].delivery"))));
            options = options.delivery(policy);
        }
        if let Some(fallback) = &sink.fallback {
            options = options.fallback(fallback);
        }
        if let Some(spill) = &sink.spill {
            options = options.spill(spill.clone());
        }
        if let Some(dead_letters) = &sink.dead_letters {
            options = options.dead_letters(dead_letters.clone());
        }
        options
    }

    /// Adds the problems of deliveries that depend on the sinks' own policies.
    fn add_delivery_problems(&mut self, builder: &ContainerBuilder) {
        let sinks = &self.settings.sinks;
        let of_sink = |(name, problem): (&str, Problem)| {
            let (index, sink) = sinks.iter().enumerate().find(|(_, sink)| sink.name == name)?;
            // A fallback that could not be made is a problem of its own.
            let is_made = |fallback: &String| self.made_sinks.contains(&fallback.as_str());
            let follows = problem.path == "fallback" && !sink.fallback.as_ref().is_some_and(is_made);
            (!follows).then(|| delivery::as_written(problem).below(&format!("sinks[{index}]")))
        };
        let problems: Vec<Problem> = builder.delivery_problems().filter_map(of_sink).collect();
        self.add_problems(problems);
    }

    fn sink(&mut self, index: usize, sink: &SinkEntry) -> Option<Arc<dyn SinkFactory>> {
        let path = format!("sinks[{index}]");
        let kind_path = if sink.kind.is_some() { format!("{path}.type") } else { path.clone() };
        let entry = self.find(&kind_path, sink.registered_name(), PluginKind::Sink);
        let (formatter_path, formatter) = match &sink.formatter {
            Some(formatter) => (format!("{path}.formatter"), formatter.as_str()),
            None => ("formatter".to_owned(), self.settings.formatter.as_str()),
        };
        // Without a formatter, the sink checks its own settings all the same: an error has all problems.
        let formatters = self.formatters(&formatter_path, formatter).unwrap_or_else(no_formatters);
        self.check_own_name(&path, sink);
        match entry {
            Some(Entry::Sink(constructor)) => self.make(&constructor, &sink.name, Some(formatters)),
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

    /// A formatter for a terminal and another for elsewhere: colours, and the meaning of `auto`, depend on it.
    fn formatters(&mut self, path: &str, name: &str) -> Option<Formatters> {
        let [on_terminal, elsewhere] = formatters_of(name);
        let (elsewhere, on_terminal) =
            (self.formatter(path, elsewhere, false), self.formatter(path, on_terminal, true));
        Some(Formatters { on_terminal: on_terminal?, elsewhere: elsewhere? })
    }

    fn formatter(&mut self, path: &str, name: &str, is_terminal: bool) -> Option<SharedFormatter> {
        let key = (name.to_owned(), is_terminal);
        if let Some(known) = self.formatters.get(&key) {
            return known.clone();
        }
        let made = match self.find(path, name, PluginKind::Formatter) {
            Some(Entry::Formatter(constructor)) => self.make_formatter(&constructor, name, is_terminal),
            _ => None,
        };
        self.formatters.insert(key, made.clone());
        made
    }

    /// Calls a formatter's constructor, which may ask for the formatter that it wraps.
    fn make_formatter(
        &mut self,
        constructor: &Constructor<Factory<dyn Formatter>>,
        name: &str,
        is_terminal: bool,
    ) -> Option<SharedFormatter> {
        let settings = self.own_settings(name).colors(self.settings.colors, is_terminal);
        self.formatters_in_work.push(name.to_owned());
        let build = RefCell::new(&mut *self);
        let wrapped = |name: &str, is_terminal| build.borrow_mut().wrapped_formatter(name, is_terminal);
        let made = construct(constructor, &settings.named_formatters(&wrapped));
        self.formatters_in_work.pop();
        self.made_or_problems(name, made).map(Arc::new)
    }

    /// The formatter that the one in work wraps.
    fn wrapped_formatter(&mut self, name: &str, is_terminal: bool) -> Result<SharedFormatter, Vec<Problem>> {
        let [on_terminal, elsewhere] = formatters_of(name);
        let resolved = if is_terminal { on_terminal } else { elsewhere };
        if self.formatters_in_work.iter().any(|in_work| in_work == resolved) {
            let way = self.formatters_in_work.join(", which wraps ");
            return Err(vec![Problem::new("", format!("{name:?}"), format!("it would wrap itself: this is {way}"))]);
        }
        // A problem of the name belongs to the formatter in work; others are added for the wrapped formatter.
        self.found(resolved, PluginKind::Formatter)?;
        self.formatter("", resolved, is_terminal).ok_or_else(Vec::new)
    }

    /// The plugin that is meant by `name`.
    fn find(&mut self, path: &str, name: &str, kind: PluginKind) -> Option<Entry> {
        let found = self.found(name, kind);
        found.map_err(|problems| self.add_problems(problems.into_iter().map(|problem| problem.below(path)))).ok()
    }

    /// The plugin that is meant by `name`, or the problem of it, if it is one.
    fn found(&self, name: &str, kind: PluginKind) -> Result<Entry, Vec<Problem>> {
        if let Some((info, entry)) = self.registry.entry(name)
            && info.kind == kind
        {
            return Ok(entry.clone());
        }
        let known: Vec<&str> =
            self.registry.plugins().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.name.as_str()).collect();
        let other_kind = self.registry.entry(name).map(|(info, _)| info.kind);
        let allowed = match (self.registry.left_to_code(name), other_kind, known.as_slice()) {
            (Some(how), ..) => format!("settings alone cannot name it: {how}"),
            (None, _, []) => format!("no {kind} is registered"),
            (None, Some(other), known) => format!("it is the name of a {other}; allowed are {}", known.join(", ")),
            (None, None, known) => format!("there is no such {kind}; allowed are {}", known.join(", ")),
        };
        let is_standard = kind == PluginKind::Standard;
        let hint =
            if is_standard { format!("; the crate {CRATE_OF_STANDARDS} has the usual ones") } else { String::new() };
        let mut problem = Problem::new("", format!("{name:?}"), allowed + &hint);
        problem.suggestion = suggestion(name, known);
        let is_certain = self.known == KnownPlugins::All || problem.suggestion.is_some();
        Err(if is_certain { vec![problem] } else { Vec::new() })
    }

    /// Calls a plugin's constructor with its own settings.
    fn make<T>(&mut self, constructor: &Constructor<T>, name: &str, formatters: Option<Formatters>) -> Option<T> {
        let settings = self.own_settings(name);
        let settings = match formatters {
            Some(formatters) => settings.formatters(formatters),
            None => settings,
        };
        self.call(constructor, &settings)
    }

    fn own_settings<'n>(&self, name: &'n str) -> PluginSettings<'n> {
        let none = PluginConfig::new();
        let own = self.settings.plugin_config.get(name).unwrap_or(&none);
        PluginSettings::new(name, own).colors(self.settings.colors, false)
    }

    fn call<T>(&mut self, constructor: &Constructor<T>, settings: &PluginSettings<'_>) -> Option<T> {
        self.made_or_problems(settings.name(), construct(constructor, settings))
    }

    /// The plugin, or its problems added.
    fn made_or_problems<T>(&mut self, name: &str, made: Result<T, Vec<Problem>>) -> Option<T> {
        let path = format!("plugin_config.{name}");
        made.map_err(|problems| self.add_problems(problems.into_iter().map(|problem| problem.below(&path)))).ok()
    }

    /// Settings of a plugin or sink that the settings do not name are invalid: nothing reads them.
    fn check_plugin_config(&mut self) {
        let unread = Unread::of(self.settings, self.registry, self.standards);
        let problems: Vec<Problem> = self
            .settings
            .plugin_config
            .keys()
            .filter(|name| !unread.is_read(name) && !self.is_wrapped(name) && !self.may_be_read(name))
            .map(|name| unread.problem(name))
            .filter(|(_, is_certain)| *is_certain || self.known == KnownPlugins::All)
            .map(|(problem, _)| problem)
            .collect();
        self.add_problems(problems);
    }

    /// Whether it is a formatter that another one wraps, or a substitute that a redactor names.
    fn is_wrapped(&self, name: &str) -> bool {
        self.substitutes.contains_key(name) || self.formatters.keys().any(|(formatter, _)| formatter == name)
    }

    /// Whether the settings may name it: a list or a name that cannot be read, or a name that is misspelt, is a problem
    /// already.
    fn may_be_read(&self, name: &str) -> bool {
        let mut of_names =
            self.problems.iter().filter(|problem| NAME_PLUGINS.contains(&Settings::name_of(&problem.path)));
        of_names.any(|problem| {
            let is_name = problem.value.starts_with('"');
            let is_list = problem.path != "formatter" && NAME_PLUGINS.contains(&problem.path.as_str());
            is_list || !is_name || problem.suggestion.as_deref() == Some(name)
        })
    }

    /// Adds the first problem of each place.
    fn add_problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if !self.problems.iter().any(|known| known.path == problem.path) {
                self.problems.push(problem);
            }
        }
    }
}

/// Calls a plugin's constructor. The paths of its problems are relative to its settings.
fn construct<T>(constructor: &Constructor<T>, settings: &PluginSettings<'_>) -> Result<T, Vec<Problem>> {
    let panicked = |_| Err(vec![Problem::new("", "given", "the plugin panicked on it")]);
    catch_panic(|| constructor(settings)).unwrap_or_else(panicked)
}

/// Plugins as standards see them.
fn planned_plugins<P: ?Sized>(plugins: &[(&str, Factory<P>)]) -> Vec<PlannedPlugin> {
    let planned = |(name, factory): &(&str, Factory<P>)| {
        let mut planned = PlannedPlugin::new(*name, factory.protects().iter().copied());
        planned.spares = factory.spares().to_vec();
        planned.keeps_audit_events = factory.keeps_audit_events();
        planned.checks_audit_fields = factory.checks_audit_fields();
        planned
    };
    plugins.iter().map(planned).collect()
}

/// The least level of the diagnostics that go to stderr.
pub(super) fn stderr_level(settings: &Settings) -> LevelFilter {
    match (settings.enable_internal_logging, settings.error_handling_mode) {
        (true, _) => settings.internal_log_level,
        (false, ErrorHandling::Loud) => LevelFilter::AtLeast(Level::Warning),
        (false, ErrorHandling::Silent) => LevelFilter::Off,
    }
}
