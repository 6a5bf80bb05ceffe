//! Changes of levels, some of which last for a limited time.

use std::{
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fapilog::{
    Container, audit,
    level::{Directives, LevelFilter},
    plugin::spawn_thread,
};

use crate::{
    peer::PeerProcess,
    protocol::{ChangedLevels, LEVEL_TIME_MAX, LaterLevels, LevelChange, LevelsInForce, Refusal, millis},
};

/// The changes of one container's levels by its control socket.
#[derive(Debug, Default)]
pub(crate) struct LevelChanges(Mutex<LevelState>);

#[derive(Debug, Default)]
struct LevelState {
    /// A number for each change: two equal changes are two diagnostics.
    changes: u64,
    temporary: Option<TemporaryLevels>,
}

/// LevelsInForce that are in force for a limited time.
#[derive(Debug, Clone)]
struct TemporaryLevels {
    set: Directives,
    before: Directives,
    until: Instant,
}

impl LevelChanges {
    /// The levels in force.
    pub(crate) fn levels(&self, container: &Container) -> LevelsInForce {
        self.lock().levels(container)
    }

    /// Changes the levels on behalf of a peer.
    pub(crate) fn change(
        &self,
        container: &Container,
        change: &LevelChange,
        peer: PeerProcess,
    ) -> Result<ChangedLevels, Refusal> {
        let lasting = change.for_ms.map(limited).transpose()?;
        let (before, after, number, now) = {
            let mut state = self.lock();
            if container.is_closed() {
                return Err(Refusal::new("pipeline.shut_down", "the container is shut down"));
            }
            let before = container.directives();
            let after = change.applied_to(&before)?;
            state.set_temporary(&before, &after, lasting);
            container.set_level(after.clone());
            state.changes += 1;
            (before, after, state.changes, state.levels(container))
        };
        report(container, &LevelReport { number, before: &before, after: &after, lasting, cause: Cause::Peer(peer) });
        Ok(ChangedLevels { before: before.to_string(), now })
    }

    /// The time until levels come back; `None` if none do.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        Some(self.lock().temporary.as_ref()?.until.saturating_duration_since(now))
    }

    /// Brings the levels of before back, if their time has come.
    pub(crate) fn restore_due(&self, container: &Container, now: Instant) {
        self.restore(container, Cause::TimeIsUp, |temporary| temporary.until <= now);
    }

    /// Brings the levels of before back, because no thread is left that could do so later.
    pub(crate) fn restore_at_stop(&self, container: &Container) {
        self.restore(container, Cause::Stop, |_| true);
    }

    /// Has no levels come back: their container is gone.
    pub(crate) fn forget(&self) {
        self.lock().temporary = None;
    }

    /// `is_wanted` is asked under the lock: another change may come at any time, and has a time of its own.
    fn restore(&self, container: &Container, cause: Cause, is_wanted: impl Fn(&TemporaryLevels) -> bool) {
        let (before, after, number) = {
            let mut state = self.lock();
            let due = state.temporary.take_if(|temporary| is_wanted(temporary));
            let Some(TemporaryLevels { set, before, .. }) = due else { return };
            if container.is_closed() || container.directives() != set {
                return;
            }
            container.set_level(before.clone());
            state.changes += 1;
            (set, before, state.changes)
        };
        report(container, &LevelReport { number, before: &before, after: &after, lasting: None, cause });
    }

    fn lock(&self) -> MutexGuard<'_, LevelState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LevelState {
    fn levels(&self, container: &Container) -> LevelsInForce {
        let in_force = container.directives();
        let then = self.temporary.as_ref().filter(|temporary| temporary.set == in_force);
        let then = then.map(|TemporaryLevels { before, until, .. }| LaterLevels {
            directives: before.to_string(),
            in_ms: millis(until.saturating_duration_since(Instant::now())),
        });
        LevelsInForce { directives: in_force.to_string(), then }
    }

    /// Remembers the levels that come back. During a change with a limited time, those of before the first change come back.
    fn set_temporary(&mut self, before: &Directives, after: &Directives, lasting: Option<Duration>) {
        let earlier = self.temporary.take().filter(|temporary| temporary.set == *before);
        self.temporary = lasting.map(|lasting| TemporaryLevels {
            set: after.clone(),
            before: earlier.map_or_else(|| before.clone(), |earlier| earlier.before),
            until: Instant::now() + lasting,
        });
    }
}

impl LevelChange {
    /// The levels after the change of those in force.
    fn applied_to(&self, in_force: &Directives) -> Result<Directives, Refusal> {
        let change: Directives = self.directives.parse().map_err(Refusal::of)?;
        let parts = || self.directives.split(',').map(str::trim).filter(|part| !part.is_empty());
        if parts().next().is_none() {
            let text = "directives is empty; allowed are a level, or targets with levels: my_crate::net=debug";
            return Err(Refusal::new("configuration.directives", text));
        }
        if self.replace {
            return Ok(change);
        }
        let lone_level = parts().filter_map(|part| part.parse::<LevelFilter>().ok()).next_back();
        let default = lone_level.unwrap_or_else(|| in_force.level());
        let is_changed = |target: &str| change.targets().any(|(changed, _)| is_same_module(changed, target));
        let kept = in_force.targets().filter(|(target, _)| !is_changed(target));
        let all = kept.chain(change.targets());
        Ok(all.fold(Directives::new(default), |all, (target, level)| all.target(target, level)))
    }
}

