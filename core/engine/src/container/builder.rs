//! Configuring and starting a container.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    factory::ShardInfo,
    name::{NAME_RULE, is_name},
    problem::{Problem, SettingsError},
    processor::Processor,
    sink::SinkFactory,
};
use fapilog_record::{directives::Directives, level::LevelFilter};

use crate::{
    clock::ManualClock,
    container::{Container, settings::ContainerSettings},
    diagnostics::{Diagnostic, DiagnosticLog, ErrorCallback},
    error::StartError,
    executor::Executor,
    host::{self, ManualDrain, probe},
    order::EventOrder,
    port::{
        ShardPort,
        plan::{PipelinePlan, PluginPlan, SinkOptions, SinkPlan},
    },
    producer::{Frontend, Overflow},
    shard::ShardPlan,
};

/// Configures a container.
#[must_use = "a builder does nothing until it is started"]
#[derive(Default)]
pub struct ContainerBuilder {
    settings: ContainerSettings,
    pipeline: PipelinePlan,
    sinks: Vec<SinkPlan>,
    attachment: Option<Attachment>,
}

/// A value of a layer above the engine, such as the settings that a container was made from.
#[derive(Clone)]
pub(super) struct Attachment(pub(super) Arc<dyn Any + Send + Sync>);

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").finish_non_exhaustive()
    }
}

impl ContainerBuilder {
    /// The levels that are logged: one for all, or [directives](Directives) by target. Default: INFO.
    pub fn level(mut self, level: impl Into<Directives>) -> Self {
        self.settings.level = level.into();
        self
    }

    /// What runs the drain. Default: [`Executor::Auto`].
    pub fn executor(mut self, executor: Executor) -> Self {
        self.settings.executor = executor;
        self
    }

    /// How many drain shards there are, 1 to 64. Each takes a core's worth of work when there is much to do, and each has
    /// its own sinks. Default: 1.
    pub fn shards(mut self, shards: usize) -> Self {
        self.settings.shards = shards;
        self
    }

    /// The CPUs that the shards are pinned to, one for each. Default: the last ones that the process may use; none
    /// where that would leave no other.
    pub fn drain_cpus(mut self, cpus: impl Into<Vec<usize>>) -> Self {
        self.settings.drain_cpus = Some(cpus.into());
        self
    }

    /// The size of each thread's ring: a power of two, from 16 KiB. Default: 512 KiB.
    pub fn ring_capacity_bytes(mut self, bytes: usize) -> Self {
        self.settings.ring_capacity_bytes = bytes;
        self
    }

    /// The longest record, from 1 KiB to a quarter of the ring; longer events are cut. Default: 64 KiB.
    pub fn record_max_bytes(mut self, bytes: usize) -> Self {
        self.settings.record_max_bytes = bytes;
        self
    }

    /// How many threads may have a ring of their own at once; those beyond share one. Default: 256.
    pub fn threads_max(mut self, threads: usize) -> Self {
        self.settings.rings_max = threads;
        self
    }

    /// What happens when a ring is full. Default: wait 50 ms, then lose.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// In which order events of several threads are taken. Default: by time.
    pub fn order(mut self, order: EventOrder) -> Self {
        self.settings.order = order;
        self
    }

    /// The most events that plugins see at once, 1 to 10,000. Default: 512.
    pub fn batch_events_max(mut self, events: usize) -> Self {
        self.settings.batch_events_max = events;
        self
    }

    /// The longest message, in characters; longer ones are cut, and their events marked. Default: 10,000.
    pub fn message_max_chars(mut self, chars: usize) -> Self {
        self.settings.message_max_chars = chars;
        self
    }

