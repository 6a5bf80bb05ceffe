//! Redis: happy, refused in part, out of memory, killed in flight, TLS, a password.

use std::time::Duration;

use fapilog::{
    Container, format, info,
    settings::SecretRef,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_redis::{RedisSettings, RedisStream};
use fapilog_test_servers::{Conformance, EventLedger, Scenario, TestCa, servers::Redis, wait_until};
use redis::{Commands, Connection, streams::StreamRangeReply};

use crate::{builder, shut_down};

fn settings_for(server: &Redis) -> RedisSettings {
    let mut settings = RedisSettings::default();
    settings.url = format!("redis://{}", server.address());
    settings
}

fn start(settings: &RedisSettings) -> Container {
    let sink = RedisStream::new(settings, format::Json::new).unwrap();
    let wait = Duration::from_millis(20);
    let policy = DeliveryPolicy::default().attempts(1000).backoff(wait, 1.0, wait).breaker(0, wait, wait);
    builder().sink_with("redis", sink, SinkOptions::new().delivery(policy)).start().unwrap()
}

/// A single attempt for each payload.
fn once() -> SinkOptions {
    SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1))
}

fn client(server: &Redis) -> Connection {
    redis::Client::open(format!("redis://{}", server.address())).unwrap().get_connection().unwrap()
}

fn command(connection: &mut Connection, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query::<redis::Value>(connection).unwrap();
}

/// The fields `name` of all entries of a stream.
fn fields(connection: &mut Connection, stream: &str, name: &str) -> Vec<String> {
    let entries: StreamRangeReply = connection.xrange_all(stream).unwrap();
    entries.ids.iter().map(|entry| entry.get(name).unwrap()).collect()
}

/// The field `number` of a line.
fn number(line: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let number = value.pointer("/context/number").or_else(|| value.get("number"));
    number.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no number: {line}"))
}

/// The numbers of the events of the stream, against those that were logged.
fn ledger(connection: &mut Connection, logged: u64) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    ledger.receive_all(fields(connection, "fapilog", "event").iter().map(|line| number(line).to_string()));
    ledger
}

#[test]
fn each_event_is_an_entry_with_its_line_and_its_id() {
    let Some(server) = Redis::start() else { return };
    let logs = start(&settings_for(&server));
    for number in 0..1000_u64 {
        info!(logs.logger("orders"), "order filled\r\n$1", number = number);
    }
    assert_eq!(shut_down(&logs), (1000, 0));
    let mut client = client(&server);
    let counts = ledger(&mut client, 1000).counts();
    Conformance::record("redis", "redis", Scenario::Happy, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    let mut ids = fields(&mut client, "fapilog", "id");
    assert!(ids.iter().all(|id| id.split('-').count() == 3), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1000);
}

#[test]
fn events_for_a_key_of_another_type_are_refused_and_all_others_are_delivered() {
    let Some(server) = Redis::start() else { return };
    let mut client = client(&server);
    command(&mut client, &["SET", "logs:bad", "a string"]);
    let mut settings = settings_for(&server);
    settings.stream = "logs:{kind}".to_owned();
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number, kind = if number % 10 == 3 { "bad" } else { "good" });
    }
    assert_eq!(shut_down(&logs), (90, 10));
    let delivered = fields(&mut client, "logs:good", "event");
    Conformance::record("redis", "redis", Scenario::Partial, delivered.len(), 0, 100 - delivered.len());
    assert_eq!(delivered.len(), 90);
    assert!(delivered.iter().all(|line| number(line) % 10 != 3));
}

