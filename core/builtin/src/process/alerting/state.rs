//! The states of rules: what was matched, and whether the rule fires. All shards of a container share them.

use std::{collections::VecDeque, time::Duration};

use fapilog_record::timestamp::Timestamp;

use crate::process::alerting::rule::{AlertCondition, AlertRule};

/// The furthest that a clock lies behind itself without a step: it is adjusted slowly.
const BEHIND_MAX: Duration = Duration::from_secs(10);

/// A change of a rule's state, or a repetition, that is to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AlertChange {
    /// The rule's place.
    pub(super) rule: usize,
    pub(super) state: AlertState,
    /// When it began to fire.
    pub(super) started: Timestamp,
    /// The matching events since then, with those that made it fire. Zero for an absence.
    pub(super) count: u64,
    /// The place in the batch of the event that made it fire.
    pub(super) event: Option<usize>,
}

/// The state of an alert, as its events name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlertState {
    Firing,
    Resolved,
}

impl AlertState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// A matching event.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleMatch {
    /// The rule's place.
    pub(super) rule: usize,
    /// The event's place in the batch.
    pub(super) event: usize,
    /// When it was logged.
    pub(super) time: Timestamp,
}

/// A rule that fires.
#[derive(Debug)]
struct Firing {
    started: Timestamp,
    /// When the condition held last.
    held: Timestamp,
    count: u64,
    /// Until the first report.
    event: Option<usize>,
    /// `None` until the first report.
    reported: Option<Timestamp>,
}

/// The state of a rule.
#[derive(Debug, Default)]
pub(super) struct RuleState {
    /// The times of the latest matching events of a rate: as many as make an alert, at most.
    recent: VecDeque<Timestamp>,
    /// The start of an absence: when the last matching event was logged, or the rule was looked at first.
    last: Option<Timestamp>,
    firing: Option<Firing>,
}

impl RuleState {
    /// Forgets what lies in the future: the clock was set back, and times before the step cannot be compared with those behind it.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let is_ahead = |time: Timestamp| passed(now, time) > BEHIND_MAX;
        if self.recent.back().is_some_and(|newest| is_ahead(*newest)) {
            self.recent.clear();
        }
        let firing = self.firing.iter_mut().flat_map(|firing| [Some(&mut firing.held), firing.reported.as_mut()]);
        let ahead = firing.flatten().chain(&mut self.last).filter(|time| is_ahead(**time));
        ahead.for_each(|time| *time = now);
    }

    /// Counts a matching event.
    pub(super) fn add(&mut self, rule: &AlertRule, found: &RuleMatch, changes: &mut Vec<AlertChange>) {
        match rule.condition {
            AlertCondition::Rate { events, within } => {
                if self.firing.as_ref().is_some_and(|firing| firing.is_over(rule, found.time)) {
                    self.look(rule, found.rule, found.time, changes);
                }
                self.add_to_rate(events, within, found);
            }
            AlertCondition::Absence { .. } => {
                self.look(rule, found.rule, found.time, changes);
                self.end_absence(found, changes);
            }
        }
    }

    fn add_to_rate(&mut self, events: usize, within: Duration, found: &RuleMatch) {
        // Events of several threads are not quite in order.
        let place = self.recent.partition_point(|time| *time <= found.time);
        self.recent.insert(place, found.time);
        if self.recent.len() > events {
            self.recent.pop_front();
        }
        let held = match (self.recent.front(), self.recent.back()) {
            (Some(oldest), Some(newest)) if self.recent.len() == events && passed(*oldest, *newest) <= within => {
                Some(*newest)
            }
            _ => None,
        };
        match (&mut self.firing, held) {
            (Some(firing), held) => {
                firing.count += 1;
                firing.held = held.map_or(firing.held, |held| held.max(firing.held));
            }
            (None, Some(held)) => {
                let (count, event) = (events as u64, Some(found.event));
                self.firing = Some(Firing { started: held, held, count, event, reported: None });
            }
            (None, None) => {}
        }
    }

    fn end_absence(&mut self, found: &RuleMatch, changes: &mut Vec<AlertChange>) {
        self.last = Some(self.last.map_or(found.time, |last| last.max(found.time)));
        if let Some(firing) = self.firing.take() {
            changes.push(firing.change(found.rule, AlertState::Resolved));
        }
    }

    /// Brings the state to this time.
    pub(super) fn look(&mut self, rule: &AlertRule, place: usize, now: Timestamp, changes: &mut Vec<AlertChange>) {
        if let AlertCondition::Absence { within } = rule.condition {
            self.look_for_absence(within, now);
        }
        let Some(firing) = &mut self.firing else { return };
        if firing.reported.is_none() {
            changes.push(firing.change(place, AlertState::Firing));
            (firing.reported, firing.event) = (Some(now), None);
        }
        let is_due = firing.reported.is_some_and(|reported| passed(reported, now) >= rule.repeat_after);
        if firing.is_over(rule, now) {
            changes.push(firing.change(place, AlertState::Resolved));
            self.firing = None;
        } else if is_due {
            changes.push(firing.change(place, AlertState::Firing));
            firing.reported = Some(now);
        }
    }

    fn look_for_absence(&mut self, within: Duration, now: Timestamp) {
        let last = *self.last.get_or_insert(now);
        if self.firing.is_none() && passed(last, now) >= within {
            self.firing = Some(Firing { started: now, held: now, count: 0, event: None, reported: None });
        }
    }

    /// When the state changes next, or is to be reported again, if no event comes.
    pub(super) fn due(&self, rule: &AlertRule) -> Option<Timestamp> {
        let Some(firing) = &self.firing else {
            let AlertCondition::Absence { within } = rule.condition else { return None };
            return self.last.map(|last| behind(last, within));
        };
        let repeat = firing.reported.map(|reported| behind(reported, rule.repeat_after));
        let resolve =
            matches!(rule.condition, AlertCondition::Rate { .. }).then(|| behind(firing.held, rule.resolve_after));
        repeat.into_iter().chain(resolve).min()
    }
}

impl Firing {
    fn change(&self, rule: usize, state: AlertState) -> AlertChange {
        AlertChange { rule, state, started: self.started, count: self.count, event: self.event }
    }

    /// Whether the alert is resolved by time alone.
    fn is_over(&self, rule: &AlertRule, now: Timestamp) -> bool {
        matches!(rule.condition, AlertCondition::Rate { .. }) && passed(self.held, now) >= rule.resolve_after
    }
}

/// The time from one moment to a later one. Zero if it is not later.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_nanos(to.unix_nanos().saturating_sub(from.unix_nanos()))
}

fn behind(time: Timestamp, by: Duration) -> Timestamp {
    let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    Timestamp::from_unix_nanos(time.unix_nanos().saturating_add(nanos))
}
