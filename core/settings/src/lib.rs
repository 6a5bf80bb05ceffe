//! What a program says about its log: from code, files and the environment.
//!
//! A later layer covers an earlier one: defaults, a preset, code, files, `FAPILOG_*` variables. Everything is checked as a
//! whole; [`SettingsError`] names every mistake, with its place, its value, what is allowed, and who
//! gave it. What no part of the log reads is a mistake too.
//!
//! ```
//! use fapilog_settings::Settings;
//!
//! let settings = Settings::builder()
//!     .sinks(["stdout"])
//!     .batch_size(256)
//!     .variables([("FAPILOG_LEVEL", "info,app::net=debug"), ("FAPILOG_BATCH_SIZE", "512")])
//!     .build()?;
//! assert_eq!(settings.batch_size, 512);
//! # Ok::<(), fapilog_plugin::problem::SettingsError>(())
//! ```

mod allowed;
mod choices;
mod declare;
mod file_format;
mod into_builder;
mod load;
mod loaded;
mod presets;
mod reference;
mod reload;
mod sink;
mod tree;

use std::time::Duration;

use fapilog_plugin::settings::suggestion::suggestion;

pub use self::{
    choices::{ErrorHandling, OverflowStrategy, Preset},
    reference::SettingInfo,
    reload::{Reload, ReloadError, ReloadManual},
    sink::SinkEntry,
};
use crate::allowed::{
    Allowed, Anything, Durations, Maybe, Name, Names, NoStandardYet, Numbers, OneOf, PowersOfTwo, Sizes,
};
use fapilog_engine::{
    container::record_limit_bytes, executor::Executor, order::EventOrder, producer::Overflow, route::Route,
};
use fapilog_plugin::{
    colors::Colors,
    problem::{Problem, SettingsError},
    settings::{PluginConfig, duration, size_bytes, write_size},
};
use fapilog_record::{directives::Directives, level::LevelFilter};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

