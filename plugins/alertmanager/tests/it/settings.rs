//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, info};
use fapilog_alertmanager::{Alertmanager, AlertmanagerSettings};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use serde_json::{Value, json};

use super::{
    alerts::{TIMEOUT, builder, log_alert, shut_down},
    fake::{alerts, server},
};

fn read(json: Value) -> Result<(Alertmanager, AlertmanagerSettings), Vec<String>> {
    let config: PluginConfig = serde_json::from_value(json).unwrap();
    let read: Result<AlertmanagerSettings, _> = PluginSettings::new("alertmanager", &config).read();
    let sink = read.and_then(|settings| match Alertmanager::new(&settings) {
        Ok(sink) => Ok((sink, settings)),
        Err(error) => Err(error.problems),
    });
    sink.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn settings_of_labels_times_and_links_are_in_each_alert() {
    let server = server();
    let (sink, _) = read(json!({
        "url": server.url("/prefix/api/v2/alerts"),
        "expires_after": "5m",
        "instance": "db-7",
        "labels": { "env": "prod" },
        "generator_url": "https://logs.example.com/shop",
    }))
    .unwrap();
    let container = builder().sink("alertmanager", sink).start().unwrap();
    log_alert(&container, "a", "firing");
    shut_down(&container);
    let alert = &alerts(&server.wait_for(1, TIMEOUT)[0])[0];
    assert_eq!((&alert["labels"]["instance"], &alert["labels"]["env"]), (&json!("db-7"), &json!("prod")));
    assert_eq!(alert["generatorURL"], "https://logs.example.com/shop");
}

#[test]
fn a_route_keeps_events_that_are_no_alerts_away() {
    let server = server();
    let mut settings = Settings::default();
    settings.sinks = vec!["alertmanager".into()];
    let config = json!({ "url": server.url("/prefix"), "instance_label": false });
    settings.plugin_config.insert("alertmanager".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    settings
        .routing
        .insert("alertmanager".into(), serde_json::from_value(json!({ "targets": ["fapilog::alert"] })).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready");
    let accounts = shut_down(&container);
    assert_eq!((accounts.lost_total(), server.requests().len()), (0, 0), "{accounts}");
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = read(json!({
        "url": "http://localhost:9093/?a=b",
        "expires_after": "1s",
        "instance": "db-7",
        "instance_label": false,
        "labels": { "a-b": "x", "alertname": "x", "empty": "", "instance": "x", "__a": "x" },
        "generator_url": "logs",
        "request": { "compression": "gzip" },
    }))
    .err()
    .unwrap();
    let legal = "the name of a label has letters, digits and _, and begins with a letter or one _";
    let expected = [
        "url is a URL with a query; it must be the address of Alertmanager, without a query: the path of the API is added".to_owned(),
        "expires_after is 1s; allowed are 1m to 30d: more than repeat_after of the rules".to_owned(),
        "instance is \"db-7\"; there is no such label without instance_label".to_owned(),
        "request.compression is gzip; Alertmanager reads no compressed bodies".to_owned(),
        format!("labels.__a is \"x\"; {legal}"),
        format!("labels.a-b is \"x\"; {legal}"),
        "labels.alertname is \"x\"; the rule of the alert has it".to_owned(),
        "labels.empty is \"\"; a label has a value".to_owned(),
        "labels.instance is \"x\"; it is the setting instance".to_owned(),
        "generator_url is \"logs\"; it must be a URL that begins with https:// or http://".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_missing_url_is_named() {
    assert_eq!(
        read(json!({})).err().unwrap(),
        ["url is missing; it must be a URL that begins with https:// or http://"]
    );
}
