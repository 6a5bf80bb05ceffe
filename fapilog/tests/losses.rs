//! Losses at every place are reported: in the log, in the diagnostics, and by the next flush.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    process::Stdio,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level,
    container::{ManualDrain, Overflow},
    enrich::Enricher,
    error,
    error::FlushError,
    event::{Batch, FieldGroup, ValueRef},
    info,
    metrics::{Accounts, HealthLevel, LossReason},
    plugin::PluginError,
    process::Processor,
    sink::{OnFull, Route, SinkOptions},
};
use law::{
    TIMEOUT, balanced, end, memory, of_program, parsed,
    sinks::{Failing, Switched},
    started_manual, thread_builder, until,
};
use serde_json::Value;

/// The reports of losses among what was delivered.
fn reports(events: &fapilog::sink::MemoryEvents) -> Vec<Value> {
    let is_report = |event: &Value| event["message"].as_str().is_some_and(|message| message.contains("events lost"));
    parsed(events).into_iter().filter(is_report).collect()
}

/// Runs the drain until the condition holds. Reports come once in 100 ms at most.
#[track_caller]
fn turn_until(drain: &mut ManualDrain, what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, || {
        drain.turn();
        is_so()
    });
}

fn diagnostics(container: &Container) -> Vec<String> {
    container.diagnostics().iter().map(ToString::to_string).collect()
}

fn dropping() -> SinkOptions {
    SinkOptions::new().on_full(OnFull::Drop)
}

#[test]
fn a_loss_at_a_sink_is_reported_in_the_sinks_that_work_and_in_that_sink_when_it_has_room_again() {
    let (other, other_events) = memory();
    let (switched, events, has_room) = Switched::new();
    let builder = Container::builder().sink_with("switched", switched, dropping()).sink("other", other);
    let (container, mut drain) = builder.start_manual().unwrap();
    let log = container.logger("losses");
    has_room.store(false, Ordering::Relaxed);
    (0..3).for_each(|number| info!(log, "lost at one", number));
    turn_until(&mut drain, "the other sink has a report", || reports(&other_events).len() == 1);
    assert!(reports(&events).is_empty());
    has_room.store(true, Ordering::Relaxed);
    turn_until(&mut drain, "the sink has a report of its own", || reports(&events).len() == 1);
    for events in [&other_events, &events] {
        let report = &reports(events)[0];
        assert_eq!(report["message"], "3 events lost at sink switched: sink_busy");
        assert_eq!((&report["tags"]["sink"], &report["metrics"]["sink_busy"]), (&"switched".into(), &3.into()));
    }
    let expected = "losses: events lost at sink switched: sink_busy; the accounts have the counts";
    assert_eq!(diagnostics(&container), [expected]);
    let accounts = end(&container, &mut drain);
    assert_eq!((accounts.sinks[0].lost.total(), of_program(&other_events).len()), (3, 3));
}

/// The messages of the reports.
fn report_messages(events: &fapilog::sink::MemoryEvents) -> Vec<String> {
    reports(events).iter().map(|report| report["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_sink_that_works_again_gets_its_report_without_an_event_of_the_program() {
    let (failing, events, fails) = Failing::new();
    let (container, mut drain) = Container::builder().sink("only", failing).start_manual().unwrap();
    (0..3).for_each(|number| info!(container.logger("losses"), "lost", number));
    turn_until(&mut drain, "they are lost", || container.accounts().lost_total() == 3);
    fails.store(false, Ordering::Relaxed);
    turn_until(&mut drain, "it is reported", || !reports(&events).is_empty());
    let accounts = end(&container, &mut drain);
    assert_eq!(report_messages(&events), ["3 events lost at sink only: sink_failed"]);
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.lost_total()), (4, 1, 3), "{accounts}");
}

#[test]
fn losses_while_no_sink_works_are_reported_in_the_first_sink_that_works_again() {
    let (dead, dead_events, _) = Failing::new();
    let (failing, events, fails) = Failing::new();
    let builder = Container::builder().sink("dead", dead).sink("failing", failing);
    let (container, mut drain) = builder.start_manual().unwrap();
    info!(container.logger("losses"), "lost");
    turn_until(&mut drain, "it is lost", || container.accounts().sinks[1].lost.total() == 1);
    fails.store(false, Ordering::Relaxed);
    turn_until(&mut drain, "both are reported", || reports(&events).len() == 2);
    let accounts = end(&container, &mut drain);
    let mut messages = report_messages(&events);
    messages.sort();
    assert_eq!(messages, ["1 events lost at sink dead: sink_failed", "1 events lost at sink failing: sink_failed"]);
    assert_eq!((dead_events.lines().len(), accounts.sinks[1].lost.total()), (0, 1), "{accounts}");
}

