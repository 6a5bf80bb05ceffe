//! A client whose receiver is slow, is gone, or takes no message of this length.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::{UnixListener, UnixStream},
    time::Instant,
};

use fapilog_plugin::sink::SinkErrorKind;

use super::*;

const LIMIT: Duration = Duration::from_millis(200);

fn client(url: &str) -> SyslogClient {
    client_with(SyslogAddress::parse(url, &[]).unwrap(), &AddressPolicy::default())
}

fn client_with(destination: SyslogAddress, policy: &AddressPolicy) -> SyslogClient {
    let dialer = dialer(&destination, policy, &TlsSettings::default()).unwrap();
    let options = ClientOptions { destination, framing: None, connect_timeout: 50 * LIMIT, write_timeout: LIMIT };
    SyslogClient::new(options, dialer, SinkCounter::default())
}

fn payload(records: &[usize]) -> Payload {
    let mut payload = Payload::new(1);
    for length in records {
        payload.buffer().extend(std::iter::repeat_n(b'x', *length));
        payload.end_record();
    }
    payload
}

fn tcp() -> (TcpListener, SyslogClient) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&format!("tcp://{}", listener.local_addr().unwrap()));
    (listener, client)
}

/// The whole frames of a stream up to its end.
fn frames_of(mut stream: TcpStream) -> u64 {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let (mut end, mut frames) = (0, 0);
    while let Some(space) = bytes[end..].iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[end..end + space]).unwrap().parse().unwrap();
        end += space + 1 + length;
        if end > bytes.len() {
            break;
        }
        frames += 1;
    }
    frames
}

#[test]
fn the_records_that_the_system_has_taken_count_where_the_receiver_is_slow_and_they_arrive() {
    let (listener, mut client) = tcp();
    // More than the buffers of both ends.
    let error = client.deliver(payload(&[100_000; 400])).unwrap_err();
    let SinkError::Partial { records, bytes, .. } = error else { panic!("{error:?}") };
    assert!((1..400).contains(&records) && bytes == records * 100_000);
    let (stream, _) = listener.accept().unwrap();
    assert_eq!(frames_of(stream), records);
}

#[test]
fn nothing_of_a_payload_counts_where_the_connection_breaks_in_the_middle_of_it() {
    let (listener, mut client) = tcp();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
        // With bytes that are not read: the client gets a reset.
    });
    client.options.write_timeout = 50 * LIMIT;
    let error = client.deliver(payload(&[100_000; 400])).unwrap_err();
    server.join().unwrap();
    assert!(matches!(error, SinkError::Retryable { .. }), "{error:?}");
    assert_eq!(error.kind(), SinkErrorKind::Retryable { retry_after: None });
}

#[test]
fn a_datagram_is_refused_for_its_length_alone_and_the_others_are_sent() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(50 * LIMIT)).unwrap();
    let mut client = client(&format!("udp://{}", socket.local_addr().unwrap()));
    let error = client.deliver(payload(&[10, 70_000, 20])).unwrap_err();
    let SinkError::PerRecord { rejected, retryable, .. } = error else { panic!("{error:?}") };
    assert_eq!((rejected, retryable), (vec![1], vec![]));
    assert_eq!([(); 2].map(|()| socket.recv(&mut [0; 100]).unwrap()), [10, 20]);
}

#[test]
fn a_refused_datagram_and_those_behind_it_are_retryable() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client = client(&format!("udp://{}", socket.local_addr().unwrap()));
    client.deliver(payload(&[10, 20])).unwrap();
    drop(socket);
    let error = client.deliver(payload(&[30, 40])).unwrap_err();
    assert!(matches!(error, SinkError::Retryable { .. }), "{error:?}");
    // A single one has an answer of its own.
    let error = client.deliver(payload(&[30])).unwrap_err();
    assert!(matches!(error, SinkError::Retryable { .. }), "{error:?}");
}

#[test]
fn a_udp_socket_is_replaced_when_it_is_old() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client = client(&format!("udp://{}", socket.local_addr().unwrap()));
    client.deliver(payload(&[10])).unwrap();
    client.deliver(payload(&[10])).unwrap();
    assert_eq!(client.opened.get(), 1);
    if let Some(SyslogConnection::Datagram(DatagramSocket::Udp(_, opened))) = &mut client.connection {
        *opened = Instant::now().checked_sub(Duration::from_secs(301)).unwrap();
    }
    client.deliver(payload(&[10])).unwrap();
    assert_eq!(client.opened.get(), 2);
}

#[test]
fn a_destination_with_tls_has_no_client_without_it() {
    let destination = SyslogAddress::parse("tls://localhost:1", &[]).unwrap();
    let mut tls = TlsSettings::default();
    tls.ca_file = Some("/nowhere/ca.pem".into());
    assert!(dialer(&destination, &AddressPolicy::default(), &tls).is_err());
}

#[test]
fn a_receiver_that_sends_something_gets_each_message_once_over_one_connection() {
    let (listener, mut client) = tcp();
    client.options.write_timeout = 50 * LIMIT;
    client.deliver(payload(&[10])).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(&[b'+'; 10_000]).unwrap();
    client.deliver(payload(&[20])).unwrap();
    stream.write_all(b"+").unwrap();
    client.deliver(payload(&[30])).unwrap();
    assert_eq!(client.opened.get(), 1);
    drop(client);
    assert_eq!(frames_of(stream), 3);
}

#[test]
fn a_receiver_that_accepts_no_connection_is_waited_for_within_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // It fills the queue.
    let _queued = UnixStream::connect(&path).unwrap();
    let mut client = client(&format!("unix://{}", path.display()));
    client.options.connect_timeout = LIMIT;
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(client.deliver(payload(&[10])).unwrap_err()));
    let error = is_done.recv_timeout(50 * LIMIT).unwrap();
    assert_eq!(error.kind(), SinkErrorKind::Retryable { retry_after: None });
}

#[test]
fn an_address_that_is_refused_is_reached_only_if_it_is_allowed() {
    let receiver = || SyslogAddress::parse("udp://169.254.0.1", &["169.254.0.1".to_owned()]).unwrap();
    let mut client = client_with(receiver(), &AddressPolicy::default());
    let SinkError::Retryable { source, .. } = client.deliver(payload(&[10])).unwrap_err() else { panic!() };
    assert!(source.to_string().contains("which is link-local"), "{source}");
    let mut client = client_with(receiver(), &AddressPolicy::default().allow(["169.254.0.0/16".parse().unwrap()]));
    // The machine may have no way to it.
    if let Err(SinkError::Retryable { source, .. }) = client.deliver(payload(&[10])) {
        assert!(!source.to_string().contains("link-local"), "{source}");
    }
}
