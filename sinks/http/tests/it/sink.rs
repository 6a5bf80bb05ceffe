//! A container with the sink.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    error, format, info,
    metrics::Accounts,
    sink::{self, DeliveryPolicy, SinkOptions},
    warn,
};
use fapilog_sink_http::{BodyForm, Http, HttpSinkSettings};
use fapilog_test_servers::{FakeAnswer, FakeHttp, FakeRequest};

use super::TIMEOUT;

pub(super) fn settings(server: &FakeHttp) -> HttpSinkSettings {
    let mut settings = HttpSinkSettings::default();
    settings.url = server.url("/logs");
    settings
}

/// Many attempts, with short waits.
fn patient() -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli)
}

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

pub(super) fn started(settings: HttpSinkSettings) -> Container {
    let sink = Http::new(settings, format::Json::new).unwrap();
    builder().sink_with("http", sink, SinkOptions::new().delivery(patient())).start().unwrap()
}

/// Waits until nothing is pending: a shutdown gives a payload one attempt more, which a server that has just been restarted may break.
pub(super) fn wait_until_delivered(container: &Container) {
    let deadline = Instant::now() + TIMEOUT;
    while container.accounts().pending_total() > 0 {
        assert!(Instant::now() < deadline, "{}", container.accounts());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[track_caller]
pub(super) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        info!(log, "number {number}", number);
    }
}

/// The numbers in the lines of a request.
pub(super) fn numbers(request: &FakeRequest) -> Vec<u64> {
    let number =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["context"]["number"].as_u64().unwrap();
    request.text().lines().map(number).collect()
}

fn accepted(server: &FakeHttp) -> Vec<u64> {
    server.accepted().iter().flat_map(|request| numbers(request)).collect()
}

#[test]
fn events_arrive_as_ndjson() {
    let server = FakeHttp::start();
    let container = started(settings(&server));
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert_eq!(accepted(&server), (0..100).collect::<Vec<_>>());
    let request = &server.requests()[0];
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    assert!(request.header("idempotency-key").unwrap().contains("-p0-"));
}

#[test]
fn events_arrive_in_an_array_or_in_an_object() {
    let server = FakeHttp::start();
    for (form, pointer) in [(BodyForm::JsonArray, "/1/context/number"), (BodyForm::Wrapped, "/events/1/context/number")]
    {
        let mut settings = settings(&server);
        settings.body = form;
        let container = started(settings);
        log_numbers(&container, 0..2);
        shut_down(&container);
        let requests = server.requests();
        let request = requests.last().unwrap();
        assert_eq!(request.json().pointer(pointer).unwrap(), 1, "{}", request.text());
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
}

#[test]
fn a_server_that_is_busy_gets_the_same_request_again_after_the_wait_it_asks_for() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(429).retry_after_seconds(1), FakeAnswer::new(503)]);
    let container = started(settings(&server));
    let start = Instant::now();
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let keys: BTreeSet<_> = requests.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 1);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}

#[test]
fn a_request_that_is_refused_for_good_is_lost_and_counted() {
    let server = FakeHttp::start();
    server.answer(|_| FakeAnswer::new(400));
    let container = started(settings(&server));
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 10), "{accounts}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_request_that_is_too_large_is_divided_and_each_event_arrives_once() {
    let server = FakeHttp::builder().body_limit(3000).start();
    let container = started(settings(&server));
    log_numbers(&container, 0..200);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (200, 0), "{accounts}");
    let mut numbers = accepted(&server);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    let accepted = server.accepted();
    let keys: BTreeSet<_> = accepted.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!(keys.len(), accepted.len());
}

