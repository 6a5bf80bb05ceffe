//! The settings of a log: from code, files and the environment.
//!
//! A later layer lies above an earlier layer: defaults, a preset, code, files, `FAPILOG_*` variables. Everything is checked
//! as a whole; [`SettingsError`] names every invalid value, with its place, the allowed values, and the layer that gave it.
//! A setting that no part of the log reads is invalid too.
//!
//! ```
//! use fapilog_settings::Settings;
//!
//! let settings = Settings::builder()
//!     .sinks(["stdout"])
//!     .batch_events_max(256)
//!     .variables([("FAPILOG_LEVEL", "info,app::net=debug"), ("FAPILOG_BATCH_EVENTS_MAX", "512")])
//!     .build()?;
//! assert_eq!(settings.batch_events_max, 512);
//! # Ok::<(), fapilog_plugin::problem::SettingsError>(())
//! ```

mod allowed;
mod choices;
mod compliance;
mod dead_letters;
mod declare;
mod delivery;
mod environment;
mod file_format;
mod giver;
mod into_builder;
mod load;
mod loaded;
mod located;
mod presets;
mod read;
mod reference;
mod reload;
mod shown;
mod sink;
mod spill;
mod tree;
mod unread;

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use fapilog_engine::{executor::Executor, on_hang::OnHang, order::EventOrder, route::Route};
use fapilog_plugin::{
    colors::Colors,
    problem::{Problem, SettingsError},
    registry::Registry,
    settings::{
        Allowed, Anything, Durations, Maybe, Numbers, OneOf, PluginConfig, PowersOfTwo, Sizes, duration, size_bytes,
        suggestion::suggestion,
    },
};
use fapilog_plugin::{
    directives::Directives,
    level::{Level, LevelFilter},
};

pub use self::{
    choices::{ErrorHandling, Preset},
    compliance::ComplianceMode,
    delivery::DeliverySettings,
    reference::SettingInfo,
    reload::{Reload, ReloadError, ReloadManual, findings_of_levels},
    sink::SinkEntry,
};
use crate::allowed::{Name, Names};
pub use fapilog_engine::producer::OverflowStrategy;

/// The most problems that an error lists. A file that is none of settings could have thousands.
const PROBLEMS_MAX: usize = 200;

/// The text of a problem with a name that is no setting.
const NO_SUCH_SETTING: &str = "there is no such setting";

/// How the reader's error begins at a value that a whole number has to be.
const A_WHOLE_NUMBER: &str = "it must be a whole number";

/// The value of a problem with a table that nothing reads.
const GIVEN: &str = "given";

/// The first name of a path.
fn setting_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fapilog_engine::container_options! { declare::settings! {
    /// A set of settings for a kind of program; all other settings lie above it.
    preset: maybe Preset = None, OneOf(Preset::NAMES);
} {
    /// Whether `RUST_LOG` gives the level, above files and below `FAPILOG_LEVEL`. The program must read variables.
    rust_log: one bool = false, Anything("true, false");

    /// The destinations of events: names of sinks, or tables with `name`, `type` (a sink of the registry; if none is given,
    /// the sink of that name), `formatter`, `on_full` (`block`, `drop`, `drop_low_severity` or `spill`; if it is not given, the
    /// sink decides), `delivery`, `fallback` (the name of the sink that gets the payloads that this one cannot deliver), `spill`
    /// and `dead_letters`. A sink's own settings are in `plugin_config`, under its name.
    sinks: list SinkEntry = vec![SinkEntry::new("stdout")], Names("a list of names of sinks, or tables; at least one");

    /// Adds fields to events, in this order.
    enrichers: list String = names(&["timestamp", "correlation", "context"]), Names("a list of names of enrichers");

    /// Chooses among events or changes them, in this order, after the enrichers.
    processors: list String = names(&["filter", "throttle"]), Names("a list of names of processors");

    /// Removes from events the values that must not leave the program, in this order, after the processors.
    redactors: list String = Vec::new(), Names("a list of names of redactors");

    /// Renders events, for sinks that name no formatter of their own. `auto`: `pretty` on a terminal, `json` elsewhere.
    formatter: into String = "auto".to_owned(), Name("auto, or the name of a formatter");

    /// The settings of plugins and sinks, by name.
    plugin_config: table PluginConfig = Default::default(), Anything("a table of tables, by names of plugins and sinks");

    /// The events that a sink takes, by its name: `level_min`, `level_max`, `targets`, `sources`. A sink that is not named
    /// takes all.
    routing: table Route = Default::default(),
        Anything("a table of tables with level_min, level_max, targets and sources, by names of sinks");

    /// Whether text for terminals is coloured.
    colors: one Colors = Colors::Auto, OneOf(Colors::NAMES);

    /// Whether diagnostics of the log itself go to stderr.
    enable_internal_logging: one bool = false, Anything("true, false"), in diagnostics.to_stderr;

    /// Whether failures of the log go to stderr also without `enable_internal_logging`.
    error_handling_mode: one ErrorHandling = ErrorHandling::Silent, OneOf(ErrorHandling::NAMES),
        in diagnostics.error_handling;

    /// Standards of compliance that the log must keep: names of registered standards. The crate `fapilog-compliance` has `pci-dss`,
    /// `hipaa`, `sox`, `gdpr` and `ccpa`. A standard's own settings are in `plugin_config`, under its name. See [compliance](compliance-guide.md).
    compliance_standards: list String = Vec::new(), Names("a list of names of standards"),
        aliases ["compliance_standard"], in compliance.standards;

    /// The treatment of a rule of these standards that is not met. `strict`: no container is made, and the error names every such rule.
    /// `report`: an event of level AUDIT for each, at the start and when a reload changes plugins.
    compliance_mode: one ComplianceMode = ComplianceMode::Strict, OneOf(ComplianceMode::NAMES), in compliance.mode;
} }

