//! Rows of the log's reports about itself.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use fapilog::{
    Level, info,
    level::LevelFilter,
    plugin::{Metadata, Registry},
    settings::{ErrorHandling, SettingsBuilder},
    sink::{Delivery, SinkError},
};

use crate::{
    child::{child_mode, in_child},
    law::{
        TIMEOUT,
        sinks::{StubSink, Talkative},
        until,
    },
    log::{plain, start, start_with},
};

pub(super) fn audit_events() {
    let is_audited = |are_wanted| start(plain().audit_events(are_wanted)).text().contains("log started");
    assert!(is_audited(true) && !is_audited(false));
}

pub(super) fn heartbeat() {
    let started = start(plain().heartbeat(Duration::from_millis(5)));
    until("it has a heartbeat", || started.text().contains("heartbeat"));
}

pub(super) fn emergency_lines() {
    let stderr = |are_wanted: &str| in_child("diagnostics::an_emergency", are_wanted).stderr;
    let has_line =
        |stderr: Vec<u8>| String::from_utf8_lossy(&stderr).contains("fapilog: emergency: no sink works: 1 events");
    assert!(has_line(stderr("true")));
    assert!(!has_line(stderr("false")));
}

#[test]
fn an_emergency() {
    let Some(mode) = child_mode() else { return };
    let mut registry = Registry::linked();
    registry
        .register_sink(Metadata::new("failing", "1.0.0"), |_| {
            Ok(Arc::new(StubSink::new(|| Delivery::done(Err(SinkError::Deadline)))))
        })
        .unwrap();
    let settings = plain().sinks(["failing"]).emergency_lines(mode == "true").build().unwrap();
    let container = settings.into_builder_with(&registry).unwrap().start().unwrap();
    info!(container.logger("settings"), "logged");
    let _ = container.flush(TIMEOUT);
}

fn talkative() -> Registry {
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("talkative", "1.0.0"), |_| Ok(Arc::new(Talkative))).unwrap();
    registry
}

/// In a child, for its stderr.
#[test]
fn child_starts_a_talkative_container() {
    let Some(mode) = child_mode() else { return };
    let variables =
        [("FAPILOG_SINKS", "talkative".to_owned())].into_iter().chain(mode.split(' ').filter_map(|given| {
            let (name, value) = given.split_once('=')?;
            Some((
                if name == "logging" { "FAPILOG_ENABLE_INTERNAL_LOGGING" } else { "FAPILOG_ERROR_HANDLING_MODE" },
                value.to_owned(),
            ))
        }));
    start_with(plain().variables(variables), talkative());
}

fn written_to_stderr(mode: &str) -> bool {
    let stderr = in_child("diagnostics::child_starts_a_talkative_container", mode).stderr;
    String::from_utf8_lossy(&stderr).contains("fapilog: talkative: \"planted\"")
}

pub(super) fn enable_internal_logging() {
    assert!(written_to_stderr("logging=true"));
    assert!(!written_to_stderr("logging=false"));
}

pub(super) fn error_handling_mode() {
    assert_eq!(ErrorHandling::NAMES, ["silent", "loud"]);
    assert!(written_to_stderr("mode=loud"));
    assert!(!written_to_stderr("mode=silent"));
}

/// The diagnostics that the error callback gets.
fn heard(builder: SettingsBuilder) -> Vec<String> {
    let (mouth, ear) = mpsc::channel();
    let builder =
        builder.sinks(["talkative"]).error_callback(move |diagnostic| mouth.send(diagnostic.to_string()).unwrap());
    drop(start_with(builder, talkative()));
    ear.iter().collect()
}

pub(super) fn internal_log_level() {
    let has_planted = |level: LevelFilter| {
        heard(plain().internal_log_level(level)).iter().any(|text| text == "talkative: \"planted\"")
    };
    assert!(has_planted(Level::Warning.into()));
    assert!(!has_planted(Level::Error.into()));
}

#[test]
fn the_error_callback_is_called() {
    let heard = heard(plain().internal_log_level(Level::Info));
    assert!(heard.iter().any(|text| text.starts_with("container: thread drains 1 shard(s)")), "{heard:?}");
}
