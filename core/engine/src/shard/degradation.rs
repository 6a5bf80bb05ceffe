//! The health level, and the emergency line when no sink works.

use std::time::{Duration, Instant};

use crate::{
    accounts::HealthLevel,
    delivery::sink_worker::SinkWorker,
    shard::{Shard, pipeline::Pipeline},
};

/// The emergency lines so far: reports on stderr of events that no sink took.
#[derive(Debug, Default)]
pub(super) struct Emergency {
    reported: u64,
    last: Option<Instant>,
}

impl Emergency {
    /// How many events to report, if it is time to.
    fn begin(&mut self, lost: u64, now: Instant) -> Option<u64> {
        const INTERVAL: Duration = Duration::from_secs(1);
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL) {
            return None;
        }
        self.last = Some(now);
        let events = lost.saturating_sub(self.reported);
        self.reported = lost;
        Some(events)
    }
}

impl Shard {
    /// When every sink fails, a line goes to stderr: at most one a second, and with counts only.
    pub(super) fn report_if_no_sink_works(&mut self, now: Instant) {
        let lost: u64 = self.sinks.workers.iter().map(SinkWorker::failed_events).sum();
        if self.sinks.workers.iter().all(SinkWorker::is_failing) && lost > self.sinks.emergency.reported {
            let Some(events) = self.sinks.emergency.begin(lost, now) else { return };
            self.sinks
                .diagnostics
                .emergency(&format!("no sink works: {events} events lost; see the container's diagnostics"));
        }
    }
}

/// How much of the pipeline works.
pub(super) fn health(pipeline: &Pipeline, workers: &[SinkWorker]) -> HealthLevel {
    let failing = workers.iter().filter(|worker| worker.is_failing()).count();
    // A container has a sink at least.
    if failing == workers.len() {
        return HealthLevel::Emergency;
    }
    match (failing > 0, pipeline.is_reduced()) {
        (true, _) => HealthLevel::WorkingSinks,
        (false, true) => HealthLevel::EssentialPlugins,
        (false, false) => HealthLevel::Full,
    }
}
