//! The bytes of records.

use fapilog_format::{Json, Minimal};
use fapilog_plugin::{
    field_group::FieldGroup,
    level::Level,
    testing::{TestBatches, TestEvent, test_event},
};

use super::*;
use crate::settings::LokiMetadata;

fn settings(change: impl FnOnce(&mut LokiSettings)) -> LokiSettings {
    let mut settings = LokiSettings { line: LokiLine::Message, ..LokiSettings::default() };
    change(&mut settings);
    settings
}

fn encoder(settings: &LokiSettings) -> LokiEncoder {
    let plan = Arc::new(LokiPlan::of(settings).unwrap());
    LokiEncoder::new(plan, FormattedRecords::new(Box::new(Minimal::new())))
}

/// The records of events, as tenant, labels and entry.
fn records(settings: &LokiSettings, events: &[TestEvent<'_>]) -> Vec<(String, String, Vec<u8>)> {
    let mut payload = Payload::new(0);
    TestBatches::new().events(events, |batch| encoder(settings).encode(batch, &mut payload).unwrap());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (0..payload.marked_records())
        .map(|index| LokiRecord::read(payload.record(index).unwrap()).unwrap())
        .map(|record| (text(record.tenant), text(record.labels), record.entry.to_vec()))
        .collect()
}

fn labels(settings: &LokiSettings, event: TestEvent<'_>) -> String {
    records(settings, &[event]).remove(0).1
}

#[test]
fn an_entry_has_these_bytes_in_protobuf() {
    let mut out = Vec::new();
    let mut entry = LokiEntryWriter::begin(LokiEncoding::Protobuf, 1_700_000_000_000_000_300, "ready", &mut out);
    entry.metadata("port", b"8080");
    entry.finish();
    let expected = [
        b"\x0a\x09\x08\x80\xe2\xcf\xaa\x06\x10\xac\x02".as_slice(),
        b"\x12\x05ready",
        b"\x1a\x0c\x0a\x04port\x12\x048080",
    ]
    .concat();
    assert_eq!(out, expected);
}

#[test]
fn an_entry_has_these_bytes_in_json() {
    let mut out = Vec::new();
    let mut entry = LokiEntryWriter::begin(LokiEncoding::Json, 1_700_000_000_000_000_300, "\"ready\"", &mut out);
    entry.metadata("port", b"8080");
    entry.metadata("host", b"a");
    entry.finish();
    let expected = r#"["1700000000000000300","\"ready\"",{"port":"8080","host":"a"}]"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_default_labels_are_level_and_logger() {
    let settings = settings(|_| {});
    assert_eq!(labels(&settings, test_event("a").level(Level::Warning)), r#"{level="warn",service_name="source-0"}"#);
}

#[test]
fn labels_of_settings_and_of_fields_are_sorted_and_missing_ones_are_absent() {
    let settings = settings(|settings| {
        settings.labels = [("service_name".to_owned(), "shop".to_owned())].into();
        let fields = [("region", "tags.region"), ("app", "target"), ("zone", "zone")];
        settings.label_fields = Some(fields.map(|(name, field)| (name.to_owned(), field.to_owned())).into());
    });
    let event = test_event("a").field(FieldGroup::Tags, "region", "e\"u");
    assert_eq!(labels(&settings, event), r#"{app="stage",region="e\"u",service_name="shop"}"#);
}

#[test]
fn an_entry_without_labels_has_the_one_that_loki_gives() {
    let settings = settings(|settings| settings.label_fields = Some([("zone".to_owned(), "zone".to_owned())].into()));
    assert_eq!(labels(&settings, test_event("a")), r#"{service_name="unknown_service"}"#);
}

#[test]
fn the_value_of_a_label_is_cut() {
    let settings = settings(|settings| settings.label_fields = Some([("zone".to_owned(), "zone".to_owned())].into()));
    let long = "ä".repeat(2000);
    let labels = labels(&settings, test_event("a").field(FieldGroup::Context, "zone", long.as_str()));
    assert_eq!(labels, format!("{{zone=\"{}\"}}", "ä".repeat(1024)));
}

#[test]
fn labels_of_events_that_differ_are_not_mixed_up() {
    let settings = settings(|_| {});
    let levels = [Level::Info, Level::Info, Level::Error, Level::Info, Level::Security];
    let events = levels.map(|level| test_event("a").level(level));
    let found: Vec<String> = records(&settings, &events).into_iter().map(|record| record.1).collect();
    for (labels, level) in found.iter().zip(["info", "info", "error", "info", "security"]) {
        assert!(labels.starts_with(&format!("{{level=\"{level}\"")), "{labels}");
    }
}

#[test]
fn fields_that_exceed_the_limits_of_metadata_are_left_out_and_marked() {
    let settings = settings(|settings| {
        settings.metadata = LokiMetadata::Fields;
        settings.encoding = LokiEncoding::Json;
    });
    let names: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    let many = names.iter().fold(test_event("a"), |event, name| event.field(FieldGroup::Context, name, 1_u64));
    let long = "x".repeat(40_000);
    let large = test_event("b")
        .field(FieldGroup::Context, "first", long.as_str())
        .field(FieldGroup::Context, "second", long.as_str())
        .field(FieldGroup::Context, "small", 1_u64);
    let metadata: Vec<serde_json::Value> = records(&settings, &[many, large])
        .iter()
        .map(|(_, _, entry)| serde_json::from_slice::<serde_json::Value>(entry).unwrap()[2].clone())
        .collect();
    assert_eq!((metadata[0].as_object().unwrap().len(), &metadata[0]["metadata_truncated"]), (128, &"true".into()));
    assert!(metadata[1]["first"].is_string() && metadata[1]["second"].is_null() && metadata[1]["small"] == "1");
    assert_eq!(metadata[1]["metadata_truncated"], "true");
}

#[test]
fn a_long_line_is_cut_at_a_character() {
    let settings = settings(|settings| {
        settings.max_line_bytes = 257;
        settings.encoding = LokiEncoding::Json;
    });
    let message = "ä".repeat(200);
    let (_, _, entry) = records(&settings, &[test_event(&message)]).remove(0);
    let entry: serde_json::Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!(entry[1], "ä".repeat(128));
}

#[test]
fn a_tenant_of_an_event_that_loki_would_refuse_is_that_of_the_settings() {
    let settings = settings(|settings| {
        settings.tenant = Some("default".to_owned());
        settings.tenant_field = Some("tenant".to_owned());
    });
    let event = |tenant| test_event("a").field(FieldGroup::Context, "tenant", tenant);
    let tenants: Vec<_> = records(&settings, &[event("acme"), event("a|b"), test_event("a")])
        .into_iter()
        .map(|record| record.0)
        .collect();
    assert_eq!(tenants, ["acme", "default", "default"]);
}

#[test]
fn records_of_another_sink_become_lines_and_those_of_this_kind_stay() {
    let settings = settings(|settings| settings.encoding = LokiEncoding::Json);
    let mut encoder = encoder(&settings);
    let mut own = Payload::new(0);
    TestBatches::new().events(&[test_event("own")], |batch| encoder.encode(batch, &mut own).unwrap());
    let mut lines = Payload::new(0);
    for line in [b"first\n", b"other\n"] {
        lines.buffer().extend_from_slice(line);
        lines.end_record();
    }
    let mut payload = Payload::new(0);
    encoder.append_records(&own, &mut payload);
    encoder.append_records(&lines, &mut payload);
    assert_eq!(payload.record(0), own.record(0));
    let lines: Vec<serde_json::Value> = [1, 2]
        .iter()
        .map(|index| LokiRecord::read(payload.record(*index).unwrap()).unwrap())
        .map(|record| serde_json::from_slice::<serde_json::Value>(record.entry).unwrap()[1].clone())
        .collect();
    assert_eq!(lines, ["first", "other"]);
}

#[test]
fn the_line_of_the_formatter_has_no_line_feed() {
    let settings = LokiSettings { encoding: LokiEncoding::Json, ..LokiSettings::default() };
    let plan = Arc::new(LokiPlan::of(&settings).unwrap());
    let mut encoder = LokiEncoder::new(plan, FormattedRecords::new(Box::new(Json::new())));
    let mut payload = Payload::new(0);
    TestBatches::new().events(&[test_event("ready")], |batch| encoder.encode(batch, &mut payload).unwrap());
    let entry = LokiRecord::read(payload.record(0).unwrap()).unwrap().entry;
    let entry: serde_json::Value = serde_json::from_slice(entry).unwrap();
    let line = entry[1].as_str().unwrap();
    assert!(line.ends_with('}'));
    assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["message"], "ready");
}
