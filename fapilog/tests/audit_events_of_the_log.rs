//! The log's audit events about itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::atomic::Ordering;

use fapilog::{Container, Level, container::Overflow, info, process, sink};
use law::{TIMEOUT, balanced, memory, parsed, started_manual, thread_builder, until};
use serde_json::Value;

/// The audit events of the log, as "what object outcome".
fn audited(events: &sink::MemoryEvents) -> Vec<String> {
    let of_log = |event: &&Value| event["target"] == "fapilog::audit";
    let text = |event: &Value| {
        let context = &event["context"];
        let (object, outcome) = (context["object"].as_str().unwrap(), context["outcome"].as_str().unwrap());
        assert_eq!((&event["level"], &event["source"]), (&Value::from("AUDIT"), &Value::from("fapilog")));
        assert!(context["who"] == "fapilog" && context["origin"].as_str().unwrap().starts_with("process "));
        format!("{} | {object} | {outcome}", event["message"].as_str().unwrap())
    };
    parsed(events).iter().filter(of_log).map(text).collect()
}

#[test]
fn start_changes_and_stop_are_audited_in_their_order() {
    let (memory, events) = memory();
    let logs = thread_builder().audit_events(true).sink("memory", memory).start().unwrap();
    logs.set_level(Level::Warning);
    logs.add_processor("dedupe", |_| Ok(Box::new(process::Dedupe::new()))).unwrap();
    logs.set_plugin_enabled("dedupe", false).unwrap();
    logs.remove_plugin("dedupe").unwrap();
    logs.replace_pipeline(&Container::builder()).unwrap();
    let id = logs.id();
    balanced(logs.shutdown(TIMEOUT).unwrap());
    let expected = [
        format!("log started | container {id} | success"),
        "levels changed | levels | success".to_owned(),
        "plugin added | dedupe | success".to_owned(),
        "plugin disabled | dedupe | success".to_owned(),
        "plugin removed | dedupe | success".to_owned(),
        "plugins replaced | pipeline | success".to_owned(),
        format!("log stopped | container {id} | success"),
    ];
    assert_eq!(audited(&events), expected);
    let levels = &parsed(&events)[1]["context"];
    assert_eq!((&levels["from"], &levels["to"]), (&Value::from("INFO"), &Value::from("WARNING")));
}

#[test]
fn changes_that_are_refused_are_audited_with_their_errors() {
    let (memory, events) = memory();
    let logs = thread_builder().audit_events(true).sink("memory", memory).start().unwrap();
    let dedupe = |_| Ok(Box::new(process::Dedupe::new()) as Box<dyn process::Processor>);
    logs.add_redactor("no name", dedupe).unwrap_err();
    logs.add_redactor("memory", dedupe).unwrap_err();
    logs.remove_plugin("memory").unwrap_err();
    logs.remove_plugin("none").unwrap_err();
    logs.set_plugin_enabled("none", false).unwrap_err();
    logs.add_redactor("mask", dedupe).unwrap();
    balanced(logs.shutdown(TIMEOUT).unwrap());
    let expected = [
        "plugin added | no name | failure",
        "plugin added | memory | failure",
        "plugin removed | memory | failure",
        "plugin removed | none | failure",
        "plugin disabled | none | failure",
        "plugin added | mask | success",
    ];
    let audited = audited(&events);
    assert_eq!(audited[1..audited.len() - 1], expected);
    let changes: Vec<Value> = parsed(&events).into_iter().filter(|event| event["message"] == "plugin added").collect();
    assert!(changes[1]["context"]["error"].as_str().unwrap().contains("memory"), "{changes:?}");
    assert!(changes.iter().all(|change| change["context"]["kind"] == "redactor"), "{changes:?}");
    assert_eq!(changes[2]["context"]["error"], Value::Null);
}

#[test]
fn shutdowns_of_several_threads_at_once_are_one_stop() {
    for _ in 0..20 {
        let (memory, events) = memory();
        let logs = thread_builder().audit_events(true).sink("memory", memory).start().unwrap();
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    logs.shutdown(TIMEOUT).unwrap().check().unwrap();
                });
            }
        });
        let stops = audited(&events).into_iter().filter(|event| event.starts_with("log stopped")).count();
        assert_eq!(stops, 1, "{:?}", audited(&events));
    }
}