impl Settings {
    /// Settings from code, below files and the environment.
    pub fn builder() -> SettingsBuilder {
        SettingsBuilder::default()
    }

    /// Checks all that can be checked without the plugins.
    ///
    /// # Errors
    /// Every invalid value at once, with those that the linked plugins find in their own settings.
    pub fn check(&self) -> Result<(), SettingsError> {
        let problems = self.problems_beside(&[]);
        if problems.is_empty() { Ok(()) } else { Err(self.with_those_of_linked_plugins(problems)) }
    }

    /// The problems that are none of the known ones, and do not follow from them: a value that cannot be read is left out, and
    /// its default may not fit others.
    fn problems_beside(&self, known: &[Problem]) -> Vec<Problem> {
        let is_unreadable = |setting| known.iter().any(|problem| Self::name_of(&problem.path) == setting);
        let is_whole_item = |path: &str| path == "sinks" || path.ends_with(']') || path.ends_with("].name");
        let mut problems = self.problems();
        problems.retain(|problem| !known.iter().any(|known| known.path == problem.path));
        if known.iter().any(|problem| setting_of(&problem.path) == "sinks" && is_whole_item(&problem.path)) {
            problems.retain(|problem| setting_of(&problem.path) != "routing" || &*problem.value != GIVEN);
            problems.retain(|problem| !problem.path.ends_with("].fallback"));
        }
        if is_unreadable("ring_capacity_bytes") || is_unreadable("queue_max_size") {
            problems.retain(|problem| problem.path != "record_max_bytes");
        }
        problems
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems_of_each();
        if self.rust_log && !self.loaded.has_rust_log() {
            let allowed = "the program reads no variables: it calls neither load, from_env nor environment";
            problems.push(Problem::new("rust_log", "true", allowed));
        }
        if self.sinks.is_empty() {
            problems.push(Problem::new("sinks", "empty", "there must be at least one"));
        }
        for name in self.routing.keys().filter(|name| !self.sinks.iter().any(|sink| sink.name == **name)) {
            let mut problem = Problem::new(format!("routing.{name}"), GIVEN, "`sinks` names no sink of that name");
            problem.suggestion = suggestion(name, self.sinks.iter().map(|sink| sink.name.as_str()));
            problems.push(problem.beside("sinks"));
        }
        for (name, route) in &self.routing {
            if let (Some(least), Some(most)) = (route.level_min, route.level_max)
                && least > most
            {
                let allowed = format!("it must not lie above level_max, which is {most}");
                let problem = Problem::new(format!("routing.{name}.level_min"), least, allowed);
                problems.push(problem.beside(format!("routing.{name}.level_max")));
            }
        }
        problems.extend(self.delivery_problems());
        let has_wrong_ring = problems.iter().any(|problem| problem.path == "ring_capacity_bytes");
        for problem in self.options().option_problems() {
            let follows = has_wrong_ring && problem.path == "record_max_bytes";
            if !follows && !problems.iter().any(|known| known.path == problem.path) {
                problems.push(problem);
            }
        }
        Self::in_order(problems)
    }

