//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, format::Json, info, settings::SecretRef};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig, sink::SinkFactory};
use fapilog_splunk::{Splunk, SplunkSettings};
use serde_json::{Value, json};

use super::collector::{AckPlan, TOKEN, server, shut_down};

fn read(json: Value) -> Result<Splunk, Vec<String>> {
    let config: PluginConfig = serde_json::from_value(json).unwrap();
    let read: Result<SplunkSettings, _> = PluginSettings::new("splunk", &config).read();
    let sink = read.and_then(|settings| Splunk::new(&settings, Json::new).map_err(|error| error.problems));
    sink.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn settings_make_a_sink() {
    let (server, collector) = server(AckPlan::AtQuery(2));
    let mut settings = Settings::default();
    settings.sinks = vec!["splunk".into()];
    settings.formatter = "json".into();
    let config = json!({
        "url": server.url("/services/collector/event"),
        "token": { "command": ["printf", TOKEN] },
        "host": "web-1",
        "source": "checkout",
        "sourcetype": "shop",
        "index": "main",
        "index_field": "tags.tenant",
        "fields": ["tags.region", "number"],
        "acks": true,
        "ack_timeout": "20s",
        "ack_interval": "5ms",
        "max_content_length": "512KiB",
        "request": { "timeout": "9s", "compression_level": 3 },
    });
    settings.plugin_config.insert("splunk".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready", number = 7, tags.region = "eu", tags.tenant = "web");
    assert_eq!(shut_down(&container).delivered_total(), 1);
    let taken = &collector.taken()[0];
    let metadata = ["host", "source", "sourcetype", "index"].map(|key| taken[key].as_str().unwrap().to_owned());
    assert_eq!(metadata, ["web-1", "checkout", "shop", "web"]);
    assert_eq!(taken["fields"], json!({ "region": "eu", "number": "7" }));
    assert_eq!((&taken["event"]["message"], collector.queries()), (&json!("ready"), 2));
}

#[test]
fn invalid_settings_are_named_all_at_once() {
    let found = read(json!({
        "url": "https://splunk.example.com:8088/services/collector/raw",
        "auth": { "bearer": "${FAPI_NO_SUCH_TOKEN}" },
        "request": { "compression": "gzip" },
        "compression": "zstd",
        "source": "a\nb",
        "fields": ["tags.a", "metrics.a"],
        "ack_timeout": "1ms",
        "ack_interval": "2h",
        "max_content_length": 10,
    }))
    .unwrap_err();
    let paths: Vec<_> = found.iter().map(|problem| problem.split(' ').next().unwrap()).collect();
    let expected = [
        "token",
        "auth",
        "request.compression",
        "compression",
        "source",
        "fields[1]",
        "ack_timeout",
        "ack_interval",
        "max_content_length",
        "url",
    ];
    assert_eq!(paths, expected, "{found:?}");
    assert_eq!(found[0], "token is missing; it must be a reference to a HEC token, such as \"${SPLUNK_TOKEN}\"");
}

#[test]
fn an_empty_path_of_a_field_is_refused() {
    let mut settings = SplunkSettings::default();
    settings.url = "https://splunk.example.com".to_owned();
    settings.token = Some(SecretRef::bytes(b"t".to_vec()));
    settings.index_field = Some(String::new());
    let problems = Splunk::new(&settings, Json::new).unwrap_err().problems;
    assert_eq!(problems[0].to_string(), "index_field is \"\"; it must be the path of a field");
}

#[test]
fn metadata_of_fields_is_refused_for_the_endpoint_raw() {
    let found = read(json!({
        "url": "https://splunk.example.com:8088",
        "token": { "command": ["printf", "t"] },
        "endpoint": "raw",
        "source_field": "unit",
        "fields": ["n"],
    }))
    .unwrap_err();
    let expected = [
        "source_field is unit; the endpoint raw has the same metadata for all events",
        "fields is n; the endpoint raw has no indexed fields of events",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_token_that_cannot_be_read_is_named_by_its_setting() {
    let found = read(json!({ "url": "https://splunk.example.com", "token": "${FAPI_NO_SUCH_TOKEN}" })).unwrap_err();
    assert_eq!(found, ["token is ${FAPI_NO_SUCH_TOKEN}; names a variable that is not set"]);
}

#[test]
fn the_url_is_a_server_or_a_path_in_front_of_the_collector() {
    for url in ["https://a.example.com", "https://a.example.com/", "https://a.example.com/proxy/services/collector"] {
        let sink = read(json!({ "url": url, "token": { "command": ["printf", "t"] } })).unwrap();
        drop(sink.assurances());
    }
    let found = read(json!({ "url": "https://a.example.com/?x=1", "token": { "command": ["printf", "t"] } }));
    assert!(found.unwrap_err()[0].starts_with("url is "));
}
