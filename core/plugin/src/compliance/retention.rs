//! How long standards ask events to be kept, and what two of them cannot both have.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

use crate::{compliance::RuleInfo, named_enum, settings::write_duration};

named_enum! {
    /// The events that a demand of retention is about.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum KeptEvents {
        /// Events of the levels AUDIT and SECURITY.
        Audit = "audit",
        /// Events of all other levels.
        Other = "other",
    }
}

/// How long a rule asks events to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionDemand {
    /// The rule.
    pub rule: RuleInfo,
    /// The events.
    pub events: KeptEvents,
    /// The age that they have to reach; zero: none.
    pub at_least: Duration,
    /// The age at which they have to be removed.
    pub at_most: Option<Duration>,
    /// The setting that gives the age, where the rule leaves it to the operator.
    pub setting: Option<String>,
}

impl RetentionDemand {
    /// The rule asks the events to be kept for this long at least.
    #[must_use]
    pub fn at_least(rule: RuleInfo, events: KeptEvents, age: Duration) -> Self {
        Self { rule, events, at_least: age, at_most: None, setting: None }
    }

    /// The rule asks the events to be removed at this age, which the setting gives.
    #[must_use]
    pub fn at_most(rule: RuleInfo, events: KeptEvents, age: Duration, setting: impl Into<String>) -> Self {
        Self { rule, events, at_least: Duration::ZERO, at_most: Some(age), setting: Some(setting.into()) }
    }
}

/// Two rules that no container can meet together: events have to be removed before they are old enough.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionConflict {
    /// The events.
    pub events: KeptEvents,
    /// The demand with the lower bound.
    pub longer: RetentionDemand,
    /// The demand with the upper bound.
    pub shorter: RetentionDemand,
}

impl RetentionConflict {
    /// The upper bound.
    #[must_use]
    pub fn most(&self) -> Duration {
        self.shorter.at_most.unwrap_or(Duration::MAX)
    }

    /// All conflicts among the demands: each upper bound with the highest lower bound above it.
    pub(super) fn among(demands: &[RetentionDemand]) -> Vec<Self> {
        let conflict = |shorter: &RetentionDemand| {
            let most = shorter.at_most?;
            let same = demands.iter().filter(|demand| demand.events == shorter.events);
            let longer = same.max_by_key(|demand| demand.at_least).filter(|demand| demand.at_least > most)?;
            Some(Self { events: shorter.events, longer: longer.clone(), shorter: shorter.clone() })
        };
        demands.iter().filter_map(conflict).collect()
    }
}

impl fmt::Display for RetentionConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, longer, shorter } = self;
        write!(
            f,
            "{} asks {events} events to be kept for {} at least, and {} asks for their removal after {}",
            longer.rule.id,
            write_age(longer.at_least),
            shorter.rule.id,
            write_age(self.most()),
        )
    }
}

impl Serialize for RetentionConflict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct ConflictRow<'a> {
            events: KeptEvents,
            at_least_seconds: u64,
            at_least_rule: &'a str,
            at_most_seconds: u64,
            at_most_rule: &'a str,
            at_most_setting: Option<&'a str>,
        }
        let row = ConflictRow {
            events: self.events,
            at_least_seconds: self.longer.at_least.as_secs(),
            at_least_rule: self.longer.rule.id,
            at_most_seconds: self.most().as_secs(),
            at_most_rule: self.shorter.rule.id,
            at_most_setting: self.shorter.setting.as_deref(),
        };
        row.serialize(serializer)
    }
}

/// An age as people write it: in days, and what is left of the last one.
///
/// ```
/// use std::time::Duration;
/// use fapilog_plugin::compliance::write_age;
///
/// assert_eq!(write_age(Duration::from_secs(90 * 86_400 + 3600)), "90 days 1h");
/// ```
#[must_use]
pub fn write_age(age: Duration) -> String {
    const DAY: u64 = 86_400;
    let days = age.as_secs() / DAY;
    let tail = age.saturating_sub(Duration::from_secs(days * DAY));
    match (days, tail) {
        (0, tail) => write_duration(tail),
        (days, Duration::ZERO) => format!("{days} days"),
        (days, tail) => format!("{days} days {}", write_duration(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const LONG: RuleInfo = RuleInfo::new("a/long", "a", "a");
    const LONGER: RuleInfo = RuleInfo::new("b/longer", "b", "b");
    const SHORT: RuleInfo = RuleInfo::new("c/short", "c", "c");

    fn short(events: KeptEvents, age: Duration) -> RetentionDemand {
        RetentionDemand::at_most(SHORT, events, age, "plugin_config.c.most")
    }

    #[test]
    fn a_conflict_names_both_rules_and_the_longest_demand() {
        let demands = [
            RetentionDemand::at_least(LONG, KeptEvents::Audit, 365 * DAY),
            RetentionDemand::at_least(LONGER, KeptEvents::Audit, 2190 * DAY),
            short(KeptEvents::Audit, 90 * DAY),
        ];
        let texts: Vec<String> = RetentionConflict::among(&demands).iter().map(ToString::to_string).collect();
        let expected = "b/longer asks audit events to be kept for 2190 days at least, and c/short asks for their removal \
                        after 90 days";
        assert_eq!(texts, [expected]);
    }

    #[test]
    fn demands_about_other_events_or_that_fit_are_no_conflict() {
        let long = RetentionDemand::at_least(LONG, KeptEvents::Audit, 365 * DAY);
        assert_eq!(RetentionConflict::among(&[long.clone(), short(KeptEvents::Other, DAY)]), []);
        assert_eq!(RetentionConflict::among(&[long, short(KeptEvents::Audit, 365 * DAY)]), []);
    }
}
