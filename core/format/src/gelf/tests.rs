//! Messages of GELF.

use fapilog_plugin::{settings::PluginConfig, testing::test_event};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Gelf,
    any_value::Owned,
    test_lines::{Members, any_event, assert_each_once, by_settings, line, order_line},
};

fn gelf() -> Gelf {
    Gelf::new().host("node-7")
}

#[test]
fn a_message_is_as_documented() {
    let expected = concat!(
        r#"{"version":"1.1","host":"node-7","timestamp":1769903999.123456789,"level":6,"short_message":"order filled","#,
        r#""_logger":"matching-engine","_target":"stage","_event_id":"000000000000-1-1","_severity":3,"_category":"SYSTEM","#,
        r#""_order_id":1769903999123456789}"#,
    );
    assert_eq!(order_line(gelf()), expected);
}

#[test]
fn the_host_is_that_of_the_system_unless_another_is_given() {
    let system = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for formatter in [Gelf::new(), gelf().host("")] {
        assert_eq!(Members::of(&order_line(formatter)).get("host"), &json!(system));
    }
}

#[test]
fn the_place_is_in_two_fields_where_it_is_wanted() {
    let line = order_line(gelf().call_site(true));
    assert!(line.contains(r#","_target":"stage","_file":"staged.rs","_line":1,"_event_id":"#), "{line}");
}

#[test]
fn the_level_is_the_severity_of_syslog() {
    let level = |level| Members::of(&line(gelf(), test_event("x").level(level))).get("level").clone();
    assert_eq!(Level::ALL.map(level), [7, 7, 6, 4, 3, 2, 5, 1].map(|number| json!(number)));
}

#[test]
fn a_message_of_several_lines_is_the_full_message() {
    let messages = |message| {
        let line = line(gelf(), test_event(message));
        let members = Members::of(&line);
        let full = members.keys().contains(&"full_message").then(|| members.get("full_message").clone());
        (members.get("short_message").clone(), full)
    };
    assert_eq!(messages("gave up\n  at once"), (json!("gave up"), Some(json!("gave up\n  at once"))));
    assert_eq!(messages("\ngave up\n"), (json!("gave up"), None));
    assert_eq!(messages(" \n "), (json!("-"), None));
    assert_eq!(messages(""), (json!("-"), None));
}

#[test]
fn names_are_made_of_what_gelf_allows_and_none_is_one_of_graylogs_own() {
    let cases = [
        ("order_id", "_order_id"),
        ("http.request.method", "_http.request.method"),
        ("x-id", "_x-id"),
        ("a b/c", "_a_b_c"),
        ("é", "___"),
        ("", "__"),
        ("id", "_field_id"),
        ("source", "_field_source"),
        ("timestamp", "_field_timestamp"),
        ("event_id", "_field_event_id"),
        ("event id", "_field_event_id"),
        ("gl2_x", "_field_gl2_x"),
    ];
    for (name, key) in cases {
        let line = line(gelf(), test_event("x").field(FieldGroup::Context, name, 7_u64));
        assert_eq!(Members::of(&line).keys().last(), Some(&key), "{name}");
    }
}

#[test]
fn values_are_numbers_and_texts() {
    let of = |value: &Owned| {
        let event = |value: ValueRef<'_>| line(gelf(), test_event("x").field(FieldGroup::Context, "v", value));
        Members::of(&value.view(event)).get("_v").clone()
    };
    let plain = |value| of(&Owned::Plain(value));
    assert_eq!(plain(ValueRef::U64(7)), json!(7));
    assert_eq!(plain(ValueRef::U64(u64::MAX)), json!("18446744073709551615"));
    assert_eq!(plain(ValueRef::F64(0.5)).to_string(), "0.5");
    assert_eq!(plain(ValueRef::F64(f64::INFINITY)), json!("Infinity"));
    assert_eq!(plain(ValueRef::Bool(true)), json!("true"));
    assert_eq!(plain(ValueRef::None), Value::Null);
    assert_eq!(of(&Owned::Sequence(vec![Owned::Text("a".to_owned())])), json!(r#"["a"]"#));
    assert_eq!(of(&Owned::Map(vec![("k".to_owned(), Owned::Plain(ValueRef::U64(1)))])), json!(r#"{"k":1}"#));
}

#[test]
fn correlation_id_and_marks_are_fields() {
    let event = test_event("x")
        .field(FieldGroup::CorrelationId, "", "7f3a")
        .field(FieldGroup::Context, "a\"", ValueRef::Bytes(b"\xff"))
        .field(FieldGroup::Tags, "b", ValueRef::Bytes(b"\xff"));
    let line = line(gelf(), event);
    let end = r#""_correlation_id":"7f3a","_a_":"\\xff","_b":"\\xff","_not_utf8":"context.a\",tags.b"}"#;
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn settings_name_host_and_place() {
    let config = PluginConfig::new().with("host", "node-7").with("call_site", true);
    assert_eq!(order_line(by_settings("gelf", &config).ok().unwrap()), order_line(gelf().call_site(true)));
    assert_eq!(order_line(by_settings("gelf", &PluginConfig::new()).ok().unwrap()), order_line(Gelf::new()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_a_message_by_the_specification(event in any_event()) {
        let line = event.line(gelf());
        let members = Members::of(&line);
        let keys = members.keys();
        assert_each_once(&keys);
        prop_assert_eq!(&keys[..5], ["version", "host", "timestamp", "level", "short_message"]);
        prop_assert!(!members.get("short_message").as_str().unwrap().trim().is_empty());
        let others = keys.iter().filter(|key| ["full_message", "_not_utf8"].contains(*key)).count();
        prop_assert_eq!(keys.len() - others, 10 + event.field_count());
        for (key, value) in members.0.iter().skip(5).filter(|(key, _)| key != "full_message") {
            let name = key.strip_prefix('_').unwrap();
            prop_assert!(!name.is_empty() && name != "id", "{}", key);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)), "{}", key);
            prop_assert!(value.is_string() || value.is_number() || value.is_null(), "{}", key);
        }
    }
}
