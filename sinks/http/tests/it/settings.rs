//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, info};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use fapilog_sink_http::{Http, HttpSinkSettings};
use fapilog_test_servers::FakeHttp;

use super::TIMEOUT;

/// The problems of a sink with these settings.
fn problems(json: &str) -> Vec<String> {
    let config: PluginConfig = serde_json::from_str(json).unwrap();
    let read: Result<HttpSinkSettings, _> = PluginSettings::new("http", &config).read();
    let problems = read
        .and_then(|settings| Http::new(settings, fapilog::format::Json::new).map(drop).map_err(|error| error.problems));
    problems.unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn settings_make_a_sink() {
    let server = FakeHttp::start();
    let mut settings = Settings::default();
    settings.sinks = vec!["http".into()];
    let config: PluginConfig = serde_json::from_value(serde_json::json!({
        "url": server.url("/{level}"),
        "body": "json_array",
        "method": "PUT",
        "headers": { "X-Shop": "{tags.region}" },
        "request": { "compression": "gzip", "compression_level": "9" },
        "batch": { "max_bytes": "64 KiB" },
    }))
    .unwrap();
    settings.plugin_config.insert("http".into(), config);
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready", number = 7);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!((request.method.as_str(), request.path(), request.header("x-shop")), ("PUT", "/INFO", Some("-")));
    assert_eq!(request.json()[0]["context"]["number"], 7);
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = problems(
        r#"{
            "url": "http://logs.example.com/",
            "headers": { "authorization": "Bearer hunter2", "a b": "x", "x-a": "\u00e9", "content-length": "1" },
            "auth": { "bearer": "${FAPI_NO_SUCH_TOKEN}" },
            "request": { "timeout": "1s", "compression_level": 3 },
            "batch": { "max_records": 0, "max_bytes": 10 }
        }"#,
    );
    let expected = [
        "request.connect_timeout is 5s; it must be at most request.timeout",
        "request.compression_level is 3; it needs a compression",
        "batch.max_records is 0; it must be at least 1",
        "batch.max_bytes is 10; allowed are 1 KiB to 64 MiB",
        "url is \"http://logs.example.com/\"; it must be encrypted: https, unless the host is loopback or allow_plaintext_hosts names it",
        "headers is \"a b\"; it must be the name of a header",
        "headers.authorization is [redacted]; a secret stands in the setting auth, by reference: see secrets.md",
        "headers.content-length is \"1\"; the sink sets this header itself",
        "headers.x-a is \"\u{e9}\"; a header has visible ASCII characters and spaces",
        "auth.bearer is ${FAPI_NO_SUCH_TOKEN}; names a variable that is not set",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_placeholder_in_the_host_is_refused() {
    let found = problems(r#"{ "url": "https://{tags.host}/logs" }"#);
    assert!(found[0].ends_with("placeholders stand behind the host: events do not choose it"), "{found:?}");
}

#[test]
fn a_setting_that_there_is_not_is_refused_with_a_suggestion() {
    let found = problems(r#"{ "url": "https://a.example/", "batch": { "max_record": 1 } }"#);
    assert!(found[0].contains("batch.max_record") && found[0].contains("did you mean max_records?"), "{found:?}");
}

#[test]
fn a_missing_url_is_named() {
    assert_eq!(problems("{}"), ["url is missing; it must be a URL that begins with https:// or http://"]);
}

#[test]
fn a_header_that_the_sink_sets_itself_is_refused_wherever_a_setting_names_it() {
    let found = problems(
        r#"{
            "url": "http://127.0.0.1/",
            "auth": { "header": { "name": "Content-Length", "value": "${FAPI_NO_SUCH_TOKEN}" } },
            "idempotency_header": "Authorization"
        }"#,
    );
    let expected = [
        "auth.header.name is \"Content-Length\"; the sink sets this header itself",
        "idempotency_header is \"Authorization\"; the sink sets this header itself",
    ];
    assert_eq!(found, expected);
}
