//! Answers of the broker that never arrive: the broker recognizes the next attempt.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use fapilog::info;
use fapilog_kafka::KafkaSettings;
use fapilog_test_servers::{Conformance, EventCounts, Scenario};

use crate::{
    ledger,
    proxy::{ProxyAction, key_of, tansu_behind},
    shut_down, start,
};

const PRODUCE: u16 = 0;

/// Logs 500 events, in payloads of few, through connections that break before the answers to the first three requests with records.
fn log_with_broken_connections(is_idempotent: bool) -> Option<EventCounts> {
    let produced = Arc::new(AtomicUsize::new(0));
    let (_server, port) = tansu_behind(move || {
        let produced = Arc::clone(&produced);
        move |request: &[u8]| match key_of(request) {
            PRODUCE if produced.fetch_add(1, Ordering::Relaxed) < 3 => ProxyAction::DropAnswer,
            _ => ProxyAction::Pass,
        }
    })?;
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://localhost:{port}")];
    settings.idempotence = is_idempotent;
    settings.payload_bytes = 4 << 10;
    let logs = start(&settings);
    for number in 0..500_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (500, 0));
    Some(ledger(&format!("localhost:{port}"), "fapilog", 500).counts())
}

#[test]
fn an_attempt_after_a_lost_answer_is_recognized_by_the_broker() {
    let Some(counts) = log_with_broken_connections(true) else { return };
    Conformance::record(
        "kafka",
        "tansu",
        Scenario::DuplicatesSuppressed,
        counts.delivered,
        counts.duplicated,
        counts.lost,
    );
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (500, 0, 0));
    // Without idempotence, the same attempts make duplicates.
    let counts = log_with_broken_connections(false).unwrap();
    assert!(counts.duplicated > 0 && counts.lost == 0, "{counts:?}");
}
