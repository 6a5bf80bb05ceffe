//! The findings of several standards.

use std::{collections::BTreeSet, fmt, sync::Arc};

use fapilog_record::user_code::catch_panic;
use serde::Serialize;

use crate::compliance::{
    PlannedContainer, RetentionConflict, RetentionDemand, RuleFinding, RuleInfo, RuleVerdict, Standard,
};

/// The findings of several standards, and the conflicts between them.
///
/// Its text is a table: rule, verdict, evidence.
#[doc(alias = "ComplianceEngine")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComplianceReport {
    /// The standards, in the order in which they were given.
    pub standards: Vec<StandardReport>,
    /// Pairs of rules that no container can meet together.
    pub conflicts: Vec<RetentionConflict>,
}

/// The findings of a standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StandardReport {
    /// Its name.
    pub name: String,
    /// Its title and version.
    pub title: String,
    /// A finding for each rule, in the order of the rules.
    pub findings: Vec<RuleFinding>,
}

impl ComplianceReport {
    /// Checks a planned container against the standards. A standard that panics, or that leaves a rule out, has failed it.
    #[must_use]
    pub fn of(planned: &PlannedContainer, standards: &[Arc<dyn Standard>]) -> Self {
        let reports = standards.iter().map(|standard| StandardReport::of(planned, &**standard)).collect();
        let retention = |standard: &Arc<dyn Standard>| catch_panic(|| standard.retention()).unwrap_or_default();
        let demands: Vec<RetentionDemand> = standards.iter().flat_map(retention).collect();
        Self { standards: reports, conflicts: RetentionConflict::among(&demands) }
    }

    /// Whether no rule failed, and no two rules conflict.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.unmet().next().is_none() && self.conflicts.is_empty()
    }

    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &RuleFinding> {
        self.standards.iter().flat_map(|standard| &standard.findings)
    }

    /// The findings of the rules that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &RuleFinding> {
        self.findings().filter(|finding| finding.verdict == RuleVerdict::Fail)
    }

    /// How many rules have this verdict.
    #[must_use]
    pub fn count(&self, verdict: RuleVerdict) -> usize {
        self.findings().filter(|finding| finding.verdict == verdict).count()
    }

    /// The report as JSON: `{"is_met", "standards": [{"name", "title", "findings": [{"id", "reference", "asks", "verdict", "evidence",
    /// "settings"}]}], "conflicts": [..]}`. A finding without settings has no `settings`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A report has text and numbers only, which JSON can always hold.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Serialize for ComplianceReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut report = serializer.serialize_struct("ComplianceReport", 3)?;
        report.serialize_field("is_met", &self.is_met())?;
        report.serialize_field("standards", &self.standards)?;
        report.serialize_field("conflicts", &self.conflicts)?;
        report.end()
    }
}

impl StandardReport {
    fn of(planned: &PlannedContainer, standard: &dyn Standard) -> Self {
        let text = |read: &dyn Fn() -> String| catch_panic(read).unwrap_or_else(|_| "unknown".to_owned());
        let (name, title) = (text(&|| standard.name().to_owned()), text(&|| standard.title().to_owned()));
        let findings = match catch_panic(|| (standard.rules(), standard.check(planned))) {
            Ok((rules, findings)) => complete(&rules, findings),
            Err(_panicked) => vec![RuleFinding::fail(PANICKED, format!("the check of {name} panicked"))],
        };
        Self { name, title, findings }
    }
}

/// Stands for the rules of a standard that panicked.
const PANICKED: RuleInfo =
    RuleInfo::new("panicked", "the contract of standards", "the standard checks its rules without a panic");

/// The findings in the order of the rules, with a failure for each rule that has none.
fn complete(rules: &[RuleInfo], findings: Vec<RuleFinding>) -> Vec<RuleFinding> {
    let known: BTreeSet<&str> = rules.iter().map(|rule| rule.id).collect();
    let mut complete: Vec<RuleFinding> = Vec::with_capacity(findings.len());
    for rule in rules {
        let own = findings.iter().filter(|finding| finding.rule.id == rule.id);
        let before = complete.len();
        complete.extend(own.cloned());
        if complete.len() == before {
            complete.push(RuleFinding::fail(*rule, "the standard has no finding for its rule"));
        }
    }
    complete.extend(findings.into_iter().filter(|finding| !known.contains(finding.rule.id)));
    complete
}

/// The widths of the first two columns.
struct ColumnWidths {
    rule: usize,
    verdict: usize,
}

