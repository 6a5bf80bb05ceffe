//! Rules of alerting: the events that matter, and when they are an alert.

use std::time::Duration;

use fapilog_plugin::event::Event;
use fapilog_record::{
    directives::is_within,
    level::{Category, Level},
};
use thiserror::Error;

use crate::process::{Comparison, Condition, FieldPath};

/// Default of the time after which an alert of single events is resolved.
const RESOLVE_AFTER: Duration = Duration::from_secs(5 * 60);
/// Default of the time after which an alert that still fires is reported again.
const REPEAT_AFTER: Duration = Duration::from_secs(60 * 60);
/// The greatest number of events of a rate. Each takes 8 bytes.
pub(super) const EVENTS_MAX: usize = 100_000;
/// The names of fields that alerts have beside labels and annotations begin with this.
pub(super) const RESERVED: &str = "alert.";

/// When the events of a rule are an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlertCondition {
    /// So many of them in this time. A single event is one, in any time.
    Rate { events: usize, within: Duration },
    /// None of them for this time.
    Absence { within: Duration },
}

/// Events that matter, and when they are an alert: any of them, many of them, or none for too long.
///
/// ```
/// use std::time::Duration;
/// use fapilog_builtin::process::{AlertRule, Comparison};
/// use fapilog_record::level::Level;
///
/// let failed_logins = AlertRule::rate("logins fail", 20, Duration::from_secs(60))
///     .when("outcome", Comparison::Eq("denied".into()))
///     .severity(Level::Critical)
///     .label("team", "identity");
/// let no_backup = AlertRule::absence("no backup", Duration::from_secs(26 * 3600)).target("backup").levels([Level::Info]);
/// # let _ = (failed_logins, no_backup);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    pub(super) name: Box<str>,
    pub(super) condition: AlertCondition,
    level: Option<Level>,
    levels: Vec<Level>,
    categories: Vec<Category>,
    targets: Vec<String>,
    sources: Vec<String>,
    conditions: Vec<Condition>,
    pub(super) severity: Level,
    pub(super) resolve_after: Duration,
    pub(super) repeat_after: Duration,
    pub(super) labels: Vec<(Box<str>, Box<str>)>,
    pub(super) annotations: Vec<(Box<str>, Box<str>)>,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AlertRuleError {
    /// There is no rule.
    #[error("there is no rule; at least one must be given")]
    NoRules,
    /// A rule has an empty name.
    #[error("the name of rule {index} is empty; it must have a character at least")]
    NoName {
        /// Its place, from 0.
        index: usize,
    },
    /// Two rules have one name.
    #[error("the name {name:?} is that of two rules; names must differ")]
    SameName {
        /// The name.
        name: Box<str>,
        /// The place of the second, from 0.
        index: usize,
    },
    /// The number of events of a rate is out of range.
    #[error("rule {name:?}: events is {events}; allowed are 1 to {EVENTS_MAX}")]
    Events {
        /// The name of the rule.
        name: Box<str>,
        /// Its place, from 0.
        index: usize,
        /// The number.
        events: usize,
    },
    /// A time is zero.
    #[error("rule {name:?}: {setting} is 0s; it must be longer")]
    NoTime {
        /// The name of the rule.
        name: Box<str>,
        /// Its place, from 0.
        index: usize,
        /// The setting: `within`, `resolve_after` or `repeat_after`.
        setting: &'static str,
    },
    /// A severity is AUDIT or SECURITY, or below INFO.
    #[error("rule {name:?}: severity is {severity}; allowed are INFO, WARNING, ERROR and CRITICAL")]
    Severity {
        /// The name of the rule.
        name: Box<str>,
        /// Its place, from 0.
        index: usize,
        /// The level.
        severity: Level,
    },
    /// A label or an annotation has a name that is empty, or that of a field of every alert.
    #[error(
        "rule {name:?}: {key:?} is no name of a label or an annotation; it must not be empty, nor begin with `alert.`"
    )]
    FieldName {
        /// The name of the rule.
        name: Box<str>,
        /// Its place, from 0.
        index: usize,
        /// The name of the label or the annotation.
        key: Box<str>,
    },
}

impl AlertRule {
    /// Fires with a matching event, and is resolved when there was none for five minutes, or
    /// [another time](Self::resolve_after).
    #[must_use]
    pub fn any(name: impl Into<String>) -> Self {
        Self::new(name.into(), AlertCondition::Rate { events: 1, within: Duration::MAX }, RESOLVE_AFTER)
    }

    /// Fires when so many matching events were logged within this time: 1 to 100,000. It is resolved when that was not so for
    /// the same time, or for [another](Self::resolve_after).
    #[must_use]
    pub fn rate(name: impl Into<String>, events: usize, within: Duration) -> Self {
        Self::new(name.into(), AlertCondition::Rate { events, within }, within)
    }

    /// Fires when there was no matching event for this time, from the start of the container on. It is resolved with the next one.
    #[must_use]
    pub fn absence(name: impl Into<String>, within: Duration) -> Self {
        Self::new(name.into(), AlertCondition::Absence { within }, RESOLVE_AFTER)
    }

    fn new(name: String, condition: AlertCondition, resolve_after: Duration) -> Self {
        Self {
            name: name.into(),
            condition,
            level: None,
            levels: Vec::new(),
            categories: Vec::new(),
            targets: Vec::new(),
            sources: Vec::new(),
            conditions: Vec::new(),
            severity: Level::Warning,
            resolve_after,
            repeat_after: REPEAT_AFTER,
            labels: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// Only events of this level and above. AUDIT and SECURITY events are not above the others: they match if the level itself is
    /// AUDIT or SECURITY.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Only events of these levels, or of those from [`level`](Self::level) on.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels.extend(levels);
        self
    }

    /// Only events of this category; several of them are alternatives.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.categories.push(category);
        self
    }

