//! One guard around every call of foreign code on the drain.
//!
//! A plugin *fails* when it panics, returns an error, or takes longer for a batch than it may. After
//! [`FAILURES_MAX`] failures in a row it is *off*: batches go on without it. When its pause is over it is tried with one
//! batch; if it fails again the pause doubles, up to [`PAUSE_MAX`], and if it works everything is as before.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::PluginError;
use crate::{
    accounts::{PluginState, PluginTallies},
    notices::Notices,
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

/// The call panicked. The panic hook has had its say; the payload is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls `plugin` and lets no panic out.
///
/// Unwind safety: the plugin may be left half done, and is called again all the same: that it copes with its own panic is
/// its affair. What is ours is restored by the caller.
pub(crate) fn guarded<R>(plugin: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(plugin)).map_err(|payload| {
        // The payload is foreign too, and its drop may panic in turn.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Panicked
    })
}

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

/// Watches one plugin.
#[derive(Debug)]
pub(crate) struct Guard {
    name: String,
    policy: GuardPolicy,
    tallies: Arc<PluginTallies>,
    notices: Notices,
    failures_in_a_row: u32,
    /// How long it is left out next time.
    pause: Duration,
    off_until: Option<Instant>,
    is_enabled: bool,
}

impl Guard {
    pub(crate) fn new(name: &str, policy: GuardPolicy, tallies: Arc<PluginTallies>, notices: Notices) -> Self {
        Self {
            name: name.to_owned(),
            policy,
            tallies,
            notices,
            failures_in_a_row: 0,
            pause: PAUSE_MIN,
            off_until: None,
            is_enabled: true,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Holds it to something else from now on.
    #[cfg(feature = "settings")]
    pub(crate) fn set_policy(&mut self, policy: GuardPolicy) {
        self.policy = policy;
    }

    /// Whether it is to work, if it can.
    #[cfg(feature = "settings")]
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Lets it work again, or leaves it out until further notice.
    pub(crate) fn set_enabled(&mut self, is_enabled: bool) {
        self.is_enabled = is_enabled;
        self.off_until = None;
        self.failures_in_a_row = 0;
        self.tallies.set_state(if is_enabled { PluginState::Active } else { PluginState::Disabled });
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
        let result = guarded(plugin);
        let took = start.elapsed();
        self.tallies.calls.add(1);
        // Half a millennium fits.
        self.tallies.nanos.add(took.as_nanos() as u64);
        match result {
            Ok(Ok(())) if self.policy.timeout.is_some_and(|timeout| took > timeout) => {
                self.tallies.slow.add(1);
                self.fail(
                    start + took,
                    &format!(
                        "took longer for a batch than {:?}, which the plugin timeout allows",
                        self.policy.timeout.unwrap_or_default()
                    ),
                );
                Outcome::Done
            }
            Ok(Ok(())) => {
                if self.failures_in_a_row > 0 {
                    self.recover();
                }
                Outcome::Done
            }
            Ok(Err(error)) => {
                self.tallies.errors.add(1);
                self.fail(start + took, &describe(&error));
                Outcome::Failed
            }
            Err(Panicked) => {
                self.tallies.panics.add(1);
                self.fail(start + took, "panicked");
                Outcome::Panicked
            }
        }
    }

    /// Counts a panic in a call that nothing measures.
    #[cold]
    pub(crate) fn note_panic(&mut self) {
        self.tallies.panics.add(1);
        self.fail(Instant::now(), "panicked");
    }

    /// Calls the plugin for the last time, also one that is left out.
    pub(crate) fn call_last(&mut self, plugin: impl FnOnce() -> Result<(), PluginError>) {
        let what = match guarded(plugin) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                self.tallies.errors.add(1);
                describe(&error)
            }
            Err(Panicked) => {
                self.tallies.panics.add(1);
                "panicked".to_owned()
            }
        };
        self.notices.add(&self.name, format!("at its end: {what}"));
    }

    #[cold]
    fn recover(&mut self) {
        self.failures_in_a_row = 0;
        self.pause = PAUSE_MIN;
        self.off_until = None;
        self.tallies.set_state(PluginState::Active);
    }

    #[cold]
    fn fail(&mut self, now: Instant, what: &str) {
        self.failures_in_a_row += 1;
        self.notices.add(&self.name, what.to_owned());
        if self.failures_in_a_row < FAILURES_MAX {
            return;
        }
        self.notices.add(
            &self.name,
            format!("failed {FAILURES_MAX} times in a row: left out for a while, and then tried again"),
        );
        self.off_until = now.checked_add(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.tallies.pauses.add(1);
        self.tallies.set_state(PluginState::Off);
        // Behind the pause, one failure is enough.
        self.failures_in_a_row = FAILURES_MAX - 1;
    }
}

/// The error with its sources.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(timeout: Option<Duration>) -> Guard {
        Guard::new("picky", GuardPolicy { timeout }, Arc::default(), Notices::default())
    }

    fn fail(guard: &mut Guard) -> Outcome {
        guard.call(|| Err(PluginError::failed("no")))
    }

    #[test]
    fn a_plugin_that_fails_three_times_in_a_row_is_left_out() {
        let mut guard = guard(None);
        assert_eq!([fail(&mut guard), fail(&mut guard), fail(&mut guard)], [Outcome::Failed; 3]);
        assert_eq!(guard.call(|| Ok(())), Outcome::Skipped);
        assert_eq!(guard.tallies.state(), PluginState::Off);
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let mut guard = guard(None);
        for _ in 0..4 {
            assert_eq!([fail(&mut guard), fail(&mut guard)], [Outcome::Failed; 2]);
            assert_eq!(guard.call(|| Ok(())), Outcome::Done);
        }
        assert_eq!(guard.tallies.pauses.get(), 0);
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
        assert_eq!((guard.tallies.state(), guard.pause), (PluginState::Active, PAUSE_MIN));
    }

    #[test]
    fn slowness_counts_as_failure_but_the_work_is_done() {
        let mut guard = guard(Some(Duration::ZERO));
        let slow = || {
            std::thread::sleep(Duration::from_micros(10));
            Ok(())
        };
        assert_eq!([guard.call(slow), guard.call(slow), guard.call(slow)], [Outcome::Done; 3]);
        assert_eq!((guard.call(slow), guard.tallies.slow.get()), (Outcome::Skipped, 3));
    }

    #[test]
    fn a_plugin_that_is_disabled_is_left_out_until_it_is_enabled() {
        let mut guard = guard(None);
        guard.set_enabled(false);
        assert_eq!((guard.call(|| Ok(())), guard.tallies.state()), (Outcome::Skipped, PluginState::Disabled));
        guard.set_enabled(true);
        assert_eq!((guard.call(|| Ok(())), guard.tallies.state()), (Outcome::Done, PluginState::Active));
    }
}
