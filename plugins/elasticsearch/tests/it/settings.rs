//! The sink by its name in settings, and invalid settings.

use fapilog::{Settings, format, info};
use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
use fapilog_plugin::{registry::PluginSettings, settings::PluginConfig};
use serde_json::{Value, json};

use crate::{TIMEOUT, fake::FakeSearch};

/// The problems of a sink with these settings.
fn problems(mut settings: Value) -> Vec<String> {
    settings["url"] = "https://search.example.com:9200".into();
    let config: PluginConfig = serde_json::from_value(settings.clone()).unwrap();
    let read: Result<ElasticsearchSettings, _> = PluginSettings::new("elasticsearch", &config).read();
    let made = |settings| Elasticsearch::new(settings, format::Json::new).map(drop).map_err(|error| error.problems);
    let result = read.and_then(made);
    let problems = result.err().unwrap_or_else(|| panic!("no problem: {settings}"));
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_problem(settings: Value, front: &str) {
    let found = problems(settings);
    assert!(found.len() == 1 && found[0].starts_with(front), "{found:?}");
}

fn start(settings: Value) -> Result<fapilog::Container, String> {
    let mut whole = Settings::default();
    whole.sinks = vec!["elasticsearch".into()];
    whole.formatter = settings["formatter"].as_str().unwrap_or("json").to_owned();
    let mut own = settings;
    own.as_object_mut().unwrap().remove("formatter");
    whole.plugin_config.insert("elasticsearch".into(), serde_json::from_value(own).unwrap());
    let builder = whole.into_builder().map_err(|error| error.to_string())?;
    builder.start().map_err(|error| error.to_string())
}

#[test]
fn settings_make_a_sink() {
    let search = FakeSearch::start();
    let container = start(json!({
        "url": search.server.url("/"),
        "data_stream": { "dataset": "shop", "namespace": "prod" },
        "batch": { "max_bytes": "64 KiB" },
    }))
    .unwrap();
    info!(container.logger("shop"), "ready", port = 8080);
    container.shutdown(TIMEOUT).unwrap().check().unwrap();
    let documents = search.documents();
    assert_eq!((documents[0].0.as_str(), &documents[0].1["context"]["port"]), ("logs-shop-prod", &json!(8080)));
}

#[test]
fn a_formatter_of_several_lines_is_refused() {
    let error = start(json!({ "url": "https://search.example.com/", "formatter": "pretty" })).unwrap_err();
    assert!(error.contains("the formatter must write an event as a line"), "{error}");
}

#[test]
fn index_and_data_stream_exclude_each_other() {
    assert_problem(
        json!({ "index": "logs", "data_stream": {} }),
        "index is \"logs\"; documents go to an index or to a data stream",
    );
}

#[test]
fn invalid_names_are_refused() {
    assert_problem(json!({ "index": "Logs" }), "index is \"Logs\"; a name has a-z, 0-9");
    assert_problem(json!({ "index": "{tenant}" }), "index is \"{tenant}\"; a name has");
    for (part, value) in [("dataset", "a-b"), ("namespace", ""), ("type", "{level}")] {
        let mut settings = json!({ "data_stream": {} });
        settings["data_stream"][part] = value.into();
        assert_problem(settings, &format!("data_stream.{part} is \"{value}\"; a part of a data stream's name"));
    }
    assert_problem(json!({ "data_stream": { "dataset": "A" } }), "data_stream is \"logs-A-default\"; a name has");
    assert_problem(json!({ "routing": "{tenant}" }), "routing is \"{tenant}\"; it must be the name of a field");
}

#[test]
fn a_pipeline_without_a_name_is_refused() {
    let mut settings = crate::container::settings("https://search.example.com/".to_owned());
    settings.pipeline = Some(String::new());
    let problems = Elasticsearch::new(settings, format::Json::new).unwrap_err().problems;
    assert_eq!(problems[0].to_string(), "pipeline is \"\"; it must be the name of an ingest pipeline");
}

#[test]
fn a_compression_that_the_destination_does_not_read_is_refused() {
    assert_problem(json!({ "request": { "compression": "zstd" } }), "request.compression is zstd; Elasticsearch and");
}

#[test]
fn one_kind_of_credentials_is_allowed_and_a_missing_key_is_named() {
    let both = json!({ "api_key": "${FAPI_NO_SUCH_KEY}", "auth": { "bearer": "${FAPI_NO_SUCH_KEY}" } });
    assert_problem(both, "api_key is [redacted]; a request has one kind of credentials");
    let missing = json!({ "api_key": "${FAPI_NO_SUCH_KEY}" });
    assert_problem(missing, "api_key is ${FAPI_NO_SUCH_KEY}; names a variable that is not set");
}

#[test]
fn a_setting_that_there_is_not_is_refused_with_a_suggestion() {
    let found = problems(json!({ "data_stream": { "data_set": "x" } }));
    assert!(found[0].contains("did you mean dataset?"), "{found:?}");
}
