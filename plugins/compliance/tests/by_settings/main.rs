//! Standards that settings name: refused containers, reports, conflicts, and the standards' own settings.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod weakened;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fapilog::{
    Level, Settings,
    compliance::{ComplianceReport, DataClass, RuleInfo, RuleVerdict},
    container::Executor,
    error::SettingsError,
    plugin::{Metadata, Registry},
    settings::{ComplianceMode, PluginConfig, Reload, SettingsBuilder},
    sink::{self, Assurances, MemoryEvents, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_compliance::{RuleCheck, StandardTable, TableRule, ThisMachine, register_table};

/// The standards, and the plugins of fapilog itself.
fn registry() -> Registry {
    Registry::linked()
}

const TIMEOUT: Duration = Duration::from_secs(30);

/// A log to a file with defaults: it meets hardly a rule.
fn plain() -> SettingsBuilder {
    let file = PluginConfig::new().with("path", "/var/log/no-such-directory/app.log");
    Settings::builder().executor(Executor::Thread).sinks(["file"]).plugin_config("file", file)
}

fn refusal(builder: SettingsBuilder) -> SettingsError {
    builder.build().unwrap().into_builder_with(&registry()).unwrap_err()
}

fn report(builder: SettingsBuilder, standards: &[&str]) -> ComplianceReport {
    builder.build().unwrap().compliance_report(standards, &registry()).unwrap()
}

fn unmet(report: &ComplianceReport) -> BTreeSet<String> {
    report.unmet().map(|finding| finding.rule.id.to_owned()).collect()
}

/// The ids of the rules that problems are about.
fn ids(error: &SettingsError) -> BTreeSet<String> {
    let id = |text: &str| text.split(' ').next().unwrap().to_owned();
    error.problems.iter().map(|problem| id(&problem.allowed)).collect()
}

#[test]
fn strict_names_every_rule_that_is_not_met_at_once_with_its_reference() {
    let standards = ["pci-dss", "hipaa", "sox", "gdpr", "ccpa"];
    let error = refusal(plain().compliance_standards(standards));
    let expected = unmet(&report(plain(), &standards));
    assert_eq!(ids(&error), expected);
    assert!(expected.len() > 20, "{expected:?}");
    let text = error.to_string();
    let sync = "plugin_config.file.sync is not given; pci-dss/10.3 (PCI DSS 4.0.1, requirement 10.3) asks: audit logs are \
                protected from destruction; file: no sync before events count as delivered";
    assert!(text.contains(sync), "{text}");
    assert!(text.contains("redactors is empty; pci-dss/3.5.1 "), "{text}");
}

#[test]
fn a_problem_names_the_layer_that_gave_the_value() {
    let builder = plain().overflow_strategy(fapilog::settings::OverflowStrategy::DropNewest);
    let text = refusal(builder.compliance_standards(["pci-dss"])).to_string();
    let line = text.lines().find(|line| line.contains("overflow_strategy is")).unwrap();
    assert!(line.contains("\"drop_newest\"; pci-dss/10.2.1 ") && line.ends_with("(given by code)"), "{line}");
}

#[test]
fn other_invalid_settings_are_reported_before_rules() {
    let error = refusal(plain().compliance_standards(["pci-dss"]).enrichers(["no_such"]));
    assert_eq!(error.problems.len(), 1, "{error}");
}

#[test]
fn an_unknown_standard_is_refused_with_a_suggestion_and_those_that_there_are() {
    let text = refusal(plain().compliance_standards(["pci_dss"])).to_string();
    let expected = "compliance_standards[0] is \"pci_dss\"; there is no such standard; allowed are ccpa, gdpr, hipaa, \
                    pci-dss, sox; the crate fapilog-compliance has the usual ones; did you mean pci-dss?";
    assert!(text.contains(expected), "{text}");
    let error = plain().build().unwrap().compliance_report(&["json"], &registry()).unwrap_err();
    assert!(error.to_string().contains("it is the name of a formatter"), "{error}");
}

fn with_memory(mut registry: Registry) -> (Registry, MemoryEvents) {
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    (registry, events)
}

#[test]
fn report_mode_starts_with_a_diagnostic_and_an_audit_event_for_each_rule_that_is_not_met() {
    let (registry, events) = with_memory(registry());
    let nothing: [&str; 0] = [];
    let builder = Settings::builder().executor(Executor::Thread).sinks(["memory"]).formatter("json");
    let builder = builder.processors(nothing).compliance_standards(["sox", "gdpr"]);
    let settings = builder.compliance_mode(ComplianceMode::Report).build().unwrap();
    let expected = unmet(&settings.compliance_report(&["sox", "gdpr"], &registry).unwrap());
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    let diagnostics = container.diagnostics();
    let is_reported =
        |rule: &String| diagnostics.iter().any(|one| one.about == "compliance" && one.text.starts_with(rule.as_str()));
    assert!(expected.iter().all(is_reported), "{diagnostics:#?}");
    let accounts = container.shutdown(TIMEOUT).unwrap();
    let lines: Vec<serde_json::Value> = events.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |line: &serde_json::Value| {
        assert_eq!(
            (line["level"].as_str(), line["message"].as_str()),
            (Some("AUDIT"), Some("compliance rule is not met"))
        );
        line["context"]["rule"].as_str().unwrap().to_owned()
    };
    assert_eq!(lines.iter().map(of).collect::<BTreeSet<_>>(), expected);
    assert_eq!((lines.len(), accounts.submitted), (expected.len(), expected.len() as u64));
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
}

const ACME: StandardTable = StandardTable {
    name: "acme",
    title: "ACME log policy",
    rules: &[TableRule {
        info: RuleInfo::new("acme/1", "section 1", "no log has passwords"),
        check: RuleCheck::Redacts(&[DataClass::Credential]),
    }],
};

/// The messages of a container whose redactors are these, checked against the standard of the test.
fn messages_under_acme(redactors: &[&str]) -> Vec<String> {
    let (mut registry, events) = with_memory(registry());
    register_table(&mut registry, ACME, Arc::new(ThisMachine)).unwrap();
    let builder = Settings::builder().executor(Executor::Thread).sinks(["memory"]).redactors(redactors.iter().copied());
    let builder = builder.compliance_standards(["acme"]).compliance_mode(ComplianceMode::Report).formatter("minimal");
    let container = builder.build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    events.lines()
}

#[test]
fn a_container_that_meets_all_rules_logs_no_violation() {
    assert_eq!(messages_under_acme(&["redact"]), [""; 0]);
    assert_eq!(messages_under_acme(&[]).len(), 1);
}

#[test]
fn a_reload_that_misses_a_rule_is_refused_and_changes_nothing() {
    let (mut registry, events) = with_memory(registry());
    register_table(&mut registry, ACME, Arc::new(ThisMachine)).unwrap();
    let nothing: [&str; 0] = [];
    let settings = |redactors: &[&str], level: Level| {
        let builder =
            Settings::builder().executor(Executor::Thread).sinks(["memory"]).formatter("minimal").level(level);
        let builder = builder.enrichers(nothing).processors(nothing).redactors(redactors.iter().copied());
        builder.compliance_standards(["acme"]).build().unwrap()
    };
    let container = settings(&["redact"], Level::Info).into_builder_with(&registry).unwrap().start().unwrap();
    let error = container.reload(settings(&[], Level::Debug)).unwrap_err().to_string();
    assert!(error.contains("redactors is empty; acme/1 (section 1) asks: no log has passwords"), "{error}");
    fapilog::debug!(container.logger("test"), "not logged");
    assert_eq!(container.settings().unwrap().redactors, ["redact"]);
    container.reload(settings(&["redact"], Level::Debug)).unwrap();
    fapilog::debug!(container.logger("test"), "logged");
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((events.lines().len(), accounts.submitted), (1, 1));
}

#[test]
fn a_reload_that_changes_plugins_logs_the_rules_that_are_not_met_then() {
    let (mut registry, events) = with_memory(registry());
    register_table(&mut registry, ACME, Arc::new(ThisMachine)).unwrap();
    let settings = |redactors: &[&str]| {
        let builder = Settings::builder().executor(Executor::Thread).sinks(["memory"]).formatter("minimal");
        let builder = builder.compliance_standards(["acme"]).compliance_mode(ComplianceMode::Report);
        builder.redactors(redactors.iter().copied()).build().unwrap()
    };
    let container = settings(&["redact"]).into_builder_with(&registry).unwrap().start().unwrap();
    container.flush(TIMEOUT).unwrap();
    assert_eq!(events.lines().len(), 0);
    container.reload(settings(&[])).unwrap();
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    assert_eq!(events.lines().len(), 1, "{:?}", events.lines());
}

fn gdpr(settings: &[(&str, &str)]) -> PluginConfig {
    settings.iter().fold(PluginConfig::new(), |config, (name, value)| config.with(name, *value))
}

#[test]
fn an_upper_bound_below_a_lower_bound_is_a_conflict_that_names_both_rules() {
    let builder = plain().plugin_config("gdpr", gdpr(&[("retention_max", "90d")]));
    let report = report(builder.clone(), &["gdpr", "pci-dss", "hipaa"]);
    let texts: Vec<String> = report.conflicts.iter().map(ToString::to_string).collect();
    let expected = "hipaa/164.316(b)(2)(i) asks audit events to be kept for 2192 days at least, and gdpr/5.1.e asks for \
                    their removal after 90 days";
    assert_eq!(texts, [expected]);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["conflicts"][0]["at_most_rule"], "gdpr/5.1.e");
    assert_eq!(json["conflicts"][0]["at_most_seconds"], 90 * 86_400);
    let error = refusal(builder.compliance_standards(["gdpr", "pci-dss"])).to_string();
    assert!(
        error.contains("plugin_config.gdpr.audit_retention_max is not given; pci-dss/10.5.1 asks audit events"),
        "{error}"
    );
}

