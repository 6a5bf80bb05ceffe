//! The health level, and the emergency line when no sink works.

use std::time::{Duration, Instant};

use crate::{
    accounts::HealthLevel,
    delivery::sink_worker::{SinkImpairment, SinkWorker},
    shard::{Shard, pipeline::Pipeline},
};

/// How often an impaired sink is reported.
const IMPAIRMENT_INTERVAL: Duration = Duration::from_secs(60);

/// The emergency lines so far: reports on stderr of events that no sink took, and of impaired sinks.
#[derive(Debug, Default)]
pub(super) struct Emergency {
    reported: u64,
    last: Option<Instant>,
    /// The impaired sinks that were reported, and when. A sink is a name among few.
    sinks: Vec<(String, Instant)>,
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

    /// Whether to report this impaired sink: at once, and then each minute.
    fn begin_sink(&mut self, sink: &str, now: Instant) -> bool {
        match self.sinks.iter_mut().find(|(known, _)| known == sink) {
            Some((_, last)) if now.saturating_duration_since(*last) < IMPAIRMENT_INTERVAL => return false,
            Some((_, last)) => *last = now,
            None => self.sinks.push((sink.to_owned(), now)),
        }
        true
    }
}

impl Shard {
    /// When every sink fails, a line goes to stderr: at most one a second, with the count and the reasons.
    pub(super) fn report_if_no_sink_works(&mut self, now: Instant) {
        let lost: u64 = self.sinks.workers.iter().map(SinkWorker::failed_events).sum();
        let is_failing = |worker: &SinkWorker| worker.impairment(now) == Some(SinkImpairment::Fails);
        if self.sinks.workers.iter().all(is_failing) && lost > self.sinks.emergency.reported {
            let Some(events) = self.sinks.emergency.begin(lost, now) else { return };
            let reasons: Vec<String> = self.sinks.workers.iter().map(|worker| self.reason(worker.name())).collect();
            self.sinks.diagnostics.emergency(&format!("no sink works: {events} events lost ({})", reasons.join("; ")));
        }
    }

    /// A line goes to stderr for each sink that stalls, or fails while another sink works: at once, and then each minute.
    pub(super) fn report_impaired_sinks(&mut self, now: Instant) {
        if self.sinks.workers.iter().all(|worker| worker.impairment(now).is_none()) {
            return;
        }
        self.port.health.set(health(&self.stages.pipeline, &self.sinks.workers, now));
        let works = self.sinks.workers.iter().any(|worker| worker.impairment(now).is_none());
        for place in 0..self.sinks.workers.len() {
            let Some(worker) = self.sinks.workers.get_mut(place) else { continue };
            let text = match worker.impairment(now) {
                Some(SinkImpairment::Stalls) => "takes no events",
                // Where no sink works, the line with the losses has the reasons.
                Some(SinkImpairment::Fails) if works => "fails",
                _ => continue,
            };
            worker.count_retries();
            let name = worker.name().to_owned();
            if self.sinks.emergency.begin_sink(&name, now) {
                let reason = self.reason(&name);
                self.sinks.diagnostics.emergency(&format!("a sink {text}: {reason}"));
            }
        }
    }

    /// The sink's name, with its last diagnostic.
    fn reason(&self, sink: &str) -> String {
        match self.sinks.diagnostics.last_about(sink) {
            Some(reason) => format!("{sink}: {reason}"),
            None => sink.to_owned(),
        }
    }
}

/// How much of the pipeline works.
pub(super) fn health(pipeline: &Pipeline, workers: &[SinkWorker], now: Instant) -> HealthLevel {
    let failing = workers.iter().filter(|worker| worker.impairment(now).is_some()).count();
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
