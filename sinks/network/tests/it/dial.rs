//! Connections without TLS.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use fapilog_sink_network::{ConnectError, address::AddressPolicy, dial::Dialer, tls::TlsSettings};

use super::{endpoint, soon};

#[test]
fn bytes_go_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    let endpoint = endpoint(&format!("tcp://localhost:{port}"));
    let mut connection = Dialer::new(&endpoint, 0, AddressPolicy::default()).dial(soon()).unwrap();
    assert!(connection.is_open() && !connection.is_tls());
    connection.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    connection.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    server.join().unwrap();
    assert!(!connection.is_open());
}

#[test]
fn an_endpoint_without_a_port_has_the_default_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(Dialer::new(&endpoint("tcp://127.0.0.1"), port, AddressPolicy::default()).dial(soon()).is_ok());
}

#[test]
fn a_client_library_with_its_own_tls_has_the_connection_and_the_name_of_the_certificate() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = endpoint(&format!("tls://localhost:{port}"));
    let mut tls = TlsSettings::default();
    tls.server_name = Some("logs.example.com".to_owned());
    let mut dialer = Dialer::new(&endpoint, 0, AddressPolicy::default()).tls(tls.load().unwrap());
    assert_eq!(dialer.connect_tcp(soon()).unwrap().peer_addr().unwrap().port(), port);
    assert_eq!(dialer.server_name().unwrap().unwrap().to_str(), "logs.example.com");
}

#[test]
fn a_refused_address_is_not_connected_to_and_the_error_names_the_way_out() {
    let mut dialer = Dialer::new(&endpoint("tcp://169.254.169.254"), 80, AddressPolicy::default());
    let error = dialer.dial(soon()).unwrap_err();
    let expected = "169.254.169.254 leads to 169.254.169.254, which is link-local; allow_addresses may name it";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_port_that_nobody_listens_to_is_an_error_of_the_system() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Dialer::new(&endpoint("tcp://127.0.0.1"), port, AddressPolicy::default()).dial(soon()).unwrap_err();
    assert!(matches!(error, ConnectError::Connect { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.1, port {port}"));
}

#[test]
fn an_endpoint_with_tls_is_not_connected_to_without() {
    let mut dialer = Dialer::new(&endpoint("tls://127.0.0.1"), 6514, AddressPolicy::default());
    let error = dialer.dial(soon()).unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 is reached by TLS, and the sink has set up none");
}

#[test]
fn no_time_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut dialer = Dialer::new(&endpoint("tcp://127.0.0.1"), port, AddressPolicy::default());
    let error = dialer.dial(Instant::now() - Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
}
