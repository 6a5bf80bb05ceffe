//! Events with dangerous content are flagged, or taken out, by the settings of the processor.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::fs;

use fapilog::{
    Container, Logger, Scope, Settings, audit,
    error::StartError,
    info,
    plugin::Registry,
    sink::{self, MemoryEvents},
};
use law::{TIMEOUT, balanced};
use serde_json::{Value, json};

const ATTACK: &str = "<script>alert(1)</script>";

fn started(own: &str) -> Result<(Container, MemoryEvents), StartError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let base = "executor = \"thread\"\nsinks = [\"memory\"]\nenrichers = []\nprocessors = [\"dangerous_content\"]\n";
    fs::write(&path, format!("{base}[plugin_config.dangerous_content]\n{own}")).unwrap();
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = Settings::from_file(&path)?;
    Ok((settings.into_builder_with(&registry)?.start()?, events))
}

#[track_caller]
fn refused(own: &str, expected: &str) {
    let error = started(own).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

/// The program's events, the reports, and the number of events that were taken out.
fn logged(own: &str, log: impl FnOnce(&Logger)) -> (Vec<Value>, Vec<Value>, u64) {
    let (container, events) = started(own).unwrap();
    log(&container.logger("web"));
    let accounts = container.shutdown(TIMEOUT).unwrap();
    let filtered = accounts.filtered[0].1;
    balanced(accounts);
    let (own, reports) = law::parsed(&events).into_iter().partition(|event| event["source"] == "web");
    (own, reports, filtered)
}

fn log_attacks(log: &Logger) {
    let _scope = Scope::new().correlation_id(ATTACK).enter();
    info!(log, "login", name = ATTACK, tags.query = "' OR 1=1 --");
    audit!(log, "login refused", who = "\x1b[2J", outcome = "denied");
}

#[test]
fn events_are_flagged_by_default_and_none_is_taken_out() {
    let (events, reports, filtered) = logged("", log_attacks);
    assert_eq!((reports.len(), filtered), (0, 0));
    assert_eq!(
        events[0]["context"]["dangerous"],
        json!(["correlation_id: script", "context.name: script", "tags.query: sql"])
    );
    assert_eq!(events[1]["context"]["dangerous"], json!(["correlation_id: script", "context.who: control_characters"]));
}

#[test]
fn rejected_events_are_counted_as_filtered_and_reported() {
    let (events, reports, filtered) = logged("action = \"reject\"\n", |log| {
        (0..3).for_each(|_| log_attacks(log));
        info!(log, "harmless", name = "ada");
    });
    // Audit events stay.
    assert_eq!((events.len(), filtered), (4, 3));
    let reported: u64 = reports.iter().filter_map(|report| report["metrics"]["events"].as_u64()).sum();
    assert_eq!(reported, 3);
    assert_eq!(reports[0]["context"]["rules"], json!(["script", "sql"]));
    assert_eq!(reports[0]["level"], "SECURITY");
    assert!(!reports.iter().any(|report| report.to_string().contains("alert(1)")), "{reports:?}");
}

#[test]
fn levels_kinds_and_targets_are_chosen_by_settings() {
    let (events, _, filtered) = logged("action = \"reject\"\nlevels = [\"audit\"]\n", log_attacks);
    assert_eq!((events.len(), filtered, &events[0]["level"]), (1, 1, &json!("INFO")));
    let (events, ..) = logged("kinds = [\"sql\"]\n", log_attacks);
    assert_eq!(events[0]["context"]["dangerous"], json!(["tags.query: sql"]));
    let (events, ..) = logged("exclude = [\"dangerous_content\"]\n", log_attacks);
    assert!(events.iter().all(|event| event["context"].get("dangerous").is_none()));
}

#[test]
fn an_invalid_setting_is_named_with_what_is_allowed() {
    refused("action = \"rejct\"\n", "plugin_config.dangerous_content.action is \"rejct\"; allowed are flag, reject");
    refused("action = \"rejct\"\n", "did you mean reject?");
    refused("kinds = [\"html\"]\n", "allowed are control_characters, script, lookup, sql");
    refused("kinds = []\n", "plugin_config.dangerous_content.kinds is []; allowed is a list of at least one kind");
    refused(
        "levels = [\"audit\"]\n",
        "plugin_config.dangerous_content.levels is given; it names the levels whose events are rejected",
    );
    refused("acton = \"flag\"\n", "did you mean action?");
}
