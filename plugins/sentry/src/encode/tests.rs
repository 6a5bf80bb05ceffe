//! Records, read back.

use std::time::Duration;

use fapilog_plugin::{
    field_group::FieldGroup,
    testing::{TestBatches, TestEvent, test_event},
};
use serde_json::{Value, json};

use super::*;

fn records(settings: &SentrySettings, events: &[TestEvent<'_>]) -> Vec<Vec<u8>> {
    let mut encoder = SentryEncoder::new(Arc::new(SentryConstants::new(settings)));
    let batches = TestBatches::new().source("shop");
    batches.at(Duration::from_millis(1500));
    let mut payload = Payload::new(0);
    batches.events(events, |batch| encoder.encode(batch, &mut payload).unwrap());
    (0..events.len()).map(|index| payload.record(index).unwrap().to_vec()).collect()
}

fn settings() -> SentrySettings {
    let named = |name: &str| Some(name.to_owned());
    SentrySettings { server_name: named("web-1"), release: named("shop@1.2"), ..SentrySettings::default() }
}

fn error_of(record: &[u8]) -> Value {
    assert_eq!(record[0], ERROR_KIND);
    serde_json::from_slice(&record[1 + ID_DIGITS..]).unwrap()
}

#[test]
fn a_log_is_as_documented() {
    let event = test_event("filled")
        .field(FieldGroup::Context, "order", 42_u64)
        .field(FieldGroup::Context, "big", u64::MAX)
        .field(FieldGroup::Tags, "region", "eu");
    let record = records(&settings(), &[event]).remove(0);
    let expected = concat!(
        r#"L{"timestamp":1.500000,"trace_id":"00000000000000000000000000000001","level":"info","severity_number":9,"body":"filled","#,
        r#""attributes":{"server.address":{"value":"web-1","type":"string"},"sentry.release":{"value":"shop@1.2","type":"string"},"#,
        r#""logger.name":{"value":"shop","type":"string"},"code.namespace":{"value":"stage","type":"string"},"#,
        r#""fapilog.event_id":{"value":"00000000000000000000001000000001","type":"string"},"order":{"value":42,"type":"integer"},"#,
        r#""big":{"value":"18446744073709551615","type":"string"},"tags.region":{"value":"eu","type":"string"}}}"#,
    );
    assert_eq!(String::from_utf8(record).unwrap(), expected);
}

#[test]
fn an_error_event_has_its_exception_user_trace_tags_and_extra() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let event = test_event("gave up")
        .level(Level::Critical)
        .field(FieldGroup::Context, "error", "no disk")
        .field(FieldGroup::Context, "exception.type", "io::Error")
        .field(
            FieldGroup::Context,
            "backtrace",
            "  0: shop::write\n      at src/a.rs:7:1\n  1: shop::main\n      at src/main.rs:3:9",
        )
        .field(FieldGroup::Context, "user_id", "u-1")
        .field(FieldGroup::Context, "trace_id", trace)
        .field(FieldGroup::Context, "span_id", "00f067aa0ba902b7")
        .field(FieldGroup::Tags, "region", "eu");
    let event = error_of(&records(&settings(), &[event])[0]);
    assert_eq!(event["event_id"], "00000000000000000000001000000001");
    assert_eq!(
        (&event["level"], &event["release"], &event["server_name"]),
        (&json!("fatal"), &json!("shop@1.2"), &json!("web-1"))
    );
    assert_eq!(event["logentry"]["formatted"], "gave up");
    let exception = &event["exception"]["values"][0];
    assert_eq!((&exception["type"], &exception["value"]), (&json!("io::Error"), &json!("no disk")));
    let frames = json!([
        { "function": "shop::main", "filename": "src/main.rs", "lineno": 3 },
        { "function": "shop::write", "filename": "src/a.rs", "lineno": 7 },
    ]);
    assert_eq!(exception["stacktrace"]["frames"], frames);
    assert_eq!((&event["user"]["id"], &event["contexts"]["trace"]["trace_id"]), (&json!("u-1"), &json!(trace)));
    assert_eq!((&event["tags"]["region"], &event["extra"]["context"]["user_id"]), (&json!("eu"), &json!("u-1")));
}

