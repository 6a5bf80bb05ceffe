//! The supervisor of a plugin: limits for every call of user code on the drain.
//!
//! A call *fails* when the plugin panics, returns an error, or takes longer for a batch than it may. After
//! [`FAILURES_MAX`] failures in a row the breaker is *open*: batches go on without the plugin. When the cool-down is over
//! the breaker is *half-open*: the next call decides. If it fails, the breaker is open again and the cool-down doubles, up
//! to [`COOL_DOWN_MAX`]; if it succeeds, the breaker is *closed*.
//!
//! Failures in a row are counted by kind of call: see [`CallKind`].
//! A call that does not return is seen by the [watchdog](crate::watchdog), which may abandon the shard: see [`leave`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::error::PluginError;
use fapilog_record::user_code::{Panicked, catch_panic};

use crate::{
    accounts::{PluginCounters, PluginState},
    diagnostics::DiagnosticLog,
    watchdog::{call_word::Abandoned, take_over::leave},
};

/// How many failures in a row open the breaker.
const FAILURES_MAX: u32 = 3;
/// The first cool-down.
const COOL_DOWN_MIN: Duration = Duration::from_secs(1);
/// The longest cool-down.
const COOL_DOWN_MAX: Duration = Duration::from_secs(60);

/// The limits for a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SupervisorPolicy {
    /// How long a plugin may take for a batch; `None`: no limit.
    pub(crate) timeout: Option<Duration>,
}

/// The end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// The plugin did its work, if perhaps too slowly.
    Done,
    /// The plugin returned an error.
    Failed,
    /// The plugin panicked.
    Panicked,
    /// The plugin was not called: it is disabled, or its breaker is open.
    Skipped,
}

/// A kind of call. Success of one kind is no success of another: a sink may encode well and never deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A batch.
    Batch,
    /// A payload to encode into.
    Payload,
    /// The delivery of a payload.
    Deliver,
    /// The time of the next call.
    Due,
    /// Work that was due.
    Work,
    /// An occasional call. It fails as the others do, but its success ends no row of failures; a batch that succeeds does.
    Occasional,
}

/// The state of a plugin's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    /// The plugin is called. It has failed so many times in a row.
    Closed { failures: u32 },
    /// The plugin is not called until the cool-down is over.
    Open { until: Instant },
    /// The cool-down is over, and the next call decides.
    HalfOpen,
}

impl Breaker {
    const CLOSED: Self = Self::Closed { failures: 0 };

    /// The breaker at this time: a cool-down may be over.
    #[inline]
    fn at(self, now: Instant) -> Self {
        match self {
            Self::Open { until } if until <= now => Self::HalfOpen,
            state => state,
        }
    }

    /// The breaker after one more failure, with the cool-down that follows if it opens.
    fn after_failure(self, now: Instant, cool_down: Duration) -> Self {
        let failures = match self {
            Self::Closed { failures } => failures + 1,
            Self::Open { .. } | Self::HalfOpen => FAILURES_MAX,
        };
        match now.checked_add(cool_down) {
            Some(until) if failures >= FAILURES_MAX => Self::Open { until },
            // A cool-down beyond the end of time cannot be: one failure short of the next try.
            _ => Self::Closed { failures: failures.min(FAILURES_MAX - 1) },
        }
    }
}

/// The supervisor of one plugin.
#[derive(Debug)]
pub(crate) struct Supervisor {
    name: String,
    policy: SupervisorPolicy,
    counters: Arc<PluginCounters>,
    diagnostics: DiagnosticLog,
    breaker: Breaker,
    /// The kind of call that fails, if any does.
    failing: CallKind,
    /// How long the breaker is open the next time.
    cool_down: Duration,
    is_enabled: bool,
}

impl Supervisor {
    pub(crate) fn new(
        name: &str,
        policy: SupervisorPolicy,
        counters: Arc<PluginCounters>,
        diagnostics: DiagnosticLog,
    ) -> Self {
        Self {
            name: name.to_owned(),
            policy,
            counters,
            diagnostics,
            breaker: Breaker::CLOSED,
            failing: CallKind::Batch,
            cool_down: COOL_DOWN_MIN,
            is_enabled: true,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sets other limits from now on.
    pub(crate) fn set_policy(&mut self, policy: SupervisorPolicy) {
        self.policy = policy;
    }

    /// Whether the program wants the plugin to work.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Enables the plugin with a closed breaker, or disables it.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
        self.breaker = Breaker::CLOSED;
        self.counters.set_state(if is_enabled { PluginState::Active } else { PluginState::Disabled });
    }

    /// Whether the breaker has opened and no call has succeeded since.
    #[inline]
    pub(crate) fn is_tripped(&self) -> bool {
        !matches!(self.breaker, Breaker::Closed { .. })
    }

    /// Whether the plugin would be called now.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.is_enabled && !matches!(self.breaker.at(now), Breaker::Open { .. })
    }

