//! The figures of a container.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use fapilog_plugin::{event::InstanceId, kind::PluginKind, plugin_counts::PluginCounts};
use fapilog_record::{timestamp::Timestamp, user_code::catch_panic};
use fapilog_ring::sync::lock;
use serde::{Serialize, Serializer};

use crate::{
    accounts::{Accounts, HealthLevel, Losses, PluginState, counts_by_name},
    container::{
        Container,
        delivery_metrics::{self, DeliveryMetrics},
    },
    executor::Executor,
    port::{
        PluginView,
        latency::{LatencySum, Percentiles, as_nanos},
        throughput::Throughput,
    },
    producer::Frontend,
    totals::{accounts, refused_accounts},
};

/// A snapshot of a container's figures. Counts are since its start.
///
/// Its JSON form has the names of the fields. A time has its unit in the name: `_ns` is a whole number of nanoseconds. Counts by
/// reason, by level and by name are objects without the zeros. `executor` is `null` where the program runs the drain. Later
/// versions may add names.
#[doc(alias = "MetricsCollector")]
#[doc(alias = "ContainerMetrics")]
#[doc(alias = "PipelineMetrics")]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// The number of the container in the process.
    pub container_id: u64,
    /// The container's part of the ids of its events: no other container has it, of whatever process or machine.
    pub instance: InstanceId,
    /// When the container was made, by the system's clock.
    #[serde(rename = "started_at_unix_ns", serialize_with = "as_unix_nanos")]
    pub started_at: SystemTime,
    /// Whether it takes no more events: it is shut down, or a shutdown was requested.
    pub is_closed: bool,
    /// Events that the drain takes a second, over a sliding window: the sum over shards.
    pub throughput: Throughput,
    /// The accounts of all events, by reason and by sink, with each sink's bytes, errors, retries and writer.
    pub accounts: Accounts,
    /// Each plugin, and each sink as its supervisor counts it, summed over shards.
    pub plugins: Vec<PluginMetrics>,
    /// The deliveries of each sink, summed over shards.
    pub deliveries: Vec<DeliveryMetrics>,
    /// From the log call to the drain: a sample for each batch, of its first event.
    pub drain_lag: Percentiles,
    /// From the log call to the end of the delivery: a sample for each payload of each sink, of its first event.
    pub end_to_end: Percentiles,
    /// How much of the pipeline works: the worst state of its shards.
    pub health: HealthLevel,
    /// The rings.
    pub rings: RingMetrics,
    /// The executor of the drain; `None` if the program runs it.
    pub executor: Option<Executor>,
    /// How many drain shards there are.
    pub shards: usize,
}

/// The figures of one plugin.
#[doc(alias = "PluginExecutor")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginMetrics {
    /// Its name in the container.
    pub name: String,
    /// The kind of plugin.
    pub kind: PluginKind,
    /// Whether it works: the worst state in its shards.
    pub state: PluginState,
    /// Batches it was called with.
    pub batches: u64,
    /// The time it took for them, and, where it is a sink, to start deliveries and to do what was due.
    #[serde(rename = "time_ns", serialize_with = "as_nanos")]
    pub time: Duration,
    /// Calls it panicked in.
    pub panics: u64,
    /// Batches it returned an error for.
    pub errors: u64,
    /// Batches, and calls of a sink's `deliver` and `work`, that it took too long for.
    pub slow: u64,
    /// How often its breaker opened.
    pub cool_downs: u64,
    /// Events it took out.
    pub filtered: u64,
    /// Counters of its own, by name, such as those of the rules of a redactor.
    #[serde(serialize_with = "counts_by_name")]
    pub counters: Vec<(String, u64)>,
    /// Events lost by it before any sink, by reason. The accounts have them in the sum over all plugins. Losses at a sink are
    /// in the sink's account.
    pub lost: Losses,
}

/// The figures of the rings between threads and drain.
#[doc(alias = "AsyncQueue")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RingMetrics {
    /// How many there are, in use or kept for the next thread.
    pub count: usize,
    /// The size of each.
    pub capacity_bytes: usize,
    /// Memory of all rings.
    pub total_bytes: usize,
    /// How full the fullest ring was when the drain last looked, from 0 to 1.
    pub fill: f64,
    /// How full the fullest ring has ever been when the drain looked, from 0 to 1.
    pub fill_max: f64,
}

/// Reads the figures of a container, without being one of its owners: for exporters. It does not keep the container from being dropped,
/// and has its last figures when it is.
#[derive(Debug, Clone)]
pub struct MetricsReader {
    frontend: Arc<Frontend>,
    executor: Option<Executor>,
    started_at: SystemTime,
}

impl Container {
    /// The figures as of now. In a forked child, only those of the [accounts](Self::accounts).
    #[doc(alias = "get_metrics")]
    #[doc(alias = "get_pipeline_metrics")]
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.metrics_reader().read()
    }

    /// A reader of the figures, for a thread that does not own the container.
    #[must_use]
    pub fn metrics_reader(&self) -> MetricsReader {
        let Self { frontend, executor, started_at, .. } = self;
        MetricsReader { frontend: Arc::clone(frontend), executor: *executor, started_at: *started_at }
    }
}

