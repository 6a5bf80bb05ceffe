//! Delivery to a strict server on loopback.

use fapilog_otlp::OtlpProtocol;
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, FakeRequest, Scenario, TestCa};

use super::{
    log_numbers,
    received::{ledger, numbers, read},
    settings, shut_down, started,
};

/// A server of the specification: it refuses all but requests for logs that the official messages can read.
fn strict(server: &FakeHttp) {
    server.answer(|request: &FakeRequest| {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/logs"));
        for logs in read(request).resource_logs {
            assert!(logs.resource.is_some() && !logs.scope_logs.is_empty());
            assert!(logs.scope_logs.iter().all(|scope| !scope.log_records.is_empty()));
        }
        FakeAnswer::ok()
    });
}

#[track_caller]
fn assert_exactly_once(server: &FakeHttp, events: u64, scenario: Scenario) {
    let counts = ledger(0..events, server).counts();
    assert_eq!((counts.delivered as u64, counts.duplicated, counts.lost), (events, 0, 0));
    Conformance::record("otlp", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn events_arrive_in_both_forms_once() {
    for protocol in [OtlpProtocol::HttpProtobuf, OtlpProtocol::HttpJson] {
        let server = FakeHttp::start();
        strict(&server);
        let mut settings = settings(&server);
        settings.protocol = Some(protocol);
        let container = started(&settings);
        log_numbers(&container, 0..1000);
        assert_eq!(shut_down(&container).delivered_total(), 1000);
        assert_exactly_once(&server, 1000, Scenario::Happy);
    }
}

#[test]
fn events_arrive_compressed() {
    let server = FakeHttp::start();
    strict(&server);
    let mut settings = settings(&server);
    settings.request.compression = BodyCompression::Gzip;
    let container = started(&settings);
    log_numbers(&container, 0..1000);
    assert_eq!(shut_down(&container).delivered_total(), 1000);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("content-encoding") == Some("gzip")));
    assert_exactly_once(&server, 1000, Scenario::Compressed);
}

#[test]
fn events_arrive_by_mutual_tls() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().mutual_tls(&ca).start();
    strict(&server);
    let app = ca.client("app");
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    settings.tls.client_certificate = Some(app.certificate_path.clone());
    let key = fapilog::settings::SecretRef::file(&app.key_path).allow_readable_by_others(true);
    settings.tls.client_key = Some(key);
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert_exactly_once(&server, 100, Scenario::Tls);
}

#[test]
fn a_request_over_the_limit_is_divided() {
    let server = FakeHttp::builder().body_limit(6000).start();
    strict(&server);
    let container = started(&settings(&server));
    log_numbers(&container, 0..200);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (200, 0), "{accounts}");
    assert!(server.requests().iter().any(|request| request.status() == Some(413)));
    assert_exactly_once(&server, 200, Scenario::OverTheLimit);
}

#[test]
fn no_request_has_more_records_than_the_settings_allow() {
    let server = FakeHttp::start();
    strict(&server);
    let mut settings = settings(&server);
    settings.batch.max_records = 7;
    let container = started(&settings);
    log_numbers(&container, 0..50);
    assert_eq!(shut_down(&container).delivered_total(), 50);
    assert!(server.requests().iter().all(|request| numbers(request).len() <= 7));
}

#[test]
fn a_server_that_is_restarted_in_flight_gets_every_event() {
    let server = FakeHttp::start();
    strict(&server);
    let mut settings = settings(&server);
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        server.restart();
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    Conformance::record_at_least_once("otlp", "fake", Scenario::RestartedInFlight, ledger(0..1000, &server).counts());
}
