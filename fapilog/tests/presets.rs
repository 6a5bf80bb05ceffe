//! Each preset, on a container that runs.
#![cfg(feature = "settings")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this program is test code"
)]

mod law;

use std::{process::Command, sync::Arc, time::Duration};

use fapilog::{
    Container, Level, Settings,
    container::Executor,
    format::{self, Colors},
    info,
    level::LevelFilter,
    plugin::{Factory, Metadata, PluginKind, Registry},
    settings::{ErrorHandling, OverflowStrategy, Preset, Reload},
    sink::{self, MemoryEvents},
};
use law::{TIMEOUT, balanced, sinks::Talkative};

/// A preset, but for its sinks.
fn started(preset: Preset) -> (Container, MemoryEvents) {
    let mut registry = Registry::linked();
    let events = sink::Memory::register(&mut registry, "memory").unwrap();
    let settings = Settings::builder().preset(preset).sinks(["memory"]).build().unwrap();
    (settings.into_builder_with(&registry).unwrap().start().unwrap(), events)
}

fn plugins(container: &Container) -> Vec<String> {
    let plugins = container.metrics().plugins.into_iter();
    plugins.filter(|plugin| plugin.kind != PluginKind::Sink).map(|plugin| plugin.name).collect()
}

/// The line of an event.
fn line(container: &Container, events: &MemoryEvents) -> String {
    info!(container.logger("presets"), "ready", port = 8080);
    container.flush(TIMEOUT).unwrap();
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
    balanced(container.shutdown(TIMEOUT).unwrap());
}

#[test]
fn production_names_host_and_service_in_json() {
    let (container, events) = started(Preset::Production);
    assert_eq!(container.level(), LevelFilter::AtLeast(Level::Info));
    let expected = ["timestamp", "correlation", "context", "hostname", "runtime_info", "filter", "throttle", "redact"];
    assert_eq!(plugins(&container), expected);
    let event: serde_json::Value = serde_json::from_str(&line(&container, &events)).unwrap();
    assert!(event["context"]["hostname"].is_string() && event["context"]["pid"].is_u64(), "{event}");
    balanced(container.shutdown(TIMEOUT).unwrap());
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
    balanced(container.shutdown(TIMEOUT).unwrap());
}

#[test]
fn hardened_bounds_what_an_event_may_hold() {
    let (container, events) = started(Preset::Hardened);
    assert_eq!(
        plugins(&container),
        ["timestamp", "correlation", "context", "filter", "throttle", "size_guard", "redact"]
    );
    let long = "x".repeat(100_000);
    info!(container.logger("presets"), "long", long = long.as_str());
    container.flush(TIMEOUT).unwrap();
    let line = events.lines().remove(0);
    assert!(line.len() < 17 * 1024 && line.contains("\"truncated\":true"), "{} bytes", line.len());
    balanced(container.shutdown(TIMEOUT).unwrap());
}

#[test]
fn minimal_writes_level_and_message_and_has_no_plugins() {
    let (container, events) = started(Preset::Minimal);
    assert!(plugins(&container).is_empty());
    assert_eq!(container.metrics().rings.capacity_bytes, 64 * 1024);
    assert_eq!(line(&container, &events), "INFO ready");
    balanced(container.shutdown(TIMEOUT).unwrap());
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How long a preset waits, for what.
#[derive(Debug, PartialEq, Eq)]
struct Waits {
    flush_interval: Duration,
    overflow: (OverflowStrategy, Duration),
    idle_spin: Option<Duration>,
    idle_sleep: Duration,
}

/// The waits of a container without a preset.
const DEFAULT: Waits = Waits {
    flush_interval: millis(50),
    overflow: (OverflowStrategy::Block, millis(50)),
    idle_spin: None,
    idle_sleep: millis(20),
};

#[test]
fn each_preset_waits_as_long_as_its_settings() {
    const NONE: Option<Duration> = Some(Duration::ZERO);
    for (preset, expected) in [
        (Preset::Dev, Waits { flush_interval: millis(5), idle_spin: NONE, ..DEFAULT }),
        (Preset::Production, DEFAULT),
        (Preset::Serverless, Waits { flush_interval: millis(1), idle_spin: NONE, idle_sleep: millis(10), ..DEFAULT }),
        (Preset::Hardened, Waits { overflow: (OverflowStrategy::Block, millis(5000)), ..DEFAULT }),
        (Preset::Minimal, Waits { idle_spin: NONE, ..DEFAULT }),
    ] {
        let (container, _events) = started(preset);
        let settings = container.settings().unwrap();
        let waits = Waits {
            flush_interval: settings.flush_interval,
            overflow: (settings.overflow_strategy, settings.overflow_timeout),
            idle_spin: settings.idle_spin,
            idle_sleep: settings.idle_sleep,
        };
        assert_eq!(waits, expected, "{preset}");
    }
}

/// In a child, whose stderr is looked at.
const CHILD: &str = "PRESET_TEST_CHILD";

/// Not a test of its own: starts a preset with a sink that reports a diagnostic, and prints which formatters have colours.
#[test]
fn child_starts_a_preset() {
    let Ok(preset) = std::env::var(CHILD) else { return };
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("talkative", "1.0.0"), |_| Ok(Arc::new(Talkative))).unwrap();
    registry
        .register_formatter(Metadata::new("painter", "1.0.0"), |settings| {
            let has_colors = settings.has_colors();
            // A formatter is made for a terminal, and for elsewhere.
            if has_colors {
                eprintln!("painter: colours");
            }
            Ok(Factory::formatter(|_| format::Json::new()))
        })
        .unwrap();
    let builder = Settings::builder().sinks(["talkative"]).formatter("painter");
    let settings = builder.variables([("FAPILOG_PRESET", preset)]).build().unwrap();
    settings.into_builder_with(&registry).unwrap().start().unwrap().shutdown(TIMEOUT).unwrap();
}

/// Whether a preset's container writes to stderr, and whether it has colours on a terminal.
fn writes_to_stderr_and_paints(preset: Preset) -> (bool, bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_starts_a_preset", "--nocapture", "--test-threads=1"]);
    for deciding in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(deciding);
    }
    let output = command.env(CHILD, preset.to_string()).env("TERM", "xterm").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    (stderr.contains("fapilog: talkative: \"planted\""), stderr.contains("painter: colours"))
}

#[test]
fn loud_presets_write_to_stderr_and_presets_for_machines_have_no_colours() {
    assert_eq!(writes_to_stderr_and_paints(Preset::Dev), (true, true));
    assert_eq!(writes_to_stderr_and_paints(Preset::Production), (true, false));
    assert_eq!(writes_to_stderr_and_paints(Preset::Serverless), (false, false));
    assert_eq!(writes_to_stderr_and_paints(Preset::Hardened), (true, false));
    assert_eq!(writes_to_stderr_and_paints(Preset::Minimal), (false, true));
}

#[test]
fn each_preset_chooses_its_error_handling_and_colours() {
    use ErrorHandling::{Loud, Silent};
    for (preset, expected) in [
        (Preset::Dev, (true, Loud, Colors::Auto)),
        (Preset::Production, (true, Silent, Colors::Never)),
        (Preset::Serverless, (false, Silent, Colors::Never)),
        (Preset::Hardened, (true, Loud, Colors::Never)),
        (Preset::Minimal, (false, Silent, Colors::Auto)),
    ] {
        let (container, _events) = started(preset);
        let settings = container.settings().unwrap();
        let found = (settings.enable_internal_logging, settings.error_handling_mode, settings.colors);
        assert_eq!(found, expected, "{preset}");
    }
}