    /// Whether the breaker is open now.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        match self.breaker {
            Breaker::Open { until } => Instant::now() < until,
            Breaker::Closed { .. } | Breaker::HalfOpen => false,
        }
    }

    /// The end of the cool-down, if the breaker is open because a call of these kinds failed.
    pub(crate) fn open_until(&self, kinds: &[CallKind], now: Instant) -> Option<Instant> {
        match self.breaker.at(now) {
            Breaker::Open { until } if kinds.contains(&self.failing) => Some(until),
            _ => None,
        }
    }

    /// Calls the plugin, unless it is disabled or its breaker is open.
    #[inline]
    pub(crate) fn call(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> CallOutcome {
        if !self.is_enabled {
            return CallOutcome::Skipped;
        }
        let start = Instant::now();
        self.breaker = self.breaker.at(start);
        if matches!(self.breaker, Breaker::Open { .. }) {
            return CallOutcome::Skipped;
        }
        self.run(start, plugin)
    }

    /// Calls the plugin in any state: for the summary that it emits at its shutdown.
    pub(crate) fn call_in_any_state(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> CallOutcome {
        self.run(Instant::now(), plugin)
    }

    #[inline]
    fn run_catching_panics<R>(&self, plugin: impl FnOnce() -> R) -> Result<R, Panicked> {
        self.run_in_call(|| catch_panic(plugin))
    }

    /// Marks the plugin as running meanwhile. Nothing of the shard may be touched behind the call if it was abandoned.
    #[inline]
    fn run_in_call<R>(&self, work: impl FnOnce() -> R) -> R {
        let call = self.counters.begin_call();
        let result = work();
        match self.counters.end_call(call) {
            Ok(()) => result,
            Err(Abandoned) => leave(result),
        }
    }

    /// Has `poll` poll a delivery of the plugin, whose panic it catches itself.
    pub(crate) fn poll<R>(&self, poll: impl FnOnce() -> R) -> R {
        self.run_in_call(poll)
    }

    #[inline]
    fn run(&mut self, start: Instant, plugin: impl FnOnce() -> Result<(), PluginError>) -> CallOutcome {
        let result = self.run_catching_panics(plugin);
        let took = start.elapsed();
        self.counters.calls.add(1);
        // A `u64` of nanoseconds ends after 584 years.
        self.counters.nanos.add(took.as_nanos() as u64);
        match result {
            Ok(Ok(())) if self.is_too_long(took) => {
                let text = self.count_slow("a batch");
                self.fail(start + took, CallKind::Batch, text);
                CallOutcome::Done
            }
            Ok(Ok(())) => {
                self.succeed(CallKind::Batch);
                CallOutcome::Done
            }
            Ok(Err(error)) => {
                self.counters.errors.add(1);
                self.fail(start + took, CallKind::Batch, self.diagnostics.error_text(error));
                CallOutcome::Failed
            }
            Err(Panicked) => {
                self.count_panic(CallKind::Batch);
                CallOutcome::Panicked
            }
        }
    }

    /// Asks the plugin for something, in any state: the caller has looked, or has no choice. `None` if it panicked.
    #[inline]
    pub(crate) fn ask<R>(&mut self, kind: CallKind, plugin: impl FnOnce() -> R) -> Option<R> {
        match self.run_catching_panics(plugin) {
            Ok(answer) => {
                self.succeed(kind);
                Some(answer)
            }
            Err(Panicked) => {
                self.count_panic(kind);
                None
            }
        }
    }

    /// As [`ask`](Self::ask), with the time limit of a batch. An answer that takes longer is counted and reported. It does
    /// not open the breaker, because events that arrive late are better than dropped events.
    pub(crate) fn ask_in_time<R>(&mut self, kind: CallKind, what: &str, plugin: impl FnOnce() -> R) -> Option<R> {
        let start = Instant::now();
        let answer = self.ask(kind, plugin);
        let took = start.elapsed();
        self.counters.nanos.add(took.as_nanos() as u64);
        if answer.is_some() && self.is_too_long(took) {
            let text = self.count_slow(what);
            self.diagnostics.add(&self.name, text);
        }
        answer
    }

    /// Calls the plugin for the last time, in any state.
    pub(crate) fn call_last(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> CallOutcome {
        let (outcome, what) = match self.run_catching_panics(plugin) {
            Ok(Ok(())) => return CallOutcome::Done,
            Ok(Err(error)) => {
                self.counters.errors.add(1);
                (CallOutcome::Failed, self.diagnostics.error_text(error))
            }
            Err(Panicked) => {
                self.counters.panics.add(1);
                (CallOutcome::Panicked, "panicked".to_owned())
            }
        };
        self.diagnostics.add(&self.name, format!("at its shutdown: {what}"));
        outcome
    }

    #[inline]
    fn is_too_long(&self, took: Duration) -> bool {
        self.policy.timeout.is_some_and(|timeout| took > timeout)
    }

    #[cold]
    fn count_slow(&self, what: &str) -> String {
        self.counters.slow.add(1);
        let timeout = self.policy.timeout.unwrap_or_default();
        format!("took longer for {what} than {timeout:?}, which the plugin timeout allows")
    }

    #[cold]
    fn count_panic(&mut self, kind: CallKind) {
        self.counters.panics.add(1);
        self.fail(Instant::now(), kind, "panicked".to_owned());
    }

    #[inline]
    fn succeed(&mut self, kind: CallKind) {
        if self.breaker == Breaker::CLOSED {
            return;
        }
        let ends_row = kind == self.failing || (kind == CallKind::Batch && self.failing == CallKind::Occasional);
        if ends_row && kind != CallKind::Occasional {
            self.close();
        }
    }

    #[cold]
    fn close(&mut self) {
        self.breaker = Breaker::CLOSED;
        self.cool_down = COOL_DOWN_MIN;
        self.show(PluginState::Active);
    }

    /// A plugin that is disabled is shown as disabled, whatever it is asked.
    fn show(&self, state: PluginState) {
        if self.is_enabled {
            self.counters.set_state(state);
        }
    }

    #[cold]
    fn fail(&mut self, now: Instant, kind: CallKind, what: String) {
        if self.breaker == Breaker::CLOSED || kind != CallKind::Occasional {
            self.failing = kind;
        }
        self.diagnostics.add(&self.name, what);
        self.breaker = self.breaker.after_failure(now, self.cool_down);
        if let Breaker::Open { .. } = self.breaker {
            self.count_open();
        }
        debug_assert!(
            !matches!(self.breaker, Breaker::Closed { failures } if failures >= FAILURES_MAX),
            "a breaker is closed after too many failures: {self:?}"
        );
        debug_assert!((COOL_DOWN_MIN..=COOL_DOWN_MAX).contains(&self.cool_down), "a cool-down out of bounds: {self:?}");
    }

    /// The text has no duration, so that the log of diagnostics keeps it once.
    fn count_open(&mut self) {
        let text = format!("failed {FAILURES_MAX} times in a row: disabled for its cool-down, then retried");
        self.diagnostics.add(&self.name, text);
        self.cool_down = (self.cool_down * 2).min(COOL_DOWN_MAX);
        self.counters.cool_downs.add(1);
        self.show(PluginState::CoolDown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervisor(timeout: Option<Duration>) -> Supervisor {
        Supervisor::new("picky", SupervisorPolicy { timeout }, Arc::default(), DiagnosticLog::default())
    }

    fn fail(supervisor: &mut Supervisor) -> CallOutcome {
        supervisor.call(|| Err(PluginError::failed("no")))
    }

    #[test]
    fn three_failures_in_a_row_open_the_breaker() {
        let mut supervisor = supervisor(None);
        assert_eq!([fail(&mut supervisor), fail(&mut supervisor), fail(&mut supervisor)], [CallOutcome::Failed; 3]);
        assert_eq!(supervisor.call(|| Ok(())), CallOutcome::Skipped);
        assert_eq!(supervisor.counters.state(), PluginState::CoolDown);
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let mut supervisor = supervisor(None);
        for _ in 0..4 {
            assert_eq!([fail(&mut supervisor), fail(&mut supervisor)], [CallOutcome::Failed; 2]);
            assert_eq!(supervisor.call(|| Ok(())), CallOutcome::Done);
        }
        assert_eq!(supervisor.counters.cool_downs.get(), 0);
    }

    #[test]
    fn one_failure_after_the_cool_down_opens_the_breaker_again_for_twice_as_long() {
        let mut supervisor = supervisor(None);
        for _ in 0..3 {
            let _ = fail(&mut supervisor);
        }
        supervisor.breaker = Breaker::HalfOpen;
        assert_eq!(fail(&mut supervisor), CallOutcome::Failed);
        assert_eq!(fail(&mut supervisor), CallOutcome::Skipped);
        assert_eq!(supervisor.cool_down, COOL_DOWN_MIN * 4);
        supervisor.breaker = Breaker::HalfOpen;
        assert_eq!(supervisor.call(|| Ok(())), CallOutcome::Done);
        assert_eq!((supervisor.counters.state(), supervisor.cool_down), (PluginState::Active, COOL_DOWN_MIN));
    }

    #[test]
    fn a_slow_batch_counts_as_a_failure_and_its_work_is_done() {
        let mut supervisor = supervisor(Some(Duration::ZERO));
        let slow = || {
            std::thread::sleep(Duration::from_micros(10));
            Ok(())
        };
        assert_eq!([supervisor.call(slow), supervisor.call(slow), supervisor.call(slow)], [CallOutcome::Done; 3]);
        assert_eq!((supervisor.call(slow), supervisor.counters.slow.get()), (CallOutcome::Skipped, 3));
    }

    #[test]
    fn a_disabled_plugin_is_not_called_until_it_is_enabled() {
        let mut supervisor = supervisor(None);
        supervisor.set_enabled(false);
        assert_eq!(
            (supervisor.call(|| Ok(())), supervisor.counters.state()),
            (CallOutcome::Skipped, PluginState::Disabled)
        );
        supervisor.set_enabled(true);
        assert_eq!((supervisor.call(|| Ok(())), supervisor.counters.state()), (CallOutcome::Done, PluginState::Active));
    }

    #[test]
    fn a_success_ends_no_row_of_another_kind() {
        let mut supervisor = supervisor(None);
        for _ in 0..3 {
            assert!(!supervisor.is_open());
            assert_eq!(supervisor.call(|| Ok(())), CallOutcome::Done);
            assert_eq!(supervisor.ask::<()>(CallKind::Deliver, || panic!("on purpose")), None);
        }
        assert!(supervisor.is_open() && supervisor.open_until(&[CallKind::Deliver], Instant::now()).is_some());
        assert_eq!(supervisor.open_until(&[CallKind::Due, CallKind::Work], Instant::now()), None);
        assert_eq!((supervisor.counters.panics.get(), supervisor.counters.cool_downs.get()), (3, 1));
    }

    #[test]
    fn a_disabled_plugin_stays_disabled_whatever_it_is_asked() {
        let mut supervisor = supervisor(None);
        supervisor.set_enabled(false);
        (0..3).for_each(|_| _ = supervisor.ask::<()>(CallKind::Due, || panic!("on purpose")));
        assert_eq!(supervisor.counters.state(), PluginState::Disabled);
        assert_eq!(
            (supervisor.ask(CallKind::Due, || 1), supervisor.counters.state()),
            (Some(1), PluginState::Disabled)
        );
    }

    #[test]
    fn the_success_of_an_occasional_call_does_not_close_the_breaker() {
        let mut supervisor = supervisor(None);
        for _ in 0..3 {
            let _ = fail(&mut supervisor);
        }
        assert_eq!(supervisor.ask(CallKind::Occasional, || 1), Some(1));
        assert!(supervisor.is_open());
    }

    #[test]
    fn the_success_of_a_batch_ends_a_row_of_failed_occasional_calls() {
        let mut supervisor = supervisor(None);
        for _ in 0..4 {
            assert_eq!(supervisor.ask::<()>(CallKind::Occasional, || panic!("on purpose")), None);
            assert_eq!(supervisor.call(|| Ok(())), CallOutcome::Done);
        }
        assert!(!supervisor.is_open());
    }

    #[test]
    fn a_slow_delivery_is_counted_and_reported_and_does_not_open_the_breaker() {
        let mut supervisor = supervisor(Some(Duration::ZERO));
        let slow = || std::thread::sleep(Duration::from_micros(10));
        (0..4).for_each(|_| _ = supervisor.ask_in_time(CallKind::Deliver, "a delivery", slow));
        assert_eq!((supervisor.counters.slow.get(), supervisor.is_open()), (4, false));
        assert!(
            supervisor
                .diagnostics
                .all()
                .iter()
                .all(|diagnostic| diagnostic.text.starts_with("took longer for a delivery than"))
        );
    }
}