declare::settings! {
    /// A set of settings for a kind of program; all other settings cover it.
    preset: maybe Preset = None, OneOf(Preset::NAMES);

    /// The least level that is logged, with exceptions by target: `info,my_crate::net=debug,chatty=off`; a target alone is
    /// logged whole. AUDIT and SECURITY are logged always, unless it is `off`.
    level: into Directives = Directives::default(),
        Anything("TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY, OFF; target; target=level; several of these, parted by commas");

    /// Where events go: names of sinks, or tables with `name`, `type` (a sink of the registry; if none is given, the one of
    /// that name), `formatter` and `on_full` (`block` or `drop`; if it is not given, what is the sink's way). A sink's own settings are in `plugin_config`,
    /// under its name.
    sinks: list SinkEntry = vec![SinkEntry::new("stdout")], Names("a list of names of sinks, or tables; at least one");

    /// What adds fields to events, in this order.
    enrichers: list String = names(&["timestamp", "correlation", "context"]), Names("a list of names of enrichers");

    /// What chooses among events or changes them, in this order, after the enrichers.
    processors: list String = names(&["filter", "throttle"]), Names("a list of names of processors");

    /// What takes out of events that which must not leave the program, in this order, after the processors.
    redactors: list String = Vec::new(), Names("a list of names of redactors");

    /// What renders events, for sinks that name no formatter of their own. `auto`: `pretty` on a terminal, `json`
    /// elsewhere.
    formatter: into String = "auto".to_owned(), Name("auto, or the name of a formatter");

    /// The most events that plugins see at once.
    batch_size: one usize = 512, Numbers(1..=10_000);

    /// How many events a thread may have waiting. It sizes each thread's ring: 128 bytes for each, rounded up to a power
    /// of two, 64 KiB at least. Longer events take more of it. `ring_capacity_bytes` says it exactly.
    queue_max_size: one usize = 4096, Numbers(100..=1_000_000);

    /// How many drain shards there are. Each has a thread and its own sinks.
    max_workers: one usize = 1, Numbers(1..=64);

    /// What a log call does when its thread's ring is full.
    overflow_strategy: one OverflowStrategy = OverflowStrategy::Block, OneOf(OverflowStrategy::NAMES);

    /// How long a log call waits for space, where the strategy is `block`; then the event is lost and counted.
    #[serde(with = "duration")]
    overflow_timeout: one Duration = Duration::from_millis(50), Durations(Duration::ZERO..=seconds(3600));

    /// Whether threads of the container drain it. If not, the program does so itself, with the `ManualDrain` that
    /// `start_manual` returns.
    async_processing: one bool = true, Anything("true, false");

    /// Standards that the log must keep.
    compliance_standards: list String = Vec::new(), NoStandardYet;

    /// The own settings of plugins and sinks, by name.
    plugin_config: table PluginConfig = Default::default(), Anything("a table of tables, by names of plugins and sinks");

    /// Which events a sink takes, by its name: `level_min`, `level_max`, `targets`, `sources`. A sink that is not named
    /// takes all.
    routing: table Route = Default::default(), Anything("a table of tables with level_min, level_max, targets and sources, by names of sinks");

    /// Whether text for terminals is coloured.
    colors: one Colors = Colors::Auto, OneOf(Colors::NAMES);

    /// Whether diagnostics about the log itself go to stderr.
    enable_internal_logging: one bool = false, Anything("true, false");

    /// Whether a line goes to stderr when no sink works: once a second at most, and with counts only.
    emergency_lines: one bool = true, Anything("true, false");

    /// The least level of the diagnostics that go to stderr and to the error callback.
    internal_log_level: into LevelFilter = LevelFilter::AtLeast(fapilog_record::level::Level::Warning), Anything("a level, or OFF");

    /// Whether the log says it on stderr when a part of it fails, also without `enable_internal_logging`.
    error_handling_mode: one ErrorHandling = ErrorHandling::Silent, OneOf(ErrorHandling::NAMES);

    /// What runs the drain: glommio where it can be had and a thread elsewhere, or one of these.
    executor: one Executor = Executor::Auto, OneOf(&["auto", "glommio", "thread"]);

    /// In which order events of several threads are taken: by the time of their calls, or thread by thread, which costs the
    /// drain no comparison. Those of one thread always stay in theirs.
    ordering: one EventOrder = EventOrder::ByTime, OneOf(&["by_time", "by_producer"]);

    /// The CPUs that the drain shards are pinned to, one for each. Empty: the last ones that the process may use.
    drain_cpus: list usize = Vec::new(), Anything("a list of numbers of CPUs, one for each of `max_workers`");

    /// The size of each thread's ring. If it is not given, `queue_max_size` says it.
    #[serde(with = "size_bytes::maybe")]
    ring_capacity_bytes: maybe usize = None, Maybe(PowersOfTwo(16 << 10..=1 << 30));

    /// The longest record; longer events are cut. If it is not given: 64 KiB, or what the ring allows, which is a quarter
    /// of it.
    #[serde(with = "size_bytes::maybe")]
    record_max_bytes: maybe usize = None, Maybe(Sizes(1 << 10..=16 << 20));

    /// How many threads may have a ring of their own at once; those beyond share one.
    threads_max: one usize = 256, Numbers(1..=65_536);

    /// How long events wait for more before they are delivered; ERROR and above wait a millisecond at most.
    #[serde(with = "duration")]
    flush_interval: one Duration = Duration::from_millis(50), Durations(Duration::ZERO..=seconds(3600));

    /// The longest message, in characters; longer ones are cut, and their events marked.
    message_max_chars: one usize = 10_000, Numbers(1..=16 << 20);

    /// How long a plugin may take for a batch before that counts as a failure; `0s` for as long as it likes. One that fails
    /// three times in a row is left out for a while.
    #[serde(with = "duration")]
    plugin_timeout: one Duration = seconds(1), Durations(Duration::ZERO..=seconds(3600));

    /// How often an event in the log itself says how the log is doing. Never, if it is not given.
    #[serde(with = "duration::maybe")]
    heartbeat: maybe Duration = None, Maybe(Durations(Duration::from_millis(1)..=seconds(86_400)));

    /// How long an idle drain looks again and again before it sleeps. If it is not given: 20us; nothing on a single CPU.
    #[serde(with = "duration::maybe")]
    idle_spin: maybe Duration = None, Maybe(Durations(Duration::ZERO..=seconds(1)));

    /// How long an idle drain sleeps in steps of a millisecond at most before it parks. A log call that finds it parked
    /// pays for waking it, some microseconds.
    #[serde(with = "duration")]
    idle_doze: one Duration = Duration::from_millis(100), Durations(Duration::ZERO..=seconds(60));
}