#[test]
fn a_server_out_of_memory_gets_the_events_when_it_has_memory_again() {
    let Some(server) = Redis::start() else { return };
    let mut client = client(&server);
    command(&mut client, &["CONFIG", "SET", "maxmemory", "1"]);
    let logs = start(&settings_for(&server));
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    wait_until("the server has refused commands", || logs.accounts().sinks[0].retries > 0);
    assert_eq!(logs.accounts().sinks[0].delivered, 0);
    command(&mut client, &["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(shut_down(&logs), (100, 0));
    let counts = ledger(&mut client, 100).counts();
    Conformance::record_exactly_once("redis", "redis", Scenario::Throttled, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
}

#[test]
fn no_event_is_lost_when_the_server_is_killed_in_flight() {
    let Some(mut server) = Redis::start() else { return };
    let mut settings = settings_for(&server);
    settings.payload_bytes = 4 << 10;
    let logs = start(&settings);
    for number in 0..5000_u64 {
        info!(logs.logger("orders"), "order", number = number);
        if number == 2000 {
            wait_until("events are delivered", || logs.accounts().sinks[0].delivered > 0);
            server.server.kill();
        }
        if number == 3000 {
            server.server.restart();
        }
    }
    assert_eq!(shut_down(&logs), (5000, 0));
    let counts = ledger(&mut client(&server), 5000).counts();
    Conformance::record_at_least_once("redis", "redis", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.lost), (5000, 0));
}

#[test]
fn tls_checks_the_certificate_of_the_server() {
    let ca = TestCa::new();
    let Some(server) = Redis::start_with_tls(&ca) else { return };
    let mut settings = RedisSettings::default();
    settings.url = format!("rediss://localhost:{}", server.address().port());
    let mut tls = fapilog_sink_network::tls::TlsSettings::default();
    tls.ca_file = Some(ca.certificate_path());
    settings.tls = Some(tls);
    let logs = start(&settings);
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    // A reply to XADD with the entry's id is the proof: the reading client has no TLS.
    assert_eq!(shut_down(&logs), (100, 0));
    Conformance::record("redis", "redis", Scenario::Tls, 100, 0, 0);
    // An authority that nobody trusts.
    settings.tls = None;
    let sink = RedisStream::new(&settings, format::Json::new).unwrap();
    let logs = builder().sink_with("redis", sink, once()).start().unwrap();
    info!(logs.logger("orders"), "order", number = 1);
    assert_eq!(shut_down(&logs), (0, 1));
}

#[test]
fn a_user_with_a_password_writes_to_a_database() {
    let Some(server) = Redis::start() else { return };
    let mut client = client(&server);
    command(&mut client, &["ACL", "SETUSER", "shop", "on", ">pass word", "~logs", "+xadd", "+select"]);
    command(&mut client, &["CONFIG", "SET", "requirepass", "other"]);
    let mut settings = settings_for(&server);
    (settings.username, settings.database) = (Some("shop".to_owned()), 2);
    settings.password = Some(SecretRef::bytes(b"pass word".to_vec()));
    settings.stream = "logs".to_owned();
    let logs = start(&settings);
    info!(logs.logger("orders"), "order", number = 1);
    assert_eq!(shut_down(&logs), (1, 0));
    command(&mut client, &["SELECT", "2"]);
    assert_eq!(fields(&mut client, "logs", "event").len(), 1);
    // The other user's password, and none.
    for password in [Some(SecretRef::bytes(b"wrong".to_vec())), None] {
        settings.username = password.as_ref().map(|_| "shop".to_owned());
        settings.password = password;
        let sink = RedisStream::new(&settings, format::Json::new).unwrap();
        let logs = builder().sink_with("redis", sink, once()).start().unwrap();
        info!(logs.logger("orders"), "order", number = 2);
        assert_eq!(shut_down(&logs), (0, 1));
        let found = format!("{:?}", logs.diagnostics());
        assert!(!found.contains("wrong\""), "{found}");
    }
    assert_eq!(fields(&mut client, "logs", "event").len(), 1);
}

#[test]
fn settings_decide_on_streams_fields_and_lengths() {
    let Some(server) = Redis::start() else { return };
    let mut client = client(&server);
    let mut settings = settings_for(&server);
    settings.stream = "logs:{level}:{user}".to_owned();
    (settings.streams_max, settings.event_field, settings.id_field) = (2, "line".to_owned(), String::new());
    let logs = start(&settings);
    for user in ["a", "b b", "c", "d"] {
        info!(logs.logger("orders"), "order", user = user);
    }
    assert_eq!(shut_down(&logs), (4, 0));
    let lengths: Vec<_> = ["logs:INFO:a", "logs:INFO:b_b", "logs:other:other"]
        .into_iter()
        .map(|stream| fields(&mut client, stream, "line").len())
        .collect();
    assert_eq!(lengths, [1, 1, 2]);
    let entries: StreamRangeReply = client.xrange_all("logs:INFO:a").unwrap();
    assert!(!entries.ids[0].contains_key("id"));

    let mut settings = settings_for(&server);
    settings.max_events = Some(100);
    let logs = start(&settings);
    for number in 0..2000_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    assert_eq!(shut_down(&logs), (2000, 0));
    let length: usize = client.xlen("fapilog").unwrap();
    assert!((100..400).contains(&length), "{length}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_time_limit() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = RedisSettings::default();
    settings.url = format!("redis://{}", silent.local_addr().unwrap());
    settings.reply_timeout = Duration::from_millis(70);
    let sink = RedisStream::new(&settings, format::Json::new).unwrap();
    let logs = builder().sink_with("redis", sink, once()).start().unwrap();
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("within 70ms"), "{found}");
    // The TLS handshake is within the time limit of the connection.
    settings.url = format!("rediss://{}", silent.local_addr().unwrap());
    settings.connect_timeout = Duration::from_millis(80);
    let sink = RedisStream::new(&settings, format::Json::new).unwrap();
    let logs = builder().sink_with("redis", sink, once()).start().unwrap();
    info!(logs.logger("orders"), "order");
    assert_eq!(shut_down(&logs), (0, 1));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("within 80ms") || found.contains("within 79."), "{found}");
}

#[test]
fn a_server_that_has_no_connection_left_gets_the_events_when_it_has_one() {
    let Some(server) = Redis::start() else { return };
    let mut first = client(&server);
    command(&mut first, &["CONFIG", "SET", "maxclients", "1"]);
    let logs = start(&settings_for(&server));
    for number in 0..100_u64 {
        info!(logs.logger("orders"), "order", number = number);
    }
    wait_until("the server has refused a connection", || logs.accounts().sinks[0].retries > 2);
    command(&mut first, &["CONFIG", "SET", "maxclients", "100"]);
    assert_eq!(shut_down(&logs), (100, 0));
    let counts = ledger(&mut first, 100).counts();
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
}
