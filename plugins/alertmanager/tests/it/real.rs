//! Alertmanager itself has the alerts.

use std::collections::BTreeSet;

use fapilog_alertmanager::AlertmanagerSettings;
use fapilog_test_servers::FakeHttp;
use serde_json::{Value, json};

use super::{
    alerts::{TIMEOUT, log_alert, shut_down, started},
    server::{RealAlertmanager, until},
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
}

#[test]
fn an_alert_that_is_resolved_is_gone_and_its_receivers_are_notified() {
    let webhook = FakeHttp::start();
    let Some(server) = RealAlertmanager::start(&webhook.url("/")) else { return };
    let container = started(&settings(&server));
    log_alert(&container, "a", "firing");
    log_alert(&container, "b", "firing");
    until("the receiver is notified", || notified(&webhook, "a") == ["firing"]);
    log_alert(&container, "a", "resolved");
    shut_down(&container);
    until("the receiver is notified again", || {
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
    until("the first alert is there", || server.alerts().len() == 1);
    server.kill();
    (1..10).for_each(|number| log_alert(&container, &alert(number), "firing"));
    server.restart();
    // Alertmanager keeps silences and notifications on disk, and no alerts: senders repeat them.
    log_alert(&container, &alert(0), "firing");
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (11, 0), "{accounts}");
    assert_eq!(names(&server.alerts()), (0..10).map(alert).collect());
}
