//! Requests and their answers.

use std::time::{Duration, Instant};

use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, EventCounts, FakeAnswer, FakeHttp, Scenario, TestCa};

use super::envelope::{answer, counts, items, log_numbers, server, settings, shut_down, started};

fn record(scenario: Scenario, counts: &EventCounts) {
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("sentry", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn errors_and_logs_arrive_once_compressed_by_gzip() {
    let server = server();
    let container = started(&settings(&server));
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    assert!(server.requests().iter().all(|request| request.header("content-encoding") == Some("gzip")));
    record(Scenario::Happy, &counts(&server, 500));
    record(Scenario::Compressed, &counts(&server, 500));
}

#[test]
fn compression_can_be_disabled() {
    let server = server();
    let mut settings = settings(&server);
    settings.compression = BodyCompression::None;
    let container = started(&settings);
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert_eq!(server.requests()[0].header("content-encoding"), None);
}

#[test]
fn a_category_with_a_rate_limit_waits_and_the_other_one_does_not() {
    let server = server();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1).header("x-sentry-rate-limits", "1:error:organization")]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..40);
    assert_eq!(shut_down(&container).delivered_total(), 40);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    let kinds: Vec<String> = requests.iter().map(|request| items(request)[0].0.clone()).collect();
    assert_eq!((kinds[0].as_str(), kinds[1].as_str(), requests[0].status()), ("event", "log", Some(429)));
    record(Scenario::Throttled, &counts(&server, 40));
}

#[test]
fn an_error_event_that_is_sent_again_has_the_same_id() {
    let server = FakeHttp::builder().answer(answer).start();
    // The server has the request, and its answer is cut.
    server.queue([FakeAnswer::json("{}").close_in_body(1)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    let ids: Vec<_> = server.requests().iter().map(|request| items(request)[0].1["event_id"].clone()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    record(Scenario::DuplicatesSuppressed, &counts(&server, 1));
}

#[test]
fn a_server_that_is_restarted_in_flight_gets_every_event() {
    let server = server();
    let mut settings = settings(&server);
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..2 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        server.restart();
    }
    assert_eq!(shut_down(&container).lost_total(), 0);
    Conformance::record_at_least_once("sentry", "fake", Scenario::RestartedInFlight, counts(&server, 400));
}

#[test]
fn an_envelope_of_logs_that_is_too_large_is_divided() {
    let server = FakeHttp::builder()
        .answer(|request| if request.body.len() > 20_000 { FakeAnswer::new(413) } else { answer(request) })
        .start();
    let container = started(&settings(&server));
    log_numbers(&container, 0..200);
    assert_eq!(shut_down(&container).delivered_total(), 200);
    assert!(server.requests().iter().any(|request| request.status() == Some(413)));
    record(Scenario::OverTheLimit, &counts(&server, 200));
}

#[test]
fn an_event_that_is_refused_is_lost_alone() {
    let server = server();
    server.queue([FakeAnswer::new(400)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..20);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (19, 1), "{accounts}");
    let counts = counts(&server, 20);
    Conformance::record("sentry", "fake", Scenario::Partial, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn a_server_with_tls_is_reached_by_its_authority() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).answer(answer).start();
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(&settings);
    log_numbers(&container, 0..20);
    assert_eq!(shut_down(&container).delivered_total(), 20);
    record(Scenario::Tls, &counts(&server, 20));
}