#[test]
fn breadcrumbs_are_the_last_events_of_the_same_correlation_id() {
    let texts: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let mut events: Vec<TestEvent<'_>> = (texts.iter().enumerate())
        .map(|(place, text)| {
            test_event(text).field(FieldGroup::CorrelationId, "", if place % 2 == 0 { "a" } else { "b" })
        })
        .collect();
    events.push(test_event("bad").level(Level::Error).field(FieldGroup::CorrelationId, "", "a"));
    let mut settings = settings();
    let messages = |settings: &SentrySettings| -> Vec<String> {
        let event = error_of(records(settings, &events).last().unwrap());
        let crumbs = event["breadcrumbs"]["values"].as_array().cloned().unwrap_or_default();
        crumbs.iter().map(|crumb| crumb["message"].as_str().unwrap().to_owned()).collect()
    };
    settings.breadcrumbs = 3;
    assert_eq!(messages(&settings), ["24", "26", "28"]);
    settings.breadcrumbs = 0;
    assert!(messages(&settings).is_empty());
}

#[test]
fn the_level_chooses_between_event_log_and_breadcrumb() {
    let events = Level::ALL.map(|level| test_event("x").level(level));
    let kinds = |settings: &SentrySettings| -> String {
        records(settings, &events).iter().map(|record| char::from(record[0])).collect()
    };
    let mut settings = settings();
    assert_eq!(kinds(&settings), "--LLEELE");
    settings.event_level = Level::Critical;
    settings.log_level = Level::Warning;
    assert_eq!(kinds(&settings), "---LLELE");
    settings.logs = false;
    assert_eq!(kinds(&settings), "-----E-E");
}

#[test]
fn no_event_and_no_log_is_longer_than_1_mb() {
    let control = "\u{1}".repeat(60_000);
    let names: Vec<String> = (0..3).map(|number| format!("f{number}")).collect();
    for level in [Level::Info, Level::Error] {
        let fields = |event, name| TestEvent::field(event, FieldGroup::Context, name, control.as_str());
        let event = names.iter().fold(test_event(&control).level(level), |event, name| fields(event, name.as_str()));
        let record = records(&settings(), &[event]).remove(0);
        assert!(record.len() < 1_000_000, "{}", record.len());
        assert!(String::from_utf8(record).unwrap().contains("omitted_fields"));
    }
}

#[test]
fn correlation_ids_that_share_a_place_have_no_breadcrumbs_in_common() {
    let ids: Vec<String> = (0..200).map(|number| format!("request-{number}")).collect();
    let events: Vec<TestEvent<'_>> = (ids.iter())
        .flat_map(|id| {
            let of_id = |level| test_event(id).level(level).field(FieldGroup::CorrelationId, "", id.as_str());
            [of_id(Level::Info), of_id(Level::Error)]
        })
        .collect();
    // Each id comes again behind all others, when another id has its place.
    let errors: Vec<TestEvent<'_>> = (ids.iter())
        .map(|id| test_event("again").level(Level::Error).field(FieldGroup::CorrelationId, "", id.as_str()))
        .collect();
    let all: Vec<TestEvent<'_>> = events.into_iter().chain(errors).collect();
    let mut kept = 0;
    for record in records(&settings(), &all).iter().filter(|record| record[0] == ERROR_KIND) {
        let event = error_of(record);
        let id = event["contexts"]["fapilog"]["correlation_id"].clone();
        for crumb in event["breadcrumbs"]["values"].as_array().into_iter().flatten() {
            assert_eq!(crumb["message"], id);
            kept += 1;
        }
    }
    assert!((200..=264).contains(&kept), "{kept}");
}

#[test]
fn a_tag_that_sentry_would_refuse_is_cut_or_left_out() {
    let long = "\u{e9}".repeat(300);
    let long_name = "n".repeat(33);
    let event = test_event("bad")
        .level(Level::Error)
        .field(FieldGroup::Tags, "lines", "first\nsecond")
        .field(FieldGroup::Tags, "long", long.as_str())
        .field(FieldGroup::Tags, long_name.as_str(), "x")
        .field(FieldGroup::Tags, "a b", "x")
        .field(FieldGroup::Tags, "count", 7_u64);
    let event = error_of(&records(&settings(), &[event])[0]);
    let tags = event["tags"].as_object().unwrap();
    let names: Vec<_> = tags.keys().map(String::as_str).collect();
    assert_eq!(tags.len(), 4, "{names:?}");
    assert_eq!((&tags["source"], &tags["lines"], &tags["count"]), (&json!("shop"), &json!("first"), &json!("7")));
    assert_eq!(tags["long"].as_str().unwrap().chars().count(), 200);
    assert_eq!(event["extra"]["omitted_fields"], 2);
}