#[test]
fn a_sink_that_works_again_before_a_shutdown_gets_its_report() {
    let (failing, events, fails) = Failing::new();
    let (other, other_events) = memory();
    let builder = Container::builder().sink("failing", failing).sink("other", other);
    let (container, mut drain) = builder.start_manual().unwrap();
    info!(container.logger("losses"), "lost");
    turn_until(&mut drain, "it is lost", || container.accounts().lost_total() == 1);
    fails.store(false, Ordering::Relaxed);
    end(&container, &mut drain);
    for events in [&events, &other_events] {
        assert_eq!(report_messages(events), ["1 events lost at sink failing: sink_failed"]);
    }
}

#[test]
fn a_report_that_a_failing_sink_does_not_take_at_a_shutdown_is_no_loss() {
    let (failing, _, _) = Failing::new();
    let (other, other_events) = memory();
    let builder = Container::builder().sink("failing", failing).sink("other", other);
    let (container, mut drain) = builder.start_manual().unwrap();
    info!(container.logger("losses"), "lost");
    turn_until(&mut drain, "it is lost", || container.accounts().lost_total() == 1);
    let accounts = end(&container, &mut drain);
    assert_eq!(report_messages(&other_events), ["1 events lost at sink failing: sink_failed"]);
    // The report for the other sink, and the attempt.
    let failing = &accounts.sinks[0];
    assert_eq!((failing.lost.total(), failing.filtered, failing.errors), (1, 2, 2), "{accounts}");
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.unrouted), (3, 1, 1), "{accounts}");
}

#[test]
fn a_loss_in_the_flush_of_a_shutdown_is_reported_in_the_other_sinks() {
    let (failing, ..) = Failing::new();
    let (other, other_events) = memory();
    // Nothing is submitted before the flush.
    let hour = Duration::from_secs(3600);
    let builder = Container::builder().flush_interval(hour).sink("other", other);
    let builder = builder.sink("failing", failing.payload_bytes(1 << 16));
    let (container, mut drain) = builder.start_manual().unwrap();
    info!(container.logger("losses"), "lost");
    drain.run_until_idle();
    assert_eq!(container.accounts().lost_total(), 0);
    end(&container, &mut drain);
    assert_eq!(report_messages(&other_events), ["1 events lost at sink failing: sink_failed"]);
}

#[test]
fn a_loss_by_a_plugin_is_reported_with_its_name() {
    struct Panics;
    impl Processor for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }

        fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
            let mut is_first = true;
            batch.retain(|_| !std::mem::take(&mut is_first) && panic!("on purpose"));
            Ok(())
        }
    }
    let (container, mut drain, events) = started_manual(Container::builder().processor(|_| Box::new(Panics)));
    let log = container.logger("losses");
    (0..2).for_each(|number| info!(log, "one is lost", number));
    turn_until(&mut drain, "it is reported", || reports(&events).len() == 1);
    let report = &reports(&events)[0];
    assert_eq!(report["message"], "1 events lost by plugin panics: plugin_panicked");
    assert_eq!(
        (&report["tags"]["plugin"], &report["metrics"]["plugin_panicked"]),
        (&"panics".into(), &1.into()),
        "{report}"
    );
    let expected = "losses: events lost by plugin panics: plugin_panicked; the accounts have the counts";
    assert!(diagnostics(&container).iter().any(|text| text == expected), "{:?}", diagnostics(&container));
    let metrics = container.metrics();
    let plugin = metrics.plugins.iter().find(|plugin| plugin.name == "panics").unwrap();
    assert_eq!((plugin.lost.of(LossReason::PluginPanicked), plugin.lost.total()), (1, 1));
    assert_eq!(end(&container, &mut drain).lost.of(LossReason::PluginPanicked), 1);
}

/// Adds a field to every event.
struct AddsAddress;

impl Enricher for AddsAddress {
    fn name(&self) -> &'static str {
        "adds_address"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        for event in batch.events_mut() {
            event.add_field(FieldGroup::Context, "address", ValueRef::Text("192.0.2.7"));
        }
        Ok(())
    }
}

/// Sets the field that [`AddsAddress`] adds to stars, if it works.
struct HidesAddress {
    works: bool,
}

