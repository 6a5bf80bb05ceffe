//! Results for the conformance matrix: each event that was submitted, by its number, and how often the server has it.

use std::collections::BTreeSet;

use fapilog::info;
use fapilog_plugin::settings::Endpoint;
use fapilog_sink_http::{HttpSinkSettings, settings::BodyCompression};
use fapilog_test_servers::{
    Conformance, EventCounts, EventLedger, FakeAnswer, FakeHttp, Scenario, TestCa, servers::Nginx,
};

use super::sink::{numbers, settings, shut_down, started, wait_until_delivered};

const EVENTS: u64 = 500;

/// Logs the events, and stops the container.
fn log_all(settings: HttpSinkSettings, between: impl FnMut(u64)) {
    let mut between = between;
    let container = started(settings);
    let log = container.logger("shop");
    for number in 0..EVENTS {
        between(number);
        info!(log, "number {number}", number);
    }
    wait_until_delivered(&container);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (EVENTS, 0), "{accounts}");
}

/// Counts what a server has that keeps each request, or each name of a request once.
fn counts(server: &FakeHttp, keeps_names: bool) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..EVENTS).map(|number| number.to_string()));
    let mut names = BTreeSet::new();
    for request in server.accepted() {
        let name = request.header("idempotency-key").unwrap().to_owned();
        if names.insert(name) || !keeps_names {
            ledger.receive_all(numbers(&request).iter().map(u64::to_string));
        }
    }
    ledger.counts()
}

fn record(server: &str, scenario: Scenario, counts: &EventCounts) {
    Conformance::record("http", server, scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn every_event_arrives_once() {
    let server = FakeHttp::start();
    log_all(settings(&server), |_| {});
    record("fake", Scenario::Happy, &counts(&server, false));
}

#[test]
fn a_server_that_throttles_gets_every_event_once() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(503), FakeAnswer::new(502)]);
    log_all(settings(&server), |_| {});
    record("fake", Scenario::Throttled, &counts(&server, false));
}

#[test]
fn a_server_that_is_restarted_gets_every_event() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.batch.max_records = 20;
    log_all(settings, |number| match number % 250 {
        60 => server.stop(),
        120 => server.restart(),
        _ => {}
    });
    Conformance::record_at_least_once("http", "fake", Scenario::RestartedInFlight, counts(&server, false));
}

#[test]
fn compressed_requests_have_every_event_once() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.request.compression = BodyCompression::Zstd;
    log_all(settings, |_| {});
    record("fake", Scenario::Compressed, &counts(&server, false));
}

#[test]
fn a_server_with_a_limit_gets_every_event_once() {
    let server = FakeHttp::builder().body_limit(5000).start();
    log_all(settings(&server), |_| {});
    record("fake", Scenario::OverTheLimit, &counts(&server, false));
}

#[test]
fn a_server_that_keeps_the_names_of_requests_has_every_event_once() {
    let server = FakeHttp::start();
    // The server has the request, and the client never sees the answer.
    server.queue([FakeAnswer::reset(), FakeAnswer::no_answer()]);
    log_all(settings(&server), |_| {});
    assert!(counts(&server, false).duplicated > 0);
    record("fake", Scenario::DuplicatesSuppressed, &counts(&server, true));
}

#[test]
fn a_server_behind_nginx_gets_every_event_once_by_tls() {
    let (server, ca) = (FakeHttp::start(), TestCa::new());
    let Some(nginx) = Nginx::in_front_of(server.address()) else { return };
    let nginx = nginx.tls(&ca).start();
    let mut settings = settings(&server);
    settings.url = format!("https://localhost:{}/logs", nginx.https().port());
    assert!(Endpoint::parse(&settings.url, &["https"], &[]).unwrap().is_tls());
    settings.tls.ca_file = Some(ca.certificate_path());
    log_all(settings, |_| {});
    record("nginx", Scenario::Tls, &counts(&server, false));
}

#[test]
fn a_server_behind_an_nginx_that_is_killed_gets_every_event() {
    let server = FakeHttp::start();
    let Some(nginx) = Nginx::in_front_of(server.address()) else { return };
    let mut nginx = nginx.body_limit(5000).start();
    let mut settings = settings(&server);
    settings.url = format!("http://127.0.0.1:{}/logs", nginx.http().port());
    log_all(settings, |number| match number % 250 {
        100 => nginx.server.kill(),
        200 => nginx.server.restart(),
        _ => {}
    });
    let counts = counts(&server, false);
    Conformance::record_at_least_once("http", "nginx", Scenario::RestartedInFlight, counts);
    Conformance::record_at_least_once("http", "nginx", Scenario::OverTheLimit, counts);
}