    /// The name of the setting that a path leads to, which may begin with an alias or a table.
    pub(crate) fn name_of(path: &str) -> &str {
        let leads_to = |(written, _): &&(&str, &str)| {
            path.strip_prefix(*written).is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']))
        };
        let mut other_names = Self::ALIASES.iter().chain(Self::IN_TABLES);
        other_names.find(leads_to).map_or_else(|| setting_of(path), |(_, name)| *name)
    }

    /// The tables that settings may be written in.
    fn tables() -> BTreeSet<&'static str> {
        Self::IN_TABLES.iter().map(|(path, _)| setting_of(path)).collect()
    }

    /// In the order in which the settings are declared, and in that of their items; others first.
    fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
        let place = |problem: &Problem| {
            let setting = Self::name_of(&problem.path);
            let index: Option<usize> = problem.path.split(['.', '[', ']']).nth(1).and_then(|step| step.parse().ok());
            (Self::NAMES.iter().position(|name| *name == setting), index)
        };
        problems.sort_by_key(place);
        problems
    }

    /// The problems of settings that could not be read, with the text of the reference, and for an unknown name with the
    /// name that it resembles.
    fn worded(mut problems: Vec<Problem>) -> Vec<Problem> {
        if !problems.is_empty() {
            let (reference, plugins) = (Self::reference(), Registry::linked());
            problems.iter_mut().for_each(|problem| Self::word(problem, &reference, &plugins));
        }
        problems
    }

    fn word(problem: &mut Problem, reference: &[SettingInfo], plugins: &Registry) {
        if problem.allowed == NO_SUCH_SETTING && problem.path == setting_of(&problem.path) {
            let aliases = Self::ALIASES.iter().map(|(alias, _)| *alias);
            let known = Self::NAMES.iter().copied().chain(aliases).chain(Self::tables());
            let as_plugin = plugins.entry(&problem.path).map(|_| format!("plugin_config.{}", problem.path).into());
            problem.suggestion = as_plugin.or_else(|| suggestion(&problem.path, known));
        }
        let Some(info) = reference.iter().find(|info| info.name == problem.path) else { return };
        let names_unit = problem.allowed.contains(" unit");
        let is_no_whole_number =
            problem.allowed.starts_with(A_WHOLE_NUMBER) && problem.value.trim_matches('"').parse::<i128>().is_err();
        if is_no_whole_number {
            problem.allowed = format!("{A_WHOLE_NUMBER}; allowed are {}", info.allowed);
        } else if problem.allowed.starts_with("it must be ") && !names_unit {
            problem.allowed = format!("allowed are {}", info.allowed);
        } else if names_unit {
            let _ = write!(problem.allowed, "; allowed are {}", info.allowed);
        }
    }

    fn to_value(&self) -> Result<serde_json::Value, Problem> {
        self.unredacted().map_err(|error| Problem::new("settings", "unwritable", error.to_string()))
    }
}

impl SettingsBuilder {
    /// Changes a setting, and records that code gives it. All setters call this.
    fn set(mut self, name: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        self.given.insert(name);
        change(&mut self.settings);
        self
    }

    /// Calls `callback` with each diagnostic of the log itself.
    pub fn error_callback(
        mut self,
        callback: impl Fn(&fapilog_engine::diagnostics::Diagnostic) + Send + Sync + 'static,
    ) -> Self {
        self.settings.error_callback = Some(fapilog_engine::diagnostics::ErrorCallback::new(callback));
        self
    }

    /// The settings that code gives, by name.
    fn given_values(&self) -> Result<Vec<(&'static str, serde_json::Value)>, Problem> {
        let mut all = self.settings.to_value()?;
        let value = |name: &&'static str| all.get_mut(*name).map(|value| (*name, value.take()));
        Ok(self.given.iter().filter_map(value).collect())
    }
}