    /// Only events of this module and those below it; several of them are alternatives.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Only events of this source; several of them are alternatives.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.sources.push(source.into());
        self
    }

    /// Only events with a field that is so. Several conditions must all hold.
    #[must_use]
    pub fn when(mut self, field: impl Into<FieldPath>, comparison: Comparison) -> Self {
        self.conditions.push(Condition::new(field, comparison));
        self
    }

    pub(super) fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The level of the alert: INFO to CRITICAL. Default: WARNING.
    #[must_use]
    pub fn severity(mut self, severity: Level) -> Self {
        self.severity = severity;
        self
    }

    /// The time without the condition after which the alert is resolved. An [absence](Self::absence) is resolved by an event instead.
    #[must_use]
    pub fn resolve_after(mut self, time: Duration) -> Self {
        self.resolve_after = time;
        self
    }

    /// The cool-down: the time from one report of an alert that fires to the next. Default: an hour.
    #[must_use]
    pub fn repeat_after(mut self, time: Duration) -> Self {
        self.repeat_after = time;
        self
    }

    /// A label of the alert, for its routing behind the log: a tag of this name.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into().into(), value.into().into()));
        self
    }

    /// A text about the alert for people, such as the address of a runbook: a context field of this name.
    #[must_use]
    pub fn annotation(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.push((name.into().into(), value.into().into()));
        self
    }

    pub(super) fn matches(&self, event: &Event<'_>) -> bool {
        self.takes_level(event.level())
            && (self.categories.is_empty() || self.categories.contains(&event.category()))
            && (self.sources.is_empty() || self.sources.iter().any(|source| source == event.source().name()))
            && (self.targets.is_empty() || self.targets.iter().any(|target| is_within(event.target(), target)))
            && self.conditions.iter().all(|condition| condition.holds(event))
    }

    fn takes_level(&self, level: Level) -> bool {
        if self.level.is_none() && self.levels.is_empty() {
            return true;
        }
        let is_above = |least: Level| level >= least && (level < Level::Audit || least >= Level::Audit);
        self.level.is_some_and(is_above) || self.levels.contains(&level)
    }

    /// The first thing that makes the rule at this place unusable.
    pub(super) fn check(&self, index: usize) -> Result<(), AlertRuleError> {
        let name = || self.name.clone();
        if self.name.is_empty() {
            return Err(AlertRuleError::NoName { index });
        }
        let within = match self.condition {
            AlertCondition::Rate { events, .. } if events == 0 || events > EVENTS_MAX => {
                return Err(AlertRuleError::Events { name: name(), index, events });
            }
            AlertCondition::Rate { within, .. } | AlertCondition::Absence { within } => within,
        };
        let times = [("within", within), ("resolve_after", self.resolve_after), ("repeat_after", self.repeat_after)];
        if let Some((setting, _)) = times.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(AlertRuleError::NoTime { name: name(), index, setting });
        }
        if !(Level::Info..=Level::Critical).contains(&self.severity) {
            return Err(AlertRuleError::Severity { name: name(), index, severity: self.severity });
        }
        let is_invalid = |key: &str| key.is_empty() || key.starts_with(RESERVED);
        match self.labels.iter().chain(&self.annotations).find(|(key, _)| is_invalid(key)) {
            Some((key, _)) => Err(AlertRuleError::FieldName { name: name(), index, key: key.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
    use fapilog_record::field_group::FieldGroup;

    use super::*;

    fn matches(rule: AlertRule, event: TestEvent<'_>) -> bool {
        TestBatches::new().events(&[event], |batch| rule.matches(&batch.events()[0]))
    }

    #[test]
    fn a_rule_without_conditions_matches_every_event() {
        for level in Level::ALL {
            assert!(matches(AlertRule::any("a"), test_event("event").level(level)), "{level}");
        }
    }

    #[test]
    fn a_level_matches_those_above_but_audit_and_security_only_by_name() {
        let matched = |rule: AlertRule| {
            let all = Level::ALL.into_iter();
            all.filter(|level| matches(rule.clone(), test_event("event").level(*level))).collect::<Vec<_>>()
        };
        assert_eq!(matched(AlertRule::any("a").level(Level::Error)), [Level::Error, Level::Critical]);
        assert_eq!(matched(AlertRule::any("a").level(Level::Audit)), [Level::Audit, Level::Security]);
        let both = AlertRule::any("a").level(Level::Critical).levels([Level::Debug, Level::Security]);
        assert_eq!(matched(both), [Level::Debug, Level::Critical, Level::Security]);
    }

    #[test]
    fn all_conditions_must_hold_and_names_of_one_kind_are_alternatives() {
        let rule = AlertRule::any("a")
            .category(Category::Error)
            .category(Category::System)
            .target("http")
            .target("grpc")
            .source("source-0")
            .when("status", Comparison::Ge(500.into()));
        let event = || test_event("event").target("grpc::server").field(FieldGroup::Context, "status", 503);
        assert!(matches(rule.clone(), event()) && matches(rule.clone(), event().level(Level::Error)));
        assert!(!matches(rule.clone(), event().level(Level::Security)));
        assert!(!matches(rule.clone(), event().target("app")));
        assert!(!matches(AlertRule::any("a").source("other"), event()));
        assert!(!matches(rule, test_event("event").target("http").field(FieldGroup::Context, "status", 404)));
    }
}
