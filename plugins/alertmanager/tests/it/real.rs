//! Alertmanager itself has the alerts.

use std::collections::BTreeSet;

use fapilog::{critical, info};
use fapilog_alertmanager::AlertmanagerSettings;
use fapilog_test_servers::{Conformance, EventLedger, FakeHttp, Scenario, http_request, wait_until};
use serde_json::{Value, json};

use super::{
    alerts::{TIMEOUT, log_alert, shut_down, started},
    server::RealAlertmanager,
};

fn settings(server: &RealAlertmanager) -> AlertmanagerSettings {
    let mut settings = AlertmanagerSettings::default();
    settings.url = server.url();
    settings.instance = Some("web-1".to_owned());
    settings.generator_url = Some("https://logs.example.com/shop".to_owned());
    settings
}

fn names(alerts: &[Value]) -> BTreeSet<String> {
    alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
}

/// Records the alerts that Alertmanager has.
fn record(scenario: Scenario, submitted: impl IntoIterator<Item = String>, alerts: &[Value]) {
    let mut ledger = EventLedger::new();
    ledger.submit_all(submitted);
    ledger.receive_all(alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()));
    let counts = ledger.counts();
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("alertmanager", "alertmanager", scenario, counts.delivered, counts.duplicated, counts.lost);
}

/// The status of each notification of this alert.
fn notified(webhook: &FakeHttp, name: &str) -> Vec<String> {
    let notifications = webhook.requests().into_iter().map(|request| request.json());
    let of_alert = notifications.filter(|notification| notification["groupLabels"]["alertname"] == name);
    of_alert.map(|notification| notification["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn alertmanager_has_the_alerts_as_they_were_sent() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let container = started(&settings(&server));
    log_alert(&container, "logins fail", "firing");
    log_alert(&container, "no backup", "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (2, 0), "{accounts}");
    let alerts = server.alerts();
    assert_eq!(names(&alerts), ["logins fail".to_owned(), "no backup".to_owned()].into());
    record(Scenario::Happy, ["logins fail", "no backup"].map(str::to_owned), &alerts);
    let alert = alerts.iter().find(|alert| alert["labels"]["alertname"] == "logins fail").unwrap();
    let labels =
        json!({ "alertname": "logins fail", "severity": "error", "instance": "web-1", "data_center": "fra 1" });
    assert_eq!(alert["labels"], labels);
    let expected = ["alert logins fail is firing", "3", "https://runbooks.example/1"].map(Value::from);
    assert_eq!(["summary", "count", "runbook"].map(|key| alert["annotations"][key].clone()), expected);
    assert_eq!(alert["generatorURL"], "https://logs.example.com/shop");
}

#[test]
fn an_alert_that_is_reported_again_is_one_alert() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    for _ in 0..2 {
        let container = started(&settings(&server));
        log_alert(&container, "a", "firing");
        log_alert(&container, "a", "firing");
        assert_eq!(shut_down(&container).delivered_total(), 2);
    }
    assert_eq!(server.alerts().len(), 1);
    record(Scenario::DuplicatesSuppressed, ["a".to_owned()], &server.alerts());
}

#[test]
fn an_alert_that_is_resolved_is_gone_and_its_receivers_are_notified() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let container = started(&settings(&server));
    log_alert(&container, "a", "firing");
    log_alert(&container, "b", "firing");
    wait_until("the receiver is notified", || notified(&webhook, "a") == ["firing"]);
    log_alert(&container, "a", "resolved");
    shut_down(&container);
    wait_until("the receiver is notified again", || {
        notified(&webhook, "a").last().is_some_and(|status| status == "resolved")
    });
    assert_eq!(names(&server.alerts()), ["b".to_owned()].into());
    assert!(!webhook.wait_for(3, TIMEOUT).is_empty());
}

#[test]
fn an_alertmanager_that_is_killed_in_flight_has_every_alert_at_the_end() {
    let webhook = FakeHttp::start();
    let Some(mut server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let container = started(&settings(&server));
    let alert = |number: u32| format!("alert {number}");
    log_alert(&container, &alert(0), "firing");
    wait_until("the first alert is there", || server.alerts().len() == 1);
    server.kill();
    (1..10).for_each(|number| log_alert(&container, &alert(number), "firing"));
    server.restart();
    // Alertmanager keeps silences and notifications on disk, and no alerts: senders repeat them.
    log_alert(&container, &alert(0), "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (11, 0), "{accounts}");
    assert_eq!(names(&server.alerts()), (0..10).map(alert).collect());
    record(Scenario::RestartedInFlight, (0..10).map(alert), &server.alerts());
}

#[test]
fn rules_of_the_processor_alerting_lead_to_alerts_of_their_names_and_no_other_event_does() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let mut config: fapilog::Settings = Default::default();
    config.sinks = vec!["alertmanager".into()];
    config.processors = vec!["alerting".into()];
    let mut plugin = |name: &str, value: Value| {
        config.plugin_config.insert(name.into(), serde_json::from_value(value).unwrap());
    };
    plugin("alertmanager", json!({ "url": server.url(), "instance": "web-1", "labels": { "service": "shop" } }));
    plugin(
        "alerting",
        json!({ "rules": [
            { "name": "SomethingIsCritical", "level": "CRITICAL", "severity": "critical", "annotations": { "runbook": "https://runbooks.example/2" } },
            { "name": "LoginsFail", "condition": "rate", "events": 20, "within": "1m", "severity": "error", "labels": { "team": "identity" },
              "when": [{ "field": "outcome", "is": "eq", "value": "denied" }] },
            { "name": "NeverFires", "condition": "rate", "events": 100, "within": "1m" },
        ] }),
    );
    let route = serde_json::from_value(json!({ "targets": ["fapilog::alert"] })).unwrap();
    config.routing.insert("alertmanager".into(), route);
    let container = config.into_builder().unwrap().start().unwrap();
    let log = container.logger("shop");
    critical!(log, "the disk is full");
    (0..25).for_each(|number| info!(log, "login", outcome = "denied", number));
    (0..25).for_each(|number| info!(log, "login", outcome = "granted", number));
    wait_until("both alerts are there", || server.alerts().len() == 2);
    let accounts = shut_down(&container);
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
    let alerts = server.alerts();
    assert_eq!(names(&alerts), ["LoginsFail".to_owned(), "SomethingIsCritical".to_owned()].into());
    let of = |name: &str| alerts.iter().find(|alert| alert["labels"]["alertname"] == name).unwrap();
    let labels = json!({
        "alertname": "LoginsFail", "severity": "error", "instance": "web-1", "service": "shop", "team": "identity",
    });
    assert_eq!(of("LoginsFail")["labels"], labels);
    assert_eq!(of("LoginsFail")["annotations"]["message"], "login");
    assert_eq!(of("SomethingIsCritical")["labels"]["severity"], "critical");
    assert_eq!(of("SomethingIsCritical")["annotations"]["runbook"], "https://runbooks.example/2");
    wait_until("the receiver is notified of both", || {
        ["LoginsFail", "SomethingIsCritical"].iter().all(|name| notified(&webhook, name) == ["firing"])
    });
}

/// The reason that the setting is refused.
#[test]
fn alertmanager_refuses_compressed_bodies() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut body, br#"[{"labels":{"alertname":"a"}}]"#).unwrap();
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let address = server.url().trim_start_matches("http://").parse().unwrap();
    let reply = http_request(address, "POST", "/api/v2/alerts", &headers, &body.finish().unwrap()).unwrap();
    assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(&reply.body));
    assert!(server.alerts().is_empty());
}
