//! Changes of levels, some of which last for a limited time.

use std::{
    fmt::{self, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fapilog::{
    Container, audit,
    compliance::findings_of_levels,
    level::{Directives, LevelFilter},
};

use crate::{
    audit_events::{ORIGIN, log_aside, not_compliant, report_missed_rules},
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
    /// The levels since the last change: if others are in force, the program has changed them, and nothing comes back.
    set: Option<Directives>,
    /// At most one for each subject.
    returns: Vec<LevelReturn>,
}

/// A level that is in force for a limited time.
#[derive(Debug, Clone)]
struct LevelReturn {
    subject: LevelSubject,
    /// The levels that have the subject's earlier level.
    before: Directives,
    until: Instant,
}

/// A part of the levels that changes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LevelSubject {
    /// The level of all targets that have none of their own.
    Default,
    /// A module, with `_` in place of each `-`.
    Target(String),
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
        let (before, after, cancelled, number, now, missed) = {
            let mut state = self.lock();
            if container.is_closed() {
                return Err(Refusal::new("pipeline.shut_down", "the container is shut down"));
            }
            let before = container.directives();
            let after = change.applied_to(&before)?;
            let findings = findings_of_levels(container, &after);
            if findings.is_refused {
                return Err(not_compliant(&findings.missed));
            }
            let subjects = state.subjects_of(change, &before, &after);
            let cancelled = state.set_returns(subjects, &before, &after, lasting);
            container.set_level(after.clone());
            state.changes += 1;
            (before, after, cancelled, state.changes, state.levels(container), findings.missed)
        };
        let cause = Cause::Peer(peer);
        report(container, &LevelReport { number, before: &before, after: &after, lasting, cancelled, cause });
        report_missed_rules(container, missed, peer.to_string());
        Ok(ChangedLevels { before: before.to_string(), now })
    }

    /// The time until the next levels come back; `None` if none do.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        Some(self.lock().next_return()?.saturating_duration_since(now))
    }

    /// Brings those levels of before back whose time has come.
    pub(crate) fn restore_due(&self, container: &Container, now: Instant) {
        self.restore(container, Cause::TimeIsUp, |due| due.until <= now);
    }

    /// Brings all levels of before back, because no thread is left that could do so later.
    pub(crate) fn restore_at_stop(&self, container: &Container) {
        self.restore(container, Cause::Stop, |_| true);
    }

    /// Has no levels come back: their container is gone.
    pub(crate) fn forget(&self) {
        self.lock().returns.clear();
    }

    /// `is_wanted` is asked under the lock: another change may come at any time, and has a time of its own.
    fn restore(&self, container: &Container, cause: Cause, is_wanted: impl Fn(&LevelReturn) -> bool) {
        let (before, after, number) = {
            let mut state = self.lock();
            let due: Vec<LevelReturn> = state.returns.extract_if(.., |one| is_wanted(one)).collect();
            if due.is_empty() {
                return;
            }
            let before = container.directives();
            if container.is_closed() || state.set.as_ref() != Some(&before) {
                state.returns.clear();
                return;
            }
            let after = due.iter().fold(before.clone(), |levels, one| one.applied_to(&levels));
            container.set_level(after.clone());
            state.set = Some(after.clone());
            state.changes += 1;
            (before, after, state.changes)
        };
        let (lasting, cancelled) = (None, Vec::new());
        report(container, &LevelReport { number, before: &before, after: &after, lasting, cancelled, cause });
    }

    fn lock(&self) -> MutexGuard<'_, LevelState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LevelState {
    fn levels(&self, container: &Container) -> LevelsInForce {
        let in_force = container.directives();
        let next = self.next_return().filter(|_| self.set.as_ref() == Some(&in_force));
        let then = next.map(|until| LaterLevels {
            directives: self.levels_at(until, &in_force).to_string(),
            in_ms: millis(until.saturating_duration_since(Instant::now())),
        });
        LevelsInForce { directives: in_force.to_string(), then }
    }

    fn next_return(&self) -> Option<Instant> {
        self.returns.iter().map(|one| one.until).min()
    }

    fn levels_at(&self, time: Instant, in_force: &Directives) -> Directives {
        let due = self.returns.iter().filter(|one| one.until <= time);
        due.fold(in_force.clone(), |levels, one| one.applied_to(&levels))
    }

    /// The parts of the levels that a change names: all, if it replaces all levels.
    fn subjects_of(&self, change: &LevelChange, before: &Directives, after: &Directives) -> Vec<LevelSubject> {
        let mut subjects = Vec::new();
        if change.replace {
            subjects.push(LevelSubject::Default);
            subjects.extend(before.targets().chain(after.targets()).map(|(target, _)| LevelSubject::of(target)));
            subjects.extend(self.returns.iter().map(|one| one.subject.clone()));
        } else {
            subjects.extend(change.lone_level().map(|_| LevelSubject::Default));
            let named = change.directives.parse::<Directives>().unwrap_or_default();
            subjects.extend(named.targets().map(|(target, _)| LevelSubject::of(target)));
        }
        let mut known = Vec::with_capacity(subjects.len());
        for subject in subjects {
            if !known.contains(&subject) {
                known.push(subject);
            }
        }
        known
    }

    /// Remembers the levels that come back, and returns the subjects of which the return is cancelled. During a change with a limited
    /// time, the level of before the first change comes back. Subjects that are not named keep their return.
    fn set_returns(
        &mut self,
        subjects: Vec<LevelSubject>,
        before: &Directives,
        after: &Directives,
        lasting: Option<Duration>,
    ) -> Vec<LevelSubject> {
        if self.set.as_ref() != Some(before) {
            self.returns.clear();
        }
        self.set = Some(after.clone());
        let earlier: Vec<LevelReturn> = self.returns.extract_if(.., |one| subjects.contains(&one.subject)).collect();
        let Some(lasting) = lasting else {
            return earlier.into_iter().map(|one| one.subject).collect();
        };
        let until = Instant::now() + lasting;
        self.returns.extend(subjects.into_iter().map(|subject| {
            let first = earlier.iter().find(|one| one.subject == subject);
            let before = first.map_or(before, |first| &first.before).clone();
            LevelReturn { subject, before, until }
        }));
        Vec::new()
    }
}

