//! Records, byte by byte and read back.

use std::time::Duration;

use fapilog_format::Json;
use fapilog_plugin::{
    field_group::FieldGroup,
    testing::{TestBatches, TestEvent, test_event},
};
use serde_json::{Value, json};

use super::*;

/// Writes the message alone, in a line.
struct MessageOnly;

impl Formatter for MessageOnly {
    fn name(&self) -> &'static str {
        "message_only"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            put_plain(out, event.message());
            out.push(b'\n');
        }
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        true
    }
}

fn settings() -> SplunkSettings {
    SplunkSettings { host: Some("web-1".to_owned()), ..SplunkSettings::default() }
}

fn encoder(settings: &SplunkSettings, formatter: impl Formatter + 'static) -> HecEncoder {
    HecEncoder::new(Arc::new(HecEnvelope::new(settings)), Box::new(formatter))
}

/// The record of an event a second and a half after 1970.
fn record(settings: &SplunkSettings, formatter: impl Formatter + 'static, event: TestEvent<'_>) -> String {
    let mut encoder = encoder(settings, formatter);
    let batches = TestBatches::new().source("shop");
    batches.at(Duration::from_nanos(1_500_000_789));
    let mut payload = Payload::new(0);
    batches.events(&[event], |batch| encoder.encode(batch, &mut payload).unwrap());
    assert_eq!(payload.marked_records(), 1);
    String::from_utf8(payload.record(0).unwrap().to_vec()).unwrap()
}

fn object(settings: &SplunkSettings, event: TestEvent<'_>) -> Value {
    serde_json::from_str(&record(settings, Json::new(), event)).unwrap()
}

#[test]
fn a_record_has_index_time_metadata_and_fields_around_the_event() {
    let mut settings = settings();
    settings.index = Some("ma\"in".to_owned());
    settings.source = Some("checkout".to_owned());
    settings.fields = ["tags.region", "n", "none"].map(str::to_owned).to_vec();
    let event = test_event("a \"b\"").field(FieldGroup::Tags, "region", "eu").field(FieldGroup::Context, "n", 7_u64);
    let expected = concat!(
        r#"{"index":"ma\"in","time":1.500000,"host":"web-1","source":"checkout","sourcetype":"_json","#,
        r#""fields":{"region":"eu","n":"7"},"event":"a \"b\""}"#
    );
    assert_eq!(record(&settings, MessageOnly, event), expected);
}

#[test]
fn the_event_is_the_object_of_the_formatter() {
    let read = object(&settings(), test_event("ready").field(FieldGroup::Context, "n", 7_u64));
    assert_eq!(read["time"].as_f64(), Some(1.5));
    assert_eq!((&read["event"]["message"], &read["event"]["context"]["n"]), (&json!("ready"), &json!(7)));
    assert!(read.get("fields").is_none() && read.get("index").is_none() && read.get("source").is_none());
}