#[test]
fn an_event_that_is_too_large_is_lost_and_the_others_arrive() {
    let server = FakeHttp::builder().body_limit(3000).start();
    let container = started(settings(&server));
    let log = container.logger("shop");
    info!(log, "first", number = 1);
    info!(log, "long", number = 2, text = "x".repeat(5000).as_str());
    info!(log, "last", number = 3);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (2, 1), "{accounts}");
    let mut numbers = accepted(&server);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn no_request_has_more_records_than_the_settings_allow() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.batch.max_records = 7;
    let container = started(settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert!(server.requests().iter().all(|request| numbers(request).len() <= 7));
    assert_eq!(accepted(&server), (0..100).collect::<Vec<_>>());
}

#[test]
fn placeholders_send_events_to_different_paths() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.url = server.url("/{level}/{user}?from={source}");
    settings.headers.insert("x-tenant".to_owned(), "t-{tenant}".to_owned());
    let container = started(settings);
    let log = container.logger("shop");
    info!(log, "a", number = 0, user = "../x", tenant = 7);
    warn!(log, "b", number = 1, user = "ann", tenant = 7);
    info!(log, "c", number = 2, user = "../x", tenant = 7);
    error!(log, "d", number = 3);
    assert_eq!(shut_down(&container).delivered_total(), 4);
    let found: BTreeSet<_> = server
        .requests()
        .iter()
        .map(|request| (request.target.clone(), request.header("x-tenant").unwrap().to_owned(), numbers(request)))
        .collect();
    let expected = [
        ("/ERROR/-?from=shop", "t--", vec![3]),
        ("/INFO/..%2Fx?from=shop", "t-7", vec![0, 2]),
        ("/WARNING/ann?from=shop", "t-7", vec![1]),
    ];
    assert_eq!(found, expected.map(|(path, tenant, numbers)| (path.to_owned(), tenant.to_owned(), numbers)).into());
}

#[test]
fn a_fallback_of_another_kind_gets_records_without_path_and_headers() {
    let server = FakeHttp::start();
    server.answer(|_| FakeAnswer::new(400));
    let mut settings = settings(&server);
    settings.url = server.url("/{level}");
    let sink = Http::new(settings, format::Json::new).unwrap();
    let (memory, kept) = sink::Memory::new(format::Json::new);
    let nothing = sink::Route::default().targets(["none"]);
    let container = builder()
        .sink_with("http", sink, SinkOptions::new().delivery(patient()).fallback("kept"))
        .sink_with("kept", memory, SinkOptions::new().route(nothing))
        .start()
        .unwrap();
    log_numbers(&container, 0..3);
    assert_eq!(shut_down(&container).sinks[0].delivered, 3);
    let lines = kept.lines();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.starts_with("{")), "{lines:?}");
}

#[test]
fn a_path_that_is_refused_for_now_keeps_no_other_path_from_getting_its_events() {
    let server = FakeHttp::start();
    let refusals = AtomicUsize::new(0);
    server.answer(move |request| match request.path() {
        // Relaxed: the requests come one by one.
        "/WARNING" if refusals.fetch_add(1, Ordering::Relaxed) < 3 => FakeAnswer::new(429),
        _ => FakeAnswer::ok(),
    });
    let mut settings = settings(&server);
    settings.url = server.url("/{level}");
    let sink = Http::new(settings, format::Json::new).unwrap();
    // A single payload has all events.
    let builder = builder().flush_interval(TIMEOUT).sink_with("http", sink, SinkOptions::new().delivery(patient()));
    let container = builder.start().unwrap();
    let log = container.logger("shop");
    warn!(log, "late", number = 1);
    info!(log, "order filled", number = 2);
    container.flush(TIMEOUT).unwrap();
    assert_eq!(shut_down(&container).delivered_total(), 2);
    let paths: Vec<_> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, ["/WARNING", "/INFO", "/WARNING", "/WARNING", "/WARNING"]);
}

#[test]
fn a_server_that_is_restarted_in_flight_gets_every_event() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.batch.max_records = 50;
    let container = started(settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        server.restart();
    }
    wait_until_delivered(&container);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    // The server may have taken a request whose answer was cut: at least once.
    let distinct: BTreeSet<_> = accepted(&server).into_iter().collect();
    assert_eq!(distinct.len(), 1000);
}