    /// An event in the log itself that says how the log is doing, each time `interval` has passed. Default: none.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.settings.heartbeat = Some(interval);
        self
    }

    /// Whether a line goes to stderr when no sink works, once a second at most and with counts only. Default: yes.
    pub fn emergency_lines(mut self, are_wanted: bool) -> Self {
        self.settings.diagnostics.emergency = are_wanted;
        self
    }

    /// How long a payload that is not full waits for more. ERROR and above wait a millisecond at most. Default: 50 ms.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.settings.flush_interval = interval;
        self
    }

    /// How long an idle drain looks again and again before it sleeps. Default: 20 us; zero on a single CPU.
    pub fn idle_spin(mut self, spin: Duration) -> Self {
        self.settings.idle_spin = spin;
        self
    }

    /// How long an idle drain sleeps in steps of a millisecond at most before it parks. A log call that finds it parked
    /// pays for waking it, some microseconds. Default: 100 ms.
    pub fn idle_doze(mut self, doze: Duration) -> Self {
        self.settings.idle_doze = doze;
        self
    }

    /// The least level of the diagnostics that go to stderr as well. Default: [`LevelFilter::Off`].
    pub fn diagnostics_to_stderr(mut self, level: impl Into<LevelFilter>) -> Self {
        self.settings.diagnostics.stderr = level.into();
        self
    }

    /// The least level of the diagnostics that the [error callback](Self::error_callback) is called with. Default:
    /// WARNING.
    pub fn internal_log_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.settings.diagnostics.least = level.into();
        self
    }

    /// Calls `callback` with each diagnostic about the log itself. Default: none.
    pub fn error_callback(mut self, callback: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.settings.diagnostics.callback = Some(ErrorCallback::new(callback));
        self
    }

    /// Stamps events by this clock instead of the system's: for tests. [`Batch::now`](fapilog_plugin::event::Batch::now) and the latencies
    /// among the [metrics](crate::container::Metrics) go by it too. What waits does not: flushes, timeouts, `Batch::instant` and
    /// `Processor::due` stay with real time.
    pub fn manual_clock(mut self, clock: &ManualClock) -> Self {
        self.settings.clock = Some(clock.clone());
        self
    }

    /// Adds an enricher: `make` is called once for each shard, on its thread. Enrichers run in the order they are added.
    pub fn enricher(mut self, make: impl Fn(ShardInfo) -> Box<dyn Enricher> + Send + Sync + 'static) -> Self {
        self.pipeline.enrichers.push(PluginPlan::new(make));
        self
    }

    /// Adds a processor: `make` is called once for each shard, on its thread. Processors run in the order they are added,
    /// after the enrichers.
    pub fn processor(mut self, make: impl Fn(ShardInfo) -> Box<dyn Processor> + Send + Sync + 'static) -> Self {
        self.pipeline.processors.push(PluginPlan::new(make));
        self
    }

    /// Adds a redactor: a processor that runs behind all others, and without which no event goes on. What it could not see,
    /// because it failed or is left out, is lost and counted.
    pub fn redactor(mut self, make: impl Fn(ShardInfo) -> Box<dyn Processor> + Send + Sync + 'static) -> Self {
        self.pipeline.redactors.push(PluginPlan::new(make));
        self
    }

    /// Adds an enricher under a name that the container gives it. `make` may fail; the container does not start then.
    pub fn named_enricher(
        mut self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Enricher>, PluginError> + Send + Sync + 'static,
    ) -> Self {
        self.pipeline.enrichers.push(PluginPlan::named(name, make));
        self
    }

    /// Adds a processor under a name that the container gives it; as [`named_enricher`](Self::named_enricher).
    pub fn named_processor(
        mut self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Processor>, PluginError> + Send + Sync + 'static,
    ) -> Self {
        self.pipeline.processors.push(PluginPlan::named(name, make));
        self
    }

    /// Adds a redactor under a name that the container gives it; as [`named_enricher`](Self::named_enricher).
    pub fn named_redactor(
        mut self,
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<dyn Processor>, PluginError> + Send + Sync + 'static,
    ) -> Self {
        self.pipeline.redactors.push(PluginPlan::named(name, make));
        self
    }

    /// How long a plugin may take for a batch before that counts as a failure; zero for as long as it likes. Default: a
    /// second. One that fails three times in a row is left out for a while, and then tried again.
    pub fn plugin_timeout(mut self, timeout: Duration) -> Self {
        self.pipeline.policy.timeout = (!timeout.is_zero()).then_some(timeout);
        self
    }

    /// Applies a part of a configuration that is kept elsewhere, such as a pipeline that several programs share.
    ///
    /// ```
    /// use fapilog_engine::container::{Container, ContainerBuilder};
    ///
    /// fn for_production(builder: ContainerBuilder) -> ContainerBuilder {
    ///     builder.ring_capacity_bytes(1 << 20).threads_max(64)
    /// }
    ///
    /// let builder = Container::builder().apply(for_production);
    /// # let _ = builder;
    /// ```
    pub fn apply(self, part: impl FnOnce(Self) -> Self) -> Self {
        part(self)
    }

    /// Whether threads of the container drain it. If not, the program does, by [`start_manual`](Self::start_manual).
    /// Default: both [`start`](Self::start) and `start_manual` are possible.
    pub fn async_processing(mut self, is_wanted: bool) -> Self {
        self.settings.async_processing = Some(is_wanted);
        self
    }

    /// Attaches a value that the container keeps: see [`Container::attachment`].
    pub fn attachment<T: Any + Send + Sync>(mut self, value: Arc<T>) -> Self {
        self.attachment = Some(Attachment(value));
        self
    }

    /// Adds a sink under a name of letters, digits, `_` and `-`. While it is busy, it holds the others back, or loses what
    /// comes, as is its way: see [`SinkFactory::on_full`].
    pub fn sink(self, name: &str, sink: impl SinkFactory + 'static) -> Self {
        self.sink_with(name, sink, SinkOptions::new())
    }

    /// As [`sink`](Self::sink), and says which events it takes, and what happens while it is busy.
    pub fn sink_with(mut self, name: &str, sink: impl SinkFactory + 'static, options: SinkOptions) -> Self {
        self.sinks.push(SinkPlan { name: name.to_owned(), factory: Arc::new(sink), options });
        self
    }

    /// Starts the container.
    ///
    /// # Errors
    /// See [`StartError`]: all mistakes in the settings at once, or the first thing that could not be opened.
    pub fn start(self) -> Result<Container, StartError> {
        if self.settings.async_processing == Some(false) {
            let allowed = "the program drains such a container: use start_manual";
            return Err(invalid([Problem::new("async_processing", false, allowed)]));
        }
        let diagnostics = DiagnosticLog::new(self.settings.diagnostics.clone());
        let (frontend, plans) = self.plan(&diagnostics)?;
        let mut executor = host::choose(self.settings.executor, &diagnostics)?;
        let cpus = probe::choose_cpus(self.settings.drain_cpus.as_deref(), plans.len());
        let container = |hosts, executor| Container {
            frontend: Arc::clone(&frontend),
            hosts: Mutex::new(hosts),
            posting: Mutex::default(),
            executor: Some(executor),
            diagnostics: diagnostics.clone(),
            at_run_time: Mutex::default(),
            attachment: self.attachment.clone(),
        };
        let mut hosts = Vec::with_capacity(plans.len());
        for (index, plan) in plans.into_iter().enumerate() {
            let cpu = cpus.as_ref().and_then(|cpus| cpus.get(index).copied());
            let mut started = host::start(executor, plan.clone(), cpu);
            let may_fall_back = self.settings.executor == Executor::Auto && executor == Executor::Glommio;
            if let Err(StartError::Glommio { reason }) = &started
                && may_fall_back
            {
                diagnostics.add("executor", format!("thread instead of glommio: {reason}"));
                executor = Executor::Thread;
                started = host::start(executor, plan, cpu);
            }
            match started {
                Ok(host) => hosts.push(host),
                Err(error) => {
                    // Shards that have never run say no last word.
                    frontend.ports.iter().skip(index).for_each(|port| port.flush.end());
                    drop(container(hosts, executor));
                    return Err(error);
                }
            }
        }
        frontend.open_shared_lane();
        let container = container(hosts, executor);
        self.mention_start(&container);
        Ok(container)
    }

    /// Starts a container of one shard that the program runs itself, on this thread.
    ///
    /// # Errors
    /// See [`StartError`]. Settings about threads must be left alone.
    pub fn start_manual(self) -> Result<(Container, ManualDrain), StartError> {
        let mut problems = Vec::new();
        if self.settings.async_processing == Some(true) {
            let allowed = "it must be false for a container that the program drains";
            problems.push(Problem::new("async_processing", true, allowed));
        }
        if self.settings.shards != 1 {
            let allowed = "a container that the program drains has 1";
            problems.push(Problem::new("max_workers", self.settings.shards, allowed));
        }
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        let diagnostics = DiagnosticLog::new(self.settings.diagnostics.clone());
        let (frontend, plans) = self.plan(&diagnostics)?;
        let container = Container {
            frontend,
            hosts: Mutex::default(),
            posting: Mutex::default(),
            executor: None,
            diagnostics,
            at_run_time: Mutex::default(),
            attachment: self.attachment.clone(),
        };
        let Some(plan) = plans.first() else {
            return Err(invalid([Problem::new("max_workers", 0, "a container that the program drains has 1")]));
        };
        let drain = ManualDrain::new(plan)?;
        container.frontend.open_shared_lane();
        self.mention_start(&container);
        Ok((container, drain))
    }

    fn mention_start(&self, container: &Container) {
        let executor = container.executor.map_or_else(|| "the program".to_owned(), |executor| executor.to_string());
        let Self { settings, .. } = self;
        let text = format!("{executor} drains {} shard(s); level {}", settings.shards, settings.level);
        container.diagnostics.mention("container", text);
    }

    fn plan(&self, diagnostics: &DiagnosticLog) -> Result<(Arc<Frontend>, Vec<ShardPlan>), StartError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(SettingsError { problems }.into());
        }
        let settings = &self.settings;
        let ports: Vec<_> = (0..settings.shards).map(|_| Arc::<ShardPort>::default()).collect();
        let level = settings.level.clone();
        let frontend = Arc::new(Frontend::new(level, ports.clone(), settings.limits()?, settings.stamps()));
        let plans = ports.into_iter().enumerate().map(|(index, port)| ShardPlan {
            info: ShardInfo::new(index, settings.shards),
            frontend: Arc::clone(&frontend),
            port,
            pipeline: self.pipeline.clone(),
            sinks: self.sinks.clone(),
            settings: settings.shard(),
            diagnostics: diagnostics.clone(),
        });
        let plans = plans.collect();
        Ok((frontend, plans))
    }

    /// Every invalid setting, as [`start`](Self::start) would find it.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.settings.problems();
        if self.sinks.is_empty() {
            problems.push(Problem::new("sinks", "empty", "there must be at least one"));
        }
        for (index, sink) in self.sinks.iter().enumerate() {
            if !is_name(&sink.name) {
                problems.push(Problem::new(format!("sinks[{index}].name"), format!("{:?}", sink.name), NAME_RULE));
            }
            if self.sinks.iter().take(index).any(|earlier| earlier.name == sink.name) {
                let allowed = "another sink has that name; each needs its own";
                problems.push(Problem::new(format!("sinks[{index}].name"), format!("{:?}", sink.name), allowed));
            }
            let prefix = format!("sinks.{}", sink.name);
            let own = sink.factory.check().into_iter();
            problems.extend(own.map(|problem| problem.below(&prefix)));
        }
        problems
    }
}

impl ContainerBuilder {
    /// All plugins but the sinks.
    pub(super) fn pipeline(&self) -> &PipelinePlan {
        &self.pipeline
    }
}

fn invalid(problems: impl Into<Vec<Problem>>) -> StartError {
    StartError::Settings(SettingsError { problems: problems.into() })
}

impl std::fmt::Debug for ContainerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks: Vec<&str> = self.sinks.iter().map(|sink| sink.name.as_str()).collect();
        f.debug_struct("ContainerBuilder")
            .field("settings", &self.settings)
            .field("sinks", &sinks)
            .finish_non_exhaustive()
    }
}
