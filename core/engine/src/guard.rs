//! One guard around every call of foreign code on the drain.
//!
//! A plugin *fails* when it panics, returns an error, or takes longer for a batch than it may. After
//! [`FAILURES_MAX`] failures in a row it is *off*: batches go on without it. When its pause is over it is tried with one
//! batch; if it fails again the pause doubles, up to [`PAUSE_MAX`], and if it works everything is as before.
//!
//! A row is one of calls of a kind: see [`Step`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::error::PluginError;
use fapilog_record::user_code::{Panicked, catch_panic, error_text};

use crate::{
    accounts::{PluginCounters, PluginState},
    diagnostics::DiagnosticLog,
};

/// How often in a row a plugin may fail before it is off.
const FAILURES_MAX: u32 = 3;
/// How long a plugin may take for a batch, if the program does not say: far more than a batch takes, and still less than
/// people wait for a log.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long a plugin that has just failed too often is left out.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest time it is left out before it is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What plugins are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardPolicy {
    /// How long a plugin may take for a batch; `None` for as long as it likes.
    pub(crate) timeout: Option<Duration>,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self { timeout: Some(TIMEOUT) }
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did its work, if perhaps too slowly.
    Done,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// It was not called: it is disabled, or off.
    Skipped,
}

/// A kind of call. That one kind works says nothing of another: a sink may encode well what it never delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch.
    Batch,
    /// A payload to encode into.
    Payload,
    /// The delivery of a payload.
    Deliver,
    /// When it wants to be called.
    Due,
    /// What was due.
    Work,
    /// What is called now and then. It fails as the others do; but that it works ends no row, and a batch that works does.
    Aside,
}

/// Watches one plugin.
#[derive(Debug)]
pub(crate) struct Guard {
    name: String,
    policy: GuardPolicy,
    counters: Arc<PluginCounters>,
    diagnostics: DiagnosticLog,
    failures_in_a_row: u32,
    /// What failed, where anything has.
    failing: Step,
    /// How long it is left out next time.
    pause: Duration,
    off_until: Option<Instant>,
    is_enabled: bool,
}

impl Guard {
    pub(crate) fn new(
        name: &str,
        policy: GuardPolicy,
        counters: Arc<PluginCounters>,
        diagnostics: DiagnosticLog,
    ) -> Self {
        Self {
            name: name.to_owned(),
            policy,
            counters,
            diagnostics,
            failures_in_a_row: 0,
            failing: Step::Batch,
            pause: PAUSE_MIN,
            off_until: None,
            is_enabled: true,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Holds it to something else from now on.
    pub(crate) fn set_policy(&mut self, policy: GuardPolicy) {
        self.policy = policy;
    }

    /// Whether it is to work, if it can.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Lets it work again, or leaves it out until further diagnostic.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
        self.off_until = None;
        self.failures_in_a_row = 0;
        self.counters.set_state(if is_enabled { PluginState::Active } else { PluginState::Disabled });
    }

    /// Whether it has failed too often, and has not worked since.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.off_until.is_some()
    }

