//! Events that are longer than a record: what is left of them is right, and the event names what was cut.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog::{
    Container, Level, Logger, Scope,
    event::{DynamicEvent, FieldGroup, ValueRef},
    format, info,
};
use law::{end, only, started_manual};
use serde_json::{Value as Json, json};

/// The one event that `log` logs, in a record of 1,024 bytes at most.
fn cut(log: impl FnOnce(&Logger)) -> Json {
    let (container, mut drain, events) = started_manual(Container::builder().record_max_bytes(1024));
    log(&container.logger("cut"));
    let accounts = end(&container, &mut drain);
    assert_eq!(accounts.cut, 1);
    let event = only(&events);
    assert_eq!(event["truncated"], true);
    event
}

#[test]
fn a_list_is_cut_between_whole_elements() {
    let (container, mut drain, events) = started_manual(Container::builder());
    info!(container.logger("cut"), "list", list = vec!["ten bytes."; 8000], behind = "text");
    end(&container, &mut drain);
    let event = only(&events);
    let list = event["context"]["list"].as_array().unwrap();
    assert!(list.len() > 3600 && list.iter().all(|element| element == "ten bytes."), "{}", list.len());
    assert_eq!((&event["context"]["behind"], &event["truncated_fields"]), (&json!("text"), &json!(["context.list"])));
}

#[test]
fn a_long_argument_leaves_those_behind_it_whole() {
    let long = "x".repeat(5000);
    let event = cut(|log| info!(log, "long", long, short = "short", some = Some("some"), list = ["a", "b"]));
    let context = &event["context"];
    assert_eq!(
        [&context["short"], &context["some"], &context["list"]],
        [&json!("short"), &json!("some"), &json!(["a", "b"])]
    );
    assert!(context["long"].as_str().unwrap().len() > 900);
    assert_eq!(event["truncated_fields"], json!(["context.long"]));
}

#[test]
fn nothing_and_an_empty_text_differ_from_a_text_that_was_cut() {
    let long = "x".repeat(5000);
    let event = cut(|log| {
        info!(log, "three", cut = Some(long.as_str()), empty = Some(""), none = None::<&str>, numbers = [7_u64; 100]);
    });
    let context = &event["context"];
    assert!(context["cut"].as_str().is_some_and(|text| text.len() < 5000));
    assert_eq!([&context["empty"], &context["none"]], [&json!(""), &Json::Null]);
    assert_eq!(event["truncated_fields"], json!(["context.cut", "context.numbers"]));
}

#[test]
fn each_group_names_its_own_field() {
    let long = "x".repeat(2000);
    let long = long.as_str();
    let event = cut(|log| info!(log, %long, same = long, tags.same = long, metrics.same = "short"));
    assert_eq!(event["truncated_fields"], json!(["message", "context.same", "tags.same"]));
    assert_eq!(event["metrics"]["same"], "short");
}

#[test]
fn rendered_values_and_errors_are_named() {
    let error = std::io::Error::other("e".repeat(2000));
    let text = "d".repeat(2000);
    let event = cut(|log| info!(log, "rendered", #error, ?text, short = %7));
    assert_eq!(event["truncated_fields"], json!(["context.error", "context.text"]));
    assert_eq!(event["context"]["short"], "7");
    assert!(event["context"]["error"].as_str().unwrap().len() > 300);
}

#[test]
fn bytes_that_are_text_stay_text() {
    let bytes = "€".repeat(1000);
    let event = cut(|log| info!(log, "bytes", a = "a", bytes = bytes.as_bytes()));
    assert_eq!((&event["truncated_fields"], event.get("not_utf8")), (&json!(["context.bytes"]), None));
    assert!(bytes.starts_with(event["context"]["bytes"].as_str().unwrap()));
}

#[test]
fn fields_of_scopes_and_loggers_are_named_and_keep_their_share() {
    let long = "x".repeat(5000);
    let event = cut(|log| {
        let _entered =
            Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "scope", long.as_str().into()).enter();
        info!(log.with([("logger", long.as_str().into())]), "bound", own = long.as_str(), short = "short");
    });
    assert_eq!(event["truncated_fields"], json!(["context.logger", "context.own", "tags.scope"]));
    assert_eq!((&event["correlation_id"], &event["context"]["short"]), (&json!("7f3a"), &json!("short")));
    for text in [&event["tags"]["scope"], &event["context"]["logger"], &event["context"]["own"]] {
        assert!(text.as_str().unwrap().len() > 150, "{text}");
    }
}

#[test]
fn a_bound_field_that_the_calls_own_hides_is_not_named() {
    let long = "x".repeat(5000);
    let event = cut(|log| info!(log.with([("key", long.as_str().into())]), "hidden", key = "own"));
    assert_eq!((&event["context"]["key"], event.get("truncated_fields")), (&json!("own"), None));
}

#[test]
fn scopes_beyond_what_a_thread_keeps_mark_the_event() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let long = "x".repeat(150_000);
    let scope = |name| Scope::new().field(FieldGroup::Context, name, ValueRef::Text(&long));
    let (outer, inner) = (scope("outer").enter(), scope("inner").enter());
    info!(container.logger("cut"), "deep");
    drop((inner, outer));
    info!(container.logger("cut"), "outside");
    assert_eq!(end(&container, &mut drain).cut, 1);
    let lines = law::parsed(&events);
    assert_eq!(lines[0]["truncated_fields"], json!(["context.inner", "context.outer"]));
    assert_eq!(lines[1].get("context"), None);
}

#[test]
fn a_dynamic_event_names_message_and_fields_that_were_cut() {
    let long = "x".repeat(5000);
    let event = DynamicEvent::new(Level::Info, "adapter", &long)
        .field(FieldGroup::Context, "number", ValueRef::U64(7))
        .field(FieldGroup::Tags, "long", ValueRef::Text(&long))
        .field(FieldGroup::Metrics, "last", ValueRef::F64(1.5));
    let event = cut(|log| log.log_dynamic(&event));
    assert_eq!(event["truncated_fields"], json!(["message", "tags.long"]));
    assert_eq!((&event["context"]["number"], &event["metrics"]["last"]), (&json!(7), &json!(1.5)));
    assert!(event["message"].as_str().unwrap().len() > 150 && event["tags"]["long"].as_str().unwrap().len() > 150);
}

#[test]
fn text_formats_name_what_was_cut() {
    let long = "x".repeat(2000);
    let (sink, events) = fapilog::sink::Memory::new(format::Logfmt::new);
    let (container, mut drain) =
        Container::builder().record_max_bytes(1024).sink("logfmt", sink).start_manual().unwrap();
    info!(container.logger("cut"), long, "a key" = long.as_str(), tags.b = long.as_str());
    end(&container, &mut drain);
    let line = events.lines().remove(0);
    assert!(line.ends_with(" truncated=true truncated_fields=[msg,a%20key,tags.b]"), "{line}");
}
