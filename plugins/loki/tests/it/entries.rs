//! The entries that Loki stores.

use fapilog::{audit, error, info, warn};
use fapilog_loki::{LokiEncoding, LokiLine, LokiMetadata};
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{FakeHttp, Scenario};

use super::{
    counts, log_numbers, record_each_once, settings, shut_down, started,
    strict_loki::{Pairs, StrictLimits, StrictLoki},
};

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn events_arrive_as_protobuf_in_snappy_with_level_and_logger_as_labels() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let container = started(&settings(&server));
    log_numbers(&container, 0..1000);
    assert_eq!(shut_down(&container).delivered_total(), 1000);
    record_each_once(Scenario::Happy, counts(&loki, 0..1000));
    let entries = loki.entries();
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["context"]["number"].as_u64();
    let numbers: Vec<_> = entries.iter().map(|entry| number(&entry.line).unwrap()).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    let labels = pairs([("level", "info"), ("service_name", "shop")]);
    assert!(entries.iter().all(|entry| entry.labels == labels && entry.metadata.is_empty()));
}

#[test]
fn events_arrive_alike_as_json_that_is_compressed() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.encoding = LokiEncoding::Json;
    settings.request.compression = BodyCompression::Gzip;
    settings.metadata = LokiMetadata::Fields;
    settings.line = LokiLine::Message;
    let container = started(&settings);
    let log = container.logger("shop");
    info!(log, "a \"quoted\"\nline <b>", user = "änn\u{7}", count = 3);
    shut_down(&container);
    let entry = loki.entries().remove(0);
    assert_eq!(entry.line, "a \"quoted\"\nline <b>");
    assert_eq!((entry.metadata["user"].as_str(), entry.metadata["count"].as_str()), ("änn\u{7}", "3"));
    assert_eq!(server.requests()[0].header("content-encoding"), Some("gzip"));
}

#[test]
fn each_event_arrives_once_as_json_that_is_compressed() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.encoding = LokiEncoding::Json;
    settings.request.compression = BodyCompression::Gzip;
    let container = started(&settings);
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    record_each_once(Scenario::Compressed, counts(&loki, 0..500));
    for request in server.requests() {
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert!(request.raw_body.len() < request.body.len());
    }
}

#[test]
fn labels_come_from_settings_and_fields() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.labels = pairs([("service_name", "shop"), ("env", "prod")]);
    settings.label_fields = Some(pairs([("level", "level"), ("region", "region"), ("kind", "category")]));
    let container = started(&settings);
    let log = container.logger("web");
    warn!(log, "a", region = "eu\"},{x=\"1");
    error!(log, "b");
    audit!(log, "c", region = "us");
    shut_down(&container);
    let labels: Vec<_> = loki.entries().into_iter().map(|entry| entry.labels).collect();
    let common = |more: Pairs| {
        let mut labels = pairs([("service_name", "shop"), ("env", "prod")]);
        labels.extend(more);
        labels
    };
    assert_eq!(labels.len(), 3);
    for expected in [
        common(pairs([("level", "warn"), ("region", "eu\"},{x=\"1"), ("kind", "system")])),
        common(pairs([("level", "error"), ("kind", "error")])),
        common(pairs([("level", "audit"), ("region", "us"), ("kind", "compliance")])),
    ] {
        assert!(labels.contains(&expected), "{labels:?}");
    }
}

#[test]
fn fields_are_structured_metadata_and_the_line_is_the_message() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.metadata = LokiMetadata::Fields;
    settings.line = LokiLine::Message;
    let container = started(&settings);
    let log = container.logger("shop");
    info!(log, "order {order_id} filled", order_id = 42, "http.status" = 200, http_status = 500, trace_id = "4bf9");
    shut_down(&container);
    let entry = loki.entries().remove(0);
    assert_eq!(entry.line, "order 42 filled");
    let mut metadata = entry.metadata;
    let event_id = metadata.remove("event_id").unwrap();
    assert_eq!(event_id.split('-').count(), 3, "{event_id}");
    assert_eq!(metadata, pairs([("order_id", "42"), ("http_status", "200"), ("trace_id", "4bf9")]));
}

#[test]
fn chosen_fields_are_structured_metadata() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.metadata_fields = pairs([("trace", "trace_id"), ("id", "event_id"), ("logger", "source")]);
    let container = started(&settings);
    info!(container.logger("shop"), "a", trace_id = "4bf9", other = 1);
    shut_down(&container);
    let entry = loki.entries().remove(0);
    let line: serde_json::Value = serde_json::from_str(&entry.line).unwrap();
    let id = line["event_id"].as_str().unwrap();
    assert_eq!(entry.metadata, pairs([("trace", "4bf9"), ("id", id), ("logger", "shop")]));
}

#[test]
fn entries_of_several_threads_are_in_order_within_their_stream() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let container = started(&settings(&server));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let container = &container;
            scope.spawn(move || log_numbers(container, thread * 500..thread * 500 + 500));
        }
    });
    // The fake fails the test where a stream is not in order.
    assert_eq!(shut_down(&container).delivered_total(), 2000);
    assert_eq!(loki.entries().len(), 2000);
}

#[test]
fn no_request_has_more_streams_than_the_settings_allow() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.label_fields = Some(pairs([("number", "number")]));
    settings.max_streams = 7;
    let container = started(&settings);
    log_numbers(&container, 0..50);
    assert_eq!(shut_down(&container).delivered_total(), 50);
    assert_eq!((loki.entries().len(), loki.streams_max()), (50, 7));
}

#[test]
fn each_tenant_has_requests_of_its_own() {
    let server = FakeHttp::start();
    let limits = StrictLimits { has_tenants: true, ..StrictLimits::default() };
    let loki = StrictLoki::on(&server, limits);
    let mut settings = settings(&server);
    settings.tenant = Some("shop".to_owned());
    settings.tenant_field = Some("tenant".to_owned());
    let container = started(&settings);
    let log = container.logger("web");
    info!(log, "a", tenant = "acme");
    info!(log, "b");
    info!(log, "c", tenant = "acme|shop");
    info!(log, "d", tenant = "acme");
    assert_eq!(shut_down(&container).delivered_total(), 4);
    let message = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].to_string();
    let found: Vec<_> = loki.entries().iter().map(|entry| (entry.tenant.clone(), message(&entry.line))).collect();
    let expected = [("acme", "\"a\""), ("acme", "\"d\""), ("shop", "\"b\""), ("shop", "\"c\"")];
    assert_eq!(found, expected.map(|(tenant, message)| (tenant.to_owned(), message.to_owned())));
}

#[test]
fn a_line_that_loki_would_refuse_is_cut() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits { line_bytes: 1000, ..StrictLimits::default() });
    let mut settings = settings(&server);
    settings.max_line_bytes = 1000;
    let container = started(&settings);
    info!(container.logger("shop"), "long", text = "x".repeat(5000).as_str());
    assert_eq!(shut_down(&container).delivered_total(), 1);
    assert_eq!(loki.entries()[0].line.len(), 1000);
}
