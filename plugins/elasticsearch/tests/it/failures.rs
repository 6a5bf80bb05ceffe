//! A destination that is busy, refuses documents, or breaks.

use std::time::{Duration, Instant};

use fapilog::info;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario};
use serde_json::Value;

use crate::{
    container::{counts, log_numbers, number, settings, shut_down, started},
    fake::FakeSearch,
};

const SINK: &str = "elasticsearch";
const THROTTLED: (u16, &str) = (429, "es_rejected_execution_exception");
const REFUSED: (u16, &str) = (400, "document_parsing_exception");

fn values(documents: &[(String, Value)]) -> impl Iterator<Item = &Value> {
    documents.iter().map(|(_, document)| document)
}

#[test]
fn documents_that_are_refused_are_lost_and_busy_ones_are_sent_again_alone() {
    let search = FakeSearch::with_verdict(|document, attempt| match number(document)? % 10 {
        3 => Some(REFUSED),
        5 if attempt <= 2 => Some(THROTTLED),
        7 if attempt == 1 => Some((503, "unavailable_shards_exception")),
        _ => None,
    });
    let container = started(settings(search.server.url("/")));
    log_numbers(&container, 0..1000);
    let accounts = shut_down(&container);
    let documents = search.documents();
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (documents.len() as u64, 100), "{accounts}");
    let found = counts(0..1000, values(&documents));
    Conformance::record(SINK, "fake", Scenario::Partial, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost, search.conflicts()), (900, 0, 100, 0));
}

#[test]
fn a_server_that_is_busy_gets_the_request_again_after_the_wait_it_asks_for() {
    let search = FakeSearch::start();
    let body = r#"{"error":{"type":"circuit_breaking_exception","reason":"x"},"status":429}"#;
    search.server.queue([FakeAnswer::json(body).status(429).retry_after_seconds(1)]);
    let container = started(settings(search.server.url("/")));
    let start = Instant::now();
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert!(start.elapsed() >= Duration::from_secs(1));
    let documents = search.documents();
    let found = counts(0..100, values(&documents));
    Conformance::record(SINK, "fake", Scenario::Throttled, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (100, 0, 0));
}

#[test]
fn a_document_that_is_stored_already_counts_as_delivered_and_is_not_stored_again() {
    let search = FakeSearch::start();
    let store = search.store();
    let settings = settings(search.server.url("/"));
    // The first two requests are stored, and their answers do not arrive.
    let broken = std::sync::atomic::AtomicUsize::new(0);
    search.server.answer(move |request| {
        let answer = store(request);
        // Relaxed: the number orders nothing.
        if broken.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 { FakeAnswer::reset() } else { answer }
    });
    let container = started(settings);
    log_numbers(&container, 0..500);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (500, 0), "{accounts}");
    let documents = search.documents();
    let found = counts(0..500, values(&documents));
    Conformance::record(SINK, "fake", Scenario::DuplicatesSuppressed, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (500, 0, 0));
    assert!(search.conflicts() > 0);
}

#[test]
fn a_request_that_is_too_large_is_divided_and_an_event_that_is_too_large_is_lost() {
    let search = FakeSearch::built(FakeHttp::builder().body_limit(5000), |_, _| None);
    let container = started(settings(search.server.url("/")));
    log_numbers(&container, 0..200);
    info!(container.logger("shop"), "long", number = 200, text = "x".repeat(10_000).as_str());
    let accounts = shut_down(&container);
    let documents = search.documents();
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (documents.len() as u64, 1), "{accounts}");
    let found = counts(0..201, values(&documents));
    Conformance::record(SINK, "fake", Scenario::OverTheLimit, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (200, 0, 1));
}

#[test]
fn documents_whose_results_are_behind_the_front_of_the_answer_are_sent_again() {
    // 2,000 results with an error are longer than the client reads.
    let search =
        FakeSearch::with_verdict(|document, attempt| (number(document)? % 2 == 0 && attempt == 1).then_some(REFUSED));
    let container = started(settings(search.server.url("/")));
    log_numbers(&container, 0..4000);
    let accounts = shut_down(&container);
    let documents = search.documents();
    let found = counts(0..4000, values(&documents));
    assert!(search.conflicts() > 0, "no answer was cut");
    assert_eq!((found.duplicated, accounts.lost_total()), (0, found.lost as u64), "{accounts}");
    assert_eq!(accounts.delivered_total(), documents.len() as u64, "{accounts}");
}

#[test]
fn an_answer_of_another_program_delivers_nothing() {
    let search = FakeSearch::start();
    search.server.queue([FakeAnswer::ok().body("welcome"), FakeAnswer::json("{}"), FakeAnswer::new(204)]);
    let container = started(settings(search.server.url("/")));
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert_eq!((search.documents().len(), search.conflicts()), (10, 0));
}

/// The texts of what the container reports.
fn reports(container: &fapilog::Container) -> Vec<String> {
    container.diagnostics().into_iter().map(|diagnostic| diagnostic.text.to_string()).collect()
}

#[test]
fn errors_name_the_types_and_no_reason() {
    let refused_request = r#"{"error":{"type":"illegal_argument_exception","reason":"hunter2"},"status":400}"#;
    let refused_document = r#"{"errors":true,"items":[{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"hunter2"}}}]}"#;
    for (answer, shown) in [
        (
            FakeAnswer::json(refused_request).status(400),
            "the destination refuses the request: illegal_argument_exception",
        ),
        (FakeAnswer::json(refused_document), "1 with 400 document_parsing_exception"),
    ] {
        let search = FakeSearch::start();
        search.server.queue([answer]);
        let container = started(settings(search.server.url("/")));
        log_numbers(&container, 0..1);
        assert_eq!(shut_down(&container).lost_total(), 1);
        let reports = reports(&container);
        assert!(reports.iter().any(|report| report.contains(shown)), "{reports:?}");
        assert!(!reports.iter().any(|report| report.contains("hunter2")), "{reports:?}");
    }
}

#[test]
fn a_server_that_is_restarted_in_flight_has_every_event_once() {
    let search = FakeSearch::start();
    let mut settings = settings(search.server.url("/"));
    settings.batch.max_records = 50;
    let container = started(settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        search.server.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        search.server.restart();
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    let documents = search.documents();
    Conformance::record_exactly_once(SINK, "fake", Scenario::RestartedInFlight, counts(0..1000, values(&documents)));
}
