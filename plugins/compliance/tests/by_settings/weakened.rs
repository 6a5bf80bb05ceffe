//! Settings and changes that defeat the intent of a rule: by processors, by an empty schema, by levels, by reloads.

use std::{sync::Arc, time::Duration};

use fapilog::{
    Level, Settings,
    compliance::{RuleInfo, RuleVerdict, findings_of_levels},
    container::Executor,
    level::Directives,
    plugin::{Metadata, Registry},
    settings::{ComplianceMode, PluginConfig, Reload, SettingsBuilder},
    sink::{self, Assurances, MemoryEvents, Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_compliance::{CheckOutcome, RuleCheck, StandardTable, TableRule, ThisMachine, register_table};

use crate::{TIMEOUT, gdpr, plain, registry, report, with_memory};

/// The verdict and the evidence of a rule about settings that have these processors, with their own settings.
fn with_processor(name: &str, own: serde_json::Value, rule: &str) -> (RuleVerdict, String) {
    let nothing = own.as_object().is_some_and(serde_json::Map::is_empty);
    let builder = plain().processors([name]);
    let builder = if nothing { builder } else { builder.plugin_config(name, PluginConfig::of(&own).unwrap()) };
    let standard = rule.split('/').next().unwrap();
    let report = report(builder, &[standard]);
    let finding = report.findings().find(|finding| finding.rule.id == rule).unwrap();
    (finding.verdict, finding.evidence.clone())
}

#[test]
fn the_settings_of_processors_decide_whether_audit_events_are_taken_out() {
    let drop = |levels: &[&str]| serde_json::json!({ "rules": [{ "action": "drop", "levels": levels }] });
    let taking = [
        ("filter", serde_json::json!({ "level": "OFF" })),
        ("filter", serde_json::json!({ "level": "INFO,app::pay=OFF" })),
        ("filter", drop(&["INFO", "AUDIT"])),
        ("filter", drop(&["SECURITY"])),
        ("dangerous_content", serde_json::json!({ "action": "reject", "levels": ["AUDIT"] })),
    ];
    for (name, own) in taking {
        let (verdict, evidence) = with_processor(name, own.clone(), "pci-dss/10.2.1");
        assert_eq!(verdict, RuleVerdict::Fail, "{name} {own}");
        assert!(evidence.contains(&format!("the processor {name} takes out AUDIT or SECURITY")), "{evidence}");
    }
    let keeping = [
        ("filter", serde_json::json!({ "level": "ERROR", "exclude": ["app"] })),
        ("filter", drop(&["INFO"])),
        ("filter", serde_json::json!({ "rules": [{ "action": "keep", "levels": ["AUDIT"] }] })),
        ("dangerous_content", serde_json::json!({ "action": "reject" })),
        ("throttle", serde_json::json!({})),
        ("sampling", serde_json::json!({ "rate": 0.1 })),
        ("dedupe", serde_json::json!({})),
        ("size_guard", serde_json::json!({})),
        ("format", serde_json::json!({})),
        ("audit_schema", serde_json::json!({})),
        ("project", serde_json::json!({ "drop": ["tags.*"] })),
    ];
    for (name, own) in keeping {
        let (verdict, evidence) = with_processor(name, own.clone(), "pci-dss/10.2.1");
        assert_eq!(verdict, RuleVerdict::Pass, "{name} {own}: {evidence}");
    }
    let (verdict, evidence) = with_processor("project", serde_json::json!({ "drop": ["w*"] }), "pci-dss/10.2.1");
    assert_eq!(verdict, RuleVerdict::NeedsPeople, "{evidence}");
}

#[test]
fn an_audit_schema_that_leaves_events_or_fields_out_is_no_evidence() {
    let levels = serde_json::json!(["AUDIT", "SECURITY"]);
    let whole = serde_json::json!({ "levels": levels, "exclude": ["fapilog::control"] });
    let evidence = |own: serde_json::Value| {
        let nothing = own.as_object().is_some_and(serde_json::Map::is_empty);
        let builder = plain().processors(["audit_schema"]).enrichers(["hostname"]);
        let builder =
            if nothing { builder } else { builder.plugin_config("audit_schema", PluginConfig::of(&own).unwrap()) };
        let report = report(builder, &["pci-dss"]);
        let finding = report.findings().find(|finding| finding.rule.id == "pci-dss/10.2.2").unwrap();
        (finding.verdict, finding.evidence.clone())
    };
    assert_eq!(evidence(whole).0, RuleVerdict::Pass);
    for weak in [
        serde_json::json!({}),
        serde_json::json!({ "levels": ["AUDIT"] }),
        serde_json::json!({ "levels": levels, "required": ["what"] }),
        serde_json::json!({ "levels": levels, "include": ["app"] }),
        serde_json::json!({ "levels": levels, "exclude": ["app"] }),
    ] {
        assert_eq!(evidence(weak.clone()).0, RuleVerdict::NeedsPeople, "{weak}");
    }
}

#[test]
fn a_log_without_audit_events_about_itself_misses_its_starts_and_stops() {
    let verdict = |is_on: bool| {
        let report = report(plain().audit_events(is_on), &["pci-dss"]);
        report.findings().find(|finding| finding.rule.id == "pci-dss/10.2.1.6").unwrap().verdict
    };
    assert_eq!([verdict(true), verdict(false)], [RuleVerdict::Pass, RuleVerdict::Fail]);
}

/// A sink of the test, which states how long it keeps events.
struct KeepsFor {
    least: Duration,
    most: Option<Duration>,
}

impl SinkFactory for KeepsFor {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        panic!("no test starts it");
    }

    fn assurances(&self) -> Assurances {
        let place = sink::SinkPlace::File { directory: env!("CARGO_MANIFEST_DIR").into() };
        let assurances = Assurances::unknown().place(place).kept_at_least(self.least);
        match self.most {
            Some(most) => assurances.kept_at_most(most),
            None => assurances,
        }
    }
}

#[test]
fn the_retention_that_a_sink_of_another_crate_states_decides_the_rules_about_retention() {
    const DAY: Duration = Duration::from_secs(86_400);
    let verdicts = |least: u32, most: Option<u32>| {
        let mut registry = registry();
        let sink = move |_: &fapilog::plugin::PluginSettings<'_>| {
            let most = most.map(|days| days * DAY);
            Ok(Arc::new(KeepsFor { least: least * DAY, most }) as Arc<dyn SinkFactory>)
        };
        registry.register_sink(Metadata::new("vault", "1.0.0"), sink).unwrap();
        let builder = Settings::builder().sinks(["vault"]).plugin_config("gdpr", gdpr(&[("retention_max", "400d")]));
        let report = builder.build().unwrap().compliance_report(&["gdpr", "pci-dss"], &registry).unwrap();
        let of = |rule| report.findings().find(|finding| finding.rule.id == rule).unwrap().verdict;
        (of("gdpr/5.1.e"), of("pci-dss/10.5.1"))
    };
    assert_eq!(verdicts(390, Some(400)), (RuleVerdict::Pass, RuleVerdict::Pass));
    assert_eq!(verdicts(365, Some(401)), (RuleVerdict::Fail, RuleVerdict::Fail));
    assert_eq!(verdicts(366, None), (RuleVerdict::Fail, RuleVerdict::Pass));
}

