//! Settings of alerting.

use std::{collections::BTreeMap, time::Duration};

use fapilog_plugin::{
    factory::Factory,
    named_enum,
    problem::Problem,
    registry::{RegisterError, Registry},
    settings::duration,
};
use fapilog_record::level::{Category, Level};
use serde::Deserialize;

use crate::{
    process::{AlertRule, AlertRuleError, Alerting, alerting::rule::EVENTS_MAX, filter::settings::ConditionSettings},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("alerting", "Reports when events are many, grave or missing"), |settings| {
        let alerting = settings.read::<AlertingSettings>()?.alerting()?;
        Ok(Factory::processor(move |_| alerting.clone()).keeping_audit_events(true))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertingSettings {
    rules: Vec<AlertRuleSettings>,
}

named_enum! {
    /// When the events of a rule are an alert.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    enum AlertKind {
        /// Any of them.
        #[default]
        Any = "any",
        /// `events` of them `within` a time.
        Rate = "rate",
        /// None of them `within` a time.
        Absence = "absence",
    }
}

/// Values that are not given are the defaults of [`AlertRule`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertRuleSettings {
    name: String,
    #[serde(default)]
    condition: AlertKind,
    events: Option<usize>,
    #[serde(default, with = "duration::maybe")]
    within: Option<Duration>,
    level: Option<Level>,
    #[serde(default)]
    levels: Vec<Level>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    when: Vec<ConditionSettings>,
    severity: Option<Level>,
    #[serde(default, with = "duration::maybe")]
    resolve_after: Option<Duration>,
    #[serde(default, with = "duration::maybe")]
    repeat_after: Option<Duration>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl AlertingSettings {
    fn alerting(self) -> Result<Alerting, Vec<Problem>> {
        let (mut rules, mut problems) = (Vec::new(), Vec::new());
        for (index, rule) in self.rules.into_iter().enumerate() {
            match rule.rule() {
                Ok(rule) => rules.push(rule),
                Err(own) => problems.extend(own.into_iter().map(|problem| problem.below(&format!("rules[{index}]")))),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Alerting::new(rules).map_err(|error| vec![problem_of(&error)])
    }
}

impl AlertRuleSettings {
    fn rule(self) -> Result<AlertRule, Vec<Problem>> {
        let mut problems = self.problems();
        let mut rule = match (self.condition, self.events, self.within) {
            (AlertKind::Any, ..) => AlertRule::any(self.name),
            (AlertKind::Rate, events, within) => {
                AlertRule::rate(self.name, events.unwrap_or_default(), within.unwrap_or_default())
            }
            (AlertKind::Absence, _, within) => AlertRule::absence(self.name, within.unwrap_or_default()),
        };
        rule = rule.levels(self.levels);
        rule = self.level.into_iter().fold(rule, AlertRule::level);
        rule = self.targets.into_iter().fold(rule, AlertRule::target);
        rule = self.sources.into_iter().fold(rule, AlertRule::source);
        rule = self.severity.into_iter().fold(rule, AlertRule::severity);
        rule = self.resolve_after.into_iter().fold(rule, AlertRule::resolve_after);
        rule = self.repeat_after.into_iter().fold(rule, AlertRule::repeat_after);
        rule = self.labels.into_iter().fold(rule, |rule, (name, value)| rule.label(name, value));
        rule = self.annotations.into_iter().fold(rule, |rule, (name, value)| rule.annotation(name, value));
        for (index, name) in self.categories.into_iter().enumerate() {
            match category(&name) {
                Some(category) => rule = rule.category(category),
                None => problems.push(Problem::new(format!("categories[{index}]"), name, categories_allowed())),
            }
        }
        for (index, condition) in self.when.into_iter().enumerate() {
            match condition.condition() {
                Ok(condition) => rule = rule.condition(condition),
                Err(problem) => problems.push(problem.below(&format!("when[{index}]"))),
            }
        }
        if problems.is_empty() { Ok(rule) } else { Err(problems) }
    }

    /// Settings that the kind of condition needs, and those that it has no use for.
    fn problems(&self) -> Vec<Problem> {
        let kind = self.condition;
        let needed = || format!("it must be given for {kind}");
        let useless = || format!("it must be left out for {kind}");
        let mut problems = Vec::new();
        match (kind, self.events) {
            (AlertKind::Rate, None) => problems.push(Problem::new("events", "missing", needed())),
            (AlertKind::Any | AlertKind::Absence, Some(events)) => {
                problems.push(Problem::new("events", events, useless()));
            }
            _ => {}
        }
        match (kind, self.within) {
            (AlertKind::Rate | AlertKind::Absence, None) => {
                problems.push(Problem::new("within", "missing", needed()));
            }
            (AlertKind::Any, Some(within)) => problems.push(Problem::new("within", format!("{within:?}"), useless())),
            _ => {}
        }
        if let (AlertKind::Absence, Some(time)) = (kind, self.resolve_after) {
            problems.push(Problem::new("resolve_after", format!("{time:?}"), useless()));
        }
        problems
    }
}

/// The category of this name, in any case of letters.
fn category(name: &str) -> Option<Category> {
    Category::ALL.into_iter().find(|category| category.name().eq_ignore_ascii_case(name))
}

fn categories_allowed() -> String {
    let names: Vec<_> = Category::ALL.iter().map(|category| category.name()).collect();
    format!("allowed are {}", names.join(", "))
}

/// The same error, with the path of the setting.
fn problem_of(error: &AlertRuleError) -> Problem {
    let (index, problem) = match error {
        AlertRuleError::NoRules => return Problem::new("rules", "[]", "at least one must be given"),
        AlertRuleError::NoName { index } => (index, Problem::new("name", "\"\"", "it must have a character at least")),
        AlertRuleError::SameName { name, index } => {
            (index, Problem::new("name", format!("{name:?}"), "the names of two rules must differ"))
        }
        AlertRuleError::Events { index, events, .. } => {
            (index, Problem::new("events", events, format!("allowed are 1 to {EVENTS_MAX}")))
        }
        AlertRuleError::NoTime { index, setting, .. } => (index, Problem::new(*setting, "0s", "it must be longer")),
        AlertRuleError::Severity { index, severity, .. } => {
            (index, Problem::new("severity", severity, "allowed are INFO, WARNING, ERROR and CRITICAL"))
        }
        AlertRuleError::FieldName { index, key, .. } => {
            let allowed = "the name of a label or an annotation must not be empty, nor begin with `alert.`";
            (index, Problem::new("labels", format!("{key:?}"), allowed))
        }
    };
    problem.below(&format!("rules[{index}]"))
}
