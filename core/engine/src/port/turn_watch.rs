//! A shard that hangs: a plugin or a sink does not return.
//!
//! The shard notes when a turn begins and ends, and its supervisors note which plugin runs. Threads that wait for the shard
//! in vain, and whoever reads the metrics, find from that that it hangs, and in which plugin: the shard itself can report
//! nothing meanwhile.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog_ring::sync::lock;

use crate::{diagnostics::DiagnosticLog, port::ShardPort};

/// How long a turn may take where the settings have no time limit for plugins.
const UNLIMITED_TURN_MAX: Duration = Duration::from_secs(60);

/// The turn of a shard. Figures for reports, on which nothing depends: no model need see them.
#[derive(Debug)]
pub(crate) struct TurnWatch {
    epoch: Instant,
    /// Nanoseconds from the epoch to the start of the turn, plus one; zero while there is none.
    began: AtomicU64,
    /// The time limit of a plugin, in nanoseconds.
    limit: AtomicU64,
    is_reported: AtomicBool,
    diagnostics: OnceLock<DiagnosticLog>,
}

impl Default for TurnWatch {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            began: AtomicU64::new(0),
            limit: AtomicU64::new(nanos(UNLIMITED_TURN_MAX)),
            is_reported: AtomicBool::new(false),
            diagnostics: OnceLock::new(),
        }
    }
}

/// Nanoseconds of a span; those of 584 years for a longer one.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl TurnWatch {
    /// Sets where a shard that hangs is reported.
    pub(crate) fn report_to(&self, diagnostics: &DiagnosticLog) {
        let _ = self.diagnostics.set(diagnostics.clone());
    }

    /// Sets how long a plugin may take; `None`: no limit.
    pub(crate) fn set_limit(&self, limit: Option<Duration>) {
        // Relaxed: a figure.
        self.limit.store(nanos(limit.unwrap_or(UNLIMITED_TURN_MAX)), Ordering::Relaxed);
    }

    /// A turn begins. Only the shard may call this.
    #[inline]
    pub(crate) fn begin(&self, now: Instant) {
        let since_epoch = nanos(now.saturating_duration_since(self.epoch));
        // Relaxed: a figure.
        self.began.store(since_epoch.saturating_add(1), Ordering::Relaxed);
    }

    /// The turn ends. Only the shard may call this.
    #[inline]
    pub(crate) fn end(&self) {
        // Relaxed: a figure.
        self.began.store(0, Ordering::Relaxed);
    }

    /// How long the turn takes by now, if that is longer than a plugin may take.
    fn exceeded(&self, now: Instant) -> Option<Duration> {
        // Relaxed, both: figures.
        let began = self.began.load(Ordering::Relaxed).checked_sub(1)?;
        let took = nanos(now.saturating_duration_since(self.epoch)).saturating_sub(began);
        (took > self.limit.load(Ordering::Relaxed)).then(|| Duration::from_nanos(took))
    }
}

impl ShardPort {
    /// Reports a shard that hangs, once. Returns whether it hangs.
    #[cold]
    pub(crate) fn report_if_it_hangs(&self) -> bool {
        let watch = &self.turn_watch;
        let took = watch.exceeded(Instant::now());
        // Relaxed: the first that comes reports.
        let is_reported = watch.is_reported.swap(took.is_some(), Ordering::Relaxed);
        if let Some(took) = took
            && !is_reported
        {
            self.report_hang(took);
        }
        took.is_some()
    }

    fn report_hang(&self, took: Duration) {
        let Some(diagnostics) = self.turn_watch.diagnostics.get() else { return };
        let name = self.running_plugin().unwrap_or_else(|| "the drain".to_owned());
        diagnostics.add(&name, "does not return: the log waits for it".to_owned());
        diagnostics.emergency(&format!("{name} does not return: the log has waited for {} s", took.as_secs()));
    }

    /// The name of the plugin or sink that runs.
    fn running_plugin(&self) -> Option<String> {
        let plugins = lock(&self.plugins);
        let sinks = lock(&self.sinks);
        let of_plugins = plugins.iter().map(|view| (&view.name, &view.counters));
        let of_sinks = sinks.iter().map(|view| (&view.name, &view.supervisor_counters));
        of_plugins.chain(of_sinks).find(|(_, counters)| counters.is_running()).map(|(name, _)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_turn_that_takes_longer_than_a_plugin_may_is_exceeded_until_it_ends() {
        let watch = TurnWatch::default();
        watch.set_limit(Some(SECOND));
        let start = watch.epoch + SECOND;
        assert_eq!(watch.exceeded(start), None);
        watch.begin(start);
        assert_eq!(watch.exceeded(start + SECOND), None);
        assert_eq!(watch.exceeded(start + 2 * SECOND), Some(2 * SECOND));
        watch.end();
        assert_eq!(watch.exceeded(start + 3 * SECOND), None);
    }

    #[test]
    fn without_a_limit_a_turn_may_take_a_minute() {
        let watch = TurnWatch::default();
        watch.set_limit(None);
        watch.begin(watch.epoch);
        assert_eq!(watch.exceeded(watch.epoch + UNLIMITED_TURN_MAX), None);
        assert!(watch.exceeded(watch.epoch + UNLIMITED_TURN_MAX + SECOND).is_some());
    }
}