const AUDITED: StandardTable = StandardTable {
    name: "audited",
    title: "Audit policy",
    rules: &[
        TableRule {
            info: RuleInfo::new("audited/1", "section 1", "audit events are kept"),
            check: RuleCheck::Function(|context| match context.planned.logs_all(Level::Audit) {
                true => CheckOutcome::pass("all levels are logged"),
                false => CheckOutcome::fail("a target logs no AUDIT events").mended_by("level"),
            }),
        },
        // Not met, whatever the levels are.
        TableRule {
            info: RuleInfo::new("audited/2", "section 2", "events go to another machine"),
            check: RuleCheck::AuditCopied,
        },
    ],
};

fn audited(mode: ComplianceMode) -> (Registry, MemoryEvents, SettingsBuilder) {
    let (mut registry, events) = with_memory(registry());
    register_table(&mut registry, AUDITED, Arc::new(ThisMachine)).unwrap();
    let elsewhere = serde_json::json!({ "met_elsewhere": { "audited/2": "a collector" } });
    let nothing: [&str; 0] = [];
    let builder = Settings::builder().executor(Executor::Thread).sinks(["memory"]).formatter("minimal");
    let builder = builder.enrichers(nothing).processors(nothing).compliance_standards(["audited"]);
    let builder = builder.plugin_config("audited", PluginConfig::of(&elsewhere).unwrap()).compliance_mode(mode);
    (registry, events, builder)
}

#[test]
fn a_change_of_levels_is_asked_for_the_rules_that_it_misses() {
    let silenced: Directives = "INFO,app::pay=OFF".parse().unwrap();
    for mode in [ComplianceMode::Strict, ComplianceMode::Report] {
        let (registry, _events, builder) = audited(mode);
        let container = builder.build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
        let findings = findings_of_levels(&container, &silenced);
        let missed: Vec<&str> = findings.missed.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(
            (missed.as_slice(), findings.is_refused),
            (["audited/1"].as_slice(), mode == ComplianceMode::Strict)
        );
        assert_eq!(findings_of_levels(&container, &Level::Debug.into()).missed, []);
        // The program has done it already: such a change misses nothing more.
        container.set_level(silenced.clone());
        assert_eq!(findings_of_levels(&container, &silenced).missed, []);
        container.shutdown(TIMEOUT).unwrap().check().unwrap();
    }
    let (memory, _events) = sink::Memory::new(fapilog::format::Json::new);
    let container = fapilog::Container::builder().sink("memory", memory).start().unwrap();
    assert_eq!(findings_of_levels(&container, &silenced).missed, []);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
}

