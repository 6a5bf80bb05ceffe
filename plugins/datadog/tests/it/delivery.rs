//! Requests and their answers.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use fapilog::info;
use fapilog_datadog::Datadog;
use fapilog_plugin::settings::SecretRef;
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, TestCa};

use super::fake::{
    TIMEOUT, accepted, answer, builder, counts, entries, log_numbers, numbers, record_each_once, server, settings,
    shut_down, started,
};

#[test]
fn events_arrive_once_and_in_order_compressed_by_gzip() {
    let server = server();
    let container = started(&settings(&server));
    log_numbers(&container, 0..2500);
    assert_eq!(shut_down(&container).delivered_total(), 2500);
    let accepted = accepted(&server);
    assert_eq!(numbers(&accepted), (0..2500).collect::<Vec<_>>());
    let ids: BTreeSet<_> = accepted.iter().map(|entry| entry["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2500);
    for request in server.requests() {
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert!(request.raw_body.len() * 3 < request.body.len());
    }
    record_each_once(Scenario::Happy, counts(&server, 0..2500));
    record_each_once(Scenario::Compressed, counts(&server, 0..2500));
}

#[test]
fn zstd_and_no_compression_can_be_set() {
    for (compression, token) in [(BodyCompression::Zstd, Some("zstd")), (BodyCompression::None, None)] {
        let server = server();
        let mut settings = settings(&server);
        settings.compression = compression;
        let container = started(&settings);
        log_numbers(&container, 0..10);
        assert_eq!(shut_down(&container).delivered_total(), 10);
        assert_eq!(server.requests()[0].header("content-encoding"), token);
    }
}

#[test]
fn no_request_has_more_than_1000_entries_whatever_the_settings_allow() {
    let server = server();
    let mut settings = settings(&server);
    settings.batch.max_records = 50_000;
    let container = started(&settings);
    log_numbers(&container, 0..10_000);
    assert_eq!(shut_down(&container).delivered_total(), 10_000);
    assert!(server.requests().iter().all(|request| entries(request).len() <= 1000));
    assert_eq!(accepted(&server).len(), 10_000);
}

#[test]
fn no_request_has_more_than_5_mb_whatever_the_settings_allow() {
    let server = server();
    let mut settings = settings(&server);
    settings.batch.max_bytes = 60 << 20;
    let container = started(&settings);
    let log = container.logger("shop");
    let text = "x".repeat(50_000);
    for number in 0..150_u64 {
        info!(log, "long", number, a = text.as_str());
    }
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), 150, "{accounts}");
    let mut numbers = numbers(&accepted(&server));
    numbers.sort_unstable();
    assert_eq!(numbers, (0..150).collect::<Vec<_>>());
    assert!(server.requests().len() > 1);
}

#[test]
fn a_server_that_is_busy_gets_the_same_entries_again_after_the_wait_it_asks_for() {
    let server = server();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(408), FakeAnswer::new(503)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    record_each_once(Scenario::Throttled, counts(&server, 0..10));
}

#[test]
fn no_event_is_lost_while_a_key_is_refused() {
    let server = server();
    server.queue([FakeAnswer::new(403), FakeAnswer::new(401)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (10, 0), "{accounts}");
}

#[test]
fn a_wrong_key_delivers_nothing_and_each_event_is_counted() {
    let server = server();
    let mut settings = settings(&server);
    settings.api_key = Some(SecretRef::bytes(b"wrong".to_vec()));
    let container = builder().sink("datadog", Datadog::new(&settings).unwrap()).start().unwrap();
    log_numbers(&container, 0..10);
    let accounts = container.shutdown(Duration::from_millis(500)).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.delivered_total(), 0, "{accounts}");
    assert!(server.requests().iter().all(|request| request.status() == Some(403)));
}

#[test]
fn a_request_that_is_refused_for_good_is_lost_and_counted() {
    let server = server();
    server.queue([FakeAnswer::new(400)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 10), "{accounts}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_request_that_is_too_large_is_divided_and_each_event_arrives_once() {
    let server = FakeHttp::builder()
        .answer(|request| if request.body.len() > 20_000 { FakeAnswer::new(413) } else { answer(request) })
        .start();
    let container = started(&settings(&server));
    log_numbers(&container, 0..200);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (200, 0), "{accounts}");
    record_each_once(Scenario::OverTheLimit, counts(&server, 0..200));
    assert!(server.requests().iter().any(|request| request.status() == Some(413)));
}

#[test]
fn a_server_that_is_restarted_in_flight_gets_every_event() {
    let server = server();
    let mut settings = settings(&server);
    settings.batch.max_records = 50;
    let container = started(&settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        let before = server.accepted().len();
        server.restart();
        // At a shutdown with an open breaker, a payload has a single attempt: the sink must have seen that the server is there again.
        server.wait_until("request behind the restart", TIMEOUT, |all| {
            all.iter().filter(|request| request.is_whole && request.status() == Some(202)).count() > before
        });
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    // The server may have taken a request whose answer was cut.
    Conformance::record_at_least_once("datadog", "fake", Scenario::RestartedInFlight, counts(&server, 0..1000));
}

#[test]
fn a_server_with_tls_is_reached_by_its_authority() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).answer(answer).start();
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    record_each_once(Scenario::Tls, counts(&server, 0..100));
}
