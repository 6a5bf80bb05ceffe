//! Settings by name, and invalid ones.

use fapilog::{Settings, info};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use fapilog_sentry::{Sentry, SentrySettings};
use serde_json::{Value, json};

use super::envelope::{items, server, shut_down};

fn problems(json: Value) -> Vec<String> {
    let config: PluginConfig = serde_json::from_value(json).unwrap();
    let read: Result<SentrySettings, _> = PluginSettings::new("sentry", &config).read();
    let sink = read.and_then(|settings| Sentry::new(&settings).map_err(|error| error.problems));
    sink.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn settings_make_a_sink() {
    let server = server();
    let mut settings = Settings::default();
    settings.sinks = vec!["sentry".into()];
    let dsn = server.url("/42").replace("://", "://k3y@");
    let config = json!({
        "dsn": { "command": ["printf", dsn] },
        "environment": "prod",
        "release": "shop@1.2",
        "server_name": "web-1",
        "event_level": "CRITICAL",
        "log_level": "INFO",
        "breadcrumbs": 5,
    });
    settings.plugin_config.insert("sentry".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready");
    shut_down(&container);
    let attributes = items(&server.requests()[0])[0].1["items"][0]["attributes"].clone();
    assert_eq!(attributes["sentry.environment"]["value"], "prod");
    assert_eq!(attributes["sentry.release"]["value"], "shop@1.2");
    assert_eq!(attributes["server.address"]["value"], "web-1");
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = problems(json!({ "url": "https://x.example.com", "breadcrumbs": 101, "release": "a\tb" }));
    let settings: Vec<_> = found.iter().map(|problem| problem.split(' ').next().unwrap()).collect();
    assert_eq!(settings, ["url", "breadcrumbs", "release", "dsn"], "{found:?}");
}

#[test]
fn a_dsn_without_tls_to_another_machine_is_refused_and_its_key_is_not_shown() {
    let found = problems(json!({ "dsn": { "command": ["printf", "http://s3cr3t@sentry.example.com/1"] } }));
    assert!(found[0].starts_with("dsn is") && found[0].contains("allow_plaintext_hosts"), "{found:?}");
    assert!(!found[0].contains("s3cr3t"), "{found:?}");
}