#[test]
fn a_reload_of_levels_alone_is_refused_or_logged_with_the_rule_that_it_misses() {
    let silenced: Directives = "INFO,app::pay=OFF".parse().unwrap();
    let (registry, _events, builder) = audited(ComplianceMode::Strict);
    let strict = builder.clone().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let error = strict.reload(builder.level(silenced.clone()).build().unwrap()).unwrap_err().to_string();
    assert!(error.contains("audited/1 (section 1) asks: audit events are kept"), "{error}");
    assert_eq!(strict.directives(), Level::Info.into());
    strict.shutdown(TIMEOUT).unwrap().check().unwrap();

    let (registry, events, builder) = audited(ComplianceMode::Report);
    let lenient = builder.clone().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    lenient.reload(builder.level(silenced).build().unwrap()).unwrap();
    lenient.shutdown(TIMEOUT).unwrap().check().unwrap();
    assert_eq!(events.lines().len(), 1, "{:?}", events.lines());
}

#[test]
fn a_reload_cannot_leave_strict_mode_nor_a_standard() {
    let (registry, _events, builder) = audited(ComplianceMode::Strict);
    let container = builder.clone().build().unwrap().into_builder_with(&registry).unwrap().start().unwrap();
    let nothing: [&str; 0] = [];
    let without = Settings::builder().executor(Executor::Thread).sinks(["memory"]).formatter("minimal");
    let reloads = [
        (builder.clone().compliance_mode(ComplianceMode::Report), "compliance_mode"),
        (without.enrichers(nothing).processors(nothing), "compliance_standards"),
        (builder.audit_events(true), "audit_events"),
    ];
    for (weaker, named) in reloads {
        let error = container.reload(weaker.build().unwrap()).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("cannot change while the container runs"), "{error}");
    }
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
}

/// The verdict on a rule of settings with this redactor.
fn redacting(own: &serde_json::Value, rule: &str) -> RuleVerdict {
    let builder = plain().redactors(["redact"]).plugin_config("redact", PluginConfig::of(own).unwrap());
    let report = report(builder, &[rule.split('/').next().unwrap()]);
    report.findings().find(|finding| finding.rule.id == rule).unwrap().verdict
}

#[test]
fn fields_that_a_redactor_keeps_need_people_where_they_may_have_what_the_rule_asks_for() {
    let with = |keep: &[&str], rule| redacting(&serde_json::json!({ "content": "all", "keep": keep }), rule);
    let (passwords, addresses) = ("pci-dss/8.3.2", "gdpr/5.1.c");
    for keep in [&["context.order_note"][..], &["order_note"]] {
        assert_eq!([with(keep, passwords), with(keep, addresses)], [RuleVerdict::Pass; 2], "{keep:?}");
    }
    for keep in ["*", "**", "context.*", "tags.**", "*.*"] {
        assert_eq!([with(&[keep], passwords), with(&[keep], addresses)], [RuleVerdict::Fail; 2], "{keep}");
    }
    for keep in ["context.user.*", "context.http_*"] {
        assert_eq!([with(&[keep], passwords), with(&[keep], addresses)], [RuleVerdict::NeedsPeople; 2], "{keep}");
    }
    for keep in ["password", "context.login.password", "**.password"] {
        let verdicts = [with(&[keep], passwords), with(&[keep], addresses)];
        assert_eq!(verdicts, [RuleVerdict::NeedsPeople, RuleVerdict::Pass], "{keep}");
    }
}

#[test]
fn rules_that_are_emptied_and_codes_that_can_be_had_again_are_no_redaction() {
    let (passwords, codes) = ("pci-dss/8.3.2", "pci-dss/3.3.1");
    for empty in [serde_json::json!({ "names": "none" }), serde_json::json!({ "content": "none" })] {
        assert_eq!(redacting(&empty, passwords), RuleVerdict::Fail, "{empty}");
    }
    let masked = serde_json::json!({ "content": "all" });
    let hashed = serde_json::json!({
        "content": "all", "hash_key": "${A_KEY_OF_ANOTHER_MACHINE}", "actions": { "default": "hash" }
    });
    let only_numbers = serde_json::json!({
        "content": "all", "hash_key": "${A_KEY_OF_ANOTHER_MACHINE}",
        "actions": { "default": "hash", "card_security_code": "drop" }
    });
    let verdicts = [&masked, &hashed, &only_numbers].map(|own| redacting(own, codes));
    assert_eq!(verdicts, [RuleVerdict::NeedsPeople, RuleVerdict::Fail, RuleVerdict::NeedsPeople]);
    assert_eq!(redacting(&hashed, "pci-dss/3.5.1"), RuleVerdict::Pass);
}
