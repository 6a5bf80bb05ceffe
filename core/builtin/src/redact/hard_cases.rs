//! Tests of events that are made to get a secret through, or to take the drain's time.

use std::{collections::BTreeMap, time::Instant};

use fapilog_format::json::Json;
use fapilog_plugin::{
    data_class::DataClass,
    event::Batch,
    formatter::Formatter,
    processor::Processor,
    testing::{TestBatches, test_event},
};
use fapilog_record::{
    field_group::FieldGroup,
    value::{OwnedValue, ValueRef},
};
use serde_json::{Value, json};

use crate::redact::{Action, Redact};

const CARD: &str = "4111111111111111";

fn line(batch: &Batch<'_>) -> Value {
    let mut out = Vec::new();
    Json::new().format(batch, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// The JSON of an event whose message a plugin has filled with values of its fields.
fn filled(redact: Redact, fields: &[(&str, ValueRef<'_>)], message: &str) -> Value {
    let event =
        fields.iter().fold(test_event("m"), |event, (name, value)| event.field(FieldGroup::Context, name, *value));
    let mut redact = redact;
    TestBatches::new().events(&[event], |batch| {
        let message = batch.arena().alloc_str(message);
        batch.events_mut()[0].set_message(ValueRef::Text(message));
        redact.process(batch).unwrap();
        line(batch)
    })
}

#[test]
fn the_value_of_a_field_that_is_dropped_leaves_the_message_too() {
    let redact = Redact::builder().action(DataClass::Credential, Action::Drop).build();
    let line = filled(redact, &[("password", ValueRef::Text("swordfish"))], "login with swordfish");
    assert_eq!(line["message"], "login with [redacted]");
}

#[test]
fn an_address_that_is_cut_to_its_network_leaves_the_message_too() {
    let redact = Redact::builder().action(DataClass::NetworkAddress, Action::Truncate).build();
    let line = filled(redact, &[("client_ip", ValueRef::Ip([192, 0, 2, 77].into()))], "from 192.0.2.77");
    assert_eq!(line["message"], "from [redacted]");
}

#[test]
fn parts_of_a_map_under_a_sensitive_name_leave_the_message_too() {
    let map = OwnedValue::of(&BTreeMap::from([("old", vec!["swordfish"]), ("new", vec!["marlin"])]));
    for action in [Action::Mask, Action::Partial, Action::Drop] {
        let redact = Redact::builder().action(DataClass::Credential, action).build();
        let line = filled(redact, &[("passwords", map.view()), ("password", map.view())], "swordfish is marlin now");
        assert_eq!(line["message"], "[redacted] is [redacted] now");
    }
}

#[test]
fn values_that_contain_or_overlap_one_another_leave_nothing_of_them_in_the_message() {
    let text = ValueRef::Text;
    let line = filled(
        Redact::default(),
        &[("password", text("fish")), ("secret", text("fishes")), ("token", text("esque"))],
        "login with fishesque, fishes and fish",
    );
    assert_eq!(line["message"], "login with [redacted], [redacted] and [redacted]");
}

#[test]
fn values_that_are_parts_of_the_mask_do_not_make_the_message_grow() {
    let names: Vec<String> = (0..200).map(|number| format!("password_{number}")).collect();
    let value = |number| ValueRef::Text(if number % 2 == 0 { "red" } else { "act" });
    let fields: Vec<_> = names.iter().enumerate().map(|(number, name)| (name.as_str(), value(number))).collect();
    assert_eq!(filled(Redact::default(), &fields, "red act")["message"], "[redacted] [redacted]");
}

#[test]
fn ten_thousand_sensitive_fields_take_no_time_that_grows_with_their_square() {
    let names: Vec<String> = (0..10_000).map(|number| format!("password_{number}")).collect();
    let values: Vec<String> = (0..10_000).map(|number| format!("swordfish-{number}")).collect();
    let fields: Vec<_> =
        names.iter().zip(&values).map(|(name, value)| (name.as_str(), ValueRef::Text(value))).collect();
    let message = values.join(" ");
    let began = Instant::now();
    let line = filled(Redact::default(), &fields, &message);
    let elapsed = began.elapsed();
    assert!(!line.to_string().contains("swordfish"));
    assert!(elapsed.as_secs() < 5, "{elapsed:?}");
}

#[test]
fn the_mark_of_a_cut_field_has_the_redacted_name() {
    let key = format!("key {CARD}");
    let event = test_event("m").field(FieldGroup::Context, &key, "some text that was");
    TestBatches::new().events(&[event], |batch| {
        let key = batch.arena().alloc_str(&key);
        batch.events_mut()[0].mark_field_cut(FieldGroup::Context, key);
        Redact::default().process(batch).unwrap();
        let line = line(batch);
        assert!(!line.to_string().contains(CARD), "{line}");
        assert_eq!(line["truncated_fields"], json!(["context.key [redacted]"]));
    });
}

#[test]
fn the_lists_of_two_redactors_are_one() {
    let event = test_event("m").field(FieldGroup::Context, "password", "x").field(FieldGroup::Context, "note", CARD);
    TestBatches::new().events(&[event], |batch| {
        Redact::builder().content([]).build().process(batch).unwrap();
        Redact::builder().names([]).build().process(batch).unwrap();
        let context = &line(batch)["context"];
        assert_eq!(
            context,
            &json!({"password": "[redacted]", "note": "[redacted]", "redacted": ["context.password", "context.note"]})
        );
    });
}

#[test]
fn a_card_number_is_found_in_a_float_without_fraction() {
    let event = test_event("m").field(FieldGroup::Context, "n", ValueRef::F64(4_111_111_111_111_111.0)).field(
        FieldGroup::Context,
        "other",
        ValueRef::F64(4_111_111_111_111_111.5),
    );
    TestBatches::new().events(&[event], |batch| {
        Redact::default().process(batch).unwrap();
        let context = &line(batch)["context"];
        assert_eq!(context["n"], "[redacted]");
        assert!(context["other"].is_number());
    });
}

/// A map that is nested as deep as maps may be.
fn deep_map(depth: usize, text: &str) -> OwnedValue {
    match depth {
        1 => OwnedValue::of(&BTreeMap::from([("note", text), ("password", "swordfish"), ("ok", "ok")])),
        _ => {
            let inner = deep_map(depth - 1, text);
            OwnedValue::with(|out| {
                out.map(|entries| {
                    entries.entry_with("inner", |out| out.value(inner.view()));
                    (0..100).for_each(|number| entries.entry_with(&format!("key{number}"), |out| out.text("ok")));
                });
            })
        }
    }
}

#[test]
fn secrets_at_the_greatest_depth_are_redacted_and_the_map_stays_as_it_is() {
    let map = deep_map(8, CARD);
    let event = test_event("m").field(FieldGroup::Context, "map", map.view());
    let line = TestBatches::new().events(&[event], |batch| {
        Redact::default().process(batch).unwrap();
        line(batch)
    });
    let innermost = (0..7).fold(&line["context"]["map"], |map, _| &map["inner"]);
    assert_eq!(innermost, &json!({"note": "[redacted]", "password": "[redacted]", "ok": "ok"}));
    assert_eq!(line["context"]["map"]["key99"], "ok");
}

#[test]
fn a_list_of_the_program_is_not_trusted() {
    let list = OwnedValue::of(&vec![format!("context.{CARD}")]);
    let event = test_event("m").field(FieldGroup::Context, "redacted", list.view());
    TestBatches::new().events(&[event], |batch| {
        Redact::default().process(batch).unwrap();
        assert!(!line(batch).to_string().contains(CARD));
    });
}

#[test]
fn the_list_of_an_event_has_a_greatest_length() {
    let long = "k".repeat(3000);
    let inner = OwnedValue::of(&(0..1000).map(|number| (format!("password{number}"), "x")).collect::<BTreeMap<_, _>>());
    let event = test_event("m").field(FieldGroup::Context, &long, inner.view());
    TestBatches::new().events(&[event], |batch| {
        Redact::default().process(batch).unwrap();
        let line = line(batch);
        let list = line["context"]["redacted"].as_array().unwrap();
        assert_eq!((list.len(), list.last()), (3, Some(&json!("..."))));
    });
}
