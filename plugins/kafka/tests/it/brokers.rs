//! librdkafka's mock brokers, which answer with the errors that a test wants: leaders, limits, quotas, duplicates, outages, time limits.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use fapilog::{info, sink::DeliveryPolicy};
use fapilog_kafka::KafkaSettings;
use fapilog_test_servers::{Conformance, Scenario};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use crate::{TIMEOUT, counter, ledger, numbers, shut_down, start, start_once, start_with, until};

type Brokers = MockCluster<'static, DefaultProducerContext>;

/// Mock brokers with a topic of one partition.
fn brokers(count: i32) -> Brokers {
    let brokers = MockCluster::new(count).unwrap();
    brokers.create_topic("fapilog", 1, count).unwrap();
    brokers
}

fn settings_for(brokers: &Brokers) -> KafkaSettings {
    let mut settings = KafkaSettings::default();
    settings.brokers = brokers.bootstrap_servers().split(',').map(|broker| format!("kafka://{broker}")).collect();
    settings
}

fn log_numbers(logs: &fapilog::Container, numbers: std::ops::Range<u64>) {
    for number in numbers {
        info!(logs.logger("orders"), "order", number = number);
    }
}

/// The counts of events of the topic `fapilog`: delivered, duplicated, lost.
fn counts(brokers: &Brokers, logged: u64) -> fapilog_test_servers::EventCounts {
    ledger(&brokers.bootstrap_servers(), "fapilog", logged).counts()
}

#[test]
fn a_change_of_the_leader_drops_and_repeats_nothing() {
    let brokers = brokers(3);
    brokers.partition_leader("fapilog", 0, Some(1)).unwrap();
    let logs = start(&settings_for(&brokers));
    for leader in [2, 3, 1] {
        log_numbers(&logs, (leader as u64 % 3) * 500..(leader as u64 % 3 + 1) * 500);
        until("events are delivered", || logs.accounts().sinks[0].delivered > 0);
        brokers.partition_leader("fapilog", 0, Some(leader)).unwrap();
    }
    assert_eq!(shut_down(&logs), (1500, 0));
    let counts = counts(&brokers, 1500);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1500, 0, 0));
}

#[test]
fn events_wait_for_brokers_that_are_down() {
    let brokers = brokers(2);
    let mut settings = settings_for(&brokers);
    settings.payload_bytes = 4 << 10;
    settings.options.insert("reconnect.backoff.max.ms".to_owned(), "100".to_owned());
    let logs = start(&settings);
    log_numbers(&logs, 0..1000);
    until("events are delivered", || logs.accounts().sinks[0].delivered > 0);
    (1..=2).for_each(|broker| brokers.broker_down(broker).unwrap());
    log_numbers(&logs, 1000..2000);
    (1..=2).for_each(|broker| brokers.broker_up(broker).unwrap());
    assert_eq!(shut_down(&logs), (2000, 0));
    let counts = counts(&brokers, 2000);
    Conformance::record_at_least_once("kafka", "fake", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.lost), (2000, 0));
}

#[test]
fn a_quota_that_is_exceeded_is_waited_for() {
    let brokers = brokers(1);
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED; 3];
    brokers.request_errors(RDKafkaApiKey::Produce, &errors);
    let logs = start(&settings_for(&brokers));
    log_numbers(&logs, 0..100);
    assert_eq!(shut_down(&logs), (100, 0));
    assert!(logs.accounts().sinks[0].retries > 0, "{}", logs.accounts());
    let counts = counts(&brokers, 100);
    Conformance::record_exactly_once("kafka", "fake", Scenario::Throttled, counts);
}

