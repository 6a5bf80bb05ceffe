//! Alerting: events that report when other events are many, grave, or missing.

mod report;
mod rule;
pub(crate) mod settings;
mod state;
#[cfg(test)]
mod tests;

pub use rule::{AlertRule, AlertRuleError};

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event},
    plugin_counts::PluginCounts,
    processor::Processor,
    threads::lock,
};
use fapilog_record::timestamp::Timestamp;

use crate::process::alerting::{
    report::{TARGET, report},
    rule::AlertCondition,
    state::{AlertChange, AlertState, RuleMatch, RuleState},
};

/// Looks at all events, and reports by an event of its own when a [rule](AlertRule) begins to fire, when it still fires after a
/// while, and when it is resolved. It takes no events out.
///
/// An alert is an event of target `fapilog::alert` and source `fapilog`. While the rule fires it has the rule's severity as level;
/// when it is resolved, it is INFO, and goes to the same sinks. Its fields are `tags.alert.name`, `tags.alert.state` (`firing` or
/// `resolved`), `tags.alert.severity`, the rule's labels as tags, `context.alert.started_at`, the message and the target of the event
/// that made it fire (`context.alert.message`, `context.alert.target`), the annotations as context, and `metrics.alert.count`: the
/// matching events since it fired, with those that made it fire.
///
/// The times of events are those at which they were logged, so a backlog is judged as it came. Rules never match alerts; they may match
/// other events of the library, as those of target `fapilog::throttle`.
///
/// Clones share the state of their rules: all shards count together, and one of them reports. Nothing is reported at the end of the
/// container: an alert that fires then is not resolved.
///
/// ```
/// use std::time::Duration;
/// use fapilog_builtin::process::{AlertRule, Alerting};
/// use fapilog_record::level::Level;
///
/// let alerting = Alerting::new([
///     AlertRule::any("something is critical").level(Level::Critical).severity(Level::Critical),
///     AlertRule::rate("many errors", 100, Duration::from_secs(60)).level(Level::Error),
///     AlertRule::absence("no orders", Duration::from_secs(300)).target("orders"),
/// ])?;
/// # let _ = alerting;
/// # Ok::<(), fapilog_builtin::process::AlertRuleError>(())
/// ```
#[doc(alias = "AlertingProcessor")]
#[derive(Debug, Clone)]
pub struct Alerting {
    /// A copy for each shard: the search memory of a regular expression is not shared.
    rules: Vec<AlertRule>,
    shared: Arc<Mutex<SharedStates>>,
    counts: PluginCounts,
    /// The batch's matching events.
    matches: Vec<RuleMatch>,
    changes: Vec<AlertChange>,
    /// When the states are to be looked at, events or not.
    due: Option<LookDue>,
}

/// A time by both clocks: that which stamps events decides, and the other wakes the drain.
#[derive(Debug, Clone, Copy)]
struct LookDue {
    time: Timestamp,
    instant: Instant,
}

/// The states of all rules, in their order, and counters.
#[derive(Debug, Default)]
struct SharedStates {
    rules: Vec<RuleState>,
    fired: u64,
    resolved: u64,
}

impl Alerting {
    /// Alerts by these rules.
    ///
    /// # Errors
    /// When there is none, when two have one name, or when one cannot be used.
    pub fn new(rules: impl IntoIterator<Item = AlertRule>) -> Result<Self, AlertRuleError> {
        let rules: Vec<AlertRule> = rules.into_iter().collect();
        check(&rules)?;
        let states = rules.iter().map(|_| RuleState::default()).collect();
        let shared = Arc::new(Mutex::new(SharedStates { rules: states, ..SharedStates::default() }));
        let counts = PluginCounts::new({
            let shared = Arc::clone(&shared);
            move || lock(&shared).counts()
        });
        // An absence counts from the first look, which does not wait for an event.
        let has_absence = rules.iter().any(|rule| matches!(rule.condition, AlertCondition::Absence { .. }));
        let at_once = || LookDue { time: Timestamp::from_unix_nanos(0), instant: Instant::now() };
        let due = has_absence.then(at_once);
        Ok(Self { rules, shared, counts, matches: Vec::new(), changes: Vec::new(), due })
    }

    fn find_matches(&mut self, events: &[Event<'_>]) {
        self.matches.clear();
        for (place, event) in events.iter().enumerate() {
            if event.is_internal() && event.target() == TARGET {
                continue;
            }
            let matching = self.rules.iter().enumerate().filter(|(_, rule)| rule.matches(event));
            let found = matching.map(|(rule, _)| RuleMatch { rule, event: place, time: event.timestamp() });
            self.matches.extend(found);
        }
    }

    /// Brings the states to this time. All shards wait for each other, and no user code runs meanwhile.
    fn advance(&mut self, now: Timestamp, instant: Instant) {
        self.changes.clear();
        let mut shared = lock(&self.shared);
        shared.rules.iter_mut().for_each(|state| state.set_back(now));
        for found in &self.matches {
            if let (Some(rule), Some(state)) = (self.rules.get(found.rule), shared.rules.get_mut(found.rule)) {
                state.add(rule, found, &mut self.changes);
            }
        }
        let mut next: Option<Timestamp> = None;
        for (place, (rule, state)) in self.rules.iter().zip(&mut shared.rules).enumerate() {
            state.look(rule, place, now, &mut self.changes);
            next = next.into_iter().chain(state.due(rule)).min();
        }
        shared.count(&self.changes);
        drop(shared);
        self.due = next.and_then(|time| {
            let left_nanos = time.unix_nanos().saturating_sub(now.unix_nanos());
            let instant = instant.checked_add(Duration::from_nanos(left_nanos))?;
            Some(LookDue { time, instant })
        });
    }
}

fn check(rules: &[AlertRule]) -> Result<(), AlertRuleError> {
    if rules.is_empty() {
        return Err(AlertRuleError::NoRules);
    }
    let mut names = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        rule.check(index)?;
        if !names.insert(&rule.name) {
            return Err(AlertRuleError::SameName { name: rule.name.clone(), index });
        }
    }
    Ok(())
}

impl SharedStates {
    fn count(&mut self, changes: &[AlertChange]) {
        let of = |state| changes.iter().filter(|change| change.state == state).count() as u64;
        self.fired += of(AlertState::Firing);
        self.resolved += of(AlertState::Resolved);
    }

    fn counts(&self) -> Vec<(String, u64)> {
        vec![("firing_reports".to_owned(), self.fired), ("resolved_reports".to_owned(), self.resolved)]
    }
}

impl Processor for Alerting {
    fn name(&self) -> &'static str {
        "alerting"
    }

    fn is_essential(&self) -> bool {
        true
    }

    fn counts(&self) -> Option<PluginCounts> {
        Some(self.counts.clone())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let (now, instant) = (batch.now(), batch.instant());
        self.find_matches(batch.events());
        if self.matches.is_empty() && !self.due.is_some_and(|due| due.time <= now || due.instant <= instant) {
            return Ok(());
        }
        self.advance(now, instant);
        for change in &self.changes {
            if let Some(rule) = self.rules.get(change.rule) {
                report(rule, change, batch);
            }
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.due.map(|due| due.instant)
    }
}