    /// Whether it would be called now.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.is_enabled && self.off_until.is_none_or(|until| until <= now)
    }

    /// Whether it is off for now.
    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.off_until.is_some_and(|until| Instant::now() < until)
    }

    /// Until when it is off because one of these has failed.
    pub(crate) fn paused_for(&self, steps: &[Step], now: Instant) -> Option<Instant> {
        self.off_until.filter(|until| now < *until && steps.contains(&self.failing))
    }

    /// Calls the plugin, unless it is to be left out.
    #[inline]
    pub(crate) fn call(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> Outcome {
        if !self.is_enabled {
            return Outcome::Skipped;
        }
        let start = Instant::now();
        if self.off_until.is_some_and(|until| start < until) {
            return Outcome::Skipped;
        }
        self.run(start, plugin)
    }

    /// Calls the plugin, also one that is to be left out: for its last words, which sum up what it did before.
    pub(crate) fn call_in_any_case(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> Outcome {
        self.run(Instant::now(), plugin)
    }

    #[inline]
    fn run(&mut self, start: Instant, plugin: impl FnOnce() -> Result<(), PluginError>) -> Outcome {
        let result = catch_panic(plugin);
        let took = start.elapsed();
        self.counters.calls.add(1);
        // Half a millennium fits.
        self.counters.nanos.add(took.as_nanos() as u64);
        match result {
            Ok(Ok(())) if self.is_too_long(took) => {
                let text = self.note_slow("a batch");
                self.fail(start + took, Step::Batch, text);
                Outcome::Done
            }
            Ok(Ok(())) => {
                self.note_works(Step::Batch);
                Outcome::Done
            }
            Ok(Err(error)) => {
                self.counters.errors.add(1);
                self.fail(start + took, Step::Batch, error_text(error));
                Outcome::Failed
            }
            Err(Panicked) => {
                self.note_panic(Step::Batch);
                Outcome::Panicked
            }
        }
    }

    /// Asks the plugin for something, also if it is off: whoever asks has looked, or has to. `None` if it panicked.
    #[inline]
    pub(crate) fn ask<R>(&mut self, step: Step, plugin: impl FnOnce() -> R) -> Option<R> {
        match catch_panic(plugin) {
            Ok(answer) => {
                self.note_works(step);
                Some(answer)
            }
            Err(Panicked) => {
                self.note_panic(step);
                None
            }
        }
    }

    /// As [`ask`](Self::ask), where it may take as long as for a batch. One that takes longer is told of and counted; it is
    /// not off for that, because a slow destination is no reason to lose what it would have got in the end.
    pub(crate) fn ask_in_time<R>(&mut self, step: Step, what: &str, plugin: impl FnOnce() -> R) -> Option<R> {
        let start = Instant::now();
        let answer = self.ask(step, plugin);
        let took = start.elapsed();
        self.counters.nanos.add(took.as_nanos() as u64);
        if answer.is_some() && self.is_too_long(took) {
            let text = self.note_slow(what);
            self.diagnostics.add(&self.name, text);
        }
        answer
    }

    #[inline]
    fn is_too_long(&self, took: Duration) -> bool {
        self.policy.timeout.is_some_and(|timeout| took > timeout)
    }

    #[cold]
    fn note_slow(&self, what: &str) -> String {
        self.counters.slow.add(1);
        let timeout = self.policy.timeout.unwrap_or_default();
        format!("took longer for {what} than {timeout:?}, which the plugin timeout allows")
    }

    #[cold]
    fn note_panic(&mut self, step: Step) {
        self.counters.panics.add(1);
        self.fail(Instant::now(), step, "panicked".to_owned());
    }

    #[inline]
    fn note_works(&mut self, step: Step) {
        let ends_row = step == self.failing || (step == Step::Batch && self.failing == Step::Aside);
        if self.failures_in_a_row > 0 && ends_row && step != Step::Aside {
            self.recover();
        }
    }

    /// Calls the plugin for the last time, also one that is left out.
    pub(crate) fn call_last(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) -> Outcome {
        let (outcome, what) = match catch_panic(plugin) {
            Ok(Ok(())) => return Outcome::Done,
            Ok(Err(error)) => {
                self.counters.errors.add(1);
                (Outcome::Failed, error_text(error))
            }
            Err(Panicked) => {
                self.counters.panics.add(1);
                (Outcome::Panicked, "panicked".to_owned())
            }
        };
        self.diagnostics.add(&self.name, format!("at its end: {what}"));
        outcome
    }

    #[cold]
    fn recover(&mut self) {
        self.failures_in_a_row = 0;
        self.pause = PAUSE_MIN;
        self.off_until = None;
        self.show(PluginState::Active);
    }

    /// One that is disabled stays so, whatever it is still asked.
    fn show(&self, state: PluginState) {
        if self.is_enabled {
            self.counters.set_state(state);
        }
    }

    #[cold]
    fn fail(&mut self, now: Instant, step: Step, what: String) {
        if self.failures_in_a_row == 0 || step != Step::Aside {
            self.failing = step;
        }
        self.failures_in_a_row += 1;
        self.diagnostics.add(&self.name, what);
        if self.failures_in_a_row < FAILURES_MAX {
            return;
        }
        self.diagnostics.add(
            &self.name,
            format!("failed {FAILURES_MAX} times in a row: left out for a while, and then tried again"),
        );
        self.off_until = now.checked_add(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.counters.pauses.add(1);
        self.show(PluginState::Off);
        // Behind the pause, one failure is enough.
        self.failures_in_a_row = FAILURES_MAX - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(timeout: Option<Duration>) -> Guard {
        Guard::new("picky", GuardPolicy { timeout }, Arc::default(), DiagnosticLog::default())
    }

    fn fail(guard: &mut Guard) -> Outcome {
        guard.call(|| Err(PluginError::failed("no")))
    }

    #[test]
    fn a_plugin_that_fails_three_times_in_a_row_is_left_out() {
        let mut guard = guard(None);
        assert_eq!([fail(&mut guard), fail(&mut guard), fail(&mut guard)], [Outcome::Failed; 3]);
        assert_eq!(guard.call(|| Ok(())), Outcome::Skipped);
        assert_eq!(guard.counters.state(), PluginState::Off);
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut guard = guard(None);
        for _ in 0..4 {
            assert_eq!([fail(&mut guard), fail(&mut guard)], [Outcome::Failed; 2]);
            assert_eq!(guard.call(|| Ok(())), Outcome::Done);
        }
        assert_eq!(guard.counters.pauses.get(), 0);
    }

    #[test]
    fn after_its_pause_it_is_tried_again_and_one_failure_doubles_the_pause() {
        let mut guard = guard(None);
        for _ in 0..3 {
            let _ = fail(&mut guard);
        }
        guard.off_until = Some(Instant::now());
        assert_eq!(fail(&mut guard), Outcome::Failed);
        assert_eq!(fail(&mut guard), Outcome::Skipped);
        assert_eq!(guard.pause, PAUSE_MIN * 4);
        guard.off_until = Some(Instant::now());
        assert_eq!(guard.call(|| Ok(())), Outcome::Done);
        assert_eq!((guard.counters.state(), guard.pause), (PluginState::Active, PAUSE_MIN));
    }

    #[test]
    fn slowness_counts_as_failure_but_the_work_is_done() {
        let mut guard = guard(Some(Duration::ZERO));
        let slow = || {
            std::thread::sleep(Duration::from_micros(10));
            Ok(())
        };
        assert_eq!([guard.call(slow), guard.call(slow), guard.call(slow)], [Outcome::Done; 3]);
        assert_eq!((guard.call(slow), guard.counters.slow.get()), (Outcome::Skipped, 3));
    }

    #[test]
    fn a_plugin_that_is_disabled_is_left_out_until_it_is_enabled() {
        let mut guard = guard(None);
        guard.set_enabled(false);
        assert_eq!((guard.call(|| Ok(())), guard.counters.state()), (Outcome::Skipped, PluginState::Disabled));
        guard.set_enabled(true);
        assert_eq!((guard.call(|| Ok(())), guard.counters.state()), (Outcome::Done, PluginState::Active));
    }

    #[test]
    fn a_call_that_works_ends_no_row_of_another_kind() {
        let mut guard = guard(None);
        for _ in 0..3 {
            assert!(!guard.is_paused());
            assert_eq!(guard.call(|| Ok(())), Outcome::Done);
            assert_eq!(guard.ask::<()>(Step::Deliver, || panic!("on purpose")), None);
        }
        assert!(guard.is_paused() && guard.paused_for(&[Step::Deliver], Instant::now()).is_some());
        assert_eq!(guard.paused_for(&[Step::Due, Step::Work], Instant::now()), None);
        assert_eq!((guard.counters.panics.get(), guard.counters.pauses.get()), (3, 1));
    }

    #[test]
    fn one_that_is_disabled_stays_so_whatever_it_is_asked() {
        let mut guard = guard(None);
        guard.set_enabled(false);
        (0..3).for_each(|_| _ = guard.ask::<()>(Step::Due, || panic!("on purpose")));
        assert_eq!(guard.counters.state(), PluginState::Disabled);
        assert_eq!((guard.ask(Step::Due, || 1), guard.counters.state()), (Some(1), PluginState::Disabled));
    }

    #[test]
    fn what_is_called_now_and_then_ends_no_pause() {
        let mut guard = guard(None);
        for _ in 0..3 {
            let _ = fail(&mut guard);
        }
        assert_eq!(guard.ask(Step::Aside, || 1), Some(1));
        assert!(guard.is_paused());
    }

    #[test]
    fn a_batch_that_works_makes_up_for_what_is_called_now_and_then() {
        let mut guard = guard(None);
        for _ in 0..4 {
            assert_eq!(guard.ask::<()>(Step::Aside, || panic!("on purpose")), None);
            assert_eq!(guard.call(|| Ok(())), Outcome::Done);
        }
        assert!(!guard.is_paused());
    }

    #[test]
    fn a_delivery_that_takes_too_long_is_counted_and_told_and_nobody_is_off() {
        let mut guard = guard(Some(Duration::ZERO));
        let slow = || std::thread::sleep(Duration::from_micros(10));
        (0..4).for_each(|_| _ = guard.ask_in_time(Step::Deliver, "a delivery", slow));
        assert_eq!((guard.counters.slow.get(), guard.is_paused()), (4, false));
        assert!(
            guard
                .diagnostics
                .all()
                .iter()
                .all(|diagnostic| diagnostic.text.starts_with("took longer for a delivery than"))
        );
    }
}
