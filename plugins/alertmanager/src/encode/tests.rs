//! Alerts, byte by byte and read back.

use fapilog_plugin::{
    level::Level,
    testing::{TestBatches, TestEvent, test_event},
};
use serde_json::{Value, json};

use super::*;

fn settings() -> AlertmanagerSettings {
    AlertmanagerSettings { instance: Some("web-1".to_owned()), ..AlertmanagerSettings::default() }
}

/// An alert that has started a second after 1970.
fn alert<'a>(state: &'a str) -> TestEvent<'a> {
    test_event("alert logins fail is firing: 20 events")
        .level(Level::Error)
        .target("fapilog::alert")
        .field(FieldGroup::Tags, "alert.name", "logins fail")
        .field(FieldGroup::Tags, "alert.state", state)
        .field(FieldGroup::Tags, "alert.severity", "ERROR")
        .field(FieldGroup::Context, "alert.started_at", ValueRef::Time { seconds: 1, nanos: 5 })
        .field(FieldGroup::Metrics, "alert.count", 20_u64)
}

/// The records of events of an hour after 1970.
fn records(settings: &AlertmanagerSettings, events: &[TestEvent<'_>]) -> Vec<String> {
    let mut encoder = AlertEncoder::new(Arc::new(AlertConstants::new(settings)));
    let batches = TestBatches::new();
    batches.at(Duration::from_secs(3600));
    let mut payload = Payload::new(0);
    batches.events(events, |batch| encoder.encode(batch, &mut payload).unwrap());
    assert_eq!(payload.marked_records(), events.len());
    (0..events.len()).map(|index| String::from_utf8(payload.record(index).unwrap().to_vec()).unwrap()).collect()
}

fn json_of(event: TestEvent<'_>) -> Value {
    serde_json::from_str(&records(&settings(), &[event])[0]).unwrap()
}

#[test]
fn an_alert_has_labels_annotations_and_times() {
    let mut settings = settings();
    settings.labels = [("env".to_owned(), "prod".to_owned())].into();
    settings.generator_url = Some("https://logs.example.com/".to_owned());
    let event = alert("firing")
        .field(FieldGroup::Tags, "team", "identity")
        .field(FieldGroup::Context, "alert.message", "login of {user}")
        .field(FieldGroup::Context, "alert.target", "auth")
        .field(FieldGroup::Context, "runbook", "https://runbooks.example/logins");
    let expected = concat!(
        r#"{"labels":{"alertname":"logins fail","severity":"error","instance":"web-1","env":"prod","team":"identity"},"#,
        r#""annotations":{"summary":"alert logins fail is firing: 20 events","count":"20","message":"login of {user}","#,
        r#""target":"auth","runbook":"https://runbooks.example/logins"},"#,
        r#""startsAt":"1970-01-01T00:00:01.000000005Z","endsAt":"1970-01-01T03:00:00.000000000Z","#,
        r#""generatorURL":"https://logs.example.com/"}"#
    );
    assert_eq!(records(&settings, &[event]), [expected]);
}

#[test]
fn an_alert_that_is_resolved_ends_at_the_time_of_its_event() {
    let resolved = json_of(alert("resolved"));
    assert_eq!(
        (&resolved["startsAt"], &resolved["endsAt"]),
        (&json!("1970-01-01T00:00:01.000000005Z"), &json!("1970-01-01T01:00:00.000000000Z"))
    );
    assert_eq!(resolved["labels"], json_of(alert("firing"))["labels"]);
}

#[test]
fn no_alert_ends_before_it_starts() {
    let late = ValueRef::Time { seconds: 7200, nanos: 0 };
    let mut event = alert("resolved");
    event.fields.retain(|(_, name, _)| *name != "alert.started_at");
    let resolved = json_of(event.clone().field(FieldGroup::Context, "alert.started_at", late));
    assert_eq!(resolved["startsAt"], resolved["endsAt"]);
    assert_eq!(json_of(event)["startsAt"], "1970-01-01T01:00:00.000000000Z");
}

#[test]
fn events_that_are_no_alerts_are_empty_records() {
    let without = |name: &str| {
        let mut event = alert("firing");
        event.fields.retain(|(_, field, _)| *field != name);
        event
    };
    let events = [
        test_event("ready"),
        alert("firing").target("fapilog::throttle"),
        alert("unknown"),
        without("alert.name"),
        without("alert.severity"),
        without("alert.state"),
    ];
    assert_eq!(records(&settings(), &events), ["{}"; 6]);
}

#[test]
fn names_of_labels_and_annotations_are_legal_and_come_once() {
    let event = alert("firing")
        .field(FieldGroup::Tags, "data-center", "a")
        .field(FieldGroup::Tags, "data.center", "b")
        .field(FieldGroup::Tags, "2nd", "c")
        .field(FieldGroup::Tags, "__meta", "d")
        .field(FieldGroup::Tags, "", "e")
        .field(FieldGroup::Tags, "\u{e9}t\u{e9}", "f")
        .field(FieldGroup::Tags, "alertname", "forged")
        .field(FieldGroup::Tags, "severity", "forged")
        .field(FieldGroup::Tags, "instance", "forged")
        .field(FieldGroup::Context, "summary", "forged")
        .field(FieldGroup::Context, "a b", 7_u64);
    let found = json_of(event);
    let expected = json!({
        "alertname": "logins fail", "severity": "error", "instance": "web-1",
        "data_center": "a", "_2nd": "c", "meta": "d", "_": "e", "_t_": "f",
    });
    assert_eq!(found["labels"], expected);
    let expected = json!({ "summary": "alert logins fail is firing: 20 events", "count": "20", "a_b": "7" });
    assert_eq!(found["annotations"], expected);
    let keys = found["labels"].as_object().unwrap().keys().chain(found["annotations"].as_object().unwrap().keys());
    assert!(keys.into_iter().all(|key| is_label_name(key)));
}

#[test]
fn values_are_texts_and_empty_ones_are_left_out() {
    let long = "\u{e9}".repeat(3000);
    let event = alert("firing")
        .field(FieldGroup::Tags, "shard", 7_u64)
        .field(FieldGroup::Tags, "empty", "")
        .field(FieldGroup::Tags, "none", ValueRef::None)
        .field(FieldGroup::Context, "raw", ValueRef::Bytes(b"a\xff"))
        .field(FieldGroup::Context, "long", &*long);
    let found = json_of(event);
    assert_eq!((&found["labels"]["shard"], found["labels"].as_object().unwrap().len()), (&json!("7"), 4));
    assert_eq!(found["annotations"]["long"].as_str().unwrap().len(), VALUE_BYTES_MAX);
    assert!(found["annotations"]["raw"].as_str().unwrap().starts_with('a'));
}

#[test]
fn the_label_instance_can_be_left_out() {
    let mut settings = settings();
    settings.instance_label = false;
    let found: Value = serde_json::from_str(&records(&settings, &[alert("firing")])[0]).unwrap();
    assert_eq!(found["labels"].get("instance"), None);
}

#[test]
fn the_time_of_expiry_is_a_setting() {
    let mut settings = settings();
    settings.expires_after = Duration::from_secs(60);
    let found: Value = serde_json::from_str(&records(&settings, &[alert("firing")])[0]).unwrap();
    assert_eq!(found["endsAt"], "1970-01-01T01:01:00.000000000Z");
}

#[test]
fn many_names_are_compared_by_their_hash() {
    let mut names = MemberNames::default();
    let start = std::time::Instant::now();
    for number in 0..100_000 {
        assert!(names.add(&format!("label-{number}")).is_some());
    }
    assert_eq!(names.add("label-7"), None);
    assert_eq!(names.add("label_7"), None);
    // Each with each, they took minutes.
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    names.clear();
    assert_eq!(names.add("label-7"), Some("label_7"));
}