impl MetricsReader {
    /// The figures as of now, as [`Container::metrics`] has them.
    #[must_use]
    pub fn read(&self) -> Metrics {
        let is_in_forked_child = self.frontend.is_in_forked_child();
        let ports = if is_in_forked_child { &[] } else { &*self.frontend.ports };
        let mut plugins = PluginSums::default();
        let mut deliveries = Vec::new();
        let now = Timestamp::from(SystemTime::now());
        let monotonic_now = Instant::now();
        let mut throughput = Throughput::default();
        let (mut drain_lag, mut end_to_end) = (LatencySum::default(), LatencySum::default());
        let mut health = HealthLevel::default();
        for port in ports {
            let hangs = port.report_if_it_hangs();
            // A shard that hangs delivers nothing.
            health = health.max(if hangs { HealthLevel::Emergency } else { port.health.get() });
            let views = lock(&port.plugins).clone();
            let sinks = lock(&port.sinks).clone();
            let as_plugin = |sink: &crate::port::SinkView| PluginView {
                name: sink.name.clone(),
                kind: PluginKind::Sink,
                counters: sink.supervisor_counters.clone(),
            };
            views
                .iter()
                .chain(&sinks.iter().map(as_plugin).collect::<Vec<_>>())
                .for_each(|view| plugins.add(view, hangs));
            sinks.iter().for_each(|view| delivery_metrics::add(&mut deliveries, view, now));
            throughput.add(&port.throughput.read(monotonic_now));
            port.latencies.drain_lag.add_to(&mut drain_lag);
            port.latencies.end_to_end.add_to(&mut end_to_end);
        }
        let capacity_bytes = self.frontend.ring_capacity_bytes();
        let of_capacity = |bytes: u64| bytes as f64 / capacity_bytes.max(1) as f64;
        let fills = || ports.iter().map(|port| port.ring_fill.read());
        Metrics {
            container_id: self.frontend.id(),
            instance: self.frontend.instance(),
            started_at: self.started_at,
            is_closed: self.frontend.is_closed(),
            throughput,
            accounts: if is_in_forked_child { refused_accounts(&self.frontend) } else { accounts(&self.frontend) },
            plugins: plugins.plugins,
            deliveries,
            drain_lag: Percentiles::of(&drain_lag),
            end_to_end: Percentiles::of(&end_to_end),
            health,
            rings: RingMetrics {
                count: self.frontend.rings(),
                capacity_bytes,
                total_bytes: capacity_bytes.saturating_mul(self.frontend.rings()),
                fill: of_capacity(fills().map(|(now, _)| now).max().unwrap_or(0)),
                fill_max: of_capacity(fills().map(|(_, most)| most).max().unwrap_or(0)),
            },
            executor: self.executor,
            shards: self.frontend.ports.len(),
        }
    }
}

/// A point in time as nanoseconds of Unix time.
fn as_unix_nanos<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    as_nanos(&time.duration_since(UNIX_EPOCH).unwrap_or_default(), serializer)
}

/// The state of a plugin whose states differ in two shards: `Active` and `Removed` give way to the other state. A plugin
/// that is removed in one shard either is removed in all, or has a successor of its name.
fn worse(one: PluginState, other: PluginState) -> PluginState {
    match (one, other) {
        (PluginState::Hangs, _) | (_, PluginState::Hangs) => PluginState::Hangs,
        (PluginState::Removed | PluginState::Active, other) => other,
        (one, _) => one,
    }
}

/// The figures of plugins, summed over shards.
#[derive(Default)]
struct PluginSums {
    plugins: Vec<PluginMetrics>,
    /// The counters of plugins' own that are in the sums already: shards may share them.
    own: Vec<PluginCounts>,
}

impl PluginSums {
    /// Adds one shard's figures of a plugin to those of the others. `hangs`: the shard does.
    fn add(&mut self, view: &PluginView, hangs: bool) {
        let counters = &view.counters;
        let is_hanging = hangs && counters.is_running();
        let one = PluginMetrics {
            name: view.name.clone(),
            kind: view.kind,
            state: if is_hanging { PluginState::Hangs } else { counters.state() },
            batches: counters.calls.get(),
            time: Duration::from_nanos(counters.nanos.get()),
            panics: counters.panics.get(),
            errors: counters.errors.get(),
            slow: counters.slow.get(),
            cool_downs: counters.cool_downs.get(),
            filtered: counters.filtered.get(),
            counters: self.own_counts(view),
            lost: counters.lost.read(),
        };
        match self.plugins.iter_mut().find(|known| known.name == one.name && known.kind == one.kind) {
            None => self.plugins.push(one),
            Some(sum) => {
                sum.state = worse(sum.state, one.state);
                sum.batches += one.batches;
                sum.time += one.time;
                sum.panics += one.panics;
                sum.errors += one.errors;
                sum.slow += one.slow;
                sum.cool_downs += one.cool_downs;
                sum.filtered += one.filtered;
                sum.lost.add(&one.lost);
                one.counters.into_iter().for_each(|count| add_count(&mut sum.counters, count));
            }
        }
    }

    /// Those that are not in the sums yet. A plugin's function reads them, and may panic.
    fn own_counts(&mut self, view: &PluginView) -> Vec<(String, u64)> {
        let Some(own) = view.counters.own().filter(|own| !self.own.iter().any(|known| known.is_same(own))) else {
            return Vec::new();
        };
        let counts = catch_panic(|| own.read()).unwrap_or_default();
        self.own.push(own);
        counts
    }
}

fn add_count(counts: &mut Vec<(String, u64)>, (name, count): (String, u64)) {
    match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum += count,
        None => counts.push((name, count)),
    }
}
