//! A standard as a table of rules.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fapilog_plugin::{
    compliance::{KeptEvents, PlannedContainer, RetentionDemand, RuleFinding, RuleInfo, RuleVerdict, Standard},
    problem::Problem,
    registry::PluginSettings,
    settings::{duration, suggestion::suggestion},
};
use serde::Deserialize;

use crate::{
    check::{CheckContext, RuleCheck, days},
    machine::MachineProbe,
};

/// A standard as data: a table of rules, each with its check.
///
/// ```
/// use std::sync::Arc;
/// use fapilog_compliance::{RuleCheck, StandardTable, TableRule, TableStandard, ThisMachine};
/// use fapilog_plugin::{compliance::{ComplianceReport, PlannedContainer, RuleInfo}, data_class::DataClass};
///
/// const ACME: StandardTable = StandardTable {
///     name: "acme",
///     title: "ACME log policy, 2026",
///     rules: &[
///         TableRule {
///             info: RuleInfo::new("acme/1", "section 1", "no log has passwords or tokens"),
///             check: RuleCheck::Redacts(&[DataClass::Credential]),
///         },
///         TableRule {
///             info: RuleInfo::new("acme/2", "section 2", "audit events are kept for 30 days"),
///             check: RuleCheck::KeptAtLeast { days: 30 },
///         },
///     ],
/// };
///
/// let standard = TableStandard::new(ACME, Arc::new(ThisMachine));
/// let report = ComplianceReport::of(&PlannedContainer::default(), &[Arc::new(standard)]);
/// assert_eq!(report.unmet().count(), 2);
/// ```
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "tables of other crates are constants")]
pub struct StandardTable {
    /// Its name in settings.
    pub name: &'static str,
    /// Its title and version.
    pub title: &'static str,
    /// Its rules.
    pub rules: &'static [TableRule],
}

/// A rule and its check.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "tables of other crates are constants")]
pub struct TableRule {
    /// Id, reference, and what it asks.
    pub info: RuleInfo,
    /// Its check.
    pub check: RuleCheck,
}

/// The settings of a standard, in `plugin_config` under its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StandardSettings {
    /// Rules that something else than the log meets: the id, and a text that states by what.
    pub met_elsewhere: BTreeMap<String, String>,
    /// The age at which events have to be removed, for standards that leave it to the operator.
    #[serde(with = "duration::maybe")]
    pub retention_max: Option<Duration>,
    /// The same for events of sinks that take AUDIT and SECURITY events alone. Default: `retention_max`.
    #[serde(with = "duration::maybe")]
    pub audit_retention_max: Option<Duration>,
}

/// A standard that checks the rules of a [table](StandardTable).
#[derive(Clone)]
pub struct TableStandard {
    table: StandardTable,
    settings: StandardSettings,
    /// The path of the settings: `plugin_config.gdpr`.
    settings_path: String,
    machine: Arc<dyn MachineProbe>,
}