#[test]
fn events_for_a_topic_that_is_refused_are_lost_and_all_others_are_delivered() {
    let brokers = brokers(1);
    for topic in ["logs.good", "logs.bad"] {
        brokers.create_topic(topic, 1, 1).unwrap();
    }
    brokers.topic_error("logs.bad", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION).unwrap();
    let mut settings = settings_for(&brokers);
    settings.topic = "logs.{kind}".to_owned();
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number, kind = if number % 10 == 3 { "bad" } else { "good" });
    }
    assert_eq!(shut_down(&logs), (90, 10));
    let delivered = numbers(&brokers.bootstrap_servers(), "logs.good");
    Conformance::record("kafka", "fake", Scenario::Partial, delivered.len(), 0, 100 - delivered.len());
    assert_eq!(delivered.len(), 90);
    assert!(delivered.iter().all(|number| number % 10 != 3));
}

#[test]
fn an_unknown_topic_does_not_delay_its_payload_up_to_the_time_limit() {
    let brokers = brokers(1);
    for topic in ["logs.good", "logs.bad"] {
        brokers.create_topic(topic, 1, 1).unwrap();
    }
    brokers.topic_error("logs.bad", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let mut settings = settings_for(&brokers);
    settings.topic = "logs.{kind}".to_owned();
    settings.delivery_timeout = Duration::from_secs(300);
    settings.options.insert("topic.metadata.propagation.max.ms".to_owned(), "500".to_owned());
    let logs = start_once(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number, kind = if number % 10 == 3 { "bad" } else { "good" });
    }
    until("all events have ended", || logs.accounts().lost_total() >= 10);
    shut_down(&logs);
    assert_eq!(numbers(&brokers.bootstrap_servers(), "logs.good").len(), 90);
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("UnknownTopic"), "{found}");
}

#[test]
fn a_record_above_the_limit_of_the_sink_is_lost_alone() {
    let brokers = brokers(1);
    let mut settings = settings_for(&brokers);
    settings.record_bytes_max = 2048;
    let logs = start(&settings);
    for number in 0..200_u64 {
        let text = "x".repeat(if number == 77 { 2000 } else { 10 });
        info!(logs.logger("orders"), "order", number = number, text = text.as_str());
    }
    assert_eq!(shut_down(&logs), (199, 1));
    assert_eq!((counts(&brokers, 200).delivered, counter(&logs, "batches_divided")), (199, 0));
}

#[test]
fn a_batch_above_the_limit_of_the_broker_is_divided() {
    let brokers = brokers(1);
    brokers.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 3]);
    let logs = start(&settings_for(&brokers));
    log_numbers(&logs, 0..200);
    assert_eq!(shut_down(&logs), (200, 0));
    assert!(counter(&logs, "batches_divided") > 0);
    let counts = counts(&brokers, 200);
    Conformance::record("kafka", "fake", Scenario::OverTheLimit, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (200, 0, 0));
}

#[test]
fn a_record_above_the_limit_of_the_broker_is_lost_alone() {
    let brokers = brokers(1);
    brokers.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let logs = start(&settings_for(&brokers));
    log_numbers(&logs, 0..1);
    logs.flush(TIMEOUT).unwrap_err();
    log_numbers(&logs, 1..2);
    assert_eq!(shut_down(&logs).1, 1);
    assert_eq!(numbers(&brokers.bootstrap_servers(), "fapilog"), [1]);
}

#[test]
fn a_fatal_error_makes_a_new_producer() {
    let brokers = brokers(1);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    brokers.request_errors(RDKafkaApiKey::InitProducerId, &[refused]);
    let logs = start(&settings_for(&brokers));
    log_numbers(&logs, 0..100);
    assert_eq!(shut_down(&logs), (100, 0));
    assert_eq!(counter(&logs, "producers_opened"), 2, "{}", logs.accounts());
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("authorization failed") && !found.contains("within"), "{found}");
    let counts = counts(&brokers, 100);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
}

