//! Compliance: standards with rules that settings are checked against.
//!
//! [`Settings::compliance_report`](crate::Settings::compliance_report) checks settings without a container, and the settings
//! `compliance_standards` and `compliance_mode` have a container checked before it starts. The crate `fapilog-compliance` has the usual
//! standards.

use fapilog_plugin::directives::Directives;
pub use fapilog_plugin::{
    compliance::{
        ChangeFindings, ComplianceReport, KeptEvents, PlannedContainer, PlannedPlugin, PlannedSink, RetentionConflict,
        RetentionDemand, RuleFinding, RuleInfo, RuleVerdict, Standard, StandardReport, write_age,
    },
    data_class::DataClass,
};

use crate::Container;

/// The rules of the container's standards that are met, and would not be met with these levels.
///
/// A strict container [refuses](ChangeFindings::is_refused) such a change. [`Container::set_level`] does not ask: a program that changes levels on
/// behalf of others asks before, as the control socket does. Without the feature `settings`, no container has standards.
#[must_use]
pub fn findings_of_levels(container: &Container, level: &Directives) -> ChangeFindings {
    #[cfg(feature = "settings")]
    let findings = fapilog_settings::findings_of_levels(container, level);
    #[cfg(not(feature = "settings"))]
    let findings = {
        let _ = (container, level);
        ChangeFindings::default()
    };
    findings
}
