//! The settings of built-in plugins: each changes what comes out.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::fs;

use fapilog::{Container, MemorySink, Registry, Scope, Settings, StartError, debug, error, info};
use law::{PATIENCE, lawful};
use serde_json::Value;

/// Logs a few events into a container with these settings, and returns what came out, with the library's own events.
fn logged(toml: &str) -> Vec<Value> {
    let container = started(toml).unwrap();
    let log = container.0.logger("web");
    {
        let _request = Scope::new().correlation_id("7f3a").enter();
        info!(log, "request {path}", path = "/orders", user_id = 42, tags.region = "eu");
    }
    info!(log, "request {path}", path = "/health", user_id = 7, note = "x".repeat(3000).as_str());
    info!(log, "request {path}", path = "/health", user_id = 7, note = "x".repeat(3000).as_str());
    debug!(log, "detail");
    error!(log, "failed", path = "/orders");
    lawful(container.0.shutdown(PATIENCE).unwrap());
    law::parsed(&container.1)
}

fn started(toml: &str) -> Result<(Container, fapilog::MemoryEvents), StartError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    let base = "sinks = [\"memory\"]\nlevel = \"debug\"\nexecutor = \"thread\"\n";
    let pipeline = if toml.contains("enrichers") { "" } else { "enrichers = []\n" };
    let processors = if toml.contains("processors") { "" } else { "processors = []\n" };
    fs::write(&path, format!("{base}{pipeline}{processors}{toml}")).unwrap();
    let mut registry = Registry::built_in();
    let events = MemorySink::register(&mut registry, "memory").unwrap();
    let settings = Settings::from_file(&path)?;
    Ok((Container::from_settings_with(settings, &registry)?, events))
}

#[track_caller]
fn refused(toml: &str, expected: &str) {
    let error = started(toml).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(expected), "{error}");
}

fn own(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["source"] == "web").collect()
}

#[test]
fn a_timestamp_may_say_when_the_event_was_drained() {
    let all = logged("enrichers = [\"timestamp\"]\nplugin_config.timestamp.drained_at = true\n");
    assert!(all.iter().all(|event| event["context"]["drained_at"].is_string()));
}

#[test]
fn correlation_gives_ids_to_events_that_have_none() {
    let all = logged("enrichers = [\"correlation\"]\nplugin_config.correlation.when_missing = \"per_event\"\n");
    assert_eq!(all[0]["correlation_id"], "7f3a");
    assert_eq!(all[1]["correlation_id"].as_str().unwrap().len(), 36);
    assert_eq!(logged("enrichers = [\"correlation\"]\n")[1].get("correlation_id"), None);
}

#[test]
fn context_leaves_out_what_is_not_wanted() {
    let all = logged("enrichers = [\"context\"]\nplugin_config.context = { thread_id = false, thread_name = false }\n");
    assert!(all[0]["context"].get("thread_id").is_none() && all[0]["context"]["process_id"].is_u64());
}

#[test]
fn runtime_info_says_what_it_is_told() {
    let all =
        logged("enrichers = [\"runtime_info\"]\nplugin_config.runtime_info = { service = \"web\", pid = false }\n");
    assert_eq!(all[3]["context"]["service"], "web");
    assert!(all[3]["context"].get("pid").is_none());
}

#[test]
fn a_filter_goes_by_level_and_by_rules_on_fields() {
    let all = logged("processors = [\"filter\"]\nplugin_config.filter.level = \"error\"\n");
    assert_eq!(own(&all).len(), 1);
    let rules = "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\nlevels = [\"INFO\"]\n\
                 when = [{ field = \"path\", is = \"eq\", value = \"/health\" }]\n";
    assert!(logged(rules).iter().all(|event| event["context"]["path"] != "/health"));
    let keep = "processors = [\"filter\"]\nplugin_config.filter.exclude = [\"plugin_settings\"]\n\
                [[plugin_config.filter.rules]]\naction = \"keep\"\nwhen = [{ field = \"user_id\", is = \"ge\", value = 42 }]\n";
    assert_eq!(logged(keep).len(), 1);
}

