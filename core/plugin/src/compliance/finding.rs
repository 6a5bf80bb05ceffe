//! The result of a check of a rule.

use serde::Serialize;

use crate::named_enum;

/// A rule of a standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleInfo {
    /// The standard's name and the number of the rule: `pci-dss/10.5.1`.
    pub id: &'static str,
    /// Where the text stands: `PCI DSS 4.0.1, requirement 10.5.1`.
    pub reference: &'static str,
    /// The demand of the rule on a log, in a sentence without a full stop.
    pub asks: &'static str,
}

impl RuleInfo {
    /// The rule `id`, whose text stands at `reference`, and that asks this of a log.
    #[must_use]
    pub const fn new(id: &'static str, reference: &'static str, asks: &'static str) -> Self {
        Self { id, reference, asks }
    }
}

named_enum! {
    /// Whether a container meets a rule.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum RuleVerdict {
        /// It does.
        Pass = "pass",
        /// It does not.
        Fail = "fail",
        /// The container has nothing that the rule is about.
        NotApplicable = "not_applicable",
        /// No machine can check it: the evidence states what people have to do.
        NeedsPeople = "needs_people",
        /// The container does not, and the operator states by what else it is met: the evidence has that text.
        MetElsewhere = "met_elsewhere",
    }
}

/// The result of a check of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleFinding {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleInfo,
    /// Whether it is met.
    pub verdict: RuleVerdict,
    /// The facts that the verdict follows from.
    pub evidence: String,
    /// Paths of the settings that would meet the rule; empty where none would.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
}

impl RuleFinding {
    /// The finding of a rule, with the facts that the verdict follows from.
    #[must_use]
    pub fn new(rule: RuleInfo, verdict: RuleVerdict, evidence: impl Into<String>) -> Self {
        Self { rule, verdict, evidence: evidence.into(), settings: Vec::new() }
    }

    /// The rule is met.
    #[must_use]
    pub fn pass(rule: RuleInfo, evidence: impl Into<String>) -> Self {
        Self::new(rule, RuleVerdict::Pass, evidence)
    }

    /// The rule is not met.
    #[must_use]
    pub fn fail(rule: RuleInfo, evidence: impl Into<String>) -> Self {
        Self::new(rule, RuleVerdict::Fail, evidence)
    }

    /// Adds the path of a setting that would meet the rule.
    #[must_use]
    pub fn mended_by(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }
}

/// The effect of a change of a running container on the rules that it has to meet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChangeFindings {
    /// The rules that are met, and would not be met after the change.
    pub missed: Vec<RuleFinding>,
    /// Whether the change is to be refused. Otherwise it is to be logged with the rules that it misses.
    pub is_refused: bool,
}

impl ChangeFindings {
    /// The change misses these rules. A strict container refuses a change that misses any.
    #[must_use]
    pub fn new(missed: Vec<RuleFinding>, is_strict: bool) -> Self {
        let is_refused = is_strict && !missed.is_empty();
        Self { missed, is_refused }
    }
}
