//! rsyslog reads the messages of every transport, and is restarted in flight.

use std::{collections::HashSet, time::Duration};

use fapilog::{
    Container, info,
    sink::{DeliveryPolicy, SinkOptions},
    warn,
};
use fapilog_format::Json;
use fapilog_syslog::{Facility, Framing, Syslog, SyslogFormat};
use fapilog_test_servers::{Conformance, EventCounts, EventLedger, Scenario, wait_until};

use crate::{TIMEOUT, builder, rsyslog::Rsyslog, shut_down, tls::Certificates};

fn rfc5424() -> SyslogFormat {
    SyslogFormat::rfc5424()
        .facility(Facility::Local2)
        .hostname("h.example.com")
        .app_name("shop")
        .message_id_text("ORDER")
}

fn start(sink: Syslog) -> Container {
    let millis = Duration::from_millis;
    let policy =
        DeliveryPolicy::default().attempts(1000).backoff(millis(20), 1.0, millis(20)).breaker(0, millis(1), millis(1));
    builder().sink_with("syslog", sink, SinkOptions::new().delivery(policy)).start().unwrap()
}

/// Logs a message over a transport, and compares the parts that rsyslog has read.
fn check_parts(server: &Rsyslog, sink: Syslog, text: &str) {
    let logs = start(sink);
    // The message of a log call is a literal; its parts are filled in.
    warn!(logs.logger("orders"), "filled {text}", text, order = 42, quoted = r#"a "b" \ ] c"#);
    assert_eq!(shut_down(&logs), (1, 0));
    let message = server.message(&format!("filled {text}"));
    // local2 is 18, and a warning 4.
    assert_eq!(message["pri"], "148", "{message}");
    assert_eq!((&message["host"], &message["app"]), (&"h.example.com".into(), &"shop".into()), "{message}");
    assert_eq!((&message["pid"], &message["id"]), (&std::process::id().to_string().into(), &"ORDER".into()));
    let data = message["data"].as_str().unwrap();
    assert!(data.starts_with("[fapilog@32473 level=\"WARNING\"") && data.contains(" order=\"42\""), "{data}");
    assert!(data.contains(r#"quoted="a \"b\" \\ \] c""#), "{data}");
}

#[test]
fn rsyslog_reads_the_parts_of_messages_over_every_transport() {
    let certificates = Certificates::new();
    let Some(server) = Rsyslog::start(&certificates) else { return };
    let ports = server.ports;
    let tcp = format!("tcp://127.0.0.1:{}", ports.tcp);
    check_parts(&server, Syslog::new(format!("udp://127.0.0.1:{}", ports.udp), rfc5424()), "by UDP");
    check_parts(&server, Syslog::new(&tcp, rfc5424()), "by TCP");
    check_parts(&server, Syslog::new(&tcp, rfc5424()).framing(Framing::LineFeed), "by lines");
    let tls = Syslog::new(format!("tls://localhost:{}", ports.tls), rfc5424()).tls(certificates.trusted());
    check_parts(&server, tls, "by TLS");
    // The local socket is read as `syslog(3)` writes to it.
    let local = SyslogFormat::rfc3164().facility(Facility::Local2).app_name("shop");
    let logs = start(Syslog::new(format!("unix://{}", server.socket().display()), local));
    info!(logs.logger("orders"), "filled by the local socket");
    assert_eq!(shut_down(&logs), (1, 0));
    let message = server.message("filled by the local socket");
    assert_eq!((&message["pri"], &message["app"]), (&"150".into(), &"shop".into()), "{message}");
    assert_eq!(message["tag"], format!("shop[{}]:", std::process::id()), "{message}");
}

#[test]
fn rsyslog_reads_rfc_3164_json_and_a_message_with_a_byte_order_mark() {
    let certificates = Certificates::new();
    let Some(server) = Rsyslog::start(&certificates) else { return };
    let tcp = format!("tcp://127.0.0.1:{}", server.ports.tcp);
    let bsd = SyslogFormat::rfc3164().hostname("h").app_name("shop");
    let logs = start(Syslog::new(&tcp, bsd));
    info!(logs.logger("orders"), "by RFC 3164");
    assert_eq!(shut_down(&logs), (1, 0));
    let message = server.message("by RFC 3164");
    assert_eq!((&message["host"], &message["app"]), (&"h".into(), &"shop".into()), "{message}");

    let logs = start(Syslog::new(&tcp, rfc5424().content(Json::new).byte_order_mark(true)));
    info!(logs.logger("orders"), "as JSON", order = 42);
    assert_eq!(shut_down(&logs), (1, 0));
    wait_until("rsyslog has the object", || {
        server.messages().iter().any(|message| {
            let text = message["msg"].as_str().unwrap().trim().trim_start_matches('\u{feff}');
            serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value["message"] == "as JSON")
        })
    });
}

/// Logs a thousand events while the server is stopped and started again, and returns the numbers that it has, and the events that
/// were delivered and lost.
fn restarted_in_flight(server: &mut Rsyslog, sink: Syslog) -> (HashSet<u64>, (u64, u64)) {
    let logs = start(sink);
    let log = logs.logger("orders");
    let send = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            info!(log, "number {number}", number);
        }
    };
    send(0..300);
    server.stop();
    send(300..600);
    server.start_again();
    send(600..1000);
    logs.flush(TIMEOUT).unwrap();
    let counts = shut_down(&logs);
    server.message("number 999");
    let number = |message: serde_json::Value| message["msg"].as_str()?.trim().strip_prefix("number ")?.parse().ok();
    (server.messages().into_iter().filter_map(number).collect(), counts)
}

