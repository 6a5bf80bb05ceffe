//! Standards of compliance: rules that a container is checked against before it starts.
//!
//! A [`Standard`] has rules, each with its reference, and checks a [`PlannedContainer`]: the sinks, plugins and options that settings ask
//! for, before any of them is made. Each rule gets a [`RuleFinding`]: a [`RuleVerdict`], the evidence, and the settings that would meet it.
//! [`ComplianceReport`] has the findings of several standards, and the [conflicts](RetentionConflict) between them.
//!
//! A standard is registered as a plugin, by [`Registry::register_standard`](crate::registry::Registry::register_standard), and the setting
//! `compliance_standards` names it. The crate `fapilog-compliance` has the usual ones, and parts for others.
//!
//! ```
//! use fapilog_plugin::compliance::{ComplianceReport, PlannedContainer, RuleFinding, RuleInfo, Standard};
//!
//! const TWO_SINKS: RuleInfo = RuleInfo::new("acme/log-1", "ACME log policy, section 1", "events go to two sinks at least");
//!
//! struct Acme;
//!
//! impl Standard for Acme {
//!     fn name(&self) -> &str { "acme" }
//!     fn title(&self) -> &str { "ACME log policy" }
//!     fn rules(&self) -> Vec<RuleInfo> { vec![TWO_SINKS] }
//!
//!     fn check(&self, planned: &PlannedContainer) -> Vec<RuleFinding> {
//!         let evidence = format!("there are {} sinks", planned.sinks.len());
//!         vec![match planned.sinks.len() {
//!             0 | 1 => RuleFinding::fail(TWO_SINKS, evidence).mended_by("sinks"),
//!             _ => RuleFinding::pass(TWO_SINKS, evidence),
//!         }]
//!     }
//! }
//!
//! let report = ComplianceReport::of(&PlannedContainer::default(), &[std::sync::Arc::new(Acme)]);
//! assert!(!report.is_met());
//! assert!(report.to_string().contains("acme/log-1"));
//! ```

mod finding;
mod planned;
mod report;
mod retention;
mod standard;

pub use self::{
    finding::{ChangeFindings, RuleFinding, RuleInfo, RuleVerdict},
    planned::{PlannedContainer, PlannedPlugin, PlannedSink},
    report::{ComplianceReport, StandardReport},
    retention::{KeptEvents, RetentionConflict, RetentionDemand, write_age},
    standard::Standard,
};