impl ColumnWidths {
    fn of(report: &ComplianceReport) -> Self {
        let widest = |width: &dyn Fn(&RuleFinding) -> usize| report.findings().map(width).max().unwrap_or(0);
        let rule = widest(&|finding| finding.rule.id.chars().count()).max("rule".len());
        let verdict = widest(&|finding| finding.verdict.name().len()).max("verdict".len());
        Self { rule, verdict }
    }

    fn row(&self, f: &mut fmt::Formatter<'_>, cells: [&str; 3]) -> fmt::Result {
        let [rule, verdict, evidence] = cells;
        writeln!(f, "{rule:width$}  {verdict:verdicts$}  {evidence}", width = self.rule, verdicts = self.verdict)
    }
}

impl fmt::Display for ComplianceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = ColumnWidths::of(self);
        for standard in &self.standards {
            writeln!(f, "{}", standard.title)?;
            widths.row(f, ["rule", "verdict", "evidence"])?;
            for finding in &standard.findings {
                widths.row(f, [finding.rule.id, finding.verdict.name(), &evidence(finding)])?;
            }
            writeln!(f)?;
        }
        for conflict in &self.conflicts {
            writeln!(f, "conflict: {conflict}")?;
        }
        let counts = RuleVerdict::ALL.iter().map(|verdict| format!("{} {verdict}", self.count(*verdict)));
        let counts: Vec<String> = counts.collect();
        write!(f, "{}, {} conflicts", counts.join(", "), self.conflicts.len())
    }
}

/// The evidence on one line; for a rule that is not met, with the settings that would meet it.
fn evidence(finding: &RuleFinding) -> String {
    let line = finding.evidence.split_whitespace().collect::<Vec<_>>().join(" ");
    match (finding.verdict, finding.settings.as_slice()) {
        (RuleVerdict::Fail, [_, ..]) => format!("{line} (settings: {})", finding.settings.join(", ")),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: RuleInfo = RuleInfo::new("s/1", "S, section 1", "one");
    const TWO: RuleInfo = RuleInfo::new("s/22", "S, section 22", "two");

    struct ScriptedStandard(fn() -> Vec<RuleFinding>);

    impl Standard for ScriptedStandard {
        fn name(&self) -> &str {
            "s"
        }

        fn title(&self) -> &str {
            "Standard S"
        }

        fn rules(&self) -> Vec<RuleInfo> {
            vec![ONE, TWO]
        }

        fn check(&self, _: &PlannedContainer) -> Vec<RuleFinding> {
            (self.0)()
        }
    }

    fn report(findings: fn() -> Vec<RuleFinding>) -> ComplianceReport {
        ComplianceReport::of(&PlannedContainer::default(), &[Arc::new(ScriptedStandard(findings))])
    }

    fn both() -> Vec<RuleFinding> {
        vec![RuleFinding::fail(TWO, "no\nfile").mended_by("sinks"), RuleFinding::pass(ONE, "yes")]
    }

    #[test]
    fn the_text_is_a_table_in_the_order_of_the_rules() {
        let expected = "Standard S\n\
                        rule  verdict  evidence\n\
                        s/1   pass     yes\n\
                        s/22  fail     no file (settings: sinks)\n\
                        \n\
                        1 pass, 1 fail, 0 not_applicable, 0 needs_people, 0 met_elsewhere, 0 conflicts";
        assert_eq!(report(both).to_string(), expected);
    }

    #[test]
    fn the_json_has_every_finding() {
        let json: serde_json::Value = serde_json::from_str(&report(both).to_json()).unwrap();
        let expected = serde_json::json!({
            "is_met": false,
            "standards": [{ "name": "s", "title": "Standard S", "findings": [
                { "id": "s/1", "reference": "S, section 1", "asks": "one", "verdict": "pass", "evidence": "yes" },
                { "id": "s/22", "reference": "S, section 22", "asks": "two", "verdict": "fail", "evidence": "no\nfile",
                  "settings": ["sinks"] },
            ] }],
            "conflicts": [],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_rule_without_a_finding_has_failed() {
        let report = report(|| vec![RuleFinding::pass(ONE, "yes")]);
        let unmet: Vec<&str> = report.unmet().map(|finding| finding.rule.id).collect();
        assert_eq!(unmet, ["s/22"]);
        assert!(!report.is_met());
    }

    #[test]
    fn a_standard_that_panics_has_failed() {
        let report = report(|| panic!("on purpose"));
        assert_eq!((report.count(RuleVerdict::Fail), report.is_met()), (1, false));
        assert!(report.to_string().contains("the check of s panicked"), "{report}");
    }
}
