//! The contract of a standard.

use crate::compliance::{PlannedContainer, RetentionDemand, RuleFinding, RuleInfo};

/// A standard of compliance: rules, and a check of each.
#[doc(alias = "ComplianceStandard")]
pub trait Standard: Send + Sync {
    /// Its name, by which the setting `compliance_standards` names it: letters, digits, `_` and `-`.
    fn name(&self) -> &str;

    /// Its title and version, for reports: `PCI DSS 4.0.1`.
    fn title(&self) -> &str;

    /// All rules, each id once.
    fn rules(&self) -> Vec<RuleInfo>;

    /// Checks every rule, and returns a finding for each. A rule without a finding counts as failed. It is called before the container
    /// starts, and may look at the machine.
    fn check(&self, planned: &PlannedContainer) -> Vec<RuleFinding>;

    /// How long it asks events to be kept: for conflicts with other standards.
    fn retention(&self) -> Vec<RetentionDemand> {
        Vec::new()
    }
}
