//! Answers, by a server that checks alerts as Alertmanager does.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use fapilog::info;
use fapilog_alertmanager::AlertmanagerSettings;
use fapilog_test_servers::{
    Conformance, EventCounts, EventLedger, FakeAnswer, FakeHttp, FakeRequest, Scenario, TestCa,
};
use serde_json::{Map, Value};

use super::alerts::{log_alert, shut_down, started};

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check_set(set: &Map<String, Value>) {
    for (name, value) in set {
        assert!(is_name(name) && value.as_str().is_some_and(|value| !value.is_empty()), "{name:?}: {value}");
    }
}

/// The checks of Alertmanager: times of RFC 3339, legal names, texts as values. An alert that it would refuse fails the test.
fn answer(request: &FakeRequest) -> FakeAnswer {
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/prefix/api/v2/alerts"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let alerts = alerts(request);
    assert!(!alerts.is_empty());
    for alert in &alerts {
        let (labels, annotations) = (alert["labels"].as_object().unwrap(), alert["annotations"].as_object().unwrap());
        assert!(labels.contains_key("alertname") && labels.contains_key("severity"));
        check_set(labels);
        check_set(annotations);
        let time = |key: &str| alert[key].as_str().unwrap().to_owned();
        assert!(time("startsAt").ends_with('Z') && time("startsAt") <= time("endsAt"));
    }
    FakeAnswer::ok()
}

pub(crate) fn server() -> FakeHttp {
    FakeHttp::builder().answer(answer).start()
}

pub(crate) fn alerts(request: &FakeRequest) -> Vec<Value> {
    serde_json::from_slice(&request.body).unwrap()
}

pub(crate) fn settings(server: &FakeHttp) -> AlertmanagerSettings {
    let mut settings = AlertmanagerSettings::default();
    settings.url = server.url("/prefix/");
    settings.instance = Some("web-1".to_owned());
    settings
}

/// The names of the alerts that the server has accepted.
fn accepted(server: &FakeHttp) -> Vec<String> {
    let names = |request: std::sync::Arc<FakeRequest>| {
        alerts(&request).into_iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned())
    };
    server.accepted().into_iter().flat_map(names).collect()
}

fn counts(server: &FakeHttp, alerts: impl IntoIterator<Item = String>) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all(alerts);
    ledger.receive_all(accepted(server));
    ledger.counts()
}

fn numbered(numbers: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    numbers.map(|number| format!("a{number}"))
}

fn record(scenario: Scenario, counts: EventCounts) {
    Conformance::record("alertmanager", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn each_alert_arrives_once() {
    let server = server();
    let container = started(&settings(&server));
    numbered(0..100).for_each(|name| log_alert(&container, &name, "firing"));
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (100, 0), "{accounts}");
    let counts = counts(&server, numbered(0..100));
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
    record(Scenario::Happy, counts);
}

#[test]
fn a_server_that_is_restarted_in_flight_gets_every_alert() {
    let server = server();
    let mut settings = settings(&server);
    settings.batch.max_records = 10;
    let container = started(&settings);
    numbered(0..50).for_each(|name| log_alert(&container, &name, "firing"));
    server.stop();
    numbered(50..100).for_each(|name| log_alert(&container, &name, "firing"));
    server.restart();
    assert_eq!(shut_down(&container).lost_total(), 0);
    let counts = counts(&server, numbered(0..100));
    Conformance::record_at_least_once("alertmanager", "fake", Scenario::RestartedInFlight, counts);
}

#[test]
fn alerts_arrive_with_their_labels_and_annotations() {
    let server = server();
    let container = started(&settings(&server));
    log_alert(&container, "logins fail", "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1, 0), "{accounts}");
    let alert = &alerts(&server.requests()[0])[0];
    let labels = serde_json::json!({ "alertname": "logins fail", "severity": "error", "instance": "web-1", "data_center": "fra 1" });
    assert_eq!(alert["labels"], labels);
    let annotations = &alert["annotations"];
    assert_eq!((&annotations["summary"], &annotations["count"]), (&"alert logins fail is firing".into(), &"3".into()));
}

#[test]
fn an_event_that_is_no_alert_is_refused_and_the_alerts_beside_it_arrive() {
    let server = server();
    let container = started(&settings(&server));
    log_alert(&container, "a", "firing");
    info!(container.logger("shop"), "ready");
    log_alert(&container, "b", "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (2, 1), "{accounts}");
    assert_eq!(accepted(&server), ["a", "b"]);
    record(Scenario::Partial, counts(&server, ["a", "no alert", "b"].map(str::to_owned)));
}

#[test]
fn events_that_are_no_alerts_cause_no_request() {
    let server = server();
    let container = started(&settings(&server));
    info!(container.logger("shop"), "ready");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 1), "{accounts}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_server_that_is_busy_gets_the_same_alerts_again_after_the_wait_it_asks_for() {
    let server = server();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(503)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_alert(&container, "a", "firing");
    assert_eq!(shut_down(&container).delivered_total(), 1);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    let counts = counts(&server, ["a".to_owned()]);
    assert_eq!((counts.delivered, counts.duplicated), (1, 0));
    record(Scenario::Throttled, counts);
}

#[test]
fn a_request_that_is_refused_for_good_is_lost_and_counted() {
    let server = server();
    server.queue([FakeAnswer::new(400)]);
    let container = started(&settings(&server));
    log_alert(&container, "a", "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 1), "{accounts}");
}

#[test]
fn a_request_that_is_too_large_is_divided_and_each_alert_arrives_once() {
    let server = FakeHttp::builder()
        .answer(|request| if alerts(request).len() > 3 { FakeAnswer::new(413) } else { answer(request) })
        .start();
    let container = started(&settings(&server));
    (0..20).for_each(|number| log_alert(&container, &format!("a{number}"), "firing"));
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (20, 0), "{accounts}");
    let accepted = accepted(&server);
    assert_eq!((accepted.len(), accepted.into_iter().collect::<BTreeSet<_>>().len()), (20, 20));
    record(Scenario::OverTheLimit, counts(&server, numbered(0..20)));
}

#[test]
fn a_server_with_tls_is_reached_by_its_authority() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).answer(answer).start();
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(&settings);
    log_alert(&container, "a", "firing");
    assert_eq!(shut_down(&container).delivered_total(), 1);
    record(Scenario::Tls, counts(&server, ["a".to_owned()]));
}