impl Settings {
    /// Settings from code, to be covered by files and the environment.
    pub fn builder() -> SettingsBuilder {
        SettingsBuilder::default()
    }

    /// Checks what can be checked without the plugins.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        self.attribute(&mut problems);
        Err(SettingsError { problems })
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems_of_each();
        if self.sinks.is_empty() {
            problems.push(Problem::new("sinks", "empty", "there must be at least one"));
        }
        for name in self.routing.keys().filter(|name| !self.sinks.iter().any(|sink| sink.name == **name)) {
            let mut problem = Problem::new(format!("routing.{name}"), "given", "`sinks` names no sink of that name");
            problem.nearest = suggestion(name, self.sinks.iter().map(|sink| sink.name.as_str()));
            problems.push(problem);
        }
        for (name, route) in &self.routing {
            if let (Some(least), Some(most)) = (route.level_min, route.level_max)
                && least > most
            {
                let allowed = format!("it must not lie above level_max, which is {most}");
                problems.push(Problem::new(format!("routing.{name}.level_min"), least, allowed));
            }
        }
        let ring_bytes = self.ring_bytes();
        let limit = record_limit_bytes(ring_bytes);
        if let Some(record) = self.record_max_bytes.filter(|record| *record > limit) {
            let allowed = format!("with rings of {} it is {limit} at most", write_size(ring_bytes));
            problems.push(Problem::new("record_max_bytes", write_size(record), allowed));
        }
        Self::in_order(problems)
    }

    /// In the order in which the settings are declared, and in that of their items; others first.
    fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
        let place = |problem: &Problem| {
            let mut steps = problem.path.split(['.', '[', ']']);
            let setting = steps.next().unwrap_or_default();
            let index: Option<usize> = steps.next().and_then(|step| step.parse().ok());
            (Self::NAMES.iter().position(|name| *name == setting), index)
        };
        problems.sort_by_key(place);
        problems
    }

    /// Says of a setting that could not be read what the reference says.
    fn worded(mut problem: Problem) -> Problem {
        let is_plain = problem.allowed.starts_with("it must be ") || problem.allowed.starts_with("allowed are ");
        if is_plain && let Some(info) = Self::reference().into_iter().find(|info| info.name == problem.path) {
            problem.allowed = format!("allowed are {}", info.allowed);
        }
        problem
    }

    /// The size of each thread's ring.
    fn ring_bytes(&self) -> usize {
        const EVENT_BYTES: usize = 128;
        const LEAST_BYTES: usize = 64 << 10;
        self.ring_capacity_bytes.unwrap_or_else(|| {
            let bytes = self.queue_max_size.saturating_mul(EVENT_BYTES);
            bytes.checked_next_power_of_two().unwrap_or(usize::MAX).max(LEAST_BYTES)
        })
    }

    fn overflow(&self) -> Overflow {
        match self.overflow_strategy {
            OverflowStrategy::Block => Overflow::Block { timeout: self.overflow_timeout },
            OverflowStrategy::DropNewest => Overflow::DropNewest,
            OverflowStrategy::DropLowSeverity => Overflow::DropLowSeverity,
        }
    }

    fn to_value(&self) -> Result<serde_json::Value, Problem> {
        serde_json::to_value(self).map_err(|error| Problem::new("settings", "unwritable", error.to_string()))
    }
}

impl SettingsBuilder {
    /// Is called with each diagnostic about the log itself.
    pub fn error_callback(
        mut self,
        callback: impl Fn(&fapilog_engine::diagnostics::Diagnostic) + Send + Sync + 'static,
    ) -> Self {
        self.settings.error_callback = Some(fapilog_engine::diagnostics::ErrorCallback::new(callback));
        self
    }

    /// What the code has said, by name.
    fn given_values(&self) -> Result<Vec<(&'static str, serde_json::Value)>, Problem> {
        let mut all = self.settings.to_value()?;
        let value = |name: &&'static str| all.get_mut(*name).map(|value| (*name, value.take()));
        Ok(self.given.iter().filter_map(value).collect())
    }
}
