//! Tests of the redactor as a whole.

use std::{collections::BTreeMap, sync::Arc};

use fapilog_format::json::Json;
use fapilog_plugin::{
    data_class::DataClass,
    error::PluginError,
    event::{Batch, FieldRef},
    formatter::Formatter,
    processor::Processor,
    substitute::{SensitiveValue, Substitute},
    testing::{TestBatches, TestEvent, test_event},
};
use fapilog_record::{
    field_group::FieldGroup,
    value::{OwnedValue, ValueRef},
};
use serde_json::{Value, json};

use crate::redact::{Action, KeyedHash, Redact, RedactBuilder};

const CARD: &str = "4111111111111111";

fn line(batch: &Batch<'_>) -> Value {
    let mut out = Vec::new();
    Json::new().format(batch, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// The JSON of an event behind a redactor.
fn redacted_by(redact: &mut Redact, event: &TestEvent<'_>) -> Value {
    TestBatches::new().events(std::slice::from_ref(event), |batch| {
        redact.process(batch).unwrap();
        line(batch)
    })
}

fn redacted(event: &TestEvent<'_>) -> Value {
    redacted_by(&mut Redact::default(), event)
}

#[test]
fn a_field_with_a_sensitive_name_is_masked_and_listed() {
    let event =
        test_event("login").field(FieldGroup::Context, "userPassword", "abc").field(FieldGroup::Context, "user", "ada");
    assert_eq!(
        redacted(&event)["context"],
        json!({"userPassword": "[redacted]", "user": "ada", "redacted": ["context.userPassword"]})
    );
}

#[test]
fn sensitive_texts_are_redacted_in_all_places() {
    let text = format!("see {CARD} now");
    let map = OwnedValue::of(&BTreeMap::from([("note", BTreeMap::from([(CARD, text.as_str()), ("ok", "ok")]))]));
    let list = OwnedValue::of(&vec!["ok", text.as_str()]);
    let key = format!("key {CARD}");
    let event = test_event(&text)
        .target(&text)
        .field(FieldGroup::CorrelationId, "", text.as_str())
        .field(FieldGroup::Tags, "note", text.as_str())
        .field(FieldGroup::Context, "bytes", text.as_bytes())
        .field(FieldGroup::Context, "map", map.view())
        .field(FieldGroup::Context, "list", list.view())
        .field(FieldGroup::Context, &key, 7);
    let line = redacted(&event);
    assert!(!line.to_string().contains(CARD), "{line}");
    assert_eq!(line["message"], "see [redacted] now");
    assert_eq!((&line["target"], &line["correlation_id"]), (&line["message"], &line["message"]));
    assert_eq!(line["context"]["map"], json!({"note": {"[redacted]": "see [redacted] now", "ok": "ok"}}));
    assert_eq!(line["context"]["list"], json!(["ok", "see [redacted] now"]));
    assert_eq!(line["context"]["key [redacted]"], 7);
    let listed = json!([
        "message",
        "target",
        "correlation_id",
        "context.bytes",
        "context.map.note.[redacted]",
        "context.list",
        "context.key [redacted]",
        "tags.note"
    ]);
    let mut sorted: Vec<Value> = line["context"]["redacted"].as_array().unwrap().clone();
    let mut expected = listed.as_array().unwrap().clone();
    sorted.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(sorted, expected);
}

#[test]
fn bytes_that_are_no_text_are_redacted_between_the_bytes_that_are_none() {
    let bytes = [b"\xff", CARD.as_bytes(), b"\xfe"].concat();
    let event = test_event("m").field(FieldGroup::Context, "raw", bytes.as_slice());
    TestBatches::new().events(&[event], |batch| {
        Redact::default().process(batch).unwrap();
        let value = batch.events()[0].field(FieldGroup::Context, "raw");
        assert_eq!(value, Some(ValueRef::Bytes(b"\xff[redacted]\xfe")));
    });
}

#[test]
fn a_card_number_is_found_in_numbers_too() {
    let event = test_event("paid").field(FieldGroup::Context, "n", ValueRef::U64(4_111_111_111_111_111));
    let mut redact = Redact::builder().action(DataClass::CardNumber, Action::Partial).build();
    assert_eq!(redacted_by(&mut redact, &event)["context"]["n"], "411111******1111");
}

#[test]
fn an_event_without_sensitive_data_stays_plain() {
    TestBatches::new().batch(&[1, 2], |batch| {
        Redact::default().process(batch).unwrap();
        assert!(batch.events().iter().all(|event| event.is_plain()));
    });
}

#[test]
fn an_argument_with_a_sensitive_name_is_masked_in_its_place_in_the_message() {
    TestBatches::new().argument("pin").message("pin is {pin}").batch(&[1234], |batch| {
        Redact::default().process(batch).unwrap();
        let line = line(batch);
        assert_eq!((&line["message"], &line["context"]["pin"]), (&json!("pin is [redacted]"), &json!("[redacted]")));
    });
}

#[test]
fn fields_of_a_scope_and_shared_fields_are_redacted() {
    let field = FieldRef { group: FieldGroup::Context, name: "api_key", value: ValueRef::Text("k") };
    TestBatches::new().batch(&[1, 2], |batch| {
        let shared = batch.arena().alloc_slice_copy(&[field]);
        batch.events_mut().iter_mut().for_each(|event| event.share_context(shared));
        Redact::default().process(batch).unwrap();
        for event in batch.events() {
            assert_eq!(event.field(FieldGroup::Context, "api_key"), Some(ValueRef::Text("[redacted]")));
        }
    });
}

#[test]
fn actions_differ_by_class() {
    let hash = Arc::new(KeyedHash::new("k1", b"a key of 16 bytes or more").unwrap());
    let mut redact = Redact::builder()
        .action(DataClass::Email, Action::Partial)
        .action(DataClass::Credential, Action::Drop)
        .action(DataClass::Phone, Action::Hash(hash))
        .action(DataClass::NetworkAddress, Action::Truncate)
        .build();
    let event = test_event("m")
        .field(FieldGroup::Context, "email", "ada@example.com")
        .field(FieldGroup::Context, "password", "x")
        .field(FieldGroup::Context, "phone", "+4930123")
        .field(FieldGroup::Context, "client_ip", "192.0.2.7");
    let line = redacted_by(&mut redact, &event);
    let context = &line["context"];
    assert_eq!((&context["email"], &context["client_ip"]), (&json!("[redacted]@example.com"), &json!("192.0.2.0")));
    assert!(context.get("password").is_none());
    assert!(context["phone"].as_str().unwrap().starts_with("hmac:k1:"), "{context}");
    assert_eq!(context["redacted"].as_array().unwrap().len(), 4);
}

#[test]
fn a_value_that_is_redacted_already_stays_as_it_is() {
    // Its digits have the form of a card number.
    let pseudonym = "hmac:k1:41111111111111114111111111111111";
    let list = OwnedValue::of(&[Some(pseudonym), None, Some("[redacted]")]);
    let mixed = OwnedValue::of(&[pseudonym, "ada@example.com"]);
    let event = test_event("m")
        .field(FieldGroup::Context, "email", pseudonym)
        .field(FieldGroup::Context, "password", "[redacted]")
        .field(FieldGroup::Context, "phone", list.view())
        .field(FieldGroup::Context, "note", pseudonym)
        .field(FieldGroup::Context, "user_email", mixed.view())
        .field(FieldGroup::Context, "token", pseudonym);
    let field = "token".parse().unwrap();
    let mut redact = Redact::builder().everything().mask("***").field(field, Action::Drop).build();
    assert_eq!(
        redacted_by(&mut redact, &event)["context"],
        json!({
            "email": pseudonym, "password": "[redacted]", "phone": [pseudonym, null, "[redacted]"], "note": pseudonym,
            "user_email": "***", "redacted": ["context.user_email", "context.token"]
        })
    );
}

#[test]
fn fields_that_the_user_names_are_redacted_or_kept() {
    let user = OwnedValue::of(&BTreeMap::from([("note", "n"), ("email", "ada@example.com")]));
    let event = test_event("m")
        .field(FieldGroup::Context, "user", user.view())
        .field(FieldGroup::Context, "order_note", "gate code")
        .field(FieldGroup::Context, "password", "shown");
    let mut redact = Redact::builder()
        .field("context.user.n*".parse().unwrap(), Action::Drop)
        .field("orderNote".parse().unwrap(), Action::Mask)
        .keep("context.password".parse().unwrap())
        .build();
    assert_eq!(
        redacted_by(&mut redact, &event)["context"],
        json!({
            "user": {"email": "[redacted]"}, "order_note": "[redacted]", "password": "shown",
            "redacted": ["context.user.email", "context.user.note", "context.order_note"]
        })
    );
}

#[test]
fn a_users_own_field_of_the_lists_name_moves() {
    let event =
        test_event("m").field(FieldGroup::Context, "redacted", "mine").field(FieldGroup::Context, "password", "x");
    let context = &redacted(&event)["context"];
    assert_eq!((&context["field.redacted"], &context["redacted"]), (&json!("mine"), &json!(["context.password"])));
    let unlisted = Redact::builder().list_redacted(false).build();
    assert_eq!(
        redacted_by(&mut { unlisted }, &event)["context"],
        json!({"redacted": "mine", "password": "[redacted]"})
    );
}

#[test]
fn the_mask_stands_for_a_value_whose_substitute_fails_and_the_failure_is_counted() {
    struct Failing;
    impl Substitute for Failing {
        fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
            out.push_str(value.text);
            Err(PluginError::failed(format!("no token for {}", value.path)))
        }
    }
    let mut redact = Redact::builder().action(DataClass::Email, Action::Substitute(Arc::new(Failing))).build();
    let event = test_event("m").field(FieldGroup::Context, "email", "ada@example.com");
    TestBatches::new().events(&[event], |batch| {
        redact.process(batch).unwrap();
        assert_eq!(line(batch)["context"]["email"], "[redacted]");
    });
    assert_eq!(redact.counts(), [("name.email".to_owned(), 1), ("substitute_failed".to_owned(), 1)]);
}

#[test]
fn clones_share_their_counters() {
    let redact = Redact::default();
    let event = test_event(CARD).field(FieldGroup::Context, "password", "x");
    redacted_by(&mut redact.clone(), &event);
    redacted_by(&mut redact.clone(), &event);
    assert_eq!(redact.counts(), [("name.credential".to_owned(), 2), ("content.card_number".to_owned(), 2)]);
}

#[test]
fn texts_in_no_event_are_redacted_by_the_same_rules() {
    let texts = RedactBuilder::new().build().text_redactor();
    assert_eq!(texts.redact("no place for 4111111111111111"), "no place for [redacted]");
    assert!(matches!(texts.redact("no place"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn a_value_that_a_plugin_has_put_into_the_message_is_redacted_there() {
    let event = test_event("m").field(FieldGroup::Context, "password", "swordfish");
    TestBatches::new().events(&[event], |batch| {
        batch.events_mut()[0].set_message(ValueRef::Text("login with swordfish"));
        Redact::default().process(batch).unwrap();
        let line = line(batch);
        assert_eq!(line["message"], "login with [redacted]");
        assert_eq!(line["context"]["redacted"], json!(["context.password", "message"]));
    });
}

#[test]
fn half_a_secret_at_the_end_of_a_text_that_was_cut_is_removed() {
    let event = test_event("paid with 4111 1111 11").field(FieldGroup::Context, "note", "token ghp_abc");
    TestBatches::new().events(&[event], |batch| {
        batch.events_mut()[0].mark_field_cut(FieldGroup::Message, "");
        batch.events_mut()[0].mark_field_cut(FieldGroup::Context, "note");
        Redact::default().process(batch).unwrap();
        let line = line(batch);
        assert_eq!((&line["message"], &line["context"]["note"]), (&json!("paid with "), &json!("token ")));
        assert_eq!(line["truncated_fields"], json!(["message", "context.note"]));
    });
}

#[test]
fn a_substitute_has_the_value_its_place_and_the_subject_of_the_event() {
    struct Shown;
    impl Substitute for Shown {
        fn substitute(&self, value: &SensitiveValue<'_>, out: &mut String) -> Result<(), PluginError> {
            let SensitiveValue { class, path, text, subject, .. } = value;
            out.push_str(&format!("{class} {path} {} {subject:?}", text.len()));
            Ok(())
        }
    }
    let action = Action::Substitute(Arc::new(Shown));
    let mut redact = Redact::builder().action(DataClass::Email, action).subject("user_id").build();
    let event = test_event("m").field(FieldGroup::Context, "email", "ada@example.com");
    let line = redacted_by(&mut redact, &event.clone().field(FieldGroup::Context, "user_id", 42));
    assert_eq!(line["context"]["email"], "email context.email 15 Some(\"42\")");
    assert_eq!(redacted_by(&mut redact, &event)["context"]["email"], "email context.email 15 None");
}