#[test]
fn events_that_were_given_up_are_not_delivered_later() {
    let brokers = brokers(1);
    let mut settings = settings_for(&brokers);
    settings.delivery_timeout = Duration::from_secs(1);
    brokers.broker_down(1).unwrap();
    let logs = start_once(&settings);
    log_numbers(&logs, 0..100);
    until("the events are lost", || logs.accounts().lost_total() >= 100);
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("within 1s") && found.contains("Connection refused"), "{found}");
    brokers.broker_up(1).unwrap();
    let later = start(&settings_for(&brokers));
    log_numbers(&later, 100..101);
    assert_eq!(shut_down(&later), (1, 0));
    shut_down(&logs);
    assert_eq!(numbers(&brokers.bootstrap_servers(), "fapilog"), [100]);
}

#[test]
fn a_full_queue_of_librdkafka_is_waited_for() {
    let brokers = brokers(1);
    let mut settings = settings_for(&brokers);
    settings.options.insert("queue.buffering.max.messages".to_owned(), "10".to_owned());
    let logs = start_once(&settings);
    log_numbers(&logs, 0..500);
    assert_eq!(shut_down(&logs), (500, 0));
    let counts = counts(&brokers, 500);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (500, 0, 0));
}

#[test]
fn order_within_a_partition_is_that_of_the_log() {
    let brokers = brokers(1);
    let retried = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    brokers.request_errors(RDKafkaApiKey::Produce, &[retried; 2]);
    let logs = start(&settings_for(&brokers));
    let logger = logs.logger("orders");
    for number in 0..1000_u64 {
        info!(logger, "order", number = number);
    }
    assert_eq!(shut_down(&logs), (1000, 0));
    let numbers = numbers(&brokers.bootstrap_servers(), "fapilog");
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_shutdown_ends_by_its_deadline_when_no_broker_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://{}", silent.local_addr().unwrap())];
    let logs = start(&settings);
    log_numbers(&logs, 0..10);
    until("a connection", || silent.accept().is_ok());
    let started = Instant::now();
    let _ = logs.shutdown(Duration::from_secs(1));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let accounts = logs.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.lost_total(), accounts.pending_total()), (10, 0), "{accounts}");
}

#[test]
fn a_shutdown_gives_up_records_that_a_broker_may_have() {
    let brokers = brokers(1);
    let logs = start(&settings_for(&brokers));
    log_numbers(&logs, 0..1);
    logs.flush(TIMEOUT).unwrap();
    brokers.broker_round_trip_time(1, Duration::from_secs(30)).unwrap();
    log_numbers(&logs, 1..11);
    let _ = logs.flush(Duration::from_millis(500));
    let started = Instant::now();
    let _ = logs.shutdown(Duration::from_secs(1));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let accounts = logs.accounts();
    accounts.check().unwrap();
    assert_eq!((accounts.lost_total(), accounts.pending_total()), (10, 0), "{accounts}");
    assert_eq!(counter(&logs, "records_unconfirmed"), 10);
}

#[test]
fn bytes_that_are_no_answer_of_a_broker_cost_the_events_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        // A length of 2 GiB, a length of 0, text, and a close: for each connection another one.
        let answers: [&[u8]; 4] = [&[0x7f, 0xff, 0xff, 0xff], &[0, 0, 0, 0], b"HTTP/1.1 400 Bad Request\r\n\r\n", b""];
        for (answer, connection) in answers.iter().cycle().zip(listener.incoming()) {
            let mut connection = connection.unwrap();
            let mut request = [0; 512];
            let _ = connection.read(&mut request).and_then(|_| connection.write_all(answer));
        }
    });
    let mut settings = KafkaSettings::default();
    settings.brokers = vec![format!("kafka://{address}")];
    settings.delivery_timeout = Duration::from_secs(2);
    for name in ["reconnect.backoff.ms", "reconnect.backoff.max.ms"] {
        settings.options.insert(name.to_owned(), "50".to_owned());
    }
    let wait = Duration::from_millis(10);
    let logs = start_with(&settings, DeliveryPolicy::default().attempts(2).backoff(wait, 1.0, wait));
    log_numbers(&logs, 0..10);
    assert_eq!(shut_down(&logs), (0, 10));
}
