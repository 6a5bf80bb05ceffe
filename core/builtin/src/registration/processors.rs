//! Built-in processors, as settings name them.

use std::{collections::BTreeMap, time::Duration};

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
    settings::{duration, size_bytes},
};
use fapilog_record::{directives::Directives, level::Level};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    process::{
        Comparison, Dedupe, FilterProcessor, FormatProcessor, Operand, Projection, Rule, Sampling, SizeGuard,
        TemplateError, Throttle,
    },
    registration::about,
};

pub(super) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    registry.register_processor(about("filter", "Takes out events by level, target and fields"), |settings| {
        let filter = settings.read::<FilterSettings>()?.filter()?;
        Ok(Factory::processor(move |_| filter.clone()))
    })?;
    registry.register_processor(about("throttle", "Takes out events that come too fast"), |settings| {
        let throttle = settings.read::<ThrottleSettings>()?.throttle();
        Ok(Factory::processor(move |_| throttle.clone()))
    })?;
    registry.register_processor(about("format", "Writes the message from a template"), |settings| {
        let format = settings.read::<FormatSettings>()?.format()?;
        Ok(Factory::processor(move |_| format.clone()))
    })?;
    registry.register_processor(about("size_guard", "Bounds the size of each event"), |settings| {
        let SizeGuardSettings { event_max_bytes } = settings.read()?;
        Ok(Factory::processor(move |_| match event_max_bytes {
            Some(bytes) => SizeGuard::new().event_max_bytes(bytes),
            None => SizeGuard::new(),
        }))
    })?;
    registry.register_processor(about("dedupe", "Takes out events that are equal to one before"), |settings| {
        let dedupe = settings.read::<DedupeSettings>()?.dedupe();
        Ok(Factory::processor(move |_| dedupe.clone()))
    })?;
    registry.register_processor(about("sampling", "Keeps a part of the events"), |settings| {
        let sampling = settings.read::<SamplingSettings>()?.sampling()?;
        Ok(Factory::processor(move |_| sampling.clone()))
    })?;
    registry.register_processor(about("project", "Keeps some of an event's fields"), |settings| {
        let ProjectionSettings { keep, drop } = settings.read()?;
        let projection = Projection::new().keep(keep).drop(drop);
        Ok(Factory::processor(move |_| projection.clone()))
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
    action: Action,
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
enum Action {
    Keep,
    Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionSettings {
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
    Gt,
    Lt,
    Ge,
    Le,
}

impl FilterSettings {
    fn filter(self) -> Result<FilterProcessor, Vec<Problem>> {
        let mut filter = FilterProcessor::new().include(self.include).exclude(self.exclude);
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
            Action::Keep => Rule::keep(),
            Action::Drop => Rule::drop(),
        };
        if !self.levels.is_empty() {
            rule = rule.levels(self.levels);
        }
        rule = self.targets.into_iter().fold(rule, Rule::target);
        rule = self.sources.into_iter().fold(rule, Rule::source);
        let mut problems = Vec::new();
        for (index, condition) in self.when.into_iter().enumerate() {
            match condition.comparison() {
                Ok(comparison) => rule = rule.when(condition.field, comparison),
                Err(problem) => problems.push(problem.below(&format!("when[{index}]"))),
            }
        }
        if problems.is_empty() { Ok(rule) } else { Err(problems) }
    }
}

impl ConditionSettings {
    fn comparison(&self) -> Result<Comparison, Problem> {
        Ok(match self.is {
            Is::Exists => return self.without_value(Comparison::Exists),
            Is::Missing => return self.without_value(Comparison::Missing),
            Is::StartsWith => match &self.value {
                Some(Value::String(front)) => Comparison::StartsWith(front.clone()),
                _ => return Err(self.wrong("it must be text")),
            },
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

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ThrottleSettings {
    events_per_second: Option<u64>,
    burst_events: Option<u64>,
    /// A field whose value has a rate of its own, instead of source and level.
    key: Option<String>,
    keys_max: Option<usize>,
    #[serde(with = "duration::maybe")]
    quiet: Option<Duration>,
}

impl ThrottleSettings {
    fn throttle(self) -> Throttle {
        let mut throttle = self.events_per_second.map_or_else(Throttle::default, Throttle::per_second);
        if let Some(events) = self.burst_events {
            throttle = throttle.burst_events(events);
        }
        if let Some(key) = self.key {
            throttle = throttle.key(key);
        }
        if let Some(keys) = self.keys_max {
            throttle = throttle.keys_max(keys);
        }
        if let Some(quiet) = self.quiet {
            throttle = throttle.quiet(quiet);
        }
        throttle
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FormatSettings {
    template: Option<String>,
    /// By target.
    targets: BTreeMap<String, String>,
    missing: Option<String>,
}

impl FormatSettings {
    fn format(self) -> Result<FormatProcessor, Vec<Problem>> {
        let wrong = |path: String, error: &TemplateError| {
            vec![Problem::new(path, format!("{:?}", error.template), error.to_string())]
        };
        let mut format = FormatProcessor::in_messages();
        if let Some(template) = &self.template {
            format = format.template(template).map_err(|error| wrong("template".to_owned(), &error))?;
        }
        for (target, template) in self.targets {
            let path = format!("targets.{target}");
            format = format.target(target, &template).map_err(|error| wrong(path, &error))?;
        }
        Ok(match self.missing {
            Some(missing) => format.missing(missing),
            None => format,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SizeGuardSettings {
    #[serde(with = "size_bytes::maybe")]
    event_max_bytes: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DedupeSettings {
    #[serde(with = "duration::maybe")]
    window: Option<Duration>,
    entries_max: Option<usize>,
    /// The fields by which events are equal or not; all, if it is not given.
    fields: Option<Vec<String>>,
}

impl DedupeSettings {
    fn dedupe(self) -> Dedupe {
        let mut dedupe = Dedupe::new();
        if let Some(window) = self.window {
            dedupe = dedupe.window(window);
        }
        if let Some(entries) = self.entries_max {
            dedupe = dedupe.entries_max(entries);
        }
        match self.fields {
            Some(fields) => dedupe.fields(fields),
            None => dedupe,
        }
    }
}

/// What is not given is as [`Sampling`] has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SamplingSettings {
    rate: f64,
    per_trace: Option<bool>,
    first: Option<u32>,
    #[serde(default, with = "duration::maybe")]
    window: Option<Duration>,
}

impl SamplingSettings {
    fn sampling(self) -> Result<Sampling, Vec<Problem>> {
        let sampling = Sampling::new(self.rate);
        let mut sampling = sampling.map_err(|_| vec![Problem::new("rate", self.rate, "allowed are 0 to 1")])?;
        if let Some(is_per_trace) = self.per_trace {
            sampling = sampling.per_trace(is_per_trace);
        }
        if let Some(events) = self.first {
            sampling = sampling.first(events);
        }
        if let Some(window) = self.window {
            sampling = sampling.window(window);
        }
        Ok(sampling)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ProjectionSettings {
    keep: Vec<String>,
    drop: Vec<String>,
}
