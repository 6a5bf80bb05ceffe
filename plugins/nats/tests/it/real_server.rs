//! NATS: happy, refused in part, a full stream, killed in flight, too large, duplicates, without acknowledgements.

use std::collections::HashSet;

use async_nats::jetstream::stream::DiscardPolicy;
use fapilog::info;
use fapilog_nats::NatsAcknowledgement;
use fapilog_test_servers::{Conformance, Scenario, servers::Nats};

use crate::{
    counter,
    peers::DroppingProxy,
    reader::{StoredMessage, StreamReader},
    settings_for, settings_of, shut_down, start, start_once, until,
};

fn ids(messages: &[StoredMessage]) -> HashSet<String> {
    messages.iter().map(|message| message.id.clone().unwrap()).collect()
}

#[test]
fn each_event_is_a_message_of_the_stream_with_its_line_and_its_id() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "logs.>", |_| {});
    let mut settings = settings_for(&server);
    settings.subject = "logs.{source}.{level}".to_owned();
    settings.expected_stream = Some("LOGS".to_owned());
    let logs = start(&settings);
    for number in 0..1000_u64 {
        info!(logs.logger("orders.eu west"), "order filled\r\nPING\r\n", number = number);
    }
    assert_eq!(shut_down(&logs), (1000, 0));
    assert_eq!((counter(&logs, "connections_opened"), counter(&logs, "duplicates_suppressed")), (1, 0));
    let counts = reader.ledger("LOGS", 1000).counts();
    Conformance::record("nats", "nats", Scenario::Happy, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    let messages = reader.messages("LOGS");
    assert!(messages.iter().all(|message| message.subject == "logs.orders_eu_west.INFO"), "{:?}", messages[0]);
    assert_eq!(ids(&messages).len(), 1000);
    assert!(messages.iter().all(|message| !message.line.ends_with('\n')));
}

#[test]
fn events_of_a_subject_that_another_stream_takes_are_refused_and_all_others_are_delivered() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("GOOD", "logs.good", |_| {});
    reader.make("OTHER", "logs.bad", |_| {});
    let mut settings = settings_for(&server);
    settings.subject = "logs.{kind}".to_owned();
    settings.expected_stream = Some("GOOD".to_owned());
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number, kind = if number % 10 == 3 { "bad" } else { "good" });
    }
    assert_eq!(shut_down(&logs), (90, 10));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("expected_stream") && found.contains("10060"), "{found}");
    let delivered = reader.messages("GOOD");
    Conformance::record("nats", "nats", Scenario::Partial, delivered.len(), 0, 100 - delivered.len());
    assert_eq!((delivered.len(), reader.count("OTHER")), (90, 0));
    assert!(delivered.iter().all(|message| message.number() % 10 != 3));
}

#[test]
fn a_full_stream_gets_the_other_events_when_it_has_room_again_and_no_event_twice() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |config| {
        (config.max_messages, config.discard) = (30, DiscardPolicy::New);
    });
    let logs = start(&settings_for(&server));
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    until("the stream has refused messages", || logs.accounts().sinks[0].retries > 1);
    assert_eq!(reader.count("LOGS"), 30);
    reader.update("LOGS", |config| config.max_messages = 1000);
    assert_eq!(shut_down(&logs), (100, 0));
    // The records that were acknowledged were not sent again.
    assert_eq!(counter(&logs, "duplicates_suppressed"), 0);
    let counts = reader.ledger("LOGS", 100).counts();
    Conformance::record_exactly_once("nats", "nats", Scenario::Throttled, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
}

#[test]
fn a_subject_without_a_stream_is_retried_until_there_is_one() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    let logs = start_once(&settings_for(&server));
    info!(logs.logger("orders"), "order", number = 0_u64);
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("no stream takes messages of this subject") && found.contains("503"), "{found}");
    let logs = start(&settings_for(&server));
    info!(logs.logger("orders"), "order", number = 1_u64);
    until("the server has answered that there is no stream", || logs.accounts().sinks[0].retries > 0);
    reader.make("LOGS", "fapilog", |_| {});
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(reader.count("LOGS"), 1);
}

#[test]
fn no_event_is_lost_or_duplicated_when_the_server_is_killed_in_flight() {
    let Some(mut server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |_| {});
    drop(reader);
    let mut settings = settings_for(&server);
    settings.payload_bytes = 4 << 10;
    let logs = start(&settings);
    for number in 0..5000_u64 {
        info!(logs.logger("orders"), "order", number = number);
        if number == 2000 {
            until("events are delivered", || logs.accounts().sinks[0].delivered > 0);
            server.server.kill();
        }
        if number == 3000 {
            server.server.restart();
        }
    }
    assert_eq!(shut_down(&logs), (5000, 0));
    assert!(counter(&logs, "connections_opened") > 1);
    let counts = StreamReader::new(server.address()).ledger("LOGS", 5000).counts();
    Conformance::record_exactly_once("nats", "nats", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (5000, 0, 0));
}

