//! Transports, with receivers in the test.

use std::{
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram, UnixListener},
    },
    time::Duration,
};

use fapilog::{
    Container, info,
    sink::{DeliveryPolicy, SinkOptions},
    warn,
};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory, SinkPlace},
};
use fapilog_syslog::{Framing, Syslog, SyslogFormat};
use fapilog_test_servers::wait_until;

use crate::{
    TIMEOUT, builder, counter,
    message::parse,
    receiver::{LogSocket, accept, next_counted, next_line},
    shut_down,
};

fn rfc5424() -> SyslogFormat {
    SyslogFormat::rfc5424().hostname("host").app_name("shop")
}

/// Attempts that follow each other quickly.
fn quick() -> SinkOptions {
    let millis = Duration::from_millis;
    SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1000).backoff(millis(5), 1.0, millis(5)).breaker(
        0,
        millis(1),
        millis(1),
    ))
}

fn start(sink: Syslog) -> Container {
    builder().sink_with("syslog", sink, quick()).start().unwrap()
}

fn log(logs: &Container, number: u64) {
    info!(logs.logger("orders"), "order filled", number);
}

fn number_of(message: &str) -> u64 {
    parse(message.as_bytes()).param("fapilog@32473", "number").unwrap().parse().unwrap()
}

fn udp_receiver() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let url = format!("udp://{}", socket.local_addr().unwrap());
    (socket, url)
}

fn next_datagram(socket: &UdpSocket) -> String {
    let mut bytes = vec![0; 70_000];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

fn tcp_receiver() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn an_event_is_a_datagram_over_udp() {
    let (socket, url) = udp_receiver();
    let logs = start(Syslog::new(url, rfc5424()));
    log(&logs, 1);
    log(&logs, 2);
    assert_eq!([1, 2].map(|_| number_of(&next_datagram(&socket))), [1, 2]);
    assert_eq!(shut_down(&logs), (2, 0));
}

#[test]
fn a_message_over_udp_has_two_kibibytes_at_most_and_the_cut_is_counted() {
    let (socket, url) = udp_receiver();
    let logs = start(Syslog::new(url, rfc5424()));
    info!(logs.logger("orders"), "long", text = "x".repeat(5000).as_str());
    let message = next_datagram(&socket);
    assert!(message.len() <= 2048, "{}", message.len());
    assert_eq!(parse(message.as_bytes()).param("fapilog@32473", "truncated"), Some("true"));
    logs.flush(TIMEOUT).unwrap();
    assert_eq!(counter(&logs, "messages_truncated"), 1);
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn messages_that_a_closed_udp_port_refuses_are_sent_again() {
    let (socket, url) = udp_receiver();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let logs = start(Syslog::new(url, rfc5424()));
    (0..10).for_each(|number| log(&logs, number));
    wait_until("a refusal is seen", || logs.accounts().sinks[0].retries > 0);
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!((0..10).map(|_| number_of(&next_datagram(&socket))).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(shut_down(&logs), (10, 0));
}

#[test]
fn a_message_that_no_datagram_can_have_is_refused_and_the_others_are_sent() {
    let receiver = LogSocket::bind();
    // Above the buffer of the socket.
    let logs = start(Syslog::new(receiver.url(), rfc5424().max_message_bytes(1 << 20)));
    log(&logs, 1);
    logs.flush(TIMEOUT).unwrap();
    let text = "x".repeat(40_000);
    let log_line = logs.logger("orders");
    for number in [2_u64, 3] {
        info!(log_line, "order filled", number, text = text.as_str());
    }
    assert_eq!([1, 2, 3].map(|_| number_of(&receiver.next())), [1, 2, 3]);
    assert_eq!(shut_down(&logs), (3, 0));
}

#[test]
fn octets_are_counted_over_tcp() {
    let (listener, url) = tcp_receiver();
    let logs = start(Syslog::new(url, rfc5424()));
    log(&logs, 1);
    let mut stream = accept(&listener);
    assert_eq!(number_of(&next_counted(&mut stream).unwrap()), 1);
    log(&logs, 2);
    assert_eq!(number_of(&next_counted(&mut stream).unwrap()), 2);
    assert_eq!(shut_down(&logs), (2, 0));
    assert_eq!(next_counted(&mut stream), None);
}

#[test]
fn a_connection_is_kept() {
    let (listener, url) = tcp_receiver();
    let logs = start(Syslog::new(url, rfc5424()));
    for number in 0..5 {
        log(&logs, number);
        logs.flush(TIMEOUT).unwrap();
    }
    assert_eq!(counter(&logs, "connections_opened"), 1);
    drop(listener);
    let _ = shut_down(&logs);
}

#[test]
fn a_line_feed_ends_a_message_where_it_is_asked_for() {
    let (listener, url) = tcp_receiver();
    let logs = start(Syslog::new(url, rfc5424()).framing(Framing::LineFeed));
    warn!(logs.logger("orders"), "two\nlines");
    log(&logs, 2);
    let mut stream = accept(&listener);
    assert_eq!(parse(next_line(&mut stream).unwrap().as_bytes()).text.unwrap(), r"two\nlines");
    assert_eq!(number_of(&next_line(&mut stream).unwrap()), 2);
    assert_eq!(shut_down(&logs), (2, 0));
}

#[test]
fn a_connection_that_the_server_has_closed_is_replaced_before_a_write() {
    let (listener, url) = tcp_receiver();
    let logs = start(Syslog::new(url, rfc5424()));
    for number in 0..5 {
        log(&logs, number);
        let mut stream = accept(&listener);
        assert_eq!(number_of(&next_counted(&mut stream).unwrap()), number);
        // The delivery has ended before the connection is closed.
        logs.flush(TIMEOUT).unwrap();
        drop(stream);
    }
    assert_eq!(counter(&logs, "connections_opened"), 5);
    let accounts = logs.accounts();
    assert_eq!(accounts.sinks[0].errors, 0, "{accounts}");
    assert_eq!(shut_down(&logs), (5, 0));
}

#[test]
fn events_wait_for_a_server_that_is_down() {
    let (listener, url) = tcp_receiver();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let logs = start(Syslog::new(url, rfc5424()));
    log(&logs, 1);
    wait_until("a connection is refused", || logs.accounts().sinks[0].retries > 0);
    let listener = TcpListener::bind(address).unwrap();
    assert_eq!(number_of(&next_counted(&mut accept(&listener)).unwrap()), 1);
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn an_event_is_a_datagram_to_a_unix_socket_and_has_no_host_by_rfc_3164() {
    let receiver = LogSocket::bind();
    let logs = start(Syslog::new(receiver.url(), SyslogFormat::rfc3164().app_name("shop")));
    log(&logs, 1);
    let message = receiver.next();
    let expected = format!(" shop[{}]: order filled", std::process::id());
    assert!(message.ends_with(&expected) && message.len() == "<14>Nov 24 10:00:00".len() + expected.len(), "{message}");
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn a_unix_socket_that_is_bound_again_gets_the_next_event() {
    let mut receiver = LogSocket::bind();
    let logs = start(Syslog::new(receiver.url(), rfc5424()));
    for number in 0..3 {
        log(&logs, number);
        assert_eq!(number_of(&receiver.next()), number);
        logs.flush(TIMEOUT).unwrap();
        receiver.bind_again();
    }
    let accounts = logs.accounts();
    assert_eq!(accounts.sinks[0].errors, 0, "{accounts}");
    assert_eq!(shut_down(&logs), (3, 0));
}

#[test]
fn a_unix_socket_has_a_name_in_the_abstract_namespace() {
    let name = format!("fapilog-syslog-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let logs = start(Syslog::new(format!("unix://@{name}"), rfc5424()));
    log(&logs, 1);
    let mut bytes = [0; 1000];
    let length = socket.recv(&mut bytes).unwrap();
    assert_eq!(number_of(std::str::from_utf8(&bytes[..length]).unwrap()), 1);
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn a_unix_socket_that_takes_no_datagrams_gets_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let listener = UnixListener::bind(&path).unwrap();
    let logs = start(Syslog::new(format!("unix://{}", path.display()), rfc5424()));
    log(&logs, 1);
    log(&logs, 2);
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut stream = std::io::BufReader::new(stream);
    assert_eq!([1, 2].map(|_| number_of(&next_line(&mut stream).unwrap())), [1, 2]);
    assert_eq!(shut_down(&logs), (2, 0));
}

#[test]
fn the_fallback_of_another_sink_gets_messages() {
    let receiver = LogSocket::bind();
    let (listener, url) = tcp_receiver();
    drop(listener);
    let options = SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1)).fallback("local");
    let logs = builder()
        .sink_with("far", Syslog::new(url, rfc5424()), options)
        .sink_with("local", Syslog::new(receiver.url(), rfc5424()), SinkOptions::new())
        .start()
        .unwrap();
    log(&logs, 7);
    // From the sink itself, and as the fallback of the other.
    assert_eq!([7, 7].map(|_| number_of(&receiver.next())), [7, 7]);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.lost_total(), 0, "{accounts}");
}

/// A sink of another format, which delivers nothing.
struct Refusing;

impl SinkFactory for Refusing {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Self))
    }
}

