//! Compliance: standards with rules that settings are checked against.
//!
//! [`Settings::compliance_report`](crate::Settings::compliance_report) checks settings without a container, and the settings
//! `compliance_standards` and `compliance_mode` have a container checked before it starts. The crate `fapilog-compliance` has the usual
//! standards.

pub use fapilog_plugin::{
    compliance::{
        ComplianceReport, KeptEvents, PlannedContainer, PlannedPlugin, PlannedSink, RetentionConflict, RetentionDemand,
        RuleFinding, RuleInfo, RuleVerdict, Standard, StandardReport, write_age,
    },
    data_class::DataClass,
};
