//! Configuring and starting a container.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    factory::{Factory, ShardInfo},
    name::{NAME_RULE, is_name},
    problem::{Problem, SettingsError},
    processor::Processor,
    sink::SinkFactory,
    text_redactor::TextRedactor,
    threads::{lock, standard_streams},
};
use fapilog_record::{fields::Fields, level::LevelFilter};

use crate::{
    audit_notes::AuditNote,
    clock::ManualClock,
    container::{Container, options::ContainerOptions},
    diagnostics::{Diagnostic, DiagnosticLog, ErrorCallback},
    error::StartError,
    executor::Executor,
    host::{self, Host, ManualDrain, probe},
    port::{
        ShardPort,
        plan::{PipelinePlan, PluginPlan, SinkOptions, SinkPlan},
    },
    producer::{Frontend, Overflow, OverflowStrategy},
    shard::ShardPlan,
    text_redaction::TextRedaction,
    watchdog::Watchdog,
};

/// Configures a container.
#[doc(alias = "AsyncPipeline")]
#[doc(alias = "LoggerBuilder")]
#[must_use = "a builder does nothing until it is started"]
#[derive(Default)]
pub struct ContainerBuilder {
    options: ContainerOptions,
    pipeline: PipelinePlan,
    sinks: Vec<SinkPlan>,
    attachment: Option<Attachment>,
    /// Diagnostics of the layers above, by subject.
    start_reports: Vec<(String, String)>,
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
    /// Changes an option. All setters of options call this.
    pub(super) fn set(mut self, _name: &str, change: impl FnOnce(&mut ContainerOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// The behaviour when a ring is full: [`overflow_strategy`](Self::overflow_strategy) and
    /// [`overflow_timeout`](Self::overflow_timeout) as a single value.
    pub fn overflow(self, overflow: Overflow) -> Self {
        match overflow {
            Overflow::Block { timeout } => self.overflow_strategy(OverflowStrategy::Block).overflow_timeout(timeout),
            Overflow::DropNewest => self.overflow_strategy(OverflowStrategy::DropNewest),
            Overflow::DropLowSeverity => self.overflow_strategy(OverflowStrategy::DropLowSeverity),
        }
    }

    /// The least level of the diagnostics that go to stderr as well. Default: [`LevelFilter::Off`].
    pub fn diagnostics_to_stderr(self, level: impl Into<LevelFilter>) -> Self {
        self.set("diagnostics_to_stderr", |options| options.diagnostics_to_stderr = level.into())
    }

    /// Calls `callback` with each diagnostic about the log itself. Default: none.
    pub fn error_callback(self, callback: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.set("error_callback", |options| options.error_callback = Some(ErrorCallback::new(callback)))
    }

    /// Calls `fill` in each log call, on the thread that logs, for fields that only this thread knows: the trace that it works for, a
    /// thread-local of the program. A call that `fill` makes itself has no such fields, and the fields of a call in which it panics
    /// are left out. Several functions are called in the order in which they were added.
    ///
    /// The fields count before those of a [scope](crate::producer::Scope), and behind those of a logger and of the call. Calls of such a
    /// container take the slower path of those within a scope, and the time of `fill`.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use fapilog_engine::container::Container;
    /// use fapilog_record::{field_group::FieldGroup, value::ValueRef};
    ///
    /// thread_local!(static TENANT: Cell<u64> = const { Cell::new(0) });
    ///
    /// let builder = Container::builder()
    ///     .caller_fields(|fields| fields.put(FieldGroup::Context, "tenant", ValueRef::U64(TENANT.get())));
    /// # let _ = builder;
    /// ```
    #[doc(alias = "contextvars")]
    pub fn caller_fields(self, fill: impl Fn(&mut Fields) + Send + Sync + 'static) -> Self {
        self.set("caller_fields", |options| options.caller_fields.add(fill))
    }

    /// Stamps events by this clock instead of the system's: for tests. [`Batch::now`](fapilog_plugin::event::Batch::now) and the latencies
    /// among the [metrics](crate::container::Metrics) go by it too. Waits do not: flushes, timeouts, `Batch::instant` and
    /// `Processor::due` stay with real time.
    pub fn manual_clock(self, clock: &ManualClock) -> Self {
        self.set("manual_clock", |options| options.clock = Some(clock.clone()))
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

    /// Adds a redactor: a processor that runs behind all others, and without which no event goes on. An event that it
    /// could not see, because it failed or is disabled, is lost and counted.
    #[doc(alias = "ComplianceEngine")]
    #[doc(alias = "PIIRedactionProcessor")]
    pub fn redactor(mut self, make: impl Fn(ShardInfo) -> Box<dyn Processor> + Send + Sync + 'static) -> Self {
        self.pipeline.redactors.push(PluginPlan::new(make));
        self
    }

    /// Adds the redactor that a factory makes, and [its redactor of texts](Factory::text_redactor), if it has one.
    pub fn redactor_from(mut self, factory: Factory<dyn Processor>) -> Self {
        if let Some(redactor) = factory.text_redactor() {
            self = self.text_redactor(redactor.clone());
        }
        self.redactor(move |shard| factory.make(shard))
    }

    /// Redacts the texts that are in no event: diagnostics, which hold the errors of plugins and sinks, emergency lines, the reasons of
    /// dead letters, and the names of loggers. Several redactors change a text one after the other.
    ///
    /// ```
    /// use fapilog_engine::container::Container;
    /// use fapilog_plugin::text_redactor::TextRedactor;
    ///
    /// let no_hosts = TextRedactor::new(|text| text.contains("db-7.internal").then(|| text.replace("db-7.internal", "[host]")));
    /// let builder = Container::builder().text_redactor(no_hosts);
    /// # let _ = builder;
    /// ```
    pub fn text_redactor(mut self, redactor: TextRedactor) -> Self {
        let earlier = self.pipeline.text_redactor.take();
        self.pipeline.text_redactor = Some(match earlier {
            Some(earlier) => earlier.then(redactor),
            None => redactor,
        });
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

    /// Adds a diagnostic that the container reports when it starts. Hidden: the layers above the engine call it.
    #[doc(hidden)]
    pub fn report_at_start(mut self, about: &str, text: impl Into<String>) -> Self {
        self.start_reports.push((about.to_owned(), text.into()));
        self
    }

    /// Attaches a value that the container keeps: see [`Container::attachment`].
    pub fn attachment<T: Any + Send + Sync>(mut self, value: Arc<T>) -> Self {
        self.attachment = Some(Attachment(value));
        self
    }

    /// Adds a sink under a name of letters, digits, `_` and `-`. While it has no room, it blocks the drain or drops events,
    /// as its factory chooses: see [`SinkFactory::on_full`].
    pub fn sink(self, name: &str, sink: impl SinkFactory + 'static) -> Self {
        self.sink_with(name, sink, SinkOptions::new())
    }

    /// As [`sink`](Self::sink), with the events that it takes, and the treatment of events while it has no room.
    pub fn sink_with(mut self, name: &str, sink: impl SinkFactory + 'static, options: SinkOptions) -> Self {
        self.sinks.push(SinkPlan { name: name.to_owned(), factory: Arc::new(sink), options });
        self
    }

    /// Starts the container.
    ///
    /// # Errors
    /// See [`StartError`]: all invalid settings at once, or the first file or thread that could not be opened.
    pub fn start(self) -> Result<Container, StartError> {
        if self.options.async_processing == Some(false) {
            let allowed = "the program drains such a container: use start_manual";
            return Err(invalid([Problem::new("async_processing", false, allowed)]));
        }
        let _streams = standard_streams::reserve();
        let (mut container, plans) = self.plan()?;
        container.watchdog = Arc::new(Watchdog::of(&plans, self.options.on_hang));
        let executor = container.executor.insert(host::choose(self.options.executor, &container.diagnostics)?);
        let cpus = probe::choose_cpus(self.options.pinned_cpus(), plans.len());
        for (index, plan) in plans.iter().enumerate() {
            let cpu = cpus.as_ref().and_then(|cpus| cpus.get(index).copied());
            match self.start_host(plan.clone(), cpu, executor, &container.diagnostics) {
                Ok(host) => lock(&container.hosts).push(host),
                Err(error) => {
                    // A shard that has never run does not end its flush gate itself, and the container waits for it.
                    container.frontend.ports.iter().skip(index).for_each(|port| port.flush.end());
                    return Err(error);
                }
            }
        }
        container.watchdog.start(plans, &container.hosts, *executor, &container.diagnostics);
        Ok(self.open(container))
    }

    /// Starts the host of one shard. [`Executor::Auto`] takes threads from the first shard on for which there is no glommio.
    fn start_host(
        &self,
        plan: ShardPlan,
        cpu: Option<usize>,
        executor: &mut Executor,
        diagnostics: &DiagnosticLog,
    ) -> Result<Host, StartError> {
        let may_fall_back = self.options.executor == Executor::Auto && *executor == Executor::Glommio;
        match host::start(*executor, plan.clone(), cpu) {
            Err(StartError::Glommio { reason }) if may_fall_back => {
                diagnostics.add("executor", format!("thread instead of glommio: {reason}"));
                *executor = Executor::Thread;
                host::start(*executor, plan, cpu)
            }
            started => started,
        }
    }

    /// Starts a container of one shard that the program runs itself, on this thread.
    ///
    /// # Errors
    /// See [`StartError`]. Settings about threads must be left alone.
    pub fn start_manual(self) -> Result<(Container, ManualDrain), StartError> {
        let mut problems = Vec::new();
        if self.options.async_processing == Some(true) {
            let allowed = "it must be false for a container that the program drains";
            problems.push(Problem::new("async_processing", true, allowed));
        }
        let shards_problem =
            || Problem::new("shards", self.options.shards, "a container that the program drains has 1");
        if self.options.shards != 1 {
            problems.push(shards_problem());
        }
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        let _streams = standard_streams::reserve();
        let (container, plans) = self.plan()?;
        let [plan] = plans.as_slice() else { return Err(invalid([shards_problem()])) };
        let drain = ManualDrain::new(plan)?;
        Ok((self.open(container), drain))
    }

    /// The last step of each start: the container takes events.
    #[inline(never)]
    fn open(&self, container: Container) -> Container {
        container.frontend.open_shared_lane();
        let executor = container.executor.map_or_else(|| "the program".to_owned(), |executor| executor.to_string());
        let Self { options, .. } = self;
        self.start_reports.iter().for_each(|(about, text)| container.diagnostics.add(about, text.clone()));
        let text = format!("{executor} drains {} shard(s); level {}", options.shards, options.level);
        let note = AuditNote::new("log started", format!("container {}", container.id()));
        let note = note.detail("level", &options.level).detail("sinks", container.sink_names().join(", "));
        container.frontend.add_audit_note(note);
        container.diagnostics.mention("container", text);
        if options.drain_at_exit {
            container.drain_at_exit();
        }
        container
    }

    /// The first step of each start: the container without its hosts, and the plans of its shards.
    ///
    /// A function of its own, as `open` is: the frame of a start would hold its temporaries, and the stacks of the models are small.
    #[inline(never)]
    fn plan(&self) -> Result<(Container, Vec<ShardPlan>), StartError> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        let options = &self.options;
        let redaction = TextRedaction::new(self.pipeline.text_redactor.clone());
        let diagnostics = DiagnosticLog::new(options.diagnostics(), redaction.clone());
        let ports: Vec<_> = (0..options.shards).map(|_| Arc::<ShardPort>::default()).collect();
        let level = options.level.clone();
        let mut frontend = Frontend::new(level, ports.clone(), options.limits()?, options.stamps());
        frontend.set_caller_fields(options.caller_fields.clone());
        frontend.set_text_redaction(redaction);
        frontend.set_audit_events(options.audit_events);
        let frontend = Arc::new(frontend);
        let plans = ports.into_iter().enumerate().map(|(index, port)| ShardPlan {
            info: ShardInfo::new(index, options.shards),
            frontend: Arc::clone(&frontend),
            port,
            pipeline: self.pipeline(),
            sinks: self.sinks.clone(),
            settings: options.shard(),
            diagnostics: diagnostics.clone(),
        });
        let plans = plans.collect();
        let container = Container {
            frontend,
            hosts: Arc::default(),
            watchdog: Arc::default(),
            posting: Mutex::default(),
            executor: None,
            started_at: SystemTime::now(),
            diagnostics,
            at_run_time: Mutex::default(),
            attachment: self.attachment.clone(),
        };
        Ok((container, plans))
    }

    /// Every invalid setting, as [`start`](Self::start) would find it.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.option_problems();
        problems.extend(self.cpu_problem());
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
        }
        let of_sinks = self.sink_problems().chain(self.delivery_problems());
        problems.extend(of_sinks.map(|(sink, problem)| problem.below(&format!("sinks.{sink}"))));
        problems
    }

    /// Invalid settings of deliveries, with the names of the sinks.
    #[doc(hidden)]
    pub fn delivery_problems(&self) -> impl Iterator<Item = (&str, Problem)> {
        self.sinks.iter().flat_map(|sink| {
            sink.delivery_problems(&self.sinks).into_iter().map(|problem| (sink.name.as_str(), problem))
        })
    }

    /// Invalid options, as far as that does not depend on the machine.
    #[doc(hidden)]
    #[must_use]
    pub fn option_problems(&self) -> Vec<Problem> {
        self.options.problems()
    }

    /// The problem of the CPUs for the shards, on this machine.
    #[doc(hidden)]
    #[must_use]
    pub fn cpu_problem(&self) -> Option<Problem> {
        self.options.cpu_problem()
    }

    /// Invalid settings of sinks, as the sinks report them, with the names of the sinks.
    #[doc(hidden)]
    pub fn sink_problems(&self) -> impl Iterator<Item = (&str, Problem)> {
        self.sinks.iter().flat_map(|sink| sink.factory.check().into_iter().map(|problem| (sink.name.as_str(), problem)))
    }
}

impl ContainerBuilder {
    /// All plugins but the sinks.
    pub(super) fn pipeline(&self) -> PipelinePlan {
        PipelinePlan { policy: self.options.supervisor_policy(), ..self.pipeline.clone() }
    }
}

fn invalid(problems: impl Into<Vec<Problem>>) -> StartError {
    StartError::Settings(SettingsError { problems: problems.into() })
}

impl std::fmt::Debug for ContainerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks: Vec<&str> = self.sinks.iter().map(|sink| sink.name.as_str()).collect();
        f.debug_struct("ContainerBuilder")
            .field("options", &self.options)
            .field("sinks", &sinks)
            .finish_non_exhaustive()
    }
}