#[test]
fn events_that_are_logged_while_rsyslog_is_down_arrive_over_tcp_and_tls() {
    let certificates = Certificates::new();
    let Some(mut server) = Rsyslog::start(&certificates) else { return };
    let tcp = Syslog::new(format!("tcp://127.0.0.1:{}", server.ports.tcp), rfc5424());
    let (numbers, counts) = restarted_in_flight(&mut server, tcp);
    assert_eq!(counts, (1000, 0));
    // Those that were logged once it was down.
    assert!((300..1000).all(|number| numbers.contains(&number)), "{} of 1000", numbers.len());
    drop(server);

    let Some(mut server) = Rsyslog::start(&certificates) else { return };
    let tls = Syslog::new(format!("tls://localhost:{}", server.ports.tls), rfc5424()).tls(certificates.trusted());
    let (numbers, counts) = restarted_in_flight(&mut server, tls);
    assert_eq!(counts, (1000, 0));
    assert!((300..1000).all(|number| numbers.contains(&number)), "{} of 1000", numbers.len());
}

#[test]
fn events_that_are_logged_while_rsyslog_is_down_arrive_over_a_unix_socket() {
    let Some(mut server) = Rsyslog::start(&Certificates::new()) else { return };
    let url = format!("unix://{}", server.socket().display());
    let (numbers, counts) =
        restarted_in_flight(&mut server, Syslog::new(url, SyslogFormat::rfc3164().app_name("shop")));
    assert_eq!(counts, (1000, 0));
    assert!((300..1000).all(|number| numbers.contains(&number)), "{} of 1000", numbers.len());
}

/// The number of a message of `log_numbers`.
fn number_of(message: &serde_json::Value) -> Option<String> {
    let number = message["msg"].as_str()?.trim().strip_prefix("number ")?;
    Some(number.split(' ').next().unwrap_or(number).to_owned())
}

fn log_numbers(logs: &Container, numbers: std::ops::Range<u64>) {
    let log = logs.logger("orders");
    numbers.for_each(|number| info!(log, "number {number}", number));
}

/// The numbers that the server has, against those that were logged.
fn ledger(server: &Rsyslog, logged: u64) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    ledger.receive_all(server.messages().iter().filter_map(number_of));
    ledger
}

/// Waits until the server has all messages, and records them.
fn record(scenario: Scenario, server: &Rsyslog, logged: u64) {
    wait_until("rsyslog has all messages", || server.messages().iter().filter_map(number_of).count() as u64 >= logged);
    let EventCounts { delivered, duplicated, lost, .. } = ledger(server, logged).counts();
    assert_eq!((delivered as u64, duplicated, lost), (logged, 0, 0));
    Conformance::record("syslog", "rsyslog", scenario, delivered, duplicated, lost);
}

#[test]
fn each_event_is_a_message_of_rsyslog_over_tcp_and_over_tls() {
    let certificates = Certificates::new();
    for scenario in [Scenario::Happy, Scenario::Tls] {
        let Some(server) = Rsyslog::start(&certificates) else { return };
        let sink = match scenario {
            Scenario::Tls => {
                Syslog::new(format!("tls://localhost:{}", server.ports.tls), rfc5424()).tls(certificates.trusted())
            }
            _ => Syslog::new(format!("tcp://127.0.0.1:{}", server.ports.tcp), rfc5424()),
        };
        let logs = start(sink);
        log_numbers(&logs, 0..1000);
        assert_eq!(shut_down(&logs), (1000, 0));
        record(scenario, &server, 1000);
    }
}

#[test]
fn messages_that_are_too_long_are_cut_and_arrive() {
    let Some(server) = Rsyslog::start(&Certificates::new()) else { return };
    let format = rfc5424().max_message_bytes(1024);
    let logs = start(Syslog::new(format!("tcp://127.0.0.1:{}", server.ports.tcp), format));
    let (log, long) = (logs.logger("orders"), "x".repeat(5000));
    for number in 0..200_u64 {
        info!(log, "number {number} {long}", number, long = long.as_str());
        if number % 20 == 0 {
            // All of them at once would not fit into the ring.
            logs.flush(TIMEOUT).unwrap();
        }
    }
    assert_eq!(shut_down(&logs), (200, 0));
    assert_eq!(crate::counter(&logs, "messages_truncated"), 200);
    record(Scenario::OverTheLimit, &server, 200);
    assert!(server.messages().iter().all(|message| message["msg"].as_str().unwrap().len() < 1024));
}

/// The guarantee of docs/syslog-sink.md: TCP has no acknowledgement, so messages in the buffers of the connection are lost although they
/// count as delivered; those behind them are not, and only the payload in which the connection broke may come twice.
#[test]
fn a_kill_of_rsyslog_costs_messages_that_were_in_its_connection_and_no_others() {
    let Some(mut server) = Rsyslog::start(&Certificates::new()) else { return };
    let logs = start(Syslog::new(format!("tcp://127.0.0.1:{}", server.ports.tcp), rfc5424()).payload_bytes(4 << 10));
    log_numbers(&logs, 0..300);
    logs.flush(TIMEOUT).unwrap();
    server.message("number 299");
    // In flight: some are read, some are in buffers, and some are in the sink's queue.
    log_numbers(&logs, 300..600);
    server.kill();
    log_numbers(&logs, 600..1000);
    server.start_again();
    logs.flush(TIMEOUT).unwrap();
    assert_eq!(shut_down(&logs), (1000, 0));
    server.message("number 999");
    let ledger = ledger(&server, 1000);
    let in_flight = |number: &str| (300..600).contains(&number.parse::<u32>().unwrap());
    assert!(ledger.lost().into_iter().all(in_flight), "{:?}", ledger.lost());
    Conformance::record_without_acknowledgements("syslog", "rsyslog", Scenario::RestartedInFlight, ledger.counts());
}
