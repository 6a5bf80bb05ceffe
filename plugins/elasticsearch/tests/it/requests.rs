//! Contents of requests.

use fapilog::{info, warn};
use fapilog_elasticsearch::DataStreamSettings;
use fapilog_plugin::settings::SecretRef;
use fapilog_sink_http::settings::{AuthSettings, BodyCompression};
use fapilog_test_servers::{Conformance, FakeHttp, Scenario, TestCa};
use serde_json::Value;

use crate::{
    container::{counts, log_numbers, settings, shut_down, started},
    fake::FakeSearch,
};

const FILTER: &str = "filter_path=errors,items.*.status,items.*.error.type";

fn values(documents: &[(String, Value)]) -> impl Iterator<Item = &Value> {
    documents.iter().map(|(_, document)| document)
}

#[test]
fn events_become_documents_of_the_data_stream() {
    let search = FakeSearch::start();
    let container = started(settings(search.server.url("/")));
    log_numbers(&container, 0..1000);
    assert_eq!(shut_down(&container).delivered_total(), 1000);
    let documents = search.documents();
    let found = counts(0..1000, values(&documents));
    assert_eq!((found.delivered, found.duplicated, found.lost), (1000, 0, 0));
    Conformance::record("elasticsearch", "fake", Scenario::Happy, 1000, 0, 0);
    assert!(documents.iter().all(|(index, _)| index == "logs-fapilog-default"));
    assert_eq!(search.server.requests()[0].target, format!("/logs-fapilog-default/_bulk?{FILTER}"));
}

#[test]
fn the_settings_choose_data_stream_pipeline_and_time() {
    let search = FakeSearch::start();
    let mut settings = settings(search.server.url("/es"));
    let mut stream = DataStreamSettings::default();
    (stream.r#type, stream.dataset, stream.namespace) = ("events".into(), "{source}".into(), "prod".into());
    settings.data_stream = Some(stream);
    settings.pipeline = Some("geo ip".to_owned());
    settings.require_data_stream = true;
    settings.timestamp_key = "time".to_owned();
    let container = started(settings);
    log_numbers(&container, 0..1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    let (index, document) = &search.documents()[0];
    assert_eq!(index, "events-shop-prod");
    assert!(document["time"].is_string() && document.get("@timestamp").is_none(), "{document}");
    let expected = format!("/es/_bulk?{FILTER}&pipeline=geo%20ip&require_data_stream=true");
    assert_eq!(search.server.requests()[0].target, expected);
}

#[test]
fn placeholders_and_routing_are_filled_by_the_event() {
    let search = FakeSearch::start();
    let mut settings = settings(search.server.url("/"));
    settings.index = Some("shop-{region}-{level}-{+yyyy}".to_owned());
    settings.routing = Some("tenant".to_owned());
    let container = started(settings);
    let log = container.logger("shop");
    info!(log, "a", region = "EU/1", tenant = 7);
    warn!(log, "b");
    assert_eq!(shut_down(&container).delivered_total(), 2);
    let documents = search.documents();
    let year = &documents[0].1["@timestamp"].as_str().unwrap()[..4];
    let names: Vec<_> = documents.iter().map(|(index, _)| index.as_str()).collect();
    assert_eq!(names, [format!("shop-eu_1-info-{year}"), format!("shop-missing-warning-{year}")]);
    let bodies: String = search.server.requests().iter().map(|request| request.text().to_owned()).collect();
    assert_eq!(bodies.matches("\"routing\":").count(), 1);
    assert!(bodies.contains("\"routing\":\"7\""), "{bodies}");
}

#[test]
fn credentials_are_in_the_header() {
    let search = FakeSearch::start();
    let mut with_key = settings(search.server.url("/"));
    with_key.api_key = Some(SecretRef::bytes(b"a2V5".to_vec()));
    let mut with_user = settings(search.server.url("/"));
    with_user.auth = AuthSettings::basic("elastic", SecretRef::bytes(b"secret".to_vec()));
    for (settings, header) in [(with_key, "ApiKey a2V5"), (with_user, "Basic ZWxhc3RpYzpzZWNyZXQ=")] {
        let container = started(settings);
        log_numbers(&container, 0..1);
        shut_down(&container);
        assert_eq!(search.server.requests().last().unwrap().header("authorization"), Some(header));
    }
}

#[test]
fn requests_are_compressed() {
    let search = FakeSearch::start();
    let mut settings = settings(search.server.url("/"));
    settings.request.compression = BodyCompression::Gzip;
    let container = started(settings);
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    let documents = search.documents();
    let found = counts(0..500, values(&documents));
    Conformance::record("elasticsearch", "fake", Scenario::Compressed, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (500, 0, 0));
    assert!(search.server.requests().iter().all(|request| request.header("content-encoding") == Some("gzip")));
}

#[test]
fn requests_go_out_by_tls() {
    let ca = TestCa::new();
    let search = FakeSearch::built(FakeHttp::builder().tls(&ca), |_, _| None);
    let mut settings = settings(search.server.url("/"));
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(settings);
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    let documents = search.documents();
    let found = counts(0..500, values(&documents));
    Conformance::record("elasticsearch", "fake", Scenario::Tls, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (500, 0, 0));
}