impl Processor for HidesAddress {
    fn name(&self) -> &'static str {
        "hides_address"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        if !self.works {
            return Err(PluginError::failed("no rules"));
        }
        for event in batch.events_mut() {
            event.set_field(FieldGroup::Context, "address", ValueRef::Text("***"));
        }
        Ok(())
    }
}

/// The report of an event that a sink without room has lost, in the other sink.
fn report_past_redactor(works: bool) -> (Value, Accounts) {
    let (switched, _, has_room) = Switched::new();
    has_room.store(false, Ordering::Relaxed);
    let builder = Container::builder().enricher(|_| Box::new(AddsAddress));
    let builder = builder.redactor(move |_| Box::new(HidesAddress { works })).sink_with("full", switched, dropping());
    let (container, mut drain, events) = started_manual(builder);
    info!(container.logger("losses"), "lost");
    turn_until(&mut drain, "it is reported", || reports(&events).len() == 1);
    let accounts = end(&container, &mut drain);
    (reports(&events)[0].clone(), accounts)
}

#[test]
fn a_report_passes_enrichers_and_redactors() {
    let (report, accounts) = report_past_redactor(true);
    assert_eq!(report["message"], "1 events lost at sink full: sink_busy");
    assert_eq!(report["context"]["address"], "***", "{report}");
    assert_eq!(accounts.lost.total(), 0, "{accounts}");
}

#[test]
fn a_report_past_a_redactor_that_fails_has_no_field_of_an_enricher() {
    let (report, accounts) = report_past_redactor(false);
    assert_eq!(report["message"], "1 events lost by plugin hides_address: redactor_failed");
    assert_eq!(report["tags"]["plugin"], "hides_address");
    assert!(report.get("context").is_none(), "{report}");
    // The report counts as one event, and the event of the program alone is lost.
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.lost.total()), (2, 1, 1), "{accounts}");
}

#[test]
fn no_route_and_no_filter_hides_a_report() {
    struct OnlyErrors;
    impl Processor for OnlyErrors {
        fn name(&self) -> &'static str {
            "only_errors"
        }

        fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
            batch.retain(|event| event.level() >= Level::Error);
            Ok(())
        }
    }
    let (sink, events) = memory();
    let route = Route::default().level_min(Level::Error).sources(["losses"]);
    let builder = Container::builder().overflow(Overflow::DropNewest).ring_capacity_bytes(16 << 10);
    let builder = builder.record_max_bytes(1024).processor(|_| Box::new(OnlyErrors));
    let (container, mut drain) =
        builder.sink_with("errors", sink, SinkOptions::new().route(route)).start_manual().unwrap();
    let log = container.logger("losses");
    (0..1000).for_each(|number| error!(log, "an error", number));
    turn_until(&mut drain, "it is reported", || reports(&events).len() == 1);
    let accounts = end(&container, &mut drain);
    let lost = accounts.lost.of(LossReason::RingFull);
    assert_eq!(reports(&events)[0]["metrics"]["ring_full"], lost);
    assert_eq!(of_program(&events).len() as u64, 1000 - lost);
}

#[test]
fn a_flush_fails_when_something_was_lost_since_the_last_one() {
    let (switched, _events, has_room) = Switched::new();
    let container = thread_builder().sink_with("switched", switched, dropping()).start().unwrap();
    let log = container.logger("losses");
    has_room.store(false, Ordering::Relaxed);
    info!(log, "lost");
    until("it is lost", || container.accounts().lost_total() == 1);
    has_room.store(true, Ordering::Relaxed);
    let flushed = container.flush(TIMEOUT);
    assert!(matches!(flushed, Err(FlushError::Lost { events: 1, .. })), "{flushed:?}");
    info!(log, "delivered");
    container.flush(TIMEOUT).unwrap();
    balanced(container.shutdown(TIMEOUT).unwrap());
}