#[test]
fn audit_events_may_have_an_upper_bound_of_their_own() {
    let limits = gdpr(&[("retention_max", "90d"), ("audit_retention_max", "400d")]);
    assert_eq!(report(plain().plugin_config("gdpr", limits), &["gdpr", "pci-dss"]).conflicts, []);
}

#[test]
fn a_rule_that_something_else_meets_does_not_fail_and_its_reason_is_the_evidence() {
    let elsewhere =
        serde_json::json!({ "met_elsewhere": { "sox/802": "the volume is write-once", "sox/210.2-06": "tapes" } });
    let builder = plain().plugin_config("sox", PluginConfig::of(&elsewhere).unwrap());
    let report = report(builder, &["sox"]);
    let evidence: Vec<(&str, &str)> = report
        .findings()
        .filter(|finding| finding.verdict == RuleVerdict::MetElsewhere)
        .map(|finding| (finding.rule.id, finding.evidence.as_str()))
        .collect();
    // The file keeps everything for ever: that rule passes by itself.
    let expected = "the volume is write-once; the settings alone: file: a change of stored events would not be detected; file: no sync \
                    before events count as delivered";
    assert_eq!(evidence, [("sox/802", expected)]);
}

#[test]
fn settings_of_a_standard_that_it_does_not_have_are_refused() {
    let config = serde_json::json!({ "met_elsewhere": { "sox/80": "x", "sox/404": " " }, "retention_max": "90d" });
    let builder = plain().plugin_config("sox", PluginConfig::of(&config).unwrap()).compliance_standards(["sox"]);
    let text = refusal(builder).to_string();
    for expected in [
        "plugin_config.sox.met_elsewhere.sox/80 is given; Sarbanes-Oxley Act has no such rule; allowed are sox/302, \
         sox/404, sox/802, sox/210.2-06; did you mean sox/802?",
        "plugin_config.sox.met_elsewhere.sox/404 is empty; it must state by what the rule is met",
        "plugin_config.sox.retention_max is given; Sarbanes-Oxley Act has no rule that reads it",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let unread = plain().plugin_config("gdpr", gdpr(&[("retention_max", "90d")]));
    let text = refusal(unread).to_string();
    assert!(text.contains("plugin_config.gdpr is given; `compliance_standards` names no such standard"), "{text}");
}

#[test]
fn a_variable_that_takes_a_standard_out_leaves_the_standards_settings_valid() {
    let directory = tempfile::tempdir().unwrap();
    for written in [
        "[compliance]\nstandards = [\"gdpr\"]\n",
        "compliance_standard = \"gdpr\"\n",
        "compliance_standards = [\"gdpr\"]\n",
    ] {
        let path = directory.path().join("fapilog.toml");
        std::fs::write(&path, format!("{written}[plugin_config.gdpr]\nretention_max = \"90d\"\n")).unwrap();
        let builder = Settings::builder().file(&path).variables([("FAPILOG_COMPLIANCE_STANDARDS", "[]")]);
        let made = builder.build().unwrap().into_builder_with(&registry());
        assert!(made.is_ok(), "{written}");
    }
}

/// A sink that fails when it is asked what it assures.
struct PanicsWhenAsked;

impl SinkFactory for PanicsWhenAsked {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        panic!("no test starts it");
    }

    fn assurances(&self) -> Assurances {
        panic!("on purpose");
    }
}

