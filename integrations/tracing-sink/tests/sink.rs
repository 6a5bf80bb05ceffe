//! Events as events of `tracing`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../../fapilog/tests/law/mod.rs"]
mod law;

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog::{
    Container, Level, Logger, Scope, audit, debug, error,
    event::{DynamicEvent, FieldGroup},
    info,
    metrics::LossReason,
    plugin::is_drain_thread,
    sink::{Route, SinkOptions},
    warn,
};
use fapilog_sink_tracing::TracingSink;
use law::{shut_down, sinks::Failing, thread_builder};
use serde_json::{Value, json};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The bytes of a subscriber's output.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Output {
    fn events(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The JSON of `tracing-subscriber` for all that `log` logs, under this filter.
fn collected(filter: &str, log: impl FnOnce(&Logger)) -> (Vec<Value>, Container) {
    let output = Output::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_file(true)
        .with_line_number(true)
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(output.clone())
        .finish();
    let container =
        thread_builder().sink("tracing", TracingSink::to_dispatch(Dispatch::new(subscriber))).start().unwrap();
    container.set_level(Level::Trace);
    log(&container.logger("orders"));
    shut_down(&container);
    (output.events(), container)
}

#[test]
fn an_event_has_level_target_place_message_and_typed_fields() {
    let line = line!() + 2;
    let (events, _) = collected("trace", |log| {
        warn!(
            log,
            "{n} rows",
            n = 3_u8,
            signed = -1,
            share = 0.5,
            yes = true,
            text = "a b",
            list = [1, 2],
            none = None::<u8>
        );
    });
    let event = &events[0];
    assert_eq!((&event["level"], &event["target"]), (&json!("WARN"), &json!("sink")));
    assert_eq!((&event["filename"], &event["line_number"]), (&json!(file!()), &json!(line)));
    let fields = json!({
        "message": "3 rows", "n": 3, "signed": -1, "share": 0.5, "yes": true, "text": "a b", "list": "[1, 2]", "source": "orders",
    });
    assert_eq!(event["fields"], fields);
}

#[test]
fn tags_metrics_and_the_correlation_id_are_fields_with_a_name_of_their_own() {
    let (events, _) = collected("trace", |log| {
        let _entered = Scope::new().correlation_id("7f3a").enter();
        info!(log, "m", tags.region = "eu", metrics.ms = 2.5, message = "of the context");
    });
    let fields = json!({
        "message": "m", "context.message": "of the context", "tags.region": "eu", "metrics.ms": 2.5, "correlation_id": "7f3a",
        "source": "orders",
    });
    assert_eq!(events[0]["fields"], fields);
}

#[test]
fn a_field_of_the_context_does_not_take_the_place_of_what_the_event_has() {
    let (events, _) = collected("trace", |log| {
        let _entered = Scope::new().correlation_id("7f3a").enter();
        audit!(log, "m", source = "mine", level = "mine", correlation_id = "mine");
    });
    let fields = json!({
        "message": "m", "context.source": "mine", "context.level": "mine", "context.correlation_id": "mine", "level": "AUDIT",
        "correlation_id": "7f3a", "source": "orders",
    });
    assert_eq!(events[0]["fields"], fields);
}

#[test]
fn levels_are_those_of_tracing_and_the_ones_above_are_named() {
    let (events, _) = collected("trace", |log| {
        debug!(log, "m");
        error!(log, "m");
        audit!(log, "m");
    });
    let levels: Vec<_> =
        events.iter().map(|event| (event["level"].clone(), event["fields"]["level"].clone())).collect();
    let expected = [(json!("DEBUG"), json!(null)), (json!("ERROR"), json!(null)), (json!("ERROR"), json!("AUDIT"))];
    assert_eq!(levels, expected);
}

#[test]
fn a_filter_by_target_applies_and_what_it_leaves_out_is_counted() {
    let (events, container) = collected("info,made::up=error", |log| {
        warn!(log, "left out", target: "made::up");
        error!(log, "kept", target: "made::up");
        info!(log, "kept");
    });
    assert_eq!(events.len(), 2);
    let accounts = container.accounts();
    assert_eq!((accounts.delivered_total(), &accounts.sinks[0].counters[..]), (3, &[("not_enabled", 1)][..]));
}

#[test]
fn endless_targets_and_names_are_all_handed_over() {
    let (events, _) = collected("trace", |log| {
        for n in 0..1_000_u64 {
            let event = DynamicEvent::new(Level::Info, &format!("tenant {n}"), "m");
            log.log_dynamic(&event.field(FieldGroup::Context, &format!("key_{n}"), n.into()));
        }
    });
    assert_eq!(events.len(), 1_000);
    let first = &events[0];
    assert_eq!((&first["target"], &first["fields"]["key_0"]), (&json!("tenant 0"), &json!(0)));
    // Beyond the limit of a place, target and fields are texts.
    let last = &events[999];
    assert_eq!((&last["target"], &last["fields"]["target"]), (&json!("fapilog"), &json!("tenant 999")));
    assert_eq!((&last["fields"]["fields"], &last["fields"]["message"]), (&json!("key_999=999"), &json!("m")));
}

/// A subscriber that panics where the message asks for it, and keeps whether its thread is a drain's.
#[derive(Clone, Default)]
struct Picky(Arc<Mutex<Vec<bool>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Picky {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        assert_ne!(message.0, "panic", "on purpose");
        self.0.lock().unwrap().push(is_drain_thread());
    }
}

#[test]
fn an_event_on_which_the_subscriber_panics_is_rejected_alone() {
    let picky = Picky::default();
    let container =
        thread_builder().sink("tracing", TracingSink::to_dispatch(Dispatch::new(picky.clone()))).start().unwrap();
    let log = container.logger("orders");
    ["one", "panic", "two"].iter().for_each(|text| info!(log, *text));
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.sinks[0].lost.of(LossReason::Rejected)), (2, 1));
    // Adapters suppress calls on such a thread.
    assert_eq!(*picky.0.lock().unwrap(), [true, true]);
}

#[test]
fn as_a_fallback_it_hands_over_the_text_of_the_other_sink() {
    let output = Output::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(output.clone()).finish();
    let (failing, _, _) = Failing::new();
    let container = thread_builder()
        .sink_with("failing", failing, SinkOptions::new().fallback("tracing"))
        .sink_with(
            "tracing",
            TracingSink::to_dispatch(Dispatch::new(subscriber)),
            SinkOptions::new().route(Route::default().level_min(Level::Critical)),
        )
        .start()
        .unwrap();
    info!(container.logger("orders"), "not delivered");
    let _ = container.shutdown(Duration::from_secs(5));
    container.accounts().check().unwrap();
    let events = output.events();
    let event =
        events.iter().find(|event| event["fields"]["message"].as_str().unwrap().contains("not delivered")).unwrap();
    assert_eq!((&event["level"], &event["target"]), (&json!("WARN"), &json!("fapilog::fallback")));
}

#[test]
fn settings_name_it_and_the_programs_subscriber_gets_the_events() {
    let output = Output::default();
    tracing_subscriber::fmt().json().with_writer(output.clone()).init();
    let settings = fapilog::Settings::builder().sinks(["tracing"]).build().unwrap();
    let container = settings.into_builder().unwrap().start().unwrap();
    assert_eq!(container.accounts().sinks[0].writer, "the subscriber of tracing");
    info!(container.logger("orders"), "order filled", order = 42);
    shut_down(&container);
    let events = output.events();
    assert!(events.iter().any(|event| event["fields"]["order"] == json!(42)), "{events:?}");
}
