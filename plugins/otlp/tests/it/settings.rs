//! The sink by its name in settings.

use fapilog::{Settings, info};
use fapilog_otlp::{Otlp, OtlpSettings};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use fapilog_test_servers::FakeHttp;

use super::{TIMEOUT, received::records};

#[test]
fn settings_make_a_sink() {
    let server = FakeHttp::start();
    let mut settings = Settings::default();
    settings.sinks = vec!["otlp".into()];
    let config: PluginConfig = serde_json::from_value(serde_json::json!({
        "url": server.url("/otlp/v1/logs"),
        "protocol": "http/json",
        "resource": { "service.name": "shop" },
        "call_site": true,
        "environment": false,
        "headers": { "x-tenant": "7" },
        "request": { "compression": "gzip" },
    }))
    .unwrap();
    settings.plugin_config.insert("otlp".into(), config);
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready");
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!((request.path(), request.header("x-tenant")), ("/otlp/v1/logs", Some("7")));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(records(request).len(), 1);
    assert!(request.text().contains(r#"{"key":"service.name","value":{"stringValue":"shop"}}"#));
    assert!(request.text().contains("code.file.path"));
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let mut settings = OtlpSettings::default();
    settings.environment = false;
    settings.url = "ftp://example.com".to_owned();
    settings.resource.insert(String::new(), "x".to_owned());
    settings.batch.max_records = 0;
    let problems = Otlp::new(&settings).unwrap_err().problems;
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["resource", "batch.max_records", "url"]);
}

#[test]
fn a_protocol_that_there_is_not_is_refused_with_those_that_there_are() {
    let config: PluginConfig = serde_json::from_str(r#"{ "protocol": "thrift" }"#).unwrap();
    let problems = PluginSettings::new("otlp", &config).read::<OtlpSettings>().unwrap_err();
    let text = problems[0].to_string();
    assert!(text.contains("protocol is \"thrift\"") && text.contains("http/protobuf"), "{text}");
}

/// The test runs itself as a child, with variables.
#[test]
fn variables_of_the_environment_are_read() {
    const CHILD: &str = "FAPILOG_OTLP_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let container = super::started(&OtlpSettings::default());
        info!(container.logger("shop"), "ready");
        super::shut_down(&container);
        return;
    }
    let server = FakeHttp::start();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "settings::variables_of_the_environment_are_read"])
        .env(CHILD, "1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", server.url("/base"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter%202")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
        .env("OTEL_SERVICE_NAME", "shop")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!((request.path(), request.header("x-key")), ("/base/v1/logs", Some("hunter 2")));
    assert!(request.text().contains(r#"{"key":"service.name","value":{"stringValue":"shop"}}"#));
}