#[test]
fn an_event_above_the_server_s_limit_is_refused_alone_and_counted() {
    let Some(server) = Nats::start_with("max_payload: 2048\n") else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |_| {});
    let logs = start(&settings_for(&server));
    for number in 0..50_u64 {
        let text = "x".repeat(if number == 7 { 3000 } else { 10 });
        info!(logs.logger("orders"), "order", number = number, text = text.as_str());
    }
    assert_eq!(shut_down(&logs), (49, 1));
    assert_eq!((counter(&logs, "messages_too_large"), counter(&logs, "connections_opened")), (1, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("max_payload"), "{found}");
    let messages = reader.messages("LOGS");
    Conformance::record("nats", "nats", Scenario::OverTheLimit, messages.len(), 0, 50 - messages.len());
    assert!(messages.len() == 49 && messages.iter().all(|message| message.number() != 7));
}

#[test]
fn a_message_above_the_limit_of_the_stream_is_refused_alone() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |config| config.max_message_size = 2048);
    let logs = start(&settings_for(&server));
    for number in 0..50_u64 {
        let text = "x".repeat(if number == 7 { 3000 } else { 10 });
        info!(logs.logger("orders"), "order", number = number, text = text.as_str());
    }
    assert_eq!(shut_down(&logs), (49, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("10054"), "{found}");
}

#[test]
fn a_stream_keeps_each_event_once_when_its_acknowledgements_were_dropped() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |_| {});
    let proxy = DroppingProxy::start(server.address());
    let mut settings = settings_of(&format!("nats://{}", proxy.address()));
    settings.reply_timeout = std::time::Duration::from_millis(500);
    let logs = start(&settings);
    for number in 0..200_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    until("the stream has all", || reader.count("LOGS") == 200);
    // The time limit is over, and the proxy has dropped the answers that were on their way.
    let retries = logs.accounts().sinks[0].retries;
    until("all are sent again", || logs.accounts().sinks[0].retries > retries + 1);
    assert_eq!(logs.accounts().sinks[0].delivered, 0);
    proxy.pass_on();
    assert_eq!(shut_down(&logs), (200, 0));
    assert_eq!(counter(&logs, "duplicates_suppressed"), 200);
    let counts = reader.ledger("LOGS", 200).counts();
    Conformance::record(
        "nats",
        "nats",
        Scenario::DuplicatesSuppressed,
        counts.delivered,
        counts.duplicated,
        counts.lost,
    );
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (200, 0, 0));
}

#[test]
fn without_acknowledgements_subscribers_get_each_event() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    let mut settings = settings_for(&server);
    settings.acknowledgement = NatsAcknowledgement::None;
    let messages = reader.received("fapilog", 500, || {
        let logs = start(&settings);
        for number in 0..500_u64 {
            info!(logs.logger("orders"), "order", number = number);
        }
        assert_eq!(shut_down(&logs), (500, 0));
    });
    let numbers: Vec<_> = messages.iter().map(StoredMessage::number).collect();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    assert_eq!(ids(&messages).len(), 500);
    settings.message_id = false;
    let messages = reader.received("fapilog", 1, || {
        let logs = start(&settings);
        info!(logs.logger("orders"), "order", number = 1_u64);
        assert_eq!(shut_down(&logs), (1, 0));
    });
    assert_eq!((messages[0].id.as_ref(), messages[0].number()), (None, 1));
}

#[test]
fn a_large_payload_and_its_acknowledgements_do_not_wait_for_each_other() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |_| {});
    let mut settings = settings_for(&server);
    (settings.payload_bytes, settings.in_flight_max) = (16 << 20, 65_536);
    let logs = start_once(&settings);
    for number in 0..20_000_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (20_000, 0));
    assert_eq!(reader.count("LOGS"), 20_000);
    settings.in_flight_max = 1;
    let logs = start_once(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (100, 0));
    assert_eq!(reader.count("LOGS"), 20_100);
}

#[test]
fn settings_decide_on_subjects_and_their_number() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "logs.>", |_| {});
    let mut settings = settings_for(&server);
    (settings.subject, settings.subjects_max) = ("logs.{level}.{user}".to_owned(), 2);
    let logs = start(&settings);
    for (number, user) in ["a", "b.b *>", "c", "d"].into_iter().enumerate() {
        info!(logs.logger("orders"), "order", number = number as u64, user = user);
    }
    assert_eq!(shut_down(&logs), (4, 0));
    let messages = reader.messages("LOGS");
    let subjects: Vec<_> = messages.iter().map(|message| message.subject.as_str()).collect();
    assert_eq!(subjects, ["logs.INFO.a", "logs.INFO.b_b___", "logs.other.other", "logs.other.other"]);
}

#[test]
fn a_dead_server_is_left_for_another_one() {
    let Some(server) = Nats::start() else { return };
    let reader = StreamReader::new(server.address());
    reader.make("LOGS", "fapilog", |_| {});
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings_for(&server);
    settings.servers.insert(0, format!("nats://{dead}"));
    for number in 0..6_u64 {
        let logs = start_once(&settings);
        info!(logs.logger("orders"), "order", number = number);
        assert_eq!(shut_down(&logs), (1, 0));
    }
    assert_eq!(reader.count("LOGS"), 6);
}
