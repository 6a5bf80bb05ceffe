//! The result of a check, and how several become one.

use fapilog_plugin::compliance::RuleVerdict;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOutcome {
    /// Whether it is met.
    pub verdict: RuleVerdict,
    /// The facts that the verdict follows from.
    pub evidence: String,
    /// Paths of the settings that would meet it.
    pub settings: Vec<String>,
}

impl CheckOutcome {
    fn new(verdict: RuleVerdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), settings: Vec::new() }
    }

    /// It is met.
    #[must_use]
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self::new(RuleVerdict::Pass, evidence)
    }

    /// It is not met.
    #[must_use]
    pub fn fail(evidence: impl Into<String>) -> Self {
        Self::new(RuleVerdict::Fail, evidence)
    }

    /// People have to look after it.
    #[must_use]
    pub fn people(evidence: impl Into<String>) -> Self {
        Self::new(RuleVerdict::NeedsPeople, evidence)
    }

    /// The container has nothing that it is about.
    #[must_use]
    pub fn not_applicable(evidence: impl Into<String>) -> Self {
        Self::new(RuleVerdict::NotApplicable, evidence)
    }

    /// Adds the path of a setting that would meet it.
    #[must_use]
    pub fn mended_by(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// The worst of several: a failure, then people, then a pass. Without any, not applicable, for this reason. The evidence of a
    /// failure is that of failures; otherwise the tasks of people come first.
    #[must_use]
    pub fn all(outcomes: impl IntoIterator<Item = Self>, without: &str) -> Self {
        let outcomes: Vec<Self> = outcomes.into_iter().collect();
        let has = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
        let order = [RuleVerdict::Fail, RuleVerdict::NeedsPeople, RuleVerdict::Pass, RuleVerdict::NotApplicable];
        match order.into_iter().find(|verdict| has(*verdict)) {
            None => Self::not_applicable(without),
            Some(RuleVerdict::NeedsPeople) => {
                Self::joined(RuleVerdict::NeedsPeople, &outcomes, &[RuleVerdict::NeedsPeople, RuleVerdict::Pass])
            }
            Some(worst) => Self::joined(worst, &outcomes, &[worst]),
        }
    }

    /// The best of several: a pass, then people, then not applicable, then a failure.
    #[must_use]
    pub fn any(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let outcomes: Vec<Self> = outcomes.into_iter().collect();
        let order = [RuleVerdict::Pass, RuleVerdict::NeedsPeople, RuleVerdict::NotApplicable];
        let best = order.into_iter().find_map(|one| outcomes.iter().find(|outcome| outcome.verdict == one));
        best.cloned().unwrap_or_else(|| Self::joined(RuleVerdict::Fail, &outcomes, &[RuleVerdict::Fail]))
    }

    /// The evidence and the settings of those with these verdicts, in this order, each once.
    fn joined(verdict: RuleVerdict, outcomes: &[Self], of: &[RuleVerdict]) -> Self {
        let mut joined = Self::new(verdict, "");
        let mut texts: Vec<&str> = Vec::new();
        let in_order = of.iter().flat_map(|one| outcomes.iter().filter(move |outcome| outcome.verdict == *one));
        for outcome in in_order {
            if !texts.contains(&outcome.evidence.as_str()) {
                texts.push(&outcome.evidence);
            }
            for setting in &outcome.settings {
                if !joined.settings.contains(setting) {
                    joined.settings.push(setting.clone());
                }
            }
        }
        joined.evidence = texts.join("; ");
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(verdict: RuleVerdict) -> CheckOutcome {
        CheckOutcome::new(verdict, verdict.name()).mended_by(format!("set.{verdict}"))
    }

    const PASS: RuleVerdict = RuleVerdict::Pass;
    const FAIL: RuleVerdict = RuleVerdict::Fail;
    const PEOPLE: RuleVerdict = RuleVerdict::NeedsPeople;
    const NONE: RuleVerdict = RuleVerdict::NotApplicable;

    #[test]
    fn all_have_the_worst_verdict_and_a_failure_has_the_evidence_of_failures() {
        let all = |verdicts: &[RuleVerdict]| {
            let outcome = CheckOutcome::all(verdicts.iter().map(|verdict| one(*verdict)), "nothing");
            (outcome.verdict, outcome.evidence, outcome.settings.len())
        };
        assert_eq!(all(&[PASS, FAIL, PEOPLE, FAIL]), (FAIL, "fail".to_owned(), 1));
        assert_eq!(all(&[PASS, PEOPLE, NONE]), (PEOPLE, "needs_people; pass".to_owned(), 2));
        assert_eq!(all(&[NONE, PASS]), (PASS, "pass".to_owned(), 1));
        assert_eq!(all(&[NONE]), (NONE, "not_applicable".to_owned(), 1));
        assert_eq!(all(&[]), (NONE, "nothing".to_owned(), 0));
    }

    #[test]
    fn any_has_the_best_verdict_and_fails_with_all_evidence() {
        let any = |verdicts: &[RuleVerdict]| CheckOutcome::any(verdicts.iter().map(|verdict| one(*verdict)));
        assert_eq!(any(&[FAIL, PEOPLE, PASS]).verdict, PASS);
        assert_eq!(any(&[FAIL, NONE, PEOPLE]).verdict, PEOPLE);
        assert_eq!(any(&[FAIL, NONE]).verdict, NONE);
        let both = CheckOutcome::any([CheckOutcome::fail("a"), CheckOutcome::fail("b")]);
        assert_eq!((both.verdict, both.evidence.as_str()), (FAIL, "a; b"));
    }
}
