//! Entries, byte by byte and read back.

use std::time::Duration;

use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};
use serde_json::{Value, json};

use super::*;
use crate::DatadogSettings;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

fn settings() -> DatadogSettings {
    DatadogSettings { hostname: Some("web-1".to_owned()), ..DatadogSettings::default() }
}

/// The entry of an event of a second and a half after 1970.
fn entry(settings: &DatadogSettings, event: TestEvent<'_>) -> String {
    let mut encoder = DatadogEncoder::new(Arc::new(EntryConstants::new(settings)));
    let batches = TestBatches::new().source("shop");
    batches.at(Duration::from_millis(1500));
    let mut payload = Payload::new(0);
    batches.events(&[event], |batch| encoder.encode(batch, &mut payload).unwrap());
    assert_eq!(payload.marked_records(), 1);
    String::from_utf8(payload.record(0).unwrap().to_vec()).unwrap()
}

fn json_of(event: TestEvent<'_>) -> Value {
    serde_json::from_str(&entry(&settings(), event)).unwrap()
}

#[test]
fn an_entry_has_the_reserved_attributes_in_front_and_all_fields_behind_them() {
    let mut settings = settings();
    settings.service = Some("checkout".to_owned());
    settings.tags = vec!["env:prod".to_owned(), "version:1.2".to_owned()];
    let event = test_event("order \"7\" filled")
        .field(FieldGroup::Context, "order_id", 42_u64)
        .field(FieldGroup::Tags, "region", "eu")
        .field(FieldGroup::Metrics, "latency_ms", 3.5)
        .field(FieldGroup::Context, "trace_id", TRACE_ID)
        .field(FieldGroup::Context, "span_id", SPAN_ID)
        .field(FieldGroup::CorrelationId, "", "c-1");
    let expected = concat!(
        r#"{"ddsource":"rust","hostname":"web-1","service":"checkout","ddtags":"env:prod,version:1.2,region:eu","#,
        r#""timestamp":1500,"status":"info","message":"order \"7\" filled","level":"INFO","severity":3,"category":"SYSTEM","#,
        r#""target":"stage","logger.name":"shop","event_id":"000000000000-1-1","correlation_id":"c-1","#,
        r#""context":{"order_id":42,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"},"#,
        r#""tags":{"region":"eu"},"metrics":{"latency_ms":3.5},"#,
        r#""dd.trace_id":"11803532876627986230","dd.span_id":"67667974448284343","#,
        r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"}"#
    );
    assert_eq!(entry(&settings, event), expected);
}

#[test]
fn the_name_of_the_logger_is_the_service_where_the_settings_have_none() {
    let expected = concat!(
        r#"{"ddsource":"rust","hostname":"web-1","service":"shop","timestamp":1500,"status":"info","message":"ready","#,
        r#""level":"INFO","severity":3,"category":"SYSTEM","target":"stage","logger.name":"shop","event_id":"000000000000-1-1"}"#
    );
    assert_eq!(entry(&settings(), test_event("ready")), expected);
}

#[test]
fn each_level_has_a_status_that_datadog_knows() {
    let status = |level| json_of(test_event("").level(level))["status"].as_str().unwrap().to_owned();
    let statuses = Level::ALL.map(status);
    assert_eq!(statuses, ["debug", "debug", "info", "warning", "error", "critical", "5", "alert"]);
    let level = |level| json_of(test_event("").level(level))["level"].as_str().unwrap().to_owned();
    assert_eq!(Level::ALL.map(level), Level::ALL.map(|level| level.name().to_owned()));
}

#[test]
fn decimal_ids_of_the_context_come_before_those_of_w3c() {
    let event = test_event("")
        .field(FieldGroup::Context, "dd.trace_id", "7")
        .field(FieldGroup::Context, "dd.span_id", "9")
        .field(FieldGroup::Context, "trace_id", TRACE_ID);
    let entry = json_of(event);
    let ids = ["dd.trace_id", "dd.span_id", "trace_id", "span_id"].map(|key| entry[key].clone());
    assert_eq!(ids, [json!("7"), json!("9"), json!(TRACE_ID), Value::Null]);
}

#[test]
fn a_text_that_is_no_trace_id_is_a_field_of_the_context_alone() {
    for id in ["", "xyz", "4bf92f3577b34da6", "é", &"g".repeat(32), &"0".repeat(33)] {
        let entry = json_of(test_event("").field(FieldGroup::Context, "trace_id", id));
        assert_eq!(entry["context"]["trace_id"], *id);
        let is_id = id == "4bf92f3577b34da6";
        assert_eq!((entry.get("dd.trace_id").is_some(), entry.get("trace_id").is_some()), (is_id, is_id), "{id}");
    }
}

#[test]
fn tags_of_events_are_tags_of_datadog_and_no_value_begins_another() {
    let sequence = ValueRef::Bytes(b"\xff");
    let long = "\u{e9}".repeat(300);
    let event = test_event("")
        .field(FieldGroup::Tags, "region", "eu,admin:yes")
        .field(FieldGroup::Tags, "shard", 7_u64)
        .field(FieldGroup::Tags, "raw", sequence)
        .field(FieldGroup::Tags, "long", &*long);
    let entry = json_of(event);
    let tags: Vec<_> = entry["ddtags"].as_str().unwrap().split(',').collect();
    assert_eq!(tags[..2], ["region:eu_admin:yes", "shard:7"]);
    assert_eq!(tags[2], format!("long:{}", "\u{e9}".repeat(97)));
    assert_eq!((tags.len(), &entry["tags"]["long"], &entry["tags"]["shard"]), (3, &json!(long), &json!(7)));
}

