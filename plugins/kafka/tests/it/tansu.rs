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
    let mut settings = settings_for(&server);
    settings.payload_bytes = 16 << 10;
    let logs = start(&settings);
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
    assert!(
        records.iter().all(|record| record.timestamp.is_some_and(|time| (before..before + 60_000).contains(&time)))
    );
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

#[test]
fn events_with_a_key_are_in_one_partition_in_their_order() {
    let Some(server) = Tansu::start() else { return };
    let mut settings = settings_for(&server);
    settings.key = Some("{user}".to_owned());
    let logs = start(&settings);
    let logger = logs.logger("orders");
    for number in 0..400_u64 {
        info!(logger, "order", number = number, user = format!("user-{}", number % 20));
    }
    info!(logger, "without a user", number = 400);
    assert_eq!(shut_down(&logs), (401, 0));
    let records = read_topic(&server.broker().to_string(), "fapilog");
    for user in 0..20_u64 {
        let key = format!("user-{user}").into_bytes();
        let of_user: Vec<_> = records.iter().filter(|record| record.key.as_ref() == Some(&key)).collect();
        assert!(of_user.iter().all(|record| record.partition == of_user[0].partition), "{user}");
        let numbers: Vec<u64> = of_user.iter().filter_map(|record| number(&record.value)).collect();
        assert_eq!(numbers, (0..20).map(|index| index * 20 + user).collect::<Vec<_>>());
    }
    let without: Vec<_> = records.iter().filter(|record| record.key.is_none()).collect();
    assert_eq!(without.iter().filter_map(|record| number(&record.value)).collect::<Vec<_>>(), [400]);
    // The partition that a client of Java chooses for the key: murmur2("user-7") with its highest bit cleared, modulo the 4 partitions of Tansu's
    // topics.
    let partition = records.iter().find(|record| record.key.as_deref() == Some(b"user-7")).unwrap().partition;
    assert_eq!(partition, (murmur2(b"user-7") & 0x7fff_ffff) as i32 % 4);
}

/// The hash of `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = chunks.remainder();
    for (index, byte) in tail.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * index);
    }
    if !tail.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[test]
fn settings_decide_on_topics_and_headers() {
    let Some(server) = Tansu::start() else { return };
    let mut settings = settings_for(&server);
    settings.topic = "logs.{level}.{user}".to_owned();
    (settings.topics_max, settings.id_header) = (2, String::new());
    for (name, value) in [("level", "{level}"), ("service", "shop"), ("from", "{source}/{user}"), ("trace", "{trace}")]
    {
        settings.headers.insert(name.to_owned(), value.to_owned());
    }
    let logs = start(&settings);
    for user in ["a", "b b", "c", "d"] {
        info!(logs.logger("orders"), "order", user = user);
    }
    assert_eq!(shut_down(&logs), (4, 0));
    let bootstrap = server.broker().to_string();
    let topics = ["logs.INFO.a", "logs.INFO.b_b", "logs.other.other"];
    assert_eq!(topics.map(|topic| read_topic(&bootstrap, topic).len()), [1, 1, 2]);
    let record = &read_topic(&bootstrap, "logs.INFO.b_b")[0];
    let header = |name| record.header(name);
    assert_eq!(header("from").as_deref(), Some("orders/b b"));
    assert_eq!((header("level").as_deref(), header("service").as_deref()), (Some("INFO"), Some("shop")));
    assert_eq!((header("trace"), header("id")), (None, None));
}

#[test]
fn events_wait_for_a_broker_that_was_killed() {
    let Some(mut server) = Tansu::start() else { return };
    let mut settings = settings_for(&server);
    settings.delivery_timeout = Duration::from_secs(2);
    let logs = start(&settings);
    info!(logs.logger("orders"), "before");
    logs.flush(crate::TIMEOUT).unwrap();
    // Its topics are gone with it.
    server.server.kill();
    for number in 0..1000_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    until("an attempt has failed", || logs.accounts().sinks[0].retries > 0);
    server.server.restart();
    assert_eq!(shut_down(&logs), (1001, 0));
    let counts = ledger(&server.broker().to_string(), "fapilog", 1000).counts();
    Conformance::record_at_least_once("kafka", "tansu", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.lost), (1000, 0));
}