#[test]
fn a_sink_without_room_holds_the_others_back_for_a_second_only() {
    let (other, other_events) = memory();
    let (switched, events, has_room) = Switched::new();
    let builder = thread_builder().overflow(Overflow::Block { timeout: TIMEOUT }).ring_capacity_bytes(16 << 10);
    let builder = builder.record_max_bytes(1024).sink("switched", switched).sink("other", other);
    let container = builder.start().unwrap();
    let log = container.logger("losses");
    has_room.store(false, Ordering::Relaxed);
    let start = Instant::now();
    (0..2000).for_each(|number| info!(log, "numbered", number));
    assert!(start.elapsed() >= Duration::from_secs(1));
    until("the other sink has all", || of_program(&other_events).len() == 2000);
    assert_eq!(container.metrics().health, HealthLevel::WorkingSinks);
    has_room.store(true, Ordering::Relaxed);
    info!(log, "taken again");
    until("it is taken", || of_program(&events).len() == 1);
    let is_reported = |report: &Value| report["metrics"]["sink_busy"].as_u64().unwrap();
    until("its losses are reported", || reports(&events).iter().map(is_reported).sum::<u64>() == 2000);
    until("the container works again", || {
        info!(log, "next");
        container.metrics().health == HealthLevel::Full
    });
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!((accounts.sinks[0].lost.of(LossReason::SinkBusy), accounts.sinks[1].lost.total()), (2000, 0));
}

#[test]
fn events_for_no_sink_are_filtered_and_not_delivered() {
    let (sink, events) = memory();
    let route = SinkOptions::new().route(Route::default().level_min(Level::Error));
    let (container, mut drain) = Container::builder().sink_with("errors", sink, route).start_manual().unwrap();
    let log = container.logger("losses");
    info!(log, "for no sink");
    error!(log, "for the sink");
    let accounts = end(&container, &mut drain);
    assert_eq!((accounts.submitted, accounts.delivered_total(), accounts.filtered_total()), (2, 1, 1), "{accounts}");
    assert_eq!((accounts.unrouted, events.lines().len()), (1, 1));
}

const ROLE: &str = "FAPILOG_LOSSES_ROLE";

/// No test in itself: the work of a child, with a sink whose device is full.
#[test]
fn child_logs_to_a_full_device() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (other, _) = memory();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let full = fapilog::sink::Console::descriptor(full, "full", fapilog::format::Json::new);
    let builder = thread_builder().sink("full", full);
    let builder = if role == "alone" { builder } else { builder.sink("other", other) };
    let container = builder.start().unwrap();
    let log = container.logger("losses");
    for number in 0..5 {
        info!(log, "lost", number);
        let _ = container.flush(TIMEOUT);
        // Longer than the interval of the looks.
        std::thread::sleep(Duration::from_millis(150));
    }
    drop(container);
    std::process::exit(0);
}

/// The lines of fapilog on the standard error of a child in this role.
fn lines_of_child(role: &str) -> Vec<String> {
    let mut command = law::child("child_logs_to_a_full_device", ROLE, role);
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    text.lines().filter(|line| line.starts_with("fapilog: ")).map(str::to_owned).collect()
}

#[test]
fn a_sink_that_fails_beside_others_is_reported_on_stderr_once_with_its_reason() {
    let lines = lines_of_child("beside another");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let expected = "fapilog: emergency: a sink fails: full: \"cannot write to full: No space left on device";
    assert!(line.starts_with(expected), "{line}");
}

#[test]
fn the_line_of_an_emergency_has_the_reason() {
    let lines = lines_of_child("alone");
    assert!(lines[0].starts_with("fapilog: emergency: no sink works: 1 events lost (full: "), "{lines:?}");
    assert!(lines[0].contains("No space left on device"), "{lines:?}");
}

#[test]
fn a_summary_goes_to_the_sinks_that_take_what_it_sums_up() {
    let ((errors, error_events), (others, other_events)) = (memory(), memory());
    let route = |source: &str| SinkOptions::new().route(Route::default().level_min(Level::Error).sources([source]));
    let dedupe = |_| Box::new(fapilog::process::Dedupe::new()) as Box<dyn Processor>;
    let throttle = |_| Box::new(fapilog::process::Throttle::per_second(1)) as Box<dyn Processor>;
    let builder = Container::builder().processor(dedupe).processor(throttle);
    let builder = builder.sink_with("errors", errors, route("losses")).sink_with("others", others, route("other"));
    let (container, mut drain) = builder.start_manual().unwrap();
    let log = container.logger("losses");
    (0..3).for_each(|_| error!(log, "again"));
    (0..10).for_each(|number| error!(log, "too often", number));
    end(&container, &mut drain);
    let targets: Vec<_> = parsed(&error_events).iter().map(|event| event["target"].clone()).collect();
    assert!(
        targets.contains(&"fapilog::dedupe".into()) && targets.contains(&"fapilog::throttle".into()),
        "{targets:?}"
    );
    assert!(other_events.lines().is_empty(), "{:?}", other_events.lines());
}