#[test]
fn a_time_has_microseconds() {
    for (nanos, text) in [
        (0, "\"time\":0.000000"),
        (1_700_000_000_123_456_789, "\"time\":1700000000.123456"),
        (1_000, "\"time\":0.000001"),
        (u64::MAX, "\"time\":18446744073.709551"),
    ] {
        let mut out = Vec::new();
        put_time(&mut out, Timestamp::from_unix_nanos(nanos));
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

#[test]
fn metadata_of_a_field_comes_before_that_of_the_settings() {
    let mut settings = settings();
    (settings.source, settings.index) = (Some("shop".to_owned()), Some("main".to_owned()));
    settings.host_field = Some("context.host".to_owned());
    settings.source_field = Some("unit".to_owned());
    settings.sourcetype_field = Some("tags.kind".to_owned());
    settings.index_field = Some("tags.tenant".to_owned());
    let metadata = |event| {
        let read = object(&settings, event);
        ["host", "source", "sourcetype", "index"].map(|key| read[key].as_str().unwrap().to_owned())
    };
    let event = test_event("")
        .field(FieldGroup::Context, "host", "db-7")
        .field(FieldGroup::Context, "unit", 9_u64)
        .field(FieldGroup::Tags, "kind", "access")
        .field(FieldGroup::Tags, "tenant", "acme");
    assert_eq!(metadata(event), ["db-7", "9", "access", "acme"]);
    let empty = test_event("").field(FieldGroup::Context, "host", "").field(FieldGroup::Tags, "tenant", ValueRef::None);
    assert_eq!(metadata(empty), ["web-1", "shop", "_json", "main"]);
}

#[test]
fn the_sourcetype_of_the_token_counts_where_the_setting_is_empty() {
    let mut settings = settings();
    settings.sourcetype = String::new();
    assert!(object(&settings, test_event("")).get("sourcetype").is_none());
}

#[test]
fn a_text_that_looks_like_an_object_is_a_string_unless_it_is_one() {
    let event = |message| {
        let text = record(&settings(), MessageOnly, test_event(message));
        serde_json::from_str::<Value>(&text).unwrap()["event"].clone()
    };
    assert_eq!(event("{\"a\":1}"), json!({ "a": 1 }));
    assert_eq!(event("{\"a\":1}}"), json!("{\"a\":1}}"));
    assert_eq!(event("{\"a\":1},\"index\":\"secret\""), json!("{\"a\":1},\"index\":\"secret\""));
}

#[test]
fn long_metadata_is_cut() {
    let mut settings = settings();
    settings.source_field = Some("unit".to_owned());
    let long = "\u{e9}".repeat(1000);
    let read = object(&settings, test_event("").field(FieldGroup::Context, "unit", &*long));
    assert_eq!(read["source"].as_str().unwrap(), "\u{e9}".repeat(512));
}

#[test]
fn the_endpoint_raw_has_the_lines_of_the_formatter() {
    let mut settings = settings();
    settings.endpoint = HecEndpoint::Raw;
    assert_eq!(record(&settings, MessageOnly, test_event("ready")), "ready\n");
}

#[test]
fn records_of_another_sink_are_wrapped_and_those_of_a_collector_are_not() {
    let mut others = Payload::new(0);
    for record in ["{\"message\":\"a\"}\n", "b\n", "{\"time\":1.000000,\"event\":\"c\"}"] {
        others.buffer().extend_from_slice(record.as_bytes());
        others.end_record();
    }
    let mut payload = Payload::new(0);
    encoder(&settings(), Json::new()).append_records(&others, &mut payload);
    let records: Vec<_> = (0..3).map(|index| str::from_utf8(payload.record(index).unwrap()).unwrap()).collect();
    let expected = [
        r#"{"host":"web-1","sourcetype":"_json","event":{"message":"a"}}"#,
        r#"{"host":"web-1","sourcetype":"_json","event":"b"}"#,
        r#"{"time":1.000000,"event":"c"}"#,
    ];
    assert_eq!(records, expected);
}

#[test]
fn the_index_of_a_record_is_read_back() {
    assert_eq!(index_of(br#"{"index":"a\"b","time":1}"#), br#"a\"b"#);
    assert_eq!(index_of(br#"{"time":1,"index":"a"}"#), b"");
    assert_eq!(index_of(br#"{"index":"a"#), b"");
}

#[test]
fn lines_of_a_sink_that_marks_no_records_are_events_of_their_own() {
    let mut others = Payload::new(0);
    others.buffer().extend_from_slice(b"{\"message\":\"a\"}\n\nb\n");
    let mut payload = Payload::new(0);
    encoder(&settings(), Json::new()).append_records(&others, &mut payload);
    let records: Vec<Value> = (0..payload.marked_records())
        .map(|index| serde_json::from_slice::<Value>(payload.record(index).unwrap()).unwrap()["event"].clone())
        .collect();
    assert_eq!(records, [json!({ "message": "a" }), json!("b")]);
}
