//! Lines of OTLP in JSON.

use fapilog_engine::producer::{Logger, Scope, TraceParent};
use fapilog_plugin::{settings::PluginConfig, testing::test_event};
use fapilog_record::{
    arguments::{Arg, End},
    call_site::{CallSite, FieldName},
    field_group::FieldGroup,
    level::Level,
    value::ValueRef,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    OtelJson,
    any_value::Owned,
    staged_log::StagedLog,
    test_lines::{any_event, assert_each_once, by_settings, line, order_line},
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

/// The only record of a line.
#[track_caller]
fn record(line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let only = |list: &mut Value| {
        let [only] = &mut list.as_array_mut().unwrap()[..] else { panic!("one element: {list}") };
        only.take()
    };
    let mut resource_logs = only(&mut value["resourceLogs"]);
    let mut scope_logs = only(&mut resource_logs["scopeLogs"]);
    only(&mut scope_logs["logRecords"])
}

fn attribute<'a>(record: &'a Value, key: &str) -> Option<&'a Value> {
    let attributes = record["attributes"].as_array().unwrap();
    attributes.iter().find(|attribute| attribute["key"] == key).map(|attribute| &attribute["value"])
}

#[test]
fn a_line_is_as_documented() {
    let expected = concat!(
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"scopeLogs":["#,
        r#"{"scope":{"name":"matching-engine"},"logRecords":[{"timeUnixNano":"1769903999123456789","severityNumber":9,"#,
        r#""severityText":"INFO","body":{"stringValue":"order filled"},"#,
        r#""attributes":[{"key":"log.record.uid","value":{"stringValue":"000000000000-1-1"}},"#,
        r#"{"key":"fapilog.target","value":{"stringValue":"stage"}},{"key":"fapilog.category","value":{"stringValue":"SYSTEM"}},"#,
        r#"{"key":"order_id","value":{"intValue":"1769903999123456789"}}]}]}]}]}"#,
    );
    assert_eq!(
        order_line(OtelJson::new().resource("service.name", "old").resource("service.name", "orders")),
        expected
    );
    assert!(
        order_line(OtelJson::new()).starts_with(r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{"name":"#)
    );
}

#[test]
fn the_place_is_in_attributes_where_it_is_wanted() {
    let line = order_line(OtelJson::new().call_site(true));
    let place = concat!(
        r#"{"key":"fapilog.target","value":{"stringValue":"stage"}},{"key":"code.file.path","value":{"stringValue":"staged.rs"}},"#,
        r#"{"key":"code.line.number","value":{"intValue":"1"}},{"key":"fapilog.category","#,
    );
    assert!(line.contains(place), "{line}");
}

#[test]
fn a_severity_number_is_of_the_range_of_its_level() {
    let number = |level| record(&line(OtelJson::new(), test_event("").level(level)))["severityNumber"].clone();
    assert_eq!(Level::ALL.map(number), [1, 5, 9, 13, 17, 21, 10, 19].map(|number| json!(number)));
}

fn plain(log: &Logger) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Context, "order")];
    static SITE: CallSite = CallSite::new(Level::Info, "filled", "engine", "a.rs", 1, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&7), End));
}

fn with_trace_id(log: &Logger, id: &str) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Context, "trace_id")];
    static SITE: CallSite = CallSite::new(Level::Info, "traced", "engine", "a.rs", 2, FIELDS);
    log.log(Level::Info, &SITE, (Arg(id), End));
}

#[test]
fn the_ids_of_a_trace_are_members_of_the_record() {
    let mut log = StagedLog::new(true, OtelJson::new);
    let logger = log.container.logger("engine");
    let trace: TraceParent = format!("00-{TRACE_ID}-{SPAN_ID}-01").parse().unwrap();
    {
        let _entered = Scope::new().trace_parent(&trace).field(FieldGroup::Context, "trace_flags", "01".into()).enter();
        plain(&logger);
    }
    plain(&logger);
    with_trace_id(&logger, &TRACE_ID.to_uppercase());
    with_trace_id(&logger, &TRACE_ID[1..]);
    with_trace_id(&logger, &"0".repeat(32));
    let records: Vec<Value> = log.lines().iter().map(|line| record(line)).collect();
    let ids: Vec<_> = records.iter().map(|record| (&record["traceId"], &record["spanId"], &record["flags"])).collect();
    let (none, id, span) = (&Value::Null, &json!(TRACE_ID), &json!(SPAN_ID));
    assert_eq!(
        ids,
        [(id, span, &json!(1)), (none, none, none), (id, none, none), (none, none, none), (none, none, none)]
    );
    let attributes: Vec<_> = records.iter().map(|record| attribute(record, "trace_id")).collect();
    let as_texts = [&TRACE_ID[1..], &"0".repeat(32)].map(|id| json!({ "stringValue": id }));
    assert_eq!(attributes, [None, None, None, Some(&as_texts[0]), Some(&as_texts[1])]);
    assert_eq!(attribute(&records[0], "order"), Some(&json!({"intValue": "7"})));
    assert_eq!(attribute(&records[0], "correlation_id"), Some(&json!({ "stringValue": TRACE_ID })));
    assert!(records.iter().all(|record| attribute(record, "process.pid").is_some()), "{records:?}");
}

#[test]
fn a_name_of_the_event_is_a_member_of_the_record() {
    let with = |value: ValueRef<'_>| {
        record(&line(OtelJson::new(), test_event("").field(FieldGroup::Context, "event_name", value)))
    };
    let named = with(ValueRef::Text("order.\"filled\""));
    assert_eq!((&named["eventName"], attribute(&named, "event_name")), (&json!("order.\"filled\""), None));
    let numbered = with(ValueRef::U64(7));
    assert_eq!(
        (&numbered["eventName"], attribute(&numbered, "event_name")),
        (&Value::Null, Some(&json!({"intValue": "7"})))
    );
}

