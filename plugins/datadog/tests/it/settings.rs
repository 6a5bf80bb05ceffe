//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, info};
use fapilog_datadog::{Datadog, DatadogSettings};
use fapilog_plugin::{
    registry::PluginSettings,
    settings::PluginConfig,
    sink::{SinkFactory, SinkPlace},
};
use serde_json::{Value, json};

use super::fake::{API_KEY, accepted, server, shut_down};

fn read(json: Value) -> Result<Datadog, Vec<String>> {
    let config: PluginConfig = serde_json::from_value(json).unwrap();
    let read: Result<DatadogSettings, _> = PluginSettings::new("datadog", &config).read();
    let sink = read.and_then(|settings| Datadog::new(&settings).map_err(|error| error.problems));
    sink.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn settings_make_a_sink() {
    let server = server();
    let mut settings = Settings::default();
    settings.sinks = vec!["datadog".into()];
    let config = json!({
        "url": server.url("/api/v2/logs"),
        "api_key": { "command": ["printf", API_KEY] },
        "service": "checkout",
        "source": "shop-integration",
        "hostname": "web-1",
        "tags": ["env:prod"],
        "compression": "zstd",
        "request": { "timeout": "9s", "compression_level": 3 },
    });
    settings.plugin_config.insert("datadog".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready", number = 7, tags.region = "eu");
    shut_down(&container);
    assert_eq!(server.requests()[0].header("content-encoding"), Some("zstd"));
    let entry = &accepted(&server)[0];
    let attributes = ["service", "ddsource", "hostname", "ddtags"].map(|key| entry[key].as_str().unwrap().to_owned());
    assert_eq!(attributes, ["checkout", "shop-integration", "web-1", "env:prod,region:eu"]);
}

/// The host of "Send logs", API v2.
fn host_of(site: &str) -> String {
    let url = format!("https://http-intake.logs.{site}/api/v2/logs");
    url.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn a_site_has_its_host() {
    for site in fapilog_datadog::DatadogSite::ALL {
        let sink = read(json!({ "site": site.name(), "api_key": { "command": ["printf", "k3y"] } })).unwrap();
        let host = host_of(site.name());
        assert_eq!(sink.assurances().place, SinkPlace::Network { host, is_encrypted: true });
    }
    let sink = read(json!({ "api_key": { "command": ["printf", "k3y"] } })).unwrap();
    let host = host_of("datadoghq.com");
    assert_eq!(sink.assurances().place, SinkPlace::Network { host, is_encrypted: true });
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = read(json!({
        "site": "datadoghq.eu",
        "url": "https://proxy.example.com/api/v2/logs",
        "auth": { "bearer": "${FAPI_NO_SUCH_TOKEN}" },
        "request": { "compression": "gzip" },
        "service": "x".repeat(256),
        "hostname": "a\nb",
        "tags": ["env:prod", "a,b", ""],
    }))
    .unwrap_err();
    let service =
        format!("service is {:?}; it must be a text of 1 to 255 bytes without control characters", "x".repeat(256));
    let expected = [
        "site is datadoghq.eu; the destination is site or url, not both",
        "api_key is missing; it must be a reference to an API key, such as \"${DD_API_KEY}\"",
        "auth is [redacted]; the credentials are the setting api_key",
        "request.compression is gzip; the compression is the setting compression of the sink",
        service.as_str(),
        "hostname is \"a\\nb\"; it must be a text of 1 to 255 bytes without control characters",
        "tags[1] is \"a,b\"; a tag is a text such as env:prod, of 1 to 200 characters, without commas and spaces",
        "tags[2] is \"\"; a tag is a text such as env:prod, of 1 to 200 characters, without commas and spaces",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_key_that_cannot_be_read_is_named_by_its_setting() {
    let found = read(json!({ "api_key": "${FAPI_NO_SUCH_KEY}" })).unwrap_err();
    assert_eq!(found, ["api_key is ${FAPI_NO_SUCH_KEY}; names a variable that is not set"]);
}

#[test]
fn a_site_that_there_is_not_is_refused_with_a_suggestion() {
    let found = read(json!({ "site": "datadog.eu", "api_key": "${DD_API_KEY}" })).unwrap_err();
    assert!(
        found[0].starts_with("site is \"datadog.eu\"") && found[0].contains("did you mean datadoghq.eu?"),
        "{found:?}"
    );
}
