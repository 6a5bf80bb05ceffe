//! Lines of ECS.

use fapilog_engine::producer::Logger;
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
    Ecs,
    any_value::Owned,
    staged_log::StagedLog,
    test_lines::{Members, any_event, assert_each_once, by_settings, line, order_line},
};

#[test]
fn a_line_is_as_documented() {
    let expected = concat!(
        r#"{"@timestamp":"2026-01-31T23:59:59.123456789Z","log.level":"INFO","message":"order filled","ecs.version":"8.11.0","#,
        r#""event.severity":3,"log.logger":"stage","event.provider":"matching-engine","event.id":"000000000000-1-1","#,
        r#""labels.category":"SYSTEM","labels.order_id":1769903999123456789}"#,
    );
    assert_eq!(order_line(Ecs::new()), expected);
}

#[test]
fn service_data_set_and_place_are_in_each_line_where_they_are_wanted() {
    let with_all = order_line(Ecs::new().service("orders").call_site(true));
    assert!(
        with_all.contains(r#""ecs.version":"8.11.0","service.name":"orders","event.dataset":"orders.log","event.sev"#)
    );
    let place = r#""log.logger":"stage","log.origin.file.name":"staged.rs","log.origin.file.line":1,"event.provider""#;
    assert!(with_all.contains(place), "{with_all}");
    let with_set = order_line(Ecs::new().service("orders").dataset("orders.audit"));
    assert!(with_set.contains(r#""service.name":"orders","event.dataset":"orders.audit","#), "{with_set}");
    assert!(order_line(Ecs::new().dataset("x")).contains(r#""ecs.version":"8.11.0","event.dataset":"x","#));
}

#[test]
fn fields_with_a_name_of_the_schema_stand_under_it_and_all_others_are_labels() {
    let context = |name, key| (FieldGroup::Context, name, key);
    let cases = [
        context("trace_id", "trace.id"),
        context("span_id", "span.id"),
        context("hostname", "host.name"),
        context("service", "service.name"),
        context("thread_name", "process.thread.name"),
        context("error", "error.message"),
        context("backtrace", "error.stack_trace"),
        context("exception.type", "error.type"),
        context("k8s.pod.name", "kubernetes.pod.name"),
        context("http.request.method", "http.request.method"),
        context("user.name", "user.name"),
        context("order_id", "labels.order_id"),
        context("a.b*c\\d", "labels.a_b_c_d"),
        context("http.", "labels.http_"),
        context("http.x y", "labels.http_x y"),
        context("log.level", "labels.log_level"),
        context("ecs.version", "labels.ecs_version"),
        context("event.id", "labels.event_id"),
        context("data_stream.type", "labels.data_stream_type"),
        context("category", "labels.field_category"),
        context("not*utf8", "labels.field_not_utf8"),
        context("", "labels._"),
        (FieldGroup::Tags, "hostname", "labels.hostname"),
        (FieldGroup::Tags, "region", "labels.region"),
        (FieldGroup::Metrics, "http.response.body.bytes", "http.response.body.bytes"),
    ];
    for (group, name, key) in cases {
        let members = Members::of(&line(Ecs::new(), test_event("").field(group, name, 7_u64)));
        assert_eq!(members.keys().last(), Some(&key), "{name}");
    }
    let of_service = line(Ecs::new().service("own"), test_event("").field(FieldGroup::Context, "service", "other"));
    assert!(of_service.ends_with(r#","labels.service":"other"}"#), "{of_service}");
}

#[test]
fn fields_that_would_have_one_key_get_numbers() {
    let event = test_event("")
        .field(FieldGroup::Context, "trace_id", "a")
        .field(FieldGroup::Context, "trace.id", "b")
        .field(FieldGroup::Context, "region", "c")
        .field(FieldGroup::Tags, "region", "d");
    let line = line(Ecs::new(), event);
    let end = r#""trace.id":"a","labels.trace_id_2":"b","labels.region":"c","labels.region_3":"d"}"#;
    assert!(line.ends_with(end), "{line}");
}

fn twins(log: &Logger) {
    const FIELDS: &[FieldName] = &[
        FieldName::new(FieldGroup::Context, "region"),
        FieldName::new(FieldGroup::Tags, "region"),
        FieldName::new(FieldGroup::Metrics, "process.pid"),
    ];
    static SITE: CallSite = CallSite::new(Level::Info, "twins", "engine", "a.rs", 1, FIELDS);
    log.log(Level::Info, &SITE, (Arg("a"), (Arg("b"), (Arg(&7), End))));
}

fn pid(log: &Logger) {
    const FIELDS: &[FieldName] = &[FieldName::new(FieldGroup::Context, "pid")];
    static SITE: CallSite = CallSite::new(Level::Info, "pid", "engine", "a.rs", 2, FIELDS);
    log.log(Level::Info, &SITE, (Arg(&7), End));
}

#[test]
fn arguments_of_one_call_have_their_own_keys() {
    let mut log = StagedLog::new(false, Ecs::new);
    twins(&log.container.logger("engine"));
    let line = log.lines().concat();
    assert!(line.ends_with(r#","labels.region":"a","labels.region_2":"b","process.pid":7}"#), "{line}");
}

#[test]
fn arguments_of_one_call_and_shared_context_have_their_own_keys_too() {
    let mut log = StagedLog::new(true, Ecs::new);
    let logger = log.container.logger("engine");
    (0..2).for_each(|_| twins(&logger));
    (0..2).for_each(|_| pid(&logger));
    let own_pid = json!(std::process::id());
    for (number, line) in log.lines().iter().enumerate() {
        let members = Members::of(line);
        assert_each_once(&members.keys());
        if number < 2 {
            assert_eq!([members.get("labels.region"), members.get("labels.region_2")], ["a", "b"]);
            assert_eq!([members.get("process.pid"), members.get("labels.process_pid_3")], [&own_pid, &json!(7)]);
        } else {
            assert_eq!([members.get("process.pid"), members.get("labels.process_id_2")], [&json!(7), &own_pid]);
        }
    }
}

#[test]
fn values_that_are_no_labels_are_texts() {
    let of = |value: &Owned| {
        let event = |value: ValueRef<'_>| line(Ecs::new(), test_event("").field(FieldGroup::Context, "v", value));
        Members::of(&value.view(event)).get("labels.v").clone()
    };
    let plain = |value| of(&Owned::Plain(value));
    assert_eq!(plain(ValueRef::U64(i64::MAX as u64)), json!(i64::MAX));
    assert_eq!(plain(ValueRef::U64(u64::MAX)), json!("18446744073709551615"));
    assert_eq!(plain(ValueRef::Bool(true)), json!(true));
    assert_eq!(plain(ValueRef::None), Value::Null);
    let list = Owned::Sequence(vec![Owned::Plain(ValueRef::I64(-1)), Owned::Text("a".to_owned())]);
    assert_eq!(of(&list), json!([-1, "a"]));
    assert_eq!(of(&Owned::Sequence(vec![list.clone()])), json!(r#"[[-1,"a"]]"#));
    assert_eq!(of(&Owned::Map(vec![("k".to_owned(), list)])), json!(r#"{"k":[-1,"a"]}"#));
}

#[test]
fn correlation_id_and_marks_are_labels() {
    let event = test_event("gave up").level(Level::Error).field(FieldGroup::CorrelationId, "", "7f3a").field(
        FieldGroup::Context,
        "raw",
        ValueRef::Bytes(b"\xff"),
    );
    let line = line(Ecs::new(), event);
    let end = r#""labels.category":"ERROR","labels.correlation_id":"7f3a","labels.raw":"\\xff","labels.not_utf8":["context.raw"]}"#;
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn settings_name_service_data_set_and_place() {
    let config = PluginConfig::new().with("service", "orders").with("dataset", "d").with("call_site", true);
    let line = order_line(by_settings("ecs", &config).ok().unwrap());
    assert!(line.contains(r#","service.name":"orders","event.dataset":"d","#) && line.contains("staged.rs"), "{line}");
    assert_eq!(order_line(by_settings("ecs", &PluginConfig::new()).ok().unwrap()), order_line(Ecs::new()));
    assert!(by_settings("ecs", &PluginConfig::new().with("servce", "x")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_an_object_with_each_key_once(event in any_event()) {
        let line = event.line(Ecs::new());
        let members = Members::of(&line);
        let keys = members.keys();
        assert_each_once(&keys);
        prop_assert_eq!(&keys[..4], ["@timestamp", "log.level", "message", "ecs.version"]);
        prop_assert_eq!(members.get("message").as_str(), Some(event.message()));
        // Nine members of the event itself, and the list of fields that are not UTF-8.
        let marks = keys.iter().filter(|key| **key == "labels.not_utf8").count();
        prop_assert_eq!(keys.len() - marks, 9 + event.field_count());
        for (key, value) in &members.0 {
            let is_label = key.strip_prefix("labels.").is_some_and(|label| !label.is_empty() && !label.contains(['.', '*', '\\']));
            prop_assert!(is_label || !key.starts_with("labels"), "{}", key);
            prop_assert!(!value.is_object(), "{}", key);
        }
    }
}