impl std::fmt::Debug for TableStandard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableStandard")
            .field("table", &self.table)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl TableStandard {
    /// The standard of this table, with default settings.
    #[must_use]
    pub fn new(table: StandardTable, machine: Arc<dyn MachineProbe>) -> Self {
        let settings_path = format!("plugin_config.{}", table.name);
        Self { table, settings: StandardSettings::default(), settings_path, machine }
    }

    /// The standard of this table, with its settings: for a constructor in the registry.
    ///
    /// # Errors
    /// Every invalid value.
    pub fn read(
        table: StandardTable,
        machine: Arc<dyn MachineProbe>,
        settings: &PluginSettings<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let standard = Self { settings: settings.read()?, ..Self::new(table, machine) };
        let problems: Vec<Problem> = standard
            .settings
            .met_elsewhere
            .iter()
            .filter_map(|(id, text)| standard.elsewhere_problem(id, text))
            .chain(standard.retention_problems())
            .collect();
        if problems.is_empty() { Ok(standard) } else { Err(problems) }
    }

    fn elsewhere_problem(&self, id: &str, text: &str) -> Option<Problem> {
        let path = format!("met_elsewhere.{id}");
        let ids = || self.table.rules.iter().map(|rule| rule.info.id);
        if !ids().any(|known| known == id) {
            let allowed =
                format!("{} has no such rule; allowed are {}", self.table.title, ids().collect::<Vec<_>>().join(", "));
            let mut problem = Problem::new(path, "given", allowed);
            problem.suggestion = suggestion(id, ids());
            return Some(problem);
        }
        text.trim().is_empty().then(|| Problem::new(path, "empty", "it must state by what the rule is met"))
    }

    fn retention_problems(&self) -> impl Iterator<Item = Problem> {
        let is_read = self.limits_retention();
        let given = [
            ("retention_max", self.settings.retention_max),
            ("audit_retention_max", self.settings.audit_retention_max),
        ];
        let allowed = format!("{} has no rule that reads it", self.table.title);
        let unread = move |(name, value): (&'static str, Option<Duration>)| {
            value.filter(|_| !is_read).map(|_| Problem::new(name, "given", allowed.clone()))
        };
        given.into_iter().filter_map(unread)
    }

    /// Whether a rule has an upper bound of retention.
    fn limits_retention(&self) -> bool {
        let mut checks = self.table.rules.iter().flat_map(|rule| rule.check.parts());
        checks.any(|check| matches!(check, RuleCheck::KeptAtMost))
    }

    fn finding(&self, rule: &TableRule, context: &CheckContext<'_>) -> RuleFinding {
        let outcome = rule.check.run(context);
        let is_open = matches!(outcome.verdict, RuleVerdict::Fail | RuleVerdict::NeedsPeople);
        if let Some(text) = self.settings.met_elsewhere.get(rule.info.id).filter(|_| is_open) {
            let text = format!("{}; the settings alone: {}", text.trim(), outcome.evidence);
            return RuleFinding::new(rule.info, RuleVerdict::MetElsewhere, text);
        }
        let finding = RuleFinding::new(rule.info, outcome.verdict, outcome.evidence);
        outcome.settings.into_iter().fold(finding, RuleFinding::mended_by)
    }

    /// The demands on retention of a part of a rule's check.
    fn demands(&self, rule: RuleInfo, check: RuleCheck) -> Vec<RetentionDemand> {
        match check {
            RuleCheck::KeptAtLeast { days: least } | RuleCheck::AvailableAtLeast { days: least } => {
                vec![RetentionDemand::at_least(rule, KeptEvents::Audit, days(least))]
            }
            RuleCheck::KeptAtMost => self.upper_bounds(rule),
            _ => Vec::new(),
        }
    }

    fn upper_bounds(&self, rule: RuleInfo) -> Vec<RetentionDemand> {
        let StandardSettings { retention_max, audit_retention_max, .. } = self.settings;
        let of_audit = audit_retention_max.or(retention_max);
        let setting = |name: &str| format!("{}.{name}", self.settings_path);
        let bound = |events, age: Option<Duration>, name| {
            age.map(|age| RetentionDemand::at_most(rule, events, age, setting(name)))
        };
        let other = bound(KeptEvents::Other, retention_max, "retention_max");
        let audit = bound(KeptEvents::Audit, of_audit, "audit_retention_max");
        other.into_iter().chain(audit).collect()
    }
}

impl Standard for TableStandard {
    fn name(&self) -> &str {
        self.table.name
    }

    fn title(&self) -> &str {
        self.table.title
    }

    fn rules(&self) -> Vec<RuleInfo> {
        self.table.rules.iter().map(|rule| rule.info).collect()
    }

    fn check(&self, planned: &PlannedContainer) -> Vec<RuleFinding> {
        let context = CheckContext {
            retention_max: self.settings.retention_max,
            audit_retention_max: self.settings.audit_retention_max,
            settings: &self.settings_path,
            ..CheckContext::new(planned, &*self.machine)
        };
        self.table.rules.iter().map(|rule| self.finding(rule, &context)).collect()
    }

    fn retention(&self) -> Vec<RetentionDemand> {
        // A rule that something else meets asks nothing of the log.
        let asked = self.table.rules.iter().filter(|rule| !self.settings.met_elsewhere.contains_key(rule.info.id));
        let of_rule = |rule: &TableRule| {
            let parts = rule.check.parts().into_iter();
            parts.flat_map(|check| self.demands(rule.info, check)).collect::<Vec<_>>()
        };
        asked.flat_map(of_rule).collect()
    }
}
