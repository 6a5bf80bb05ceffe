//! Outcomes: a server that is busy, away, or refuses entries.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::{format, info, settings::SecretRef, sink::SinkOptions};
use fapilog_loki::Loki;
use fapilog_sink_http::settings::AuthSettings;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, FakeRequest, Scenario, TestCa};

use super::{
    TIMEOUT, builder, counts, log_numbers, record_each_once, settings, shut_down, started,
    strict_loki::{StrictLimits, StrictLoki},
};

fn taken(requests: &[Arc<FakeRequest>]) -> usize {
    requests.iter().filter(|request| request.is_whole && request.status() == Some(204)).count()
}

/// The ids of the events that are stored.
fn event_ids(loki: &StrictLoki) -> BTreeSet<String> {
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event_id"].to_string();
    loki.entries().iter().map(|entry| id(&entry.line)).collect()
}

#[test]
fn a_server_that_is_busy_gets_the_same_request_again_after_the_wait_it_asks_for() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(500)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!((requests.len(), event_ids(&loki).len()), (3, 10));
    record_each_once(Scenario::Throttled, counts(&loki, 0..10));
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}

#[test]
fn a_request_that_is_stored_in_part_is_lost_and_never_sent_again() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits { line_bytes: 1000, ..StrictLimits::default() });
    let container = started(&settings(&server));
    log_numbers(&container, 0..9);
    info!(container.logger("shop"), "long", number = 9, text = "x".repeat(5000).as_str());
    let accounts = shut_down(&container);
    let refused = server.requests().iter().filter(|request| request.status() == Some(400)).count();
    let found = counts(&loki, 0..10);
    assert_eq!((found.delivered, found.duplicated, found.lost, refused), (9, 0, 1, 1));
    Conformance::record("loki", "fake", Scenario::Partial, found.delivered, found.duplicated, found.lost);
    // All events may have been in one request: Loki does not report which it has stored.
    assert!((1..=10).contains(&accounts.lost_total()), "{accounts}");
    assert_eq!(accounts.lost_total() + accounts.delivered_total(), 10);
    assert_eq!(loki.duplicates(), 0);
    let reports: Vec<String> = container.diagnostics().iter().map(ToString::to_string).collect();
    assert!(reports.iter().any(|report| report.contains("because a line is too long")), "{reports:?}");
}

#[test]
fn a_tenant_that_is_blocked_gets_an_error_although_the_status_is_2xx() {
    let server = FakeHttp::start();
    server.answer(|_| FakeAnswer::new(260));
    let container = started(&settings(&server));
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 10), "{accounts}");
}

#[test]
fn a_request_that_is_too_large_is_divided_and_each_event_arrives_once() {
    let server = FakeHttp::builder().body_limit(1500).start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let container = started(&settings(&server));
    log_numbers(&container, 0..500);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (500, 0), "{accounts}");
    assert_eq!((event_ids(&loki).len(), loki.duplicates()), (500, 0));
    record_each_once(Scenario::OverTheLimit, counts(&loki, 0..500));
}

#[test]
fn a_server_that_is_restarted_in_flight_has_every_event_once() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
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
        server.wait_until("request behind the restart", TIMEOUT, |all| taken(all) > before);
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    // A request whose answer was cut is sent again, and Loki drops its entries: same stream, time and line.
    assert_eq!((event_ids(&loki).len(), loki.entries().len()), (1000, 1000));
    Conformance::record_exactly_once("loki", "fake", Scenario::RestartedInFlight, counts(&loki, 0..1000));
}

#[test]
fn an_attempt_that_loki_had_taken_makes_no_second_entry() {
    let server = FakeHttp::start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let answers = loki.clone();
    let is_first = std::sync::atomic::AtomicBool::new(true);
    server.answer(move |request| {
        let answer = answers.answer(request);
        // Relaxed: the flag orders nothing.
        if is_first.swap(false, std::sync::atomic::Ordering::Relaxed) { FakeAnswer::reset() } else { answer }
    });
    let container = started(&settings(&server));
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert!((1..=100).contains(&loki.duplicates()), "{}", loki.duplicates());
    record_each_once(Scenario::DuplicatesSuppressed, counts(&loki, 0..100));
}

#[test]
fn entries_go_out_by_tls_with_credentials() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).start();
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    settings.auth = AuthSettings::bearer(SecretRef::bytes(b"token".to_vec()));
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    record_each_once(Scenario::Tls, counts(&loki, 0..100));
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer token"));
}

#[test]
fn a_server_that_asks_for_a_tenant_keeps_the_events_waiting() {
    let server = FakeHttp::start();
    let limits = StrictLimits { has_tenants: true, ..StrictLimits::default() };
    let loki = StrictLoki::on(&server, limits);
    let container = started(&settings(&server));
    log_numbers(&container, 0..3);
    // The operator of Loki corrects it: 401 is no reason to drop events.
    server.wait_for(2, TIMEOUT);
    assert!(server.requests().iter().all(|request| request.status() == Some(401)));
    let loki_without_tenants = StrictLoki::on(&server, StrictLimits::default());
    server.wait_until("request that is taken", TIMEOUT, |all| taken(all) > 0);
    assert_eq!(shut_down(&container).delivered_total(), 3);
    assert_eq!((loki.entries().len(), loki_without_tenants.entries().len()), (0, 3));
}

#[test]
fn another_loki_takes_the_records_that_the_first_cannot_deliver_as_they_are() {
    let (away, server) = (FakeHttp::start(), FakeHttp::start());
    away.answer(|_| FakeAnswer::new(260));
    let loki = StrictLoki::on(&server, StrictLimits::default());
    let sink = |server| Loki::new(&settings(server), format::Json::new).unwrap();
    let container = builder()
        .sink_with("first", sink(&away), SinkOptions::new().fallback("second"))
        .sink("second", sink(&server))
        .start()
        .unwrap();
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (10, 0), "{accounts}");
    // The second sink has the events itself, and gets them once more from the first: same stream, time and line.
    assert_eq!((loki.entries().len(), loki.duplicates()), (10, 10));
}
