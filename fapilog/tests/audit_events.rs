//! Audit events have a schema: the processor `audit_schema` by its settings, in a container.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::fs;

use fapilog::{
    Container, Level, Logger, Scope, Settings, audit, child,
    error::StartError,
    event,
    event::FieldGroup,
    info,
    plugin::Registry,
    privacy::Secret,
    process::AuditSchema,
    scope, security,
    sink::{self, MemoryEvents, Route, SinkOptions},
};
use law::{TIMEOUT, balanced};
use serde_json::{Value, json};

fn started(processor: &str, own: &str) -> Result<(Container, MemoryEvents), StartError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let base = "executor = \"thread\"\nsinks = [\"memory\"]\nenrichers = []\n";
    fs::write(&path, format!("{base}processors = [\"{processor}\"]\n[plugin_config.{processor}]\n{own}")).unwrap();
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = Settings::from_file(&path)?;
    Ok((settings.into_builder_with(&registry)?.start()?, events))
}

#[track_caller]
fn refused(own: &str, expected: &str) {
    let error = started("audit_schema", own).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

/// The program's events, and the reports, of what `log` logs under these settings. None is taken out.
fn logged(own: &str, log: impl FnOnce(&Logger)) -> (Vec<Value>, Vec<Value>) {
    let (container, events) = started("audit_schema", own).unwrap();
    log(&container.logger("web"));
    let accounts = container.shutdown(TIMEOUT).unwrap();
    assert_eq!(accounts.filtered, [("audit_schema".to_owned(), 0)]);
    balanced(accounts);
    law::parsed(&events).into_iter().partition(|event| event["source"] == "web")
}

/// The violations that the only event has.
fn violations(own: &str, log: impl FnOnce(&Logger)) -> Value {
    let (events, _) = logged(own, log);
    assert_eq!(events.len(), 1);
    events[0]["context"]["audit_violations"].clone()
}

#[test]
fn fields_come_from_the_call_the_scope_and_the_logger() {
    let whole = |log: &Logger| {
        let _scope = scope!(who = "ada", origin = "192.0.2.1").enter();
        audit!(child!(log, object = 42), "order cancelled", outcome = "success");
    };
    assert_eq!(violations("", whole), Value::Null);
    let without_logger = |log: &Logger| {
        let _scope = Scope::new().field(FieldGroup::Context, "who", "ada".into()).enter();
        audit!(log, "order cancelled", outcome = "denied");
    };
    assert_eq!(violations("", without_logger), json!(["origin_missing", "object_missing"]));
}

#[test]
fn a_violation_is_named_in_the_event_and_reported_by_call_site() {
    let (events, reports) = logged("", |log| {
        for order in 0..3 {
            audit!(
                log,
                "order cancelled",
                who = EMPTY,
                outcome = ["success", "lost"][order % 2],
                origin = "web",
                object = order
            );
        }
        info!(log, "no audit event");
        security!(log, "neither");
    });
    assert_eq!(events.len(), 5);
    assert_eq!(events[0]["context"]["audit_violations"], json!(["who_empty"]));
    assert_eq!(events[1]["context"]["audit_violations"], json!(["who_empty", "outcome_not_allowed"]));
    assert!(events[3..].iter().all(|event| event["context"].get("audit_violations").is_none()));
    // A report comes at once, and another at the end if there were more events.
    assert!(!reports.is_empty() && reports.len() <= 2, "{reports:?}");
    let sum = |name: &str| reports.iter().filter_map(|report| report["metrics"][name].as_u64()).sum::<u64>();
    assert_eq!((sum("events"), sum("who_empty"), sum("outcome_not_allowed")), (3, 3, 1));
    let report = &reports[0];
    assert_eq!((&report["level"], &report["source"]), (&json!("SECURITY"), &json!("fapilog")));
    assert_eq!(report["target"], "fapilog::audit_schema");
    assert_eq!(report["message"], "audit events violate their schema");
    assert_eq!(report["context"]["message"], "order cancelled");
    assert_eq!(report["context"]["target"], "audit_events");
    assert!(report["context"]["file"].as_str().unwrap().ends_with("audit_events.rs"));
    assert!(report["context"]["line"].is_u64());
    assert_eq!(report["tags"], json!({"source": "web", "level": "AUDIT"}));
}

/// A constant: the macro refuses an empty literal.
const EMPTY: &str = "";

#[test]
fn the_outcomes_of_the_macro_are_those_of_the_processor() {
    let (events, reports) = logged("required = [\"outcome\"]\n", |log| {
        audit!(log, "m", outcome = "success");
        audit!(log, "m", outcome = "failure");
        audit!(log, "m", outcome = "denied");
        audit!(log, "m", outcome = "unknown");
    });
    assert!(events.iter().all(|event| event["context"].get("audit_violations").is_none()) && reports.is_empty());
}

#[test]
fn a_redacted_field_is_a_violation() {
    let log = |log: &Logger| audit!(log, "m", who = Secret::new("ada"));
    assert_eq!(violations("required = [\"who\"]\n", log), json!(["who_redacted"]));
}

#[test]
fn each_setting_changes_what_is_checked() {
    let event = |log: &Logger| audit!(log, "m", user = "ada", outcome = PARTIAL);
    assert_eq!(violations("required = [\"outcome\"]\n", event), json!(["outcome_not_allowed"]));
    assert_eq!(violations("required = [\"outcome\"]\noutcomes = [\"partial\"]\n", event), Value::Null);
    assert_eq!(violations("required = [\"who\"]\n", event), json!(["who_missing"]));
    assert_eq!(violations("required = [\"who\"]\nfields.who = \"user\"\n", event), Value::Null);
    assert_eq!(violations("exclude = [\"audit_events\"]\n", event), Value::Null);
    assert_eq!(violations("include = [\"other\"]\n", event), Value::Null);
    let security = |log: &Logger| event!(Level::Security, log, "m");
    assert_eq!(violations("required = [\"who\"]\n", security), Value::Null);
    assert_eq!(violations("required = [\"who\"]\nlevels = [\"security\"]\n", security), json!(["who_missing"]));
    let (_, reports) = logged("report_every = \"0s\"\n", |log| {
        (0..3).for_each(|_| audit!(log, "m"));
    });
    assert_eq!(reports.iter().filter_map(|report| report["metrics"]["events"].as_u64()).sum::<u64>(), 3);
}

#[test]
fn a_message_of_placeholders_alone_that_are_empty_is_no_action() {
    let what = "required = [\"what\"]\n";
    assert_eq!(violations(what, |log| audit!(log, "{action}", action = EMPTY)), json!(["what_missing"]));
    assert_eq!(violations(what, |log| audit!(log, "{action}", action = "cancel")), Value::Null);
    assert_eq!(violations(what, |log| audit!(log, "cancel {order}", order = EMPTY)), Value::Null);
}

/// Not one of the macro's outcomes.
const PARTIAL: &str = "partial";

#[test]
fn an_invalid_setting_is_named_with_what_is_allowed() {
    refused(
        "required = [\"whom\"]\n",
        "plugin_config.audit_schema.required[0] is \"whom\"; allowed are who, what, outcome, origin, object",
    );
    refused("required = [\"whom\"]\n", "did you mean who?");
    refused("required = []\n", "plugin_config.audit_schema.required is []; allowed is a list of at least one field");
    refused("outcomes = []\n", "plugin_config.audit_schema.outcomes is []; allowed is a list of at least one outcome");
    refused("outcomes = [\"ok\", \"\"]\n", "plugin_config.audit_schema.outcomes[1] is \"\"; it must not be empty");
    refused("levels = []\n", "plugin_config.audit_schema.levels is []; allowed is a list of at least one level");
    refused(
        "fields.who = \"tags.\"\n",
        "plugin_config.audit_schema.fields.who is \"tags.\"; allowed is the path of a field",
    );
    refused("fields.whose = \"a\"\n", "plugin_config.audit_schema.fields.whose");
    refused("report_every = \"soon\"\n", "plugin_config.audit_schema.report_every is \"soon\"");
    refused("require = []\n", "did you mean required?");
}

#[test]
fn a_sink_that_takes_the_event_takes_the_report() {
    let (trail, in_trail) = law::memory();
    let (others, in_others) = law::memory();
    let route =
        |levels: [Level; 2]| SinkOptions::new().route(Route::default().level_min(levels[0]).level_max(levels[1]));
    let (container, mut drain) = Container::builder()
        .processor(|_| Box::new(AuditSchema::new()))
        .sink_with("trail", trail, route([Level::Audit; 2]))
        .sink_with("others", others, route([Level::Trace, Level::Critical]))
        .start_manual()
        .unwrap();
    audit!(container.logger("web"), "m");
    info!(container.logger("web"), "m");
    law::end(&container, &mut drain);
    let levels = |events| law::parsed(events).iter().map(|event| event["level"].clone()).collect::<Vec<_>>();
    assert_eq!((levels(&in_trail), levels(&in_others)), (vec![json!("AUDIT"), json!("SECURITY")], vec![json!("INFO")]));
}