#[test]
fn lost_events_are_audited_with_their_number() {
    let builder = Container::builder().audit_events(true).ring_capacity_bytes(16 << 10).overflow(Overflow::DropNewest);
    let (logs, mut drain, events) = started_manual(builder);
    let log = logs.logger("busy");
    (0..1000).for_each(|number| info!(log, "number", number));
    law::end(&logs, &mut drain);
    let lost = logs.accounts().lost.total();
    let reports = parsed(&events);
    let report = reports.iter().find(|event| event["message"] == "events lost").unwrap();
    assert_eq!(report["context"]["count"], lost.to_string());
    assert_eq!((&report["context"]["reasons"], &report["context"]["object"]), (&"ring_full".into(), &"rings".into()));
}

#[test]
fn a_filter_does_not_hide_them_and_a_log_without_the_option_has_none() {
    for is_on in [true, false] {
        let (memory, events) = memory();
        let none = process::Filter::new().include(["nothing".to_owned()]);
        let builder = thread_builder().audit_events(is_on).processor(move |_| Box::new(none.clone()));
        let logs = builder.sink("memory", memory).start().unwrap();
        balanced(logs.shutdown(TIMEOUT).unwrap());
        assert_eq!(audited(&events).len(), if is_on { 2 } else { 0 });
    }
}

#[test]
fn a_drain_with_an_audit_event_and_a_sink_without_room_sleeps() {
    let full = law::sinks::Full::default();
    let logs = thread_builder().audit_events(true).sink("full", full.clone()).start().unwrap();
    until("the drain has asked for room", || full.asked() > 0);
    let (asked, began) = (full.asked(), std::time::Instant::now());
    until("some time has passed", || began.elapsed().as_millis() >= 300);
    let asked_per_ms = u128::from(full.asked() - asked) / began.elapsed().as_millis();
    assert!(asked_per_ms < 20, "{asked_per_ms}");
    balanced(logs.shutdown(std::time::Duration::from_millis(10)).unwrap());
    let is_left = |text: &str| text.contains("2 audit events");
    assert!(logs.diagnostics().iter().any(|diagnostic| is_left(&diagnostic.text)), "{:?}", logs.diagnostics());
}

/// A redactor that panics at each batch.
struct Panicking;

impl process::Processor for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn process(&mut self, _: &mut fapilog::event::Batch<'_>) -> Result<(), fapilog::plugin::PluginError> {
        panic!("planted")
    }
}

#[test]
fn a_redactor_that_fails_hides_no_audit_event_and_the_accounts_are_balanced() {
    let (memory, events) = memory();
    let builder = thread_builder().audit_events(true).redactor(|_| Box::new(Panicking));
    let logs = builder.sink("memory", memory).start().unwrap();
    info!(logs.logger("x"), "not seen by a redactor");
    logs.set_level(Level::Warning);
    balanced(logs.shutdown(TIMEOUT).unwrap());
    let audited = audited(&events);
    assert!(audited.iter().any(|event| event == "levels changed | levels | success"), "{audited:?}");
    assert!(events.lines().iter().all(|line| !line.contains("not seen")));
}

#[test]
fn a_sink_that_fails_and_works_again_is_audited() {
    let (memory, events) = memory();
    let (failing, _, is_broken) = law::sinks::Failing::new();
    let logs = thread_builder().audit_events(true).sink("memory", memory).sink("disk", failing).start().unwrap();
    let is_noted = |what: &str| {
        // The shard looks at its sinks while it has work.
        info!(logs.logger("x"), "an event");
        audited(&events).iter().any(|event| event == what)
    };
    is_broken.store(true, Ordering::Relaxed);
    until("the failure is noted", || is_noted("sink fails | disk | failure"));
    is_broken.store(false, Ordering::Relaxed);
    until("the recovery is noted", || is_noted("sink works again | disk | success"));
    logs.shutdown(TIMEOUT).unwrap().check().unwrap();
}
