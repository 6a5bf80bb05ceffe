//! A shard that hangs: a plugin or a sink does not return.
//!
//! The shard notes when a turn begins and ends, and its supervisors note which plugin runs. The [watchdog](crate::watchdog),
//! threads that wait for the shard in vain, and the metrics find from that that it hangs, and in which plugin: the shard
//! itself can report nothing meanwhile. When the call returns, the shard reports that.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog_plugin::threads;
use fapilog_ring::sync::lock;

use crate::{
    diagnostics::DiagnosticLog,
    port::ShardPort,
    watchdog::alarm::{ParkMark, WatchAlarm},
};

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
    /// The plugin that was reported.
    reported: Mutex<String>,
    diagnostics: OnceLock<DiagnosticLog>,
    /// The shard is parked.
    parked: ParkMark,
    /// The alarm of the watchdog; a shard without a watchdog has none.
    alarm: OnceLock<Arc<WatchAlarm>>,
}

impl Default for TurnWatch {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            began: AtomicU64::new(0),
            limit: AtomicU64::new(nanos(UNLIMITED_TURN_MAX)),
            is_reported: AtomicBool::new(false),
            reported: Mutex::default(),
            diagnostics: OnceLock::new(),
            parked: ParkMark::default(),
            alarm: OnceLock::new(),
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

    /// The turn ends. Only the shard may call this. Returns how long the turn took, if it was reported.
    #[inline]
    #[must_use]
    pub(crate) fn end(&self) -> Option<Duration> {
        // Relaxed: a figure.
        let was_reported = self.is_reported.load(Ordering::Relaxed);
        let took = if was_reported { self.take_reported() } else { None };
        // Relaxed: a figure.
        self.began.store(0, Ordering::Relaxed);
        took
    }

    #[cold]
    fn take_reported(&self) -> Option<Duration> {
        let took = self.took(Instant::now());
        // Relaxed: the first that comes reports.
        took.filter(|_| self.is_reported.swap(false, Ordering::Relaxed))
    }

    /// How long the turn takes by now, if there is one.
    fn took(&self, now: Instant) -> Option<Duration> {
        // Relaxed: a figure.
        let began = self.began.load(Ordering::Relaxed).checked_sub(1)?;
        let took = nanos(now.saturating_duration_since(self.epoch)).saturating_sub(began);
        Some(Duration::from_nanos(took))
    }

    /// The turn of a shard that is abandoned has no end.
    pub(crate) fn forget_turn(&self) {
        // Relaxed, both: figures.
        self.began.store(0, Ordering::Relaxed);
        self.is_reported.store(false, Ordering::Relaxed);
    }

    /// The longest time that a turn may take.
    pub(crate) fn limit(&self) -> Duration {
        // Relaxed: a figure.
        Duration::from_nanos(self.limit.load(Ordering::Relaxed))
    }

    /// How long the turn takes by now, if that is longer than a plugin may take.
    fn exceeded(&self, now: Instant) -> Option<Duration> {
        self.took(now).filter(|took| *took > self.limit())
    }

    /// The least time in which a turn may come to its limit. A turn that has exceeded it has another limit before it.
    pub(crate) fn until_limit(&self, now: Instant) -> Duration {
        let limit = self.limit();
        let left = self.took(now).and_then(|took| limit.checked_sub(took));
        left.unwrap_or(limit)
    }

    /// Sets the alarm of the watchdog. Before the shard runs.
    pub(crate) fn set_alarm(&self, alarm: &Arc<WatchAlarm>) {
        let _ = self.alarm.set(Arc::clone(alarm));
    }

    /// The shard parks: rule 1 of the [watchdog](crate::watchdog).
    pub(crate) fn park(&self) {
        if self.alarm.get().is_some() {
            self.parked.set();
        }
    }

    /// The shard comes back from a park: rule 2 of the [watchdog](crate::watchdog).
    pub(crate) fn unpark(&self) {
        if let Some(alarm) = self.alarm.get() {
            alarm.unpark(&self.parked);
        }
    }
}

impl ShardPort {
    /// Reports a shard that hangs, once. Returns whether it hangs.
    #[cold]
    pub(crate) fn report_if_it_hangs(&self) -> bool {
        self.report_if_it_hangs_at(Instant::now())
    }

    /// As [`report_if_it_hangs`](Self::report_if_it_hangs), at this time.
    pub(crate) fn report_if_it_hangs_at(&self, now: Instant) -> bool {
        let watch = &self.turn_watch;
        let took = watch.exceeded(now);
        // Relaxed: the first that comes reports.
        let is_reported = watch.is_reported.swap(took.is_some(), Ordering::Relaxed);
        match took {
            Some(took) if !is_reported => {
                self.report_hang(took);
                self.wake_all_waiters();
            }
            // The shard has ended the turn at the moment of the report, and has not reported that.
            None if is_reported => self.report_return(None),
            _ => {}
        }
        took.is_some()
    }

    /// Whether the shard is parked or has ended, so that it cannot hang.
    pub(crate) fn is_parked_or_ended(&self) -> bool {
        self.turn_watch.parked.is_set() || self.is_stopped()
    }

    fn report_hang(&self, took: Duration) {
        let Some(diagnostics) = self.turn_watch.diagnostics.get() else { return };
        let name = self.running_plugin().unwrap_or_else(|| "the drain".to_owned());
        threads::lock(&self.turn_watch.reported).clone_from(&name);
        diagnostics.add(&name, "does not return: the log waits for it".to_owned());
        diagnostics.emergency(&format!("{name} does not return: the log has waited for {} s", took.as_secs()));
    }

    /// Reports that the call which was reported has returned, after this time if it is known.
    #[cold]
    pub(crate) fn report_return(&self, took: Option<Duration>) {
        let Some(diagnostics) = self.turn_watch.diagnostics.get() else { return };
        let name = std::mem::take(&mut *threads::lock(&self.turn_watch.reported));
        let after = took.map(|took| format!(" after {} s", took.as_secs())).unwrap_or_default();
        diagnostics.emergency(&format!("{name} has returned{after}: the log goes on"));
        diagnostics.add(&name, format!("has returned{after}: the log goes on"));
    }

    /// The name of the plugin or sink that runs.
    pub(crate) fn running_plugin(&self) -> Option<String> {
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
        assert_eq!(watch.end(), None);
        assert_eq!(watch.exceeded(start + 3 * SECOND), None);
    }

    #[test]
    fn the_end_of_a_turn_that_was_reported_is_reported_once() {
        let port = ShardPort::default();
        let (watch, diagnostics) = (&port.turn_watch, DiagnosticLog::default());
        watch.report_to(&diagnostics);
        watch.set_limit(Some(Duration::ZERO));
        watch.begin(watch.epoch);
        assert!(port.report_if_it_hangs() && port.report_if_it_hangs());
        let took = watch.end();
        assert!(took.is_some());
        port.report_return(took);
        assert!(!port.report_if_it_hangs());
        let texts: Vec<_> = diagnostics.all().into_iter().map(|one| (one.about, one.text)).collect();
        let about = || "the drain".to_owned();
        let returned = (about(), "has returned after 0 s: the log goes on".to_owned());
        assert_eq!(texts, [(about(), "does not return: the log waits for it".to_owned()), returned]);
        watch.begin(Instant::now());
        assert_eq!(watch.end(), None);
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