impl LevelReturn {
    /// The levels with the subject's level of before.
    fn applied_to(&self, levels: &Directives) -> Directives {
        let LevelSubject::Target(_) = self.subject else {
            return with_targets(Directives::new(self.before.level()), levels.targets());
        };
        let is_subject = |target: &str| LevelSubject::of(target) == self.subject;
        let kept = levels.targets().filter(|(target, _)| !is_subject(target));
        let restored = self.before.targets().filter(|(target, _)| is_subject(target));
        with_targets(Directives::new(levels.level()), kept.chain(restored))
    }
}

impl LevelSubject {
    /// Two names of one module are one subject: a `-` stands for a `_`.
    fn of(target: &str) -> Self {
        Self::Target(target.replace('-', "_"))
    }
}

impl fmt::Display for LevelSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the level of all other targets"),
            Self::Target(target) => f.write_str(target),
        }
    }
}

fn with_targets<'a>(levels: Directives, targets: impl Iterator<Item = (&'a str, LevelFilter)>) -> Directives {
    targets.fold(levels, |levels, (target, level)| levels.target(target, level))
}

impl LevelChange {
    /// The levels after the change of those in force.
    fn applied_to(&self, in_force: &Directives) -> Result<Directives, Refusal> {
        let change: Directives = self.directives.parse().map_err(Refusal::of)?;
        if self.parts().next().is_none() {
            let text = "directives is empty; allowed are a level, or targets with levels: my_crate::net=debug";
            return Err(Refusal::new("configuration.directives", text));
        }
        if self.replace {
            return Ok(change);
        }
        let default = self.lone_level().unwrap_or_else(|| in_force.level());
        let is_changed =
            |target: &str| change.targets().any(|(changed, _)| LevelSubject::of(changed) == LevelSubject::of(target));
        let kept = in_force.targets().filter(|(target, _)| !is_changed(target));
        Ok(with_targets(Directives::new(default), kept.chain(change.targets())))
    }

    fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.directives.split(',').map(str::trim).filter(|part| !part.is_empty())
    }

    /// The level that stands without a target: the last one counts.
    fn lone_level(&self) -> Option<LevelFilter> {
        self.parts().filter_map(|part| part.parse().ok()).next_back()
    }
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

impl Cause {
    /// The process that has changed the levels, for the operator.
    fn who(self) -> String {
        match self {
            Self::Peer(peer) => peer.to_string(),
            // The program itself.
            Self::TimeIsUp | Self::Stop => {
                let uid = rustix::process::geteuid().as_raw();
                PeerProcess { pid: Some(std::process::id()), uid }.to_string()
            }
        }
    }
}

/// A change of levels, for the operator.
struct LevelReport<'a> {
    number: u64,
    before: &'a Directives,
    after: &'a Directives,
    lasting: Option<Duration>,
    /// The subjects of which the level would have come back.
    cancelled: Vec<LevelSubject>,
    cause: Cause,
}

impl LevelReport<'_> {
    fn text(&self) -> String {
        let Self { number, before, after, lasting, cancelled, cause } = self;
        let mut text = format!("change {number} of levels, from {before} to {after}");
        if let Some(lasting) = lasting {
            let _ = write!(text, " for {lasting:?}");
        }
        text += &match cause {
            Cause::Peer(peer) => format!(": by {peer}"),
            Cause::TimeIsUp => ": the time of the earlier change is up".to_owned(),
            Cause::Stop => ": the control socket is stopped before the time of the earlier change is up".to_owned(),
        };
        for (index, subject) in cancelled.iter().enumerate() {
            text += if index == 0 { "; no earlier level comes back any more for " } else { ", " };
            let _ = write!(text, "{subject}");
        }
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
    let who = change.cause.who();
    let log = move || {
        audit!(
            logger,
            text,
            target: "fapilog::control",
            who,
            outcome = "success",
            origin = ORIGIN,
            object = "levels",
            before,
            after,
            peer_pid,
            peer_uid
        );
    };
    // Without a thread, the diagnostic is the only report.
    log_aside(log);
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

    /// A container whose levels are changed, and looked at as time goes by.
    struct ChangedContainer {
        container: Container,
        changes: LevelChanges,
        begin: Instant,
    }

    impl ChangedContainer {
        fn start() -> Self {
            let (sink, _events) = sink::Memory::new(format::Json::new);
            let container = Container::builder().sink("memory", sink).start().unwrap();
            Self { container, changes: LevelChanges::default(), begin: Instant::now() }
        }

        fn change(&self, change: &LevelChange) -> ChangedLevels {
            self.changes.change(&self.container, change, PeerProcess { pid: None, uid: 0 }).unwrap()
        }

        fn set(&self, directives: &str) -> ChangedLevels {
            self.change(&LevelChange::add(directives))
        }

        fn set_for(&self, directives: &str, seconds: u64) -> ChangedLevels {
            self.change(&LevelChange::add(directives).lasting(Duration::from_secs(seconds)))
        }

        fn levels_after(&self, seconds: u64) -> String {
            self.changes.restore_due(&self.container, self.begin + Duration::from_secs(seconds));
            self.container.directives().to_string()
        }

        fn end(self) {
            self.container.shutdown(Duration::from_secs(30)).unwrap().check().unwrap();
        }
    }

    #[test]
    fn levels_that_are_set_for_longer_do_not_go_back_when_the_earlier_time_is_up() {
        let log = ChangedContainer::start();
        log.set_for("debug", 10);
        log.set_for("trace", 1000);
        assert_eq!([20, 2000].map(|seconds| log.levels_after(seconds)), ["TRACE", "INFO"]);
        log.end();
    }

    #[test]
    fn a_change_that_does_not_name_a_target_keeps_the_return_of_that_target() {
        let log = ChangedContainer::start();
        log.set_for("a=debug", 10);
        let changed = log.set("b=debug");
        assert_eq!(changed.now.directives, "INFO,a=DEBUG,b=DEBUG");
        assert_eq!(changed.now.then.unwrap().directives, "INFO,b=DEBUG");
        log.set("warn");
        assert_eq!([5, 20].map(|seconds| log.levels_after(seconds)), ["WARNING,a=DEBUG,b=DEBUG", "WARNING,b=DEBUG"]);
        assert_eq!(log.changes.time_left(log.begin), None);
        log.end();
    }

    #[test]
    fn each_target_has_its_own_time_of_return() {
        let log = ChangedContainer::start();
        log.set("my_crate=error");
        log.set_for("my-crate=debug", 1000);
        log.set_for("b=debug,warn", 100);
        let changed = log.set_for("c=trace", 10);
        assert_eq!(changed.now.then.unwrap().directives, "WARNING,my-crate=DEBUG,b=DEBUG");
        let later = ["WARNING,my-crate=DEBUG,b=DEBUG", "INFO,my-crate=DEBUG", "INFO,my_crate=ERROR"];
        assert_eq!([20, 200, 2000].map(|seconds| log.levels_after(seconds)), later);
        log.end();
    }

    #[test]
    fn a_change_without_a_time_keeps_the_level_of_a_target_that_it_names_and_reports_the_cancelled_return() {
        let log = ChangedContainer::start();
        log.set_for("my-crate=debug,b=debug", 10);
        log.set("my_crate=trace");
        assert_eq!(log.levels_after(20), "INFO,my_crate=TRACE");
        log.set_for("warn,b=debug", 1000);
        assert_eq!(log.change(&LevelChange::replace("error")).now.then, None);
        let texts: Vec<_> = log.container.diagnostics().into_iter().map(|one| one.text).collect();
        for part in ["for my_crate", "for the level of all other targets, b"] {
            let end = format!("; no earlier level comes back any more {part}");
            assert!(texts.iter().any(|text| text.contains(&end)), "{end}: {texts:?}");
        }
        log.end();
    }

    #[test]
    fn a_change_for_a_time_that_replaces_all_levels_brings_all_of_them_back() {
        let log = ChangedContainer::start();
        log.set("a=warn");
        log.set_for("b=debug", 1000);
        log.change(&LevelChange::replace("error,c=trace").lasting(Duration::from_secs(10)));
        assert_eq!([5, 20].map(|seconds| log.levels_after(seconds)), ["ERROR,c=TRACE", "INFO,a=WARNING"]);
        assert_eq!(log.changes.time_left(log.begin), None);
        log.end();
    }

    #[test]
    fn nothing_comes_back_after_a_change_by_the_program() {
        let log = ChangedContainer::start();
        log.set_for("a=debug", 10);
        log.container.set_level("error".parse::<Directives>().unwrap());
        let changed = log.set_for("b=debug", 1000);
        assert_eq!(changed.now.then.unwrap().directives, "ERROR");
        assert_eq!([20, 2000].map(|seconds| log.levels_after(seconds)), ["ERROR,b=DEBUG", "ERROR"]);
        log.end();
    }

    #[test]
    fn a_time_of_zero_or_beyond_a_month_is_refused() {
        let max = millis(LEVEL_TIME_MAX);
        assert!(limited(0).is_err() && limited(1).is_ok() && limited(max).is_ok() && limited(max + 1).is_err());
    }
}