#[test]
fn a_sink_that_panics_when_it_is_asked_assures_nothing() {
    let mut registry = registry();
    registry.register_sink(Metadata::new("panics", "1.0.0"), |_| Ok(Arc::new(PanicsWhenAsked))).unwrap();
    let settings = Settings::builder().sinks(["panics"]).build().unwrap();
    let planned = settings.planned_container(&registry).unwrap();
    assert_eq!(planned.sinks[0].assurances, Assurances::unknown());
}

#[test]
fn the_levels_and_routes_of_the_settings_decide_whether_audit_events_are_kept() {
    let verdict = |builder: SettingsBuilder| {
        let report = report(builder, &["hipaa"]);
        report.findings().find(|finding| finding.rule.id == "hipaa/164.312(b)").unwrap().evidence.clone()
    };
    assert!(verdict(plain().level("OFF".parse::<fapilog::level::Directives>().unwrap())).contains("leaves out AUDIT"));
    let route = sink::Route::default().targets(["app"]);
    assert!(verdict(plain().routing("file", route)).contains("no sink that stores events takes all AUDIT"));
    assert!(verdict(plain()).contains("no sync before events count as delivered"));
}

#[test]
fn a_report_needs_no_secrets() {
    let redact = PluginConfig::new()
        .with("content", "all")
        .with("hash_key", "${A_KEY_OF_ANOTHER_MACHINE}")
        .with("actions", PluginConfig::new().with("default", "hash"));
    let settings = plain().redactors(["redact"]).plugin_config("redact", redact).build().unwrap();
    let report = settings.compliance_report(&["gdpr"], &registry()).unwrap();
    let redacting = report.findings().find(|finding| finding.evidence.contains("redact")).unwrap();
    assert_eq!(redacting.verdict, RuleVerdict::Pass, "{report}");
    let error = settings.into_builder_with(&registry()).unwrap_err().to_string();
    assert!(error.contains("A_KEY_OF_ANOTHER_MACHINE"), "{error}");
}
