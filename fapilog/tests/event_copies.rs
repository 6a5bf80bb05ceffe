//! Copies of events, for sinks that hand events to another library.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::sync::{Arc, Mutex};

use fapilog::{
    Container, Level, Scope,
    adapter::EventCopy,
    event::{Batch, DynamicEvent, FieldGroup, ValueRef},
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
    warn,
};
use law::{shut_down, thread_builder};

/// Keeps the payloads.
#[derive(Clone, Default)]
struct Copies(Arc<Mutex<Vec<u8>>>);

impl SinkFactory for Copies {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Copies {
    fn writer(&self) -> String {
        "memory".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(4096))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        EventCopy::put_batch(batch, payload);
        Ok(())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        self.0.lock().unwrap().extend_from_slice(payload.records());
        Delivery::done(Ok(()))
    }
}

/// The payload of all that `log` logs.
fn copies_of(log: impl FnOnce(&Container)) -> Vec<u8> {
    let copies = Copies::default();
    let container = thread_builder().sink("copies", copies.clone()).start().unwrap();
    log(&container);
    shut_down(&container);
    copies.0.lock().unwrap().clone()
}

#[test]
fn a_copy_has_place_message_and_typed_fields() {
    let line = line!() + 3;
    let bytes = copies_of(|container| {
        let log = container.logger("copier");
        warn!(log, "{rows} rows", rows = 3_u8, tags.table = "orders", metrics.ms = 0.5, list = ["a", "b"]);
    });
    let all: Vec<_> = EventCopy::read_all(&bytes).collect();
    assert_eq!(all.len(), 1);
    let event = &all[0];
    assert_eq!((event.level, event.target, event.source), (Level::Warning, "event_copies", "copier"));
    assert_eq!((event.file, event.line), (file!(), line));
    assert_eq!((event.message().as_ref(), event.correlation_id()), ("3 rows", None));
    let fields: Vec<_> = event.fields().map(|(group, name, value)| (group, name, value.to_string())).collect();
    let expected = [
        (FieldGroup::Context, "rows", "3".to_owned()),
        (FieldGroup::Context, "list", "[a, b]".to_owned()),
        (FieldGroup::Tags, "table", "orders".to_owned()),
        (FieldGroup::Metrics, "ms", "0.5".to_owned()),
    ];
    assert_eq!(fields, expected);
    assert_eq!(event.fields().next().unwrap().2, ValueRef::U64(3));
    assert!(event.timestamp.unix_nanos() > 0);
}

#[test]
fn a_copy_has_the_value_that_counts_and_the_id_of_the_scope() {
    let bytes = copies_of(|container| {
        let _entered = Scope::new().correlation_id("7f3a").field(FieldGroup::Context, "key", "scope".into()).enter();
        warn!(container.logger("copier"), "m", key = "own");
    });
    let event = EventCopy::read_all(&bytes).next().unwrap();
    assert_eq!(event.correlation_id(), Some("7f3a"));
    assert_eq!(event.fields().collect::<Vec<_>>(), [(FieldGroup::Context, "key", ValueRef::Text("own"))]);
}

#[test]
fn a_dynamic_event_has_no_place() {
    let bytes = copies_of(|container| {
        container.logger("copier").log_dynamic(&DynamicEvent::new(Level::Error, "made::up", "m"));
    });
    let event = EventCopy::read_all(&bytes).next().unwrap();
    assert_eq!((event.target, event.file, event.line), ("made::up", "", 0));
}

#[test]
fn bytes_that_are_cut_or_changed_read_as_fewer_copies() {
    let bytes = copies_of(|container| {
        let log = container.logger("copier");
        (0..3).for_each(|n| warn!(log, "m", n, text = "some text"));
    });
    assert_eq!(EventCopy::read_all(&bytes).count(), 3);
    for end in 0..bytes.len() {
        assert!(EventCopy::read_all(&bytes[..end]).count() < 3);
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0xff;
        for event in EventCopy::read_all(&changed) {
            let _ = (event.message(), event.fields().map(|(_, name, value)| format!("{name}{value}")).count());
        }
    }
}

#[test]
fn records_of_another_sink_are_messages_and_copies_stay_as_they_are() {
    let mut of_lines = Payload::new(64);
    of_lines.buffer().extend_from_slice(b"{\"message\":\"one\"}\n{\"message\":\"two\"}\n");
    let mut payload = Payload::new(64);
    EventCopy::put_records(&of_lines, &mut payload);
    let mut again = Payload::new(64);
    EventCopy::put_records(&payload, &mut again);
    assert_eq!((again.records(), again.marked_records()), (payload.records(), 2));
    let messages: Vec<_> = EventCopy::read_all(again.records()).map(|event| event.message().into_owned()).collect();
    assert_eq!(messages, [r#"{"message":"one"}"#, r#"{"message":"two"}"#]);
    let event = EventCopy::read_all(again.records()).next().unwrap();
    assert_eq!((event.level, event.target, event.source), (Level::Warning, "fapilog::fallback", "fapilog"));
}

#[test]
fn a_record_of_several_lines_stays_one_if_its_end_is_marked() {
    let mut marked = Payload::new(64);
    marked.buffer().extend_from_slice(b"one\nand more\n");
    marked.end_record();
    let mut payload = Payload::new(64);
    EventCopy::put_records(&marked, &mut payload);
    let messages: Vec<_> = EventCopy::read_all(payload.records()).map(|event| event.message().into_owned()).collect();
    assert_eq!(messages, ["one\nand more"]);
}
