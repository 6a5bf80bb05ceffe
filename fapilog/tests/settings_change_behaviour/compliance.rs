//! Rows of compliance: which standards the settings must meet, and the treatment of rules that are not met.

use std::sync::Arc;

use fapilog::{
    compliance::{PlannedContainer, RuleFinding, RuleInfo, Standard},
    plugin::{Metadata, Registry},
    settings::ComplianceMode,
};

use crate::log::{plain, refusal, refusal_with, start_with};

const NO_MEMORY: RuleInfo = RuleInfo::new("acme/1", "ACME log policy, section 1", "no event goes to memory");

/// A standard that no container of these tests meets.
struct Acme;

impl Standard for Acme {
    fn name(&self) -> &str {
        "acme"
    }

    fn title(&self) -> &str {
        "ACME log policy"
    }

    fn rules(&self) -> Vec<RuleInfo> {
        vec![NO_MEMORY]
    }

    fn check(&self, planned: &PlannedContainer) -> Vec<RuleFinding> {
        let names: Vec<&str> = planned.sinks.iter().map(|sink| sink.name.as_str()).collect();
        vec![RuleFinding::fail(NO_MEMORY, format!("sinks are {}", names.join(", "))).mended_by("sinks")]
    }
}

fn registry() -> Registry {
    let mut registry = Registry::linked();
    registry.register_standard(Metadata::new("acme", "1.0.0"), |_| Ok(Arc::new(Acme))).unwrap();
    registry
}

pub(super) fn compliance_standards() {
    let unknown = refusal(plain().compliance_standards(["hipaa"]));
    assert!(unknown.contains("compliance_standards[0] is \"hipaa\"; no standard is registered"), "{unknown}");
    assert!(unknown.contains("fapilog-compliance"), "{unknown}");
    let unmet = refusal_with(plain().compliance_standards(["acme"]), registry());
    let expected = "acme/1 (ACME log policy, section 1) asks: no event goes to memory; sinks are memory";
    assert!(unmet.contains(expected), "{unmet}");
}

pub(super) fn compliance_mode() {
    let settings = plain().compliance_standards(["acme"]).compliance_mode(ComplianceMode::Report);
    let text = start_with(settings, registry()).log("started all the same").text();
    let violation = text.lines().find(|line| line.contains("compliance rule is not met")).unwrap_or_default();
    assert!(violation.contains("acme/1") && violation.contains("AUDIT"), "{text}");
    assert!(text.contains("started all the same"), "{text}");
}