/// Whether two targets are names of one module: a `-` stands for a `_`.
fn is_same_module(one: &str, other: &str) -> bool {
    one.replace('-', "_") == other.replace('-', "_")
}

fn limited(for_ms: u64) -> Result<Duration, Refusal> {
    let max = millis(LEVEL_TIME_MAX);
    if (1..=max).contains(&for_ms) {
        return Ok(Duration::from_millis(for_ms));
    }
    Err(Refusal::new("control.invalid_request", format!("for_ms is {for_ms}; allowed are 1 to {max}")))
}

/// The reason of a change of levels.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Peer(PeerProcess),
    TimeIsUp,
    Stop,
}

/// A change of levels, for the operator.
struct LevelReport<'a> {
    number: u64,
    before: &'a Directives,
    after: &'a Directives,
    lasting: Option<Duration>,
    cause: Cause,
}

impl LevelReport<'_> {
    fn text(&self) -> String {
        let Self { number, before, after, lasting, cause } = self;
        let mut text = format!("change {number} of levels, from {before} to {after}");
        if let Some(lasting) = lasting {
            let _ = write!(text, " for {lasting:?}");
        }
        text += &match cause {
            Cause::Peer(peer) => format!(": by {peer}"),
            Cause::TimeIsUp => ": the time of the earlier change is up".to_owned(),
            Cause::Stop => ": the control socket is stopped before the time of the earlier change is up".to_owned(),
        };
        text
    }
}

/// Reports a change as a diagnostic, and as an event of the log.
fn report(container: &Container, change: &LevelReport<'_>) {
    let text = change.text();
    container.report_diagnostic("control", &*text);
    let logger = container.logger("fapilog");
    let (before, after) = (change.before.to_string(), change.after.to_string());
    let (peer_pid, peer_uid) = match change.cause {
        Cause::Peer(peer) => (peer.pid, Some(peer.uid)),
        Cause::TimeIsUp | Cause::Stop => (None, None),
    };
    let log = move || audit!(logger, text, target: "fapilog::control", before, after, peer_pid, peer_uid);
    // On a thread that never waits for a drain: levels can be changed while a drain hangs. Without a thread, the diagnostic is
    // the only report.
    if let Ok(thread) = spawn_thread("fapilog-control", log) {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use fapilog::{format, sink};

    use super::*;

    fn applied(change: &LevelChange, in_force: &str) -> Result<String, Refusal> {
        change.applied_to(&in_force.parse().unwrap()).map(|directives| directives.to_string())
    }

    #[test]
    fn a_change_leaves_the_levels_of_other_targets_as_they_are() {
        let cases = [
            ("my::db=debug", "WARNING,a=INFO", "WARNING,my::db=DEBUG,a=INFO"),
            ("error", "WARNING,a=INFO", "ERROR,a=INFO"),
            ("a=error , trace", "WARNING,a=INFO", "TRACE,a=ERROR"),
            ("my-crate=debug", "INFO,my_crate=WARN,b=WARN", "INFO,my-crate=DEBUG,b=WARNING"),
        ];
        for (change, in_force, expected) in cases {
            assert_eq!(applied(&LevelChange::add(change), in_force).as_deref(), Ok(expected), "{change}");
        }
    }

    #[test]
    fn a_change_that_replaces_leaves_nothing() {
        assert_eq!(applied(&LevelChange::replace("a=debug"), "warn,b=trace").as_deref(), Ok("INFO,a=DEBUG"));
    }

    #[test]
    fn a_change_to_nothing_or_to_no_level_is_refused() {
        for directives in ["", " , ", "my::db=loud"] {
            let refusal = applied(&LevelChange::replace(directives), "info").unwrap_err();
            assert_eq!(refusal.code, "configuration.directives", "{directives}");
        }
    }

    #[test]
    fn levels_that_are_set_for_longer_do_not_go_back_when_the_earlier_time_is_up() {
        let (sink, _events) = sink::Memory::new(format::Json::new);
        let container = Container::builder().sink("memory", sink).start().unwrap();
        let (changes, peer, begin) = (LevelChanges::default(), PeerProcess { pid: None, uid: 0 }, Instant::now());
        let restored_after = |seconds| {
            changes.restore_due(&container, begin + Duration::from_secs(seconds));
            container.directives().to_string()
        };
        for (directives, seconds) in [("debug", 10), ("trace", 1000)] {
            let change = LevelChange::add(directives).lasting(Duration::from_secs(seconds));
            changes.change(&container, &change, peer).unwrap();
        }
        assert_eq!([20, 2000].map(restored_after), ["TRACE", "INFO"]);
        container.shutdown(Duration::from_secs(30)).unwrap().check().unwrap();
    }

    #[test]
    fn a_time_of_zero_or_beyond_a_month_is_refused() {
        let max = millis(LEVEL_TIME_MAX);
        assert!(limited(0).is_err() && limited(1).is_ok() && limited(max).is_ok() && limited(max + 1).is_err());
    }
}
