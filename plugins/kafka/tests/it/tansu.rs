//! Tansu, a real broker: happy, compressed, killed in flight; keys, headers and topics.

use std::time::{Duration, SystemTime};

use fapilog::info;
use fapilog_kafka::{KafkaCompression, KafkaSettings};
use fapilog_test_servers::{Conformance, Scenario, servers::Tansu};

use crate::{ledger, number, shut_down, start, topics::read_topic, until};

pub(crate) fn settings_for(server: &Tansu) -> KafkaSettings {
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://{}", server.broker())];
    settings
}

#[test]
fn each_event_is_a_record_with_its_line_its_time_and_its_id() {
    let Some(server) = Tansu::start() else { return };
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let logs = start(&settings_for(&server));
    for number in 0..1000_u64 {
        info!(logs.logger("orders"), "order filled\r\n$1", number = number);
    }
    assert_eq!(shut_down(&logs), (1000, 0));
    let bootstrap = server.broker().to_string();
    let counts = ledger(&bootstrap, "fapilog", 1000).counts();
    Conformance::record("kafka", "tansu", Scenario::Happy, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    let records = read_topic(&bootstrap, "fapilog");
    let mut ids: Vec<_> = records.iter().map(|record| record.header("id").unwrap()).collect();
    assert!(ids.iter().all(|id| id.split('-').count() == 3), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1000);
    assert!(records.iter().all(|record| record.key.is_none() && !record.value.ends_with(b"\n")));
    assert!(records.iter().all(|record| record.timestamp.is_some_and(|time| (before..before + 60_000).contains(&time))));
}

#[test]
fn each_compression_reads_back() {
    let Some(server) = Tansu::start() else { return };
    for compression in KafkaCompression::ALL {
        let mut settings = settings_for(&server);
        settings.compression = *compression;
        settings.topic = format!("logs-{}", compression.name());
        let logs = start(&settings);
        for number in 0..500_u64 {
            info!(logs.logger("orders"), "order filled, order filled, order filled", number = number);
        }
        assert_eq!(shut_down(&logs), (500, 0), "{compression:?}");
        let counts = ledger(&server.broker().to_string(), &settings.topic, 500).counts();
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (500, 0, 0), "{compression:?}");
        if *compression == KafkaCompression::Zstd {
            Conformance::record("kafka", "tansu", Scenario::Compressed, 500, 0, 0);
        }
    }
}
