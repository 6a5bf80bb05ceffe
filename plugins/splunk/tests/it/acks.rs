//! Indexer acknowledgement.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fapilog::format::Json;
use fapilog_plugin::sink::SinkFactory;
use fapilog_splunk::Splunk;
use fapilog_test_servers::FakeAnswer;

use super::collector::{AckPlan, TIMEOUT, builder, log_numbers, server, settings, shut_down, started};

#[test]
fn events_are_delivered_when_the_indexers_acknowledge_them() {
    let (server, collector) = server(AckPlan::AtQuery(1));
    let mut settings = settings(&server);
    settings.acks = true;
    let container = started(&settings);
    log_numbers(&container, 0..100);
    assert_eq!(shut_down(&container).delivered_total(), 100);
    assert_eq!(collector.numbers(), (0..100).collect::<Vec<_>>());
    assert_eq!(collector.channels(), 1);
    assert!(collector.queries() >= 1);
}

#[test]
fn an_acknowledgement_that_is_false_is_asked_for_again_and_the_events_are_not_sent_again() {
    let (server, collector) = server(AckPlan::AtQuery(4));
    let mut settings = settings(&server);
    settings.acks = true;
    settings.batch.max_records = 1000;
    let container = started(&settings);
    log_numbers(&container, 0..10);
    assert_eq!(shut_down(&container).delivered_total(), 10);
    assert_eq!(collector.numbers(), (0..10).collect::<Vec<_>>());
    assert_eq!(collector.queries() % 4, 0);
}

#[test]
fn events_are_pending_until_the_acknowledgement() {
    let (server, collector) = server(AckPlan::Never);
    let mut settings = settings(&server);
    settings.acks = true;
    let container = started(&settings);
    log_numbers(&container, 0..1);
    server.wait_for(3, TIMEOUT);
    assert_eq!((collector.numbers(), container.accounts().delivered_total()), (vec![0], 0));
    container.shutdown(Duration::from_millis(50)).unwrap_err();
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.delivered_total(), 0, "{accounts}");
}

#[test]
fn events_without_an_acknowledgement_in_time_are_sent_again() {
    let (server, collector) = server(AckPlan::Never);
    let mut settings = settings(&server);
    settings.acks = true;
    settings.ack_timeout = Duration::from_millis(30);
    let sink = Splunk::new(&settings, Json::new).unwrap();
    let policy = sink.delivery().attempts(2).backoff(Duration::from_millis(1), 1.0, Duration::from_millis(1));
    let options = fapilog::sink::SinkOptions::new().delivery(policy);
    let container = builder().sink_with("splunk", sink, options).start().unwrap();
    log_numbers(&container, 0..1);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 1), "{accounts}");
    assert_eq!(collector.numbers(), [0, 0]);
}

#[test]
fn the_time_between_queries_is_the_setting() {
    let (server, _) = server(AckPlan::AtQuery(2));
    let mut settings = settings(&server);
    settings.acks = true;
    settings.ack_interval = Duration::from_millis(150);
    let container = started(&settings);
    let start = Instant::now();
    log_numbers(&container, 0..1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_query_that_fails_is_repeated() {
    let (server, collector) = server(AckPlan::AtQuery(1));
    let failed = AtomicU64::new(0);
    let behind = Arc::clone(&collector);
    server.answer(move |request| {
        // SeqCst: the test has no need of a weaker order.
        if request.path().ends_with("/ack") && failed.fetch_add(1, Ordering::SeqCst) < 3 {
            return FakeAnswer::new(503);
        }
        behind.answer(request)
    });
    let mut settings = settings(&server);
    settings.acks = true;
    let container = started(&settings);
    log_numbers(&container, 0..1);
    assert_eq!(shut_down(&container).delivered_total(), 1);
    assert_eq!((collector.numbers(), collector.queries()), (vec![0], 1));
}

#[test]
fn a_token_without_acknowledgement_is_an_error_and_the_events_are_not_sent_again() {
    let (server, collector) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.acks = true;
    let container = started(&settings);
    log_numbers(&container, 0..5);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (0, 5), "{accounts}");
    assert_eq!(collector.numbers(), [0, 1, 2, 3, 4]);
}

#[test]
fn the_time_limit_of_a_delivery_is_above_that_of_an_acknowledgement() {
    let (server, _) = server(AckPlan::Disabled);
    let mut settings = settings(&server);
    settings.ack_timeout = Duration::from_secs(600);
    let without = Splunk::new(&settings, Json::new).unwrap().delivery();
    settings.acks = true;
    let with = Splunk::new(&settings, Json::new).unwrap().delivery();
    assert!(without.timeout < settings.ack_timeout);
    assert!(with.timeout > settings.ack_timeout + settings.request.timeout);
    assert!(with.retry_time >= with.timeout * with.attempts);
}
