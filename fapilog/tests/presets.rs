//! What each preset comes to, on a container that runs.
#![cfg(feature = "settings")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog::{
    Container, Executor, Level, LevelFilter, MemoryEvents, MemorySink, Registry, Settings, info, plugin::PluginKind,
    settings::Preset,
};
use law::{PATIENCE, lawful};

/// A preset, but for its sinks.
fn started(preset: Preset) -> (Container, MemoryEvents) {
    let mut registry = Registry::built_in();
    let events = MemorySink::register(&mut registry, "memory").unwrap();
    let settings = Settings::builder().preset(preset).sinks(["memory"]).build().unwrap();
    (Container::from_settings_with(settings, &registry).unwrap(), events)
}

fn plugins(container: &Container) -> Vec<String> {
    let plugins = container.metrics().plugins.into_iter();
    plugins.filter(|plugin| plugin.kind != PluginKind::Sink).map(|plugin| plugin.name).collect()
}

/// The line of an event.
fn line(container: &Container, events: &MemoryEvents) -> String {
    info!(container.logger("presets"), "ready", port = 8080);
    container.flush(PATIENCE).unwrap();
    events.lines().remove(0)
}

const DEFAULT_PIPELINE: [&str; 5] = ["timestamp", "correlation", "context", "filter", "throttle"];

#[test]
fn dev_logs_from_debug_on_a_thread() {
    let (container, events) = started(Preset::Dev);
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Debug));
    assert_eq!(container.executor(), Some(Executor::Thread));
    assert_eq!(plugins(&container), DEFAULT_PIPELINE);
    // A memory sink is no terminal.
    assert!(line(&container, &events).starts_with('{'));
    lawful(container.shutdown(PATIENCE).unwrap());
}

#[test]
fn production_names_host_and_service_in_json() {
    let (container, events) = started(Preset::Production);
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
    let expected = ["timestamp", "correlation", "context", "hostname", "runtime_info", "filter", "throttle"];
    assert_eq!(plugins(&container), expected);
    let event: serde_json::Value = serde_json::from_str(&line(&container, &events)).unwrap();
    assert!(event["context"]["hostname"].is_string() && event["context"]["pid"].is_u64(), "{event}");
    lawful(container.shutdown(PATIENCE).unwrap());
}

#[test]
fn serverless_is_small_and_quick() {
    let (container, events) = started(Preset::Serverless);
    assert_eq!(container.executor(), Some(Executor::Thread));
    assert_eq!(container.metrics().rings.capacity_bytes, 128 * 1024);
    info!(container.logger("presets"), "ready");
    // Nobody asks for a flush.
    law::until("the event is there", || events.lines().len() == 1);
    assert_eq!(plugins(&container), DEFAULT_PIPELINE);
    lawful(container.shutdown(PATIENCE).unwrap());
}

#[test]
fn hardened_bounds_what_an_event_may_hold() {
    let (container, events) = started(Preset::Hardened);
    assert_eq!(plugins(&container), ["timestamp", "correlation", "context", "filter", "throttle", "size_guard"]);
    let long = "x".repeat(100_000);
    info!(container.logger("presets"), "long", long = long.as_str());
    container.flush(PATIENCE).unwrap();
    let line = events.lines().remove(0);
    assert!(line.len() < 17 * 1024 && line.contains("\"truncated\":true"), "{} bytes", line.len());
    lawful(container.shutdown(PATIENCE).unwrap());
}

#[test]
fn minimal_says_level_and_message_and_has_no_plugins() {
    let (container, events) = started(Preset::Minimal);
    assert!(plugins(&container).is_empty());
    assert_eq!(container.metrics().rings.capacity_bytes, 64 * 1024);
    assert_eq!(line(&container, &events), "INFO ready");
    lawful(container.shutdown(PATIENCE).unwrap());
}