#[test]
fn a_filters_mistakes_are_told_with_their_places() {
    refused(
        "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\nwhen = [{ field = \"a\", is = \"eq\" }]\n",
        "plugin_config.filter.rules[0].when[0].value is missing; it must be true, false, a number or text",
    );
    refused(
        "processors = [\"filter\"]\n[[plugin_config.filter.rules]]\naction = \"drop\"\n\
         when = [{ field = \"a\", is = \"exists\", value = 1 }]\n",
        "this comparison has none",
    );
}

#[test]
fn a_throttle_goes_by_its_rate_and_by_its_key() {
    let rate = "processors = [\"throttle\"]\nplugin_config.throttle = { events_per_second = 1, burst_events = 1 }\n";
    // Of three INFO, one DEBUG and one ERROR event, each level has one.
    assert_eq!(own(&logged(rate)).len(), 3);
    let key = "processors = [\"throttle\"]\n\
               plugin_config.throttle = { events_per_second = 1, burst_events = 1, key = \"path\" }\n";
    let kept: Vec<_> = logged(key);
    assert_eq!(own(&kept).iter().filter(|event| event["context"]["path"] == "/health").count(), 1);
}

#[test]
fn dedupe_takes_out_what_came_before() {
    let all = logged("processors = [\"dedupe\"]\nplugin_config.dedupe.window = \"1h\"\n");
    assert_eq!(own(&all).iter().filter(|event| event["context"]["path"] == "/health").count(), 1);
    let by_message = logged("processors = [\"dedupe\"]\nplugin_config.dedupe = { window = \"1h\", fields = [] }\n");
    assert_eq!(own(&by_message).len(), 3);
}

#[test]
fn sampling_keeps_errors_whatever_the_rate() {
    let all = logged("processors = [\"sampling\"]\nplugin_config.sampling.rate = 0\n");
    assert_eq!(own(&all).iter().map(|event| event["level"].as_str().unwrap()).collect::<Vec<_>>(), ["ERROR"]);
    refused(
        "processors = [\"sampling\"]\nplugin_config.sampling.rate = 1.5\n",
        "plugin_config.sampling.rate is 1.5; allowed are 0 to 1",
    );
}

#[test]
fn sampling_keeps_the_events_of_a_trace_together_unless_it_is_told_not_to() {
    let kept = |own: &str| {
        let (container, events) =
            started(&format!("processors = [\"sampling\"]\nplugin_config.sampling = {{ {own} }}\n")).unwrap();
        let log = container.logger("web");
        let _request = Scope::new().correlation_id("7f3a").enter();
        (0..64).for_each(|number| info!(log, "of one trace", number));
        lawful(container.shutdown(PATIENCE).unwrap());
        events.lines().len()
    };
    assert!([0, 64].contains(&kept("rate = 0.5")));
    assert!([0, 64].contains(&kept("rate = 0.5, per_trace = true")));
    let apart = kept("rate = 0.5, per_trace = false");
    assert!((1..64).contains(&apart), "{apart}");
}

#[test]
fn a_projection_keeps_some_fields() {
    let all = logged("processors = [\"project\"]\nplugin_config.project.keep = [\"user_id\", \"tags.*\"]\n");
    assert_eq!(all[0]["context"], serde_json::json!({"user_id": 42}));
    assert_eq!(all[0]["tags"]["region"], "eu");
}

#[test]
fn messages_are_written_from_their_own_placeholders_or_from_a_template() {
    let own_placeholders = logged("processors = [\"format\"]\n");
    assert_eq!(own_placeholders[0]["message"], "request /orders");
    let template = logged(
        "processors = [\"format\"]\nplugin_config.format = { template = \"{level}: {user_id}\", missing = \"nobody\" }\n",
    );
    assert_eq!((&template[0]["message"], &template[4]["message"]), (&"INFO: 42".into(), &"ERROR: nobody".into()));
    refused(
        "processors = [\"format\"]\nplugin_config.format.template = \"{oops\"\n",
        "plugin_config.format.template is \"{oops\"",
    );
}

#[test]
fn a_size_guard_bounds_events() {
    let all = logged("processors = [\"size_guard\"]\nplugin_config.size_guard.event_max_bytes = \"1 KiB\"\n");
    let guarded = &all[1];
    assert!(guarded.to_string().len() < 1500, "{guarded}");
    assert_eq!(guarded["truncated"], true);
}
