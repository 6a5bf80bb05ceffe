//! Performance enricher: metrics of the process and the host.

mod proc_files;
mod sample;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    event::{Batch, Event},
    named_enum,
};
use fapilog_record::{field_group::FieldGroup, level::Level, timestamp::Timestamp, value::ValueRef};

use self::sample::{Sample, Sampler};

/// The default time between two samples.
const INTERVAL: Duration = Duration::from_secs(10);

/// The shortest time between two samples. It bounds the share of the drain that samples take.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

named_enum! {
    /// A metric, or two of a kind, of the process or its host.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum PerformanceMetric {
        /// `process.cpu.utilization`: CPU time since the sample before, divided by the time that has passed and the number of CPUs. 1 is all of them.
        Cpu = "cpu",
        /// `process.memory.usage`: resident memory in bytes.
        Memory = "memory",
        /// `process.thread.count`: threads.
        Threads = "threads",
        /// `process.unix.file_descriptor.count`: open file descriptors.
        OpenFiles = "open_files",
        /// `system.cpu.load_average.1m`: the load of the host over a minute.
        Load = "load",
        /// `process.context_switches.voluntary` and `.involuntary`: since the process was started.
        ContextSwitches = "context_switches",
        /// `process.page_faults.minor` and `.major`: since the process was started. A major one has read from a disk.
        PageFaults = "page_faults",
        /// `fapilog.drain.lag`: seconds between the log call and the drain that took the event.
        DrainLag = "drain_lag",
    }
}

/// Adds metrics of the process and its host to the `metrics` of some events: by default to the first event in each 10 s.
///
/// Samples are taken on the drain, at most once in an [interval](Self::interval) for all shards, and never for an event alone. A
/// process without events takes none. [`PerformanceMetric`] lists the metrics with their names, which are those of OpenTelemetry where it has one. A
/// metric that the system does not have is absent, and so is the CPU share of the first sample.
///
/// An event that gets metrics is written field by field, at several times the cost. So [`every_event`](Self::every_event) is for programs of few events, or
/// together with a [level](Self::level).
#[doc(alias = "PerformanceMetricsEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Performance {
    metrics: Vec<PerformanceMetric>,
    interval: Duration,
    every_event: bool,
    level: Level,
    /// Shared by all clones.
    shared: Arc<Mutex<SharedSample>>,
    /// The last sample that this clone has seen.
    latest: Option<Sample>,
}

/// The last sample, and the state of the sampler.
#[derive(Debug, Default)]
struct SharedSample {
    sampler: Sampler,
    sample: Option<Sample>,
    /// By the batch that asked for it.
    taken: Option<Instant>,
}

impl Performance {
    /// The enricher with all metrics, for the first event of any level in each 10 s.
    pub fn new() -> Self {
        Self {
            metrics: PerformanceMetric::ALL.to_vec(),
            interval: INTERVAL,
            every_event: false,
            level: Level::Trace,
            shared: Arc::default(),
            latest: None,
        }
    }

    /// The metrics that are added. Default: all.
    pub fn metrics(mut self, metrics: impl IntoIterator<Item = PerformanceMetric>) -> Self {
        self.metrics = metrics.into_iter().collect();
        self
    }

    /// The time between two samples, 100 ms at least. Default: 10 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(INTERVAL_MIN);
        self
    }

    /// Whether each event gets the last sample, and not the first in an interval alone. Default: no.
    pub fn every_event(mut self, every_event: bool) -> Self {
        self.every_event = every_event;
        self
    }

    /// The lowest level of events that get metrics. Default: TRACE, which is all of them.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The sample, if it is time for one. While another shard takes one, it is not.
    fn sample_if_due(&self, now: Instant) -> Option<Sample> {
        let mut shared = match self.shared.try_lock() {
            Ok(shared) => shared,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(TryLockError::WouldBlock) => return None,
        };
        if shared.taken.is_some_and(|taken| now.saturating_duration_since(taken) < self.interval) {
            // Another shard has taken it.
            return shared.sample.filter(|_| self.every_event);
        }
        shared.taken = Some(now);
        shared.sample = Some(shared.sampler.sample(&self.metrics));
        shared.sample
    }

    fn add(&self, event: &mut Event<'_>, sample: &Sample, now: Timestamp) {
        for metric in &self.metrics {
            match metric {
                PerformanceMetric::Cpu => add(event, "process.cpu.utilization", sample.cpu),
                PerformanceMetric::Memory => add(event, "process.memory.usage", sample.memory_bytes),
                PerformanceMetric::Threads => add(event, "process.thread.count", sample.threads),
                PerformanceMetric::OpenFiles => add(event, "process.unix.file_descriptor.count", sample.open_files),
                PerformanceMetric::Load => add(event, "system.cpu.load_average.1m", sample.load),
                PerformanceMetric::ContextSwitches => {
                    add(event, "process.context_switches.voluntary", sample.voluntary_switches);
                    add(event, "process.context_switches.involuntary", sample.involuntary_switches);
                }
                PerformanceMetric::PageFaults => {
                    add(event, "process.page_faults.minor", sample.minor_page_faults);
                    add(event, "process.page_faults.major", sample.major_page_faults);
                }
                PerformanceMetric::DrainLag => add(event, "fapilog.drain.lag", Some(lag_seconds(event, now))),
            }
        }
    }
}

impl Default for Performance {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Performance {
    fn name(&self) -> &'static str {
        "performance"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let level = self.level;
        let gets_metrics = |event: &Event<'_>| event.level() >= level && !event.is_internal();
        let Some(first) = batch.events().iter().position(gets_metrics) else { return Ok(()) };
        let new = self.sample_if_due(batch.instant());
        let now = batch.now();
        if self.every_event {
            self.latest = new.or(self.latest);
            if let Some(sample) = self.latest {
                let events = batch.events_mut().iter_mut().filter(|event| gets_metrics(event));
                events.for_each(|event| self.add(event, &sample, now));
            }
        } else if let (Some(sample), Some(event)) = (new, batch.events_mut().get_mut(first)) {
            self.add(event, &sample, now);
        }
        Ok(())
    }
}

fn add<'batch>(event: &mut Event<'batch>, name: &'batch str, value: Option<impl Into<ValueRef<'batch>>>) {
    if let Some(value) = value {
        event.add_field(FieldGroup::Metrics, name, value.into());
    }
}

/// A clock that was set back makes no negative lag.
fn lag_seconds(event: &Event<'_>, now: Timestamp) -> f64 {
    let nanos = now.unix_nanos().saturating_sub(event.timestamp().unix_nanos());
    Duration::from_nanos(nanos).as_secs_f64()
}
