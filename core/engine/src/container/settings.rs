//! What a container can be told, but for its plugins.

use std::time::Duration;

use fapilog_plugin::problem::{Problem, SettingsError};
use fapilog_record::directives::Directives;
use fapilog_ring::Capacity;

use crate::{
    clock::{ManualClock, StampSource},
    diagnostics::DiagnosticSettings,
    executor::Executor,
    order::EventOrder,
    producer::{Limits, Overflow},
    shard::{ShardSettings, idle::IdleSettings},
};

/// The settings of a container, but for its plugins.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSettings {
    pub(crate) level: Directives,
    pub(crate) executor: Executor,
    pub(crate) shards: usize,
    pub(crate) drain_cpus: Option<Vec<usize>>,
    pub(crate) ring_capacity_bytes: usize,
    pub(crate) record_max_bytes: usize,
    pub(crate) rings_max: usize,
    pub(crate) overflow: Overflow,
    pub(crate) order: EventOrder,
    pub(crate) batch_events_max: usize,
    pub(crate) flush_interval: Duration,
    pub(crate) idle_spin: Duration,
    pub(crate) idle_doze: Duration,
    pub(crate) message_max_chars: usize,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) diagnostics: DiagnosticSettings,
    /// Whether threads of the container drain it. `None`: either is possible.
    pub(crate) async_processing: Option<bool>,
    /// What events are stamped by, if not the system's time.
    pub(crate) clock: Option<ManualClock>,
}

impl Default for ContainerSettings {
    fn default() -> Self {
        let has_one_cpu = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
        Self {
            level: Directives::default(),
            executor: Executor::Auto,
            shards: 1,
            drain_cpus: None,
            ring_capacity_bytes: 512 * 1024,
            record_max_bytes: 64 * 1024,
            rings_max: 256,
            overflow: Overflow::default(),
            order: EventOrder::default(),
            batch_events_max: 512,
            flush_interval: Duration::from_millis(50),
            // On one CPU, spinning takes from the threads that it waits for.
            idle_spin: if has_one_cpu { Duration::ZERO } else { Duration::from_micros(20) },
            idle_doze: Duration::from_millis(100),
            message_max_chars: 10_000,
            heartbeat: None,
            diagnostics: DiagnosticSettings::default(),
            async_processing: None,
            clock: None,
        }
    }
}

/// The smallest ring, and the least that the longest record must be able to hold. In a model, where each eight bytes of a
/// ring cost time, they are what the ring itself allows.
const RING_LEAST_BYTES: usize = if cfg!(fapilog_loom) { Capacity::MIN_BYTES } else { 16 * 1024 };
const RECORD_LEAST_BYTES: usize = if cfg!(fapilog_loom) { 1 } else { 1024 };

/// The longest wait for space that is still a wait.
const BLOCK_TIMEOUT_MAX: Duration = Duration::from_secs(3600);

impl ContainerSettings {
    /// Every mistake at once.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut range = |path: &str, value: usize, least: usize, most: usize| {
            if value < least || value > most {
                problems.push(Problem::new(path, value, format!("allowed are {least} to {most}")));
            }
        };
        range("shards", self.shards, 1, 64);
        range("threads_max", self.rings_max, 1, 65_536);
        range("batch_events_max", self.batch_events_max, 1, 10_000);
        range("record_max_bytes", self.record_max_bytes, RECORD_LEAST_BYTES, 16 << 20);
        range("message_max_chars", self.message_max_chars, 1, 16 << 20);
        range("ring_capacity_bytes", self.ring_capacity_bytes, RING_LEAST_BYTES, Capacity::MAX_BYTES);
        if !self.ring_capacity_bytes.is_power_of_two() {
            problems.push(Problem::new("ring_capacity_bytes", self.ring_capacity_bytes, "it must be a power of two"));
        }
        let limit = Capacity::payload_limit(self.ring_capacity_bytes);
        if self.record_max_bytes > limit {
            let allowed = format!("with ring_capacity_bytes {} it is {limit} at most", self.ring_capacity_bytes);
            problems.push(Problem::new("record_max_bytes", self.record_max_bytes, allowed));
        }
        let mut duration = |path: &str, value: Duration, least: Duration, most: Duration| {
            if value < least || value > most {
                let allowed = format!("allowed are {least:?} to {most:?}");
                problems.push(Problem::new(path, format!("{value:?}"), allowed));
            }
        };
        duration("flush_interval", self.flush_interval, Duration::ZERO, Duration::from_secs(3600));
        duration("idle_spin", self.idle_spin, Duration::ZERO, Duration::from_secs(1));
        duration("idle_doze", self.idle_doze, Duration::ZERO, Duration::from_secs(60));
        if let Some(heartbeat) = self.heartbeat {
            duration("heartbeat", heartbeat, Duration::from_millis(1), Duration::from_secs(86_400));
        }
        if let Overflow::Block { timeout } = self.overflow {
            duration("overflow.timeout", timeout, Duration::ZERO, BLOCK_TIMEOUT_MAX);
        }
        problems.extend(self.cpu_problem());
        problems
    }

    fn cpu_problem(&self) -> Option<Problem> {
        let cpus = self.drain_cpus.as_ref()?;
        let allowed = crate::host::probe::allowed_cpus();
        let is_wrong = cpus.len() != self.shards || cpus.iter().any(|cpu| !allowed.contains(cpu));
        is_wrong.then(|| {
            let text = format!("it must name {} of the CPUs that this process may use: {allowed:?}", self.shards);
            Problem::new("drain_cpus", format!("{cpus:?}"), text)
        })
    }

    pub(crate) fn limits(&self) -> Result<Limits, SettingsError> {
        let ring = Capacity::new(self.ring_capacity_bytes, self.record_max_bytes).map_err(|error| SettingsError {
            problems: vec![Problem::new("ring_capacity_bytes", self.ring_capacity_bytes, error.to_string())],
        })?;
        // One ring more is the late lane's.
        Ok(Limits { ring, rings_max: self.rings_max + 1, overflow: self.overflow })
    }

    pub(crate) fn stamps(&self) -> StampSource {
        self.clock.as_ref().map_or_else(StampSource::best, ManualClock::stamps)
    }

    pub(crate) fn shard(&self) -> ShardSettings {
        ShardSettings {
            order: self.order,
            batch_events: self.batch_events_max,
            flush_interval: self.flush_interval,
            message_max_chars: self.message_max_chars,
            heartbeat: self.heartbeat,
            idle: IdleSettings { spin: self.idle_spin, sleep: self.idle_doze },
        }
    }
}

/// The longest record that a ring of `ring_capacity_bytes` can hold, in bytes: a quarter of the ring, less a frame's header.
#[must_use]
pub const fn record_limit_bytes(ring_capacity_bytes: usize) -> usize {
    Capacity::payload_limit(ring_capacity_bytes)
}
