//! Settings of the filter.

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
};
use fapilog_record::{directives::Directives, level::Level};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    process::{Comparison, Condition, Filter, Operand, Rule, TextRegex, TextRegexError},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("filter", "Takes out events by level, target and fields"), |settings| {
        let filter = settings.read::<FilterSettings>()?.filter()?;
        let are_kept = filter.keeps_audit_events();
        Ok(Factory::processor(move |_| filter.clone()).keeping_audit_events(are_kept))
    })
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FilterSettings {
    level: Option<Directives>,
    include: Vec<String>,
    exclude: Vec<String>,
    rules: Vec<RuleSettings>,
}

/// `{ action = "drop", levels = ["INFO"], targets = [...], sources = [...], when = [{ field = "path", is = "eq", value = "/" }] }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSettings {
    action: RuleAction,
    #[serde(default)]
    levels: Vec<Level>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    when: Vec<ConditionSettings>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RuleAction {
    Keep,
    Drop,
}

/// `{ field = "path", is = "eq", value = "/" }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::process) struct ConditionSettings {
    field: String,
    is: Is,
    value: Option<Value>,
}

/// The names of [`Comparison`].
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Is {
    Eq,
    Ne,
    Exists,
    Missing,
    Contains,
    StartsWith,
    Matches,
    Gt,
    Lt,
    Ge,
    Le,
}

impl FilterSettings {
    fn filter(self) -> Result<Filter, Vec<Problem>> {
        let mut filter = Filter::new().include(self.include).exclude(self.exclude);
        if let Some(level) = self.level {
            filter = filter.level(level);
        }
        let mut problems = Vec::new();
        for (index, rule) in self.rules.into_iter().enumerate() {
            match rule.rule() {
                Ok(rule) => filter = filter.rule(rule),
                Err(own) => problems.extend(own.into_iter().map(|problem| problem.below(&format!("rules[{index}]")))),
            }
        }
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }
}

impl RuleSettings {
    fn rule(self) -> Result<Rule, Vec<Problem>> {
        let mut rule = match self.action {
            RuleAction::Keep => Rule::keep(),
            RuleAction::Drop => Rule::drop(),
        };
        if !self.levels.is_empty() {
            rule = rule.levels(self.levels);
        }
        rule = self.targets.into_iter().fold(rule, Rule::target);
        rule = self.sources.into_iter().fold(rule, Rule::source);
        let mut problems = Vec::new();
        for (index, condition) in self.when.into_iter().enumerate() {
            match condition.condition() {
                Ok(condition) => rule = rule.condition(condition),
                Err(problem) => problems.push(problem.below(&format!("when[{index}]"))),
            }
        }
        if problems.is_empty() { Ok(rule) } else { Err(problems) }
    }
}

impl ConditionSettings {
    pub(in crate::process) fn condition(self) -> Result<Condition, Problem> {
        let comparison = self.comparison()?;
        Ok(Condition::new(self.field, comparison))
    }

    fn comparison(&self) -> Result<Comparison, Problem> {
        Ok(match self.is {
            Is::Exists => return self.without_value(Comparison::Exists),
            Is::Missing => return self.without_value(Comparison::Missing),
            Is::StartsWith => match &self.value {
                Some(Value::String(front)) => Comparison::StartsWith(front.clone()),
                _ => return Err(self.wrong("it must be text")),
            },
            Is::Matches => Comparison::Matches(self.pattern()?),
            Is::Eq => Comparison::Eq(self.operand()?),
            Is::Ne => Comparison::Ne(self.operand()?),
            Is::Contains => Comparison::Contains(self.operand()?),
            Is::Gt => Comparison::Gt(self.operand()?),
            Is::Lt => Comparison::Lt(self.operand()?),
            Is::Ge => Comparison::Ge(self.operand()?),
            Is::Le => Comparison::Le(self.operand()?),
        })
    }

    fn without_value(&self, comparison: Comparison) -> Result<Comparison, Problem> {
        if self.value.is_some() { Err(self.wrong("this comparison has none; leave it out")) } else { Ok(comparison) }
    }

    fn pattern(&self) -> Result<TextRegex, Problem> {
        match &self.value {
            Some(Value::String(expression)) => expression.parse().map_err(|error: TextRegexError| {
                Problem::new(
                    "value",
                    format!("{expression:?}"),
                    format!("it is no regular expression of at most 1 MiB in compiled form: {}", error.reason),
                )
            }),
            _ => Err(self.wrong("it must be text")),
        }
    }

    fn operand(&self) -> Result<Operand, Problem> {
        let number = |number: &serde_json::Number| match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(n), ..) => Some(Operand::from(n)),
            (_, Some(n), _) => Some(Operand::from(n)),
            (.., x) => x.map(Operand::from),
        };
        let operand = match &self.value {
            Some(Value::Bool(is)) => Some(Operand::from(*is)),
            Some(Value::Number(n)) => number(n),
            Some(Value::String(text)) => Some(Operand::from(text.as_str())),
            _ => None,
        };
        operand.ok_or_else(|| self.wrong("it must be true, false, a number or text"))
    }

    fn wrong(&self, allowed: &str) -> Problem {
        let value = self.value.as_ref().map_or_else(|| "missing".to_owned(), ToString::to_string);
        Problem::new("value", value, allowed)
    }
}
