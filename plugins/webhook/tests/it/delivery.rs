//! Requests and their answers: the cells of the conformance page.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{Executor, Overflow},
    format, info,
    metrics::Accounts,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{
    Conformance, EventCounts, EventLedger, FakeAnswer, FakeHttp, FakeRequest, Scenario, TestCa,
};
use fapilog_webhook::{Webhook, WebhookSettings};

use super::{TIMEOUT, settings, verify_standard};

fn started(settings: &WebhookSettings) -> Container {
    let milli = Duration::from_millis(1);
    let policy =
        DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli);
    let sink = Webhook::new(settings, format::Json::new).unwrap();
    let builder = Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT });
    builder.sink_with("webhook", sink, SinkOptions::new().delivery(policy)).start().unwrap()
}

fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    numbers.for_each(|number| info!(log, "order filled", number));
}

#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

fn numbers(request: &FakeRequest) -> Vec<String> {
    let records = request.json();
    records.as_array().unwrap().iter().map(|record| record["context"]["number"].to_string()).collect()
}

fn counts_of<'a>(requests: impl IntoIterator<Item = &'a Arc<FakeRequest>>, logged: u64) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    for request in requests {
        verify_standard(request);
        ledger.receive_all(numbers(request));
    }
    ledger.counts()
}

/// The events of the requests that the receiver has answered with success. Each request is verified.
fn counts(server: &FakeHttp, logged: u64) -> EventCounts {
    counts_of(&server.accepted(), logged)
}

fn record(scenario: Scenario, counts: EventCounts) {
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{scenario:?}: {counts:?}");
    Conformance::record("webhook", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

#[test]
fn each_event_arrives_once_in_a_request_that_is_signed() {
    let server = FakeHttp::start();
    let container = started(&settings(&server));
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    record(Scenario::Happy, counts(&server, 500));
}

#[test]
fn compressed_requests_are_verified_as_they_were_sent() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.request.compression = BodyCompression::Gzip;
    let container = started(&settings);
    log_numbers(&container, 0..500);
    assert_eq!(shut_down(&container).delivered_total(), 500);
    assert!(server.requests().iter().all(|request| request.header("content-encoding") == Some("gzip")));
    record(Scenario::Compressed, counts(&server, 500));
}

#[test]
fn a_receiver_that_is_busy_gets_the_events_after_the_wait_it_asks_for() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(503)]);
    let container = started(&settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert!(start.elapsed() >= Duration::from_secs(1));
    record(Scenario::Throttled, counts(&server, 100));
}

#[test]
fn a_receiver_that_is_restarted_in_flight_gets_every_event() {
    let server = FakeHttp::start();
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
    let all: Vec<_> = server.requests().into_iter().filter(|request| request.status() == Some(200)).collect();
    Conformance::record_at_least_once("webhook", "fake", Scenario::RestartedInFlight, counts_of(&all, 400));
}

#[test]
fn a_receiver_with_tls_is_reached_by_its_authority() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).start();
    let mut settings = settings(&server);
    settings.tls.ca_file = Some(ca.certificate_path());
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    record(Scenario::Tls, counts(&server, 100));
}

#[test]
fn a_request_that_is_too_large_is_divided_and_each_part_is_signed() {
    let server = FakeHttp::builder()
        .answer(|request| if request.body.len() > 10_000 { FakeAnswer::new(413) } else { FakeAnswer::ok() })
        .start();
    let container = started(&settings(&server));
    log_numbers(&container, 0..200);
    assert_eq!(shut_down(&container).delivered_total(), 200);
    assert!(server.requests().iter().any(|request| request.status() == Some(413)));
    record(Scenario::OverTheLimit, counts(&server, 200));
}

#[test]
fn a_receiver_that_keeps_ids_has_each_event_once_where_its_answer_was_cut() {
    let server = FakeHttp::start();
    // The receiver has the request, and its answer is cut.
    server.queue([FakeAnswer::json("{}").close_in_body(1)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    // The first request of each id counts.
    let mut by_id = BTreeMap::new();
    for request in &requests {
        by_id.entry(request.header("webhook-id").unwrap().to_owned()).or_insert(request);
    }
    record(Scenario::DuplicatesSuppressed, counts_of(by_id.into_values(), 1));
}

#[test]
fn a_request_that_is_refused_for_good_is_lost_as_a_whole() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(400)]);
    let container = started(&settings(&server));
    log_numbers(&container, 0..1);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 1), "{accounts}");
}