#[test]
fn bytes_that_are_not_utf_8_are_named() {
    let event = test_event("").field(FieldGroup::Context, "line", ValueRef::Bytes(b"a\xff"));
    let entry = json_of(event);
    assert_eq!((&entry["context"]["line"], &entry["not_utf8"]), (&json!("a\\xff"), &json!(["context.line"])));
}

#[test]
fn a_message_that_would_exceed_the_limit_is_cut_and_the_entry_is_marked() {
    for message in ["x".repeat(700_000), "\u{1}".repeat(101_000)] {
        let text = entry(&settings(), test_event(&message).field(FieldGroup::Context, "order_id", 42_u64));
        assert!(text.len() <= ENTRY_BYTES_MAX);
        let entry: Value = serde_json::from_str(&text).unwrap();
        let cut = entry["message"].as_str().unwrap();
        assert!(message.starts_with(cut) && cut.len() > MESSAGE_CUT_BYTES - 4);
        assert_eq!((&entry["truncated"], &entry["context"]["order_id"]), (&json!(true), &json!(42)));
    }
}

#[test]
fn fields_that_would_exceed_the_limit_are_left_out_and_counted() {
    let long = "x".repeat(400_000);
    let event = test_event("")
        .field(FieldGroup::Context, "a", &*long)
        .field(FieldGroup::Context, "b", &*long)
        .field(FieldGroup::Context, "c", &*long)
        .field(FieldGroup::Context, "d", 4_u64)
        .field(FieldGroup::Metrics, "e", ValueRef::Text(&long));
    let text = entry(&settings(), event);
    assert!(text.len() <= ENTRY_BYTES_MAX);
    let entry: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = entry["context"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((keys, &entry["metrics"]), (vec!["a", "b", "d"], &json!({})));
    assert_eq!((&entry["truncated"], &entry["omitted_fields"]), (&json!(true), &json!(2)));
}

#[test]
fn an_entry_of_long_names_is_within_the_limit() {
    let name = "x".repeat(950_000);
    let event = test_event("").target(&name).field(FieldGroup::CorrelationId, "", &*name).field(
        FieldGroup::Context,
        &name,
        ValueRef::Bytes(b"\xff"),
    );
    let text = entry(&settings(), event);
    assert!(text.len() <= ENTRY_BYTES_MAX, "{}", text.len());
    let entry: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((entry["target"].as_str().unwrap().len(), &entry["truncated"]), (1000, &json!(true)));
}

#[test]
fn the_context_of_many_events_is_in_each() {
    let mut encoder = DatadogEncoder::new(Arc::new(EntryConstants::new(&settings())));
    let mut payload = Payload::new(0);
    TestBatches::new().batch(&[1, 2], |batch| encoder.encode(batch, &mut payload).unwrap());
    let number = |index| {
        let entry: Value = serde_json::from_slice(payload.record(index).unwrap()).unwrap();
        entry["context"]["n"].as_u64().unwrap()
    };
    assert_eq!([number(0), number(1)], [1, 2]);
}

/// The entries of records of another sink.
fn entries_of_others(records: &Payload) -> Vec<String> {
    let mut settings = settings();
    settings.tags = vec!["env:prod".to_owned()];
    let mut encoder = DatadogEncoder::new(Arc::new(EntryConstants::new(&settings)));
    let mut payload = Payload::new(0);
    encoder.append_records(records, &mut payload);
    let record = |index| String::from_utf8(payload.record(index).unwrap().to_vec()).unwrap();
    (0..payload.marked_records()).map(record).collect()
}

#[test]
fn records_of_another_sink_are_messages_and_those_of_this_kind_stay() {
    let own = entry(&settings(), test_event("own"));
    let mut others = Payload::new(0);
    for record in [b"a \"line\"\n".as_slice(), own.as_bytes(), b"{\"level\":\"INFO\"}\n", b"\xff\x00", b"\n"] {
        others.buffer().extend_from_slice(record);
        others.end_record();
    }
    let front = r#"{"ddsource":"rust","hostname":"web-1","ddtags":"env:prod","message":"#;
    let expected = [
        format!(r#"{front}"a \"line\""}}"#),
        own,
        format!(r#"{front}"{{\"level\":\"INFO\"}}"}}"#),
        format!("{front}\"\u{fffd}\\u0000\"}}"),
    ];
    assert_eq!(entries_of_others(&others), expected);
}

#[test]
fn lines_of_a_sink_that_marks_no_records_are_entries_of_their_own() {
    let mut others = Payload::new(0);
    others.buffer().extend_from_slice(b"one\ntwo\n");
    let entries = entries_of_others(&others);
    let message = |entry: &String| serde_json::from_str::<Value>(entry).unwrap()["message"].clone();
    assert_eq!(entries.iter().map(message).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_record_of_another_sink_is_no_longer_than_an_entry() {
    for (byte, bytes) in [(b'x', 2_000_000), (1, 105_000)] {
        let mut others = Payload::new(0);
        others.buffer().extend_from_slice(&vec![byte; bytes]);
        others.end_record();
        let entries = entries_of_others(&others);
        assert!(entries[0].len() <= ENTRY_BYTES_MAX, "{}", entries[0].len());
        assert_eq!(serde_json::from_str::<Value>(&entries[0]).unwrap()["truncated"], true);
    }
}