impl Sink for Refusing {
    fn writer(&self) -> String {
        "refusing".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1000))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        batch.events().iter().for_each(|_| payload.buffer().extend_from_slice(b"a record\n"));
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(SinkError::permanent("it refuses all")))
    }
}

#[test]
fn records_of_another_format_are_the_text_of_messages() {
    let receiver = LogSocket::bind();
    let options = SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1)).fallback("local");
    let logs = builder()
        .sink_with("far", Refusing, options)
        .sink_with("local", Syslog::new(receiver.url(), rfc5424()), SinkOptions::new())
        .start()
        .unwrap();
    log(&logs, 7);
    let messages = [receiver.next(), receiver.next()].map(|message| parse(message.as_bytes()));
    let record = messages.iter().find(|message| message.elements.is_empty()).unwrap();
    assert_eq!((record.severity(), record.text.as_deref()), (4, Some("a record")));
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
}

#[test]
fn assurances_name_the_host_and_whether_it_is_reached_by_tls() {
    let place = |sink: Syslog| sink.assurances().place;
    let network = |host: &str, is_encrypted| SinkPlace::Network { host: host.to_owned(), is_encrypted };
    assert_eq!(place(Syslog::new("tls://logs.example.com", rfc5424())), network("logs.example.com", true));
    let sink = Syslog::new("udp://logs.example.com", rfc5424()).allow_plaintext_hosts(["logs.example.com"]);
    assert_eq!(place(sink), network("logs.example.com", false));
    assert_eq!(place(Syslog::new("unix:///dev/log", rfc5424())), SinkPlace::Local);
}