#[test]
fn names_of_fapilog_are_those_of_the_conventions_and_no_name_is_taken_twice() {
    let cases = [
        ("hostname", "host.name"),
        ("service", "service.name"),
        ("thread_id", "thread.id"),
        ("error", "exception.message"),
        ("backtrace", "exception.stacktrace"),
        ("log.record.uid", "field.log.record.uid"),
        ("fapilog.target", "field.fapilog.target"),
        ("code.file.path", "code.file.path"),
        ("", "field."),
        ("a\"b", "a\"b"),
    ];
    let last = |formatter: OtelJson, name: &str| {
        let record = record(&line(formatter, test_event("").field(FieldGroup::Context, name, 7_u64)));
        record["attributes"].as_array().unwrap().last().unwrap()["key"].clone()
    };
    for (name, attribute) in cases {
        assert_eq!(last(OtelJson::new(), name), attribute);
    }
    assert_eq!(last(OtelJson::new().call_site(true), "code.file.path"), "field.code.file.path");
    let event = test_event("").field(FieldGroup::Context, "region", "a").field(FieldGroup::Tags, "region", "b");
    let record = record(&line(OtelJson::new(), event));
    assert_eq!(attribute(&record, "region"), Some(&json!({"stringValue": "a"})));
    assert_eq!(attribute(&record, "region_2"), Some(&json!({"stringValue": "b"})));
}

#[test]
fn each_value_has_its_type() {
    let of = |value: &Owned| {
        let event = |value: ValueRef<'_>| line(OtelJson::new(), test_event("").field(FieldGroup::Context, "v", value));
        attribute(&record(&value.view(event)), "v").unwrap().to_string()
    };
    let plain = |value| of(&Owned::Plain(value));
    assert_eq!(plain(ValueRef::I64(-7)), r#"{"intValue":"-7"}"#);
    assert_eq!(plain(ValueRef::U64(u64::MAX)), r#"{"stringValue":"18446744073709551615"}"#);
    assert_eq!(plain(ValueRef::I128(-7)), r#"{"intValue":"-7"}"#);
    assert_eq!(plain(ValueRef::U128(u128::MAX)), r#"{"stringValue":"340282366920938463463374607431768211455"}"#);
    assert_eq!(plain(ValueRef::F64(0.5)), r#"{"doubleValue":0.5}"#);
    assert_eq!(plain(ValueRef::F64(f64::NAN)), r#"{"doubleValue":"NaN"}"#);
    assert_eq!(plain(ValueRef::Bool(false)), r#"{"boolValue":false}"#);
    assert_eq!(plain(ValueRef::Char('x')), r#"{"stringValue":"x"}"#);
    assert_eq!(plain(ValueRef::None), "{}");
    assert_eq!(of(&Owned::Bytes(b"text".to_vec())), r#"{"stringValue":"text"}"#);
    assert_eq!(of(&Owned::Bytes(b"\xff\x00\x01\x02".to_vec())), r#"{"bytesValue":"/wABAg=="}"#);
    let list = Owned::Sequence(vec![Owned::Text("a".to_owned()), Owned::Plain(ValueRef::None)]);
    let list_text = r#"{"arrayValue":{"values":[{"stringValue":"a"},{}]}}"#;
    assert_eq!(of(&list), list_text);
    let map = Owned::Map(vec![("k".to_owned(), list)]);
    assert_eq!(of(&map), format!(r#"{{"kvlistValue":{{"values":[{{"key":"k","value":{list_text}}}]}}}}"#));
}

/// Whether a value is an `AnyValue` of the protocol, by the JSON mapping of protobuf.
fn is_any_value(value: &Value) -> bool {
    let Some(members) = value.as_object().filter(|members| members.len() <= 1) else { return false };
    let values = |value: &Value| value["values"].as_array().cloned().unwrap_or_default();
    members.iter().all(|(kind, value)| match kind.as_str() {
        "stringValue" => value.is_string(),
        "boolValue" => value.is_boolean(),
        "intValue" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "doubleValue" => value.is_number() || ["NaN", "Infinity", "-Infinity"].iter().any(|name| value == name),
        "bytesValue" => value.as_str().is_some_and(|text| data_encoding::BASE64.decode(text.as_bytes()).is_ok()),
        "arrayValue" => values(value).iter().all(is_any_value),
        "kvlistValue" => values(value).iter().all(|entry| entry["key"].is_string() && is_any_value(&entry["value"])),
        _ => false,
    })
}

#[test]
fn settings_name_resource_and_place() {
    let resource = PluginConfig::new().with("service.name", "orders");
    let config = PluginConfig::new().with("resource", resource).with("call_site", true);
    let expected = order_line(OtelJson::new().resource("service.name", "orders").call_site(true));
    assert_eq!(order_line(by_settings("otel_json", &config).ok().unwrap()), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_a_record_of_the_protocol(event in any_event()) {
        let record = record(&event.line(OtelJson::new()));
        prop_assert_eq!(&record["body"], &json!({ "stringValue": event.message() }));
        let attributes = record["attributes"].as_array().unwrap();
        assert_each_once(&attributes.iter().map(|attribute| attribute["key"].as_str().unwrap()).collect::<Vec<_>>());
        prop_assert_eq!(attributes.len(), 3 + event.field_count());
        prop_assert!(attributes.iter().all(|attribute| is_any_value(&attribute["value"])), "{}", record);
    }
}
