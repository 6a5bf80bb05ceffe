//! Configuring and starting a container.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Container, StartError, settings::ContainerSettings};
#[cfg(feature = "settings")]
use crate::notices::NoticeSettings;
use crate::{
    clock::ManualClock,
    directives::Directives,
    drain::{ManualDrain, PipelinePlan, PluginPlan, ShardPlan, SinkOptions, SinkPlan, host, probe},
    enrich::{ContextEnricher, CorrelationEnricher, TimestampEnricher},
    executor::Executor,
    intake::{Intake, Overflow, ShardPort},
    level::{Level, LevelFilter},
    name::{NAME_RULE, is_name},
    notices::{ErrorCallback, Notice, Notices},
    order::EventOrder,
    plugin::{Enricher, Processor, ShardInfo, SinkFactory},
    problem::{Problem, SettingsError},
    process::{FilterProcessor, Throttle},
};

/// Configures a container.
#[must_use = "a builder does nothing until it is started"]
#[derive(Default)]
pub struct ContainerBuilder {
    settings: ContainerSettings,
    pipeline: PipelinePlan,
    sinks: Vec<SinkPlan>,
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
        self.settings.notices.emergency = are_wanted;
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

    /// Whether notices about the log itself go to stderr as well. Default: no.
    pub fn notices_to_stderr(mut self, to_stderr: bool) -> Self {
        self.settings.notices.stderr = if to_stderr { LevelFilter::AtLeast(Level::Trace) } else { LevelFilter::Off };
        self
    }

    /// Calls `callback` with each notice about the log itself. Default: none.
    pub fn error_callback(mut self, callback: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.settings.notices.callback = Some(ErrorCallback::new(callback));
        self
    }

    /// Stamps events by this clock instead of the system's: for tests. [`Batch::now`](crate::Batch::now) and the latencies
    /// among the [metrics](crate::Metrics) go by it too. What waits does not: flushes, timeouts, `Batch::instant` and
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

    /// How long a plugin may take for a batch before that counts as a failure; zero for as long as it likes. Default: a
    /// second. One that fails three times in a row is left out for a while, and then tried again.
    pub fn plugin_timeout(mut self, timeout: Duration) -> Self {
        self.pipeline.policy.timeout = (!timeout.is_zero()).then_some(timeout);
        self
    }

    /// Adds what most programs want: the enrichers `timestamp`, `correlation` and `context` (thread and process), and the
    /// processors `filter`, which keeps everything as it is, and `throttle`, which stops a loop that ran away.
    pub fn default_pipeline(self) -> Self {
        self.default_pipeline_with(Throttle::default())
    }

    /// As [`default_pipeline`](Self::default_pipeline), with a throttle of your own.
    pub fn default_pipeline_with(self, throttle: Throttle) -> Self {
        self.enricher(|_| Box::new(TimestampEnricher::new()))
            .enricher(|_| Box::new(CorrelationEnricher::new()))
            .enricher(|_| Box::new(ContextEnricher::new()))
            .processor(|_| Box::new(FilterProcessor::new()))
            .processor(move |_| Box::new(throttle.clone()))
    }

    /// Adds a sink under a name of letters, digits, `_` and `-`. While it is busy, it holds the others back, or loses what
    /// comes, as is its way: see [`SinkFactory::when_busy`].
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
        let notices = Notices::new(self.settings.notices.clone());
        let (intake, plans) = self.plan(&notices)?;
        let mut executor = host::choose(self.settings.executor, &notices)?;
        let cpus = probe::choose_cpus(self.settings.drain_cpus.as_deref(), plans.len());
        let container = |hosts, executor| Container {
            intake: Arc::clone(&intake),
            hosts: Mutex::new(hosts),
            posting: Mutex::default(),
            executor: Some(executor),
            notices: notices.clone(),
            #[cfg(feature = "settings")]
            by_hand: Mutex::default(),
            #[cfg(feature = "settings")]
            settings: Mutex::default(),
        };
        let mut hosts = Vec::with_capacity(plans.len());
        for (index, plan) in plans.into_iter().enumerate() {
            let cpu = cpus.as_ref().and_then(|cpus| cpus.get(index).copied());
            let mut started = host::start(executor, plan.clone(), cpu);
            let may_fall_back = self.settings.executor == Executor::Auto && executor == Executor::Glommio;
            if let Err(StartError::Glommio { reason }) = &started
                && may_fall_back
            {
                notices.add("executor", format!("thread instead of glommio: {reason}"));
                executor = Executor::Thread;
                started = host::start(executor, plan, cpu);
            }
            match started {
                Ok(host) => hosts.push(host),
                Err(error) => {
                    // Shards that have never run say no last word.
                    intake.ports.iter().skip(index).for_each(|port| port.flush.end());
                    drop(container(hosts, executor));
                    return Err(error);
                }
            }
        }
        intake.open_late_lane();
        Ok(container(hosts, executor))
    }

    /// Starts a container of one shard that the program runs itself, on this thread.
    ///
    /// # Errors
    /// See [`StartError`]. Settings about threads must be left alone.
    pub fn start_manual(self) -> Result<(Container, ManualDrain), StartError> {
        let notices = Notices::new(self.settings.notices.clone());
        if self.settings.shards != 1 {
            let problem = Problem::new("shards", self.settings.shards, "a container without threads has 1");
            return Err(SettingsError { problems: vec![problem] }.into());
        }
        let (intake, plans) = self.plan(&notices)?;
        let container = Container {
            intake,
            hosts: Mutex::default(),
            posting: Mutex::default(),
            executor: None,
            notices,
            #[cfg(feature = "settings")]
            by_hand: Mutex::default(),
            #[cfg(feature = "settings")]
            settings: Mutex::default(),
        };
        let Some(plan) = plans.first() else {
            let problem = Problem::new("shards", 0, "a container without threads has 1");
            return Err(SettingsError { problems: vec![problem] }.into());
        };
        let drain = ManualDrain::new(plan)?;
        container.intake.open_late_lane();
        Ok((container, drain))
    }

    fn plan(&self, notices: &Notices) -> Result<(Arc<Intake>, Vec<ShardPlan>), StartError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(SettingsError { problems }.into());
        }
        let settings = &self.settings;
        let ports: Vec<_> = (0..settings.shards).map(|_| Arc::<ShardPort>::default()).collect();
        let level = settings.level.clone();
        let intake = Arc::new(Intake::new(level, ports.clone(), settings.limits()?, settings.stamps()));
        let plans = ports.into_iter().enumerate().map(|(index, port)| ShardPlan {
            info: ShardInfo::new(index, settings.shards),
            intake: Arc::clone(&intake),
            port,
            pipeline: self.pipeline.clone(),
            sinks: self.sinks.clone(),
            settings: settings.shard(),
            notices: notices.clone(),
        });
        let plans = plans.collect();
        Ok((intake, plans))
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
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
            problems.extend(own.map(|problem| Problem { path: format!("{prefix}.{}", problem.path), ..problem }));
        }
        problems
    }
}

/// For a container that is made from settings.
#[cfg(feature = "settings")]
impl ContainerBuilder {
    /// All plugins but the sinks.
    pub(crate) fn pipeline_mut(&mut self) -> &mut PipelinePlan {
        &mut self.pipeline
    }

    pub(crate) fn add_sink(&mut self, name: &str, factory: Arc<dyn SinkFactory>, options: SinkOptions) {
        self.sinks.push(SinkPlan { name: name.to_owned(), factory, options });
    }

    pub(crate) fn notices_mut(&mut self) -> &mut NoticeSettings {
        &mut self.settings.notices
    }
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
