//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, info};
use fapilog_loki::{Loki, LokiSettings};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use fapilog_test_servers::FakeHttp;

use super::{
    TIMEOUT, shut_down,
    strict_loki::{StrictLimits, StrictLoki},
};

/// The problems of a sink with these settings.
fn problems(json: &serde_json::Value) -> Vec<String> {
    let config: PluginConfig = serde_json::from_value(json.clone()).unwrap();
    let read: Result<LokiSettings, _> = PluginSettings::new("loki", &config).read();
    let problems = read.and_then(|settings| {
        Loki::new(&settings, fapilog::format::Json::new).map(drop).map_err(|error| error.problems)
    });
    problems.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn settings_make_a_sink() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits { has_tenants: true, ..StrictLimits::default() });
    let mut settings = Settings::default();
    settings.sinks = vec!["loki".into()];
    settings.formatter = "logfmt".into();
    let config = serde_json::json!({
        "url": server.url("/loki/api/v1/push"),
        "labels": { "service_name": "shop", "env": "prod" },
        "label_fields": { "level": "level" },
        "metadata": "fields",
        "metadata_fields": { "logger": "source" },
        "encoding": "json",
        "tenant": "acme",
        "max_line_bytes": "64 KiB",
        "request": { "compression": "gzip" },
    });
    settings.plugin_config.insert("loki".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("web"), "ready", port = 8080);
    shut_down(&container);
    server.wait_for(1, TIMEOUT);
    let entry = loki.entries().remove(0);
    assert_eq!((entry.tenant.as_str(), entry.labels["env"].as_str()), ("acme", "prod"));
    assert_eq!((entry.metadata["port"].as_str(), entry.metadata["logger"].as_str()), ("8080", "web"));
    assert!(entry.line.contains("port=8080"), "{}", entry.line);
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = problems(&serde_json::json!({
        "url": "https://loki.example.com",
        "labels": { "a-b": "x", "empty": "", "both": "x" },
        "label_fields": { "__name": "level", "id": "event_id", "both": "level" },
        "metadata_fields": { "a.b": "level" },
        "tenant": "a|b",
        "max_line_bytes": 10,
        "max_streams": 0,
        "request": { "compression": "gzip" },
    }));
    let name = "a name has letters, digits and underscores, a letter or a single underscore at its front, and 1024 bytes at most";
    let expected = [
        "max_line_bytes is 10; allowed are 256 bytes to 64 MiB".to_owned(),
        "max_streams is 0; allowed are 1 to 100000".to_owned(),
        "request.compression is gzip; a request in protobuf is compressed by snappy; with encoding = \"json\" it may be none or gzip".to_owned(),
        format!("labels is \"a-b\"; {name}"),
        "labels.empty is \"\"; the value of a label has 1 to 2048 bytes".to_owned(),
        format!("label_fields is \"__name\"; {name}"),
        "label_fields.both is \"level\"; a label has a value of its own or that of a field, and not both".to_owned(),
        "label_fields.id is \"event_id\"; each value makes a stream of its own, so an id is structured metadata and no label".to_owned(),
        "metadata_fields is \"a.b\"; a name has letters, digits and underscores, no digit at its front, and 1024 bytes at most".to_owned(),
        "tenant is \"a|b\"; a tenant has 1 to 150 letters, digits, and characters of !-_.*'(), and is not . or ..".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn more_labels_than_loki_takes_are_refused() {
    let labels: serde_json::Map<_, _> = (0..14).map(|number| (format!("l{number}"), "x".into())).collect();
    let found = problems(&serde_json::json!({ "url": "https://loki.example.com", "labels": labels }));
    let allowed = "Loki takes 15 labels at most; other fields are structured metadata or in the line";
    assert_eq!(found, [format!("labels is 16 labels; {allowed}")]);
}

#[test]
fn a_field_of_tenants_needs_a_tenant_for_the_other_events() {
    let found = problems(&serde_json::json!({ "url": "https://loki.example.com", "tenant_field": "tenant" }));
    assert_eq!(found, ["tenant_field is \"tenant\"; it needs the setting tenant, for events without that field"]);
}

#[test]
fn json_that_loki_cannot_decompress_is_refused() {
    let found = problems(&serde_json::json!({
        "url": "https://loki.example.com", "encoding": "json", "request": { "compression": "zstd" },
    }));
    assert_eq!(found, ["request.compression is zstd; Loki reads JSON that is compressed by none or gzip"]);
}
