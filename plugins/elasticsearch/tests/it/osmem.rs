//! A real server: osmem, which has OpenSearch's API in memory.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, FakeRequest, Scenario, http_request, servers::Osmem};
use serde_json::Value;

use crate::{
    TIMEOUT,
    container::{counts, log_numbers, settings, shut_down, started},
};

const SINK: &str = "elasticsearch";
const STREAM: &str = "logs-fapilog-default";

/// The documents as they were sent. Panics where an `_id` is not that of the event.
fn sources(osmem: &Osmem) -> Vec<Value> {
    let source = |hit: &Value| {
        assert_eq!(hit["_id"], hit["_source"]["event_id"]);
        hit["_source"].clone()
    };
    osmem.documents(STREAM).iter().map(source).collect()
}

/// Waits until the server has so many documents.
fn wait_for(osmem: &Osmem, documents: usize) {
    let deadline = Instant::now() + TIMEOUT;
    while sources(osmem).len() < documents {
        assert!(Instant::now() < deadline, "{} documents of {documents}", sources(osmem).len());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A proxy to the server, which can be stopped while requests are in flight.
fn proxy(osmem: &Osmem, pass: impl Fn(&FakeRequest, FakeAnswer) -> FakeAnswer + Send + Sync + 'static) -> FakeHttp {
    let address = osmem.http();
    let server = FakeHttp::start();
    server.answer(move |request| {
        let headers = [("Content-Type", request.header("content-type").unwrap_or_default())];
        let reply = http_request(address, "POST", &request.target, &headers, &request.body).unwrap();
        pass(request, FakeAnswer::new(reply.status).body(reply.body))
    });
    server
}

#[test]
fn osmem_has_each_event_once() {
    let Some(osmem) = Osmem::start() else { return };
    for (compression, scenario) in
        [(BodyCompression::None, Scenario::Happy), (BodyCompression::Gzip, Scenario::Compressed)]
    {
        let before = sources(&osmem).len();
        let mut settings = settings(format!("http://{}", osmem.http()));
        settings.request.compression = compression;
        let container = started(settings);
        log_numbers(&container, 0..2000);
        assert_eq!(shut_down(&container).delivered_total(), 2000);
        let documents = sources(&osmem);
        assert_eq!(documents.len(), before + 2000);
        Conformance::record(SINK, "osmem", scenario, documents.len() - before, 0, 0);
    }
}

#[test]
fn osmem_stores_no_event_again_whose_answer_did_not_arrive() {
    let Some(osmem) = Osmem::start() else { return };
    let requests = AtomicUsize::new(0);
    let proxy = proxy(&osmem, move |_, answer| {
        // Relaxed: the number orders nothing.
        if requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { FakeAnswer::reset() } else { answer }
    });
    let mut settings = settings(proxy.url("/"));
    settings.batch.max_records = 100;
    let container = started(settings);
    log_numbers(&container, 0..1000);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    let found = counts(0..1000, &sources(&osmem));
    Conformance::record(SINK, "osmem", Scenario::DuplicatesSuppressed, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (1000, 0, 0));
}

#[test]
fn osmem_has_each_event_once_when_connections_break_in_flight() {
    let Some(osmem) = Osmem::start() else { return };
    let proxy = proxy(&osmem, |_, answer| answer);
    let mut settings = settings(proxy.url("/"));
    settings.batch.max_records = 20;
    let container = started(settings);
    for round in 0..5 {
        log_numbers(&container, round * 200..round * 200 + 100);
        proxy.stop();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        proxy.restart();
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (1000, 0), "{accounts}");
    let found = counts(0..1000, &sources(&osmem));
    assert_eq!((found.delivered, found.duplicated, found.lost), (1000, 0, 0));
}

/// The server keeps documents in memory: those before the kill are counted before it.
#[test]
fn osmem_that_is_killed_gets_every_event_that_was_in_flight() {
    let Some(mut osmem) = Osmem::start() else { return };
    let mut settings = settings(format!("http://{}", osmem.http()));
    settings.batch.max_records = 20;
    let container = started(settings);
    let mut stored = Vec::new();
    for round in 0..3 {
        log_numbers(&container, round * 200..round * 200 + 100);
        wait_for(&osmem, 100 + if round == 0 { 0 } else { 100 });
        stored.extend(sources(&osmem));
        osmem.server.kill();
        log_numbers(&container, round * 200 + 100..round * 200 + 200);
        osmem.server.restart();
    }
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (600, 0), "{accounts}");
    stored.extend(sources(&osmem));
    Conformance::record_exactly_once(SINK, "osmem", Scenario::RestartedInFlight, counts(0..600, &stored));
}

#[test]
fn osmem_refuses_documents_that_do_not_fit_the_mapping_and_takes_the_others() {
    let Some(osmem) = Osmem::start() else { return };
    let container = started(settings(format!("http://{}", osmem.http())));
    let log = container.logger("shop");
    fapilog::info!(log, "first", number = 0, size = 7);
    wait_for(&osmem, 1);
    for number in 1..10_u64 {
        match number % 3 {
            0 => fapilog::info!(log, "text", number, size = "seven apples"),
            _ => fapilog::info!(log, "number", number, size = 8),
        }
    }
    let accounts = shut_down(&container);
    let documents = sources(&osmem);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (documents.len() as u64, 3), "{accounts}");
    let found = counts(0..10, &documents);
    Conformance::record(SINK, "osmem", Scenario::Partial, found.delivered, found.duplicated, found.lost);
    assert_eq!((found.delivered, found.duplicated, found.lost), (7, 0, 3));
}
