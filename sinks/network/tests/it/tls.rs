//! Connections with TLS.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::{problem::Problem, settings::SecretRef};
use fapilog_sink_network::{
    ConnectError,
    connection::NetworkConnection,
    tls::{TlsSettings, TlsVersion},
};

use super::{
    dial_tls,
    server::{Authority, ServerOptions},
    soon,
};

const ONLY_1_2: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

fn trusting(authority: &Authority) -> TlsSettings {
    let mut settings = TlsSettings::default();
    settings.ca_file = Some(authority.path("ca.pem"));
    settings
}

fn with_client_certificate(authority: &Authority) -> TlsSettings {
    let mut settings = trusting(authority);
    authority.write_client_certificate();
    settings.client_certificate = Some(authority.path("app.pem"));
    settings.client_key = Some(SecretRef::file(authority.path("app.key")));
    settings
}

/// Sends a word and reads it back.
fn echo(mut connection: NetworkConnection) -> std::io::Result<NetworkConnection> {
    connection.write_all(b"ping")?;
    let mut bytes = [0; 4];
    connection.read_exact(&mut bytes)?;
    assert_eq!(&bytes, b"ping");
    Ok(connection)
}

fn handshake_error(result: Result<NetworkConnection, ConnectError>) -> String {
    match result.unwrap_err() {
        ConnectError::Handshake { source, .. } => source.to_string(),
        other => panic!("{other:?}"),
    }
}

fn problem(settings: &TlsSettings) -> Problem {
    settings.load().unwrap_err().remove(0)
}

#[test]
fn a_server_of_a_trusted_authority_is_connected_to() {
    let authority = Authority::new();
    let port = authority.serve("localhost", ServerOptions::default());
    let connection = dial_tls(port, &trusting(&authority).load().unwrap(), soon()).unwrap();
    let mut connection = echo(connection).unwrap();
    assert!(connection.is_open() && connection.is_tls());
}

#[test]
fn a_server_of_another_authority_is_refused() {
    let port = Authority::new().serve("localhost", ServerOptions::default());
    let error = handshake_error(dial_tls(port, &trusting(&Authority::new()).load().unwrap(), soon()));
    assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
}

#[test]
fn a_certificate_must_have_the_name_of_the_host_or_that_of_the_settings() {
    let authority = Authority::new();
    let port = authority.serve("collector.example", ServerOptions::default());
    let error = handshake_error(dial_tls(port, &trusting(&authority).load().unwrap(), soon()));
    assert!(error.contains("not valid for name"), "{error}");
    let mut settings = trusting(&authority);
    settings.server_name = Some("collector.example".to_owned());
    echo(dial_tls(port, &settings.load().unwrap(), soon()).unwrap()).unwrap();
}

#[test]
fn a_client_certificate_is_shown_to_the_server() {
    let authority = Authority::new();
    let options = ServerOptions { wants_client_certificate: true, ..ServerOptions::default() };
    let port = authority.serve("localhost", options);
    echo(dial_tls(port, &with_client_certificate(&authority).load().unwrap(), soon()).unwrap()).unwrap();
    // With TLS 1.3, the client sees the refusal behind its handshake.
    let without = dial_tls(port, &trusting(&authority).load().unwrap(), soon());
    assert!(without.map_or(true, |connection| echo(connection).is_err()));
}

#[test]
fn a_version_below_the_lowest_is_refused() {
    let authority = Authority::new();
    let options = ServerOptions { versions: ONLY_1_2, ..ServerOptions::default() };
    let port = authority.serve("localhost", options);
    let mut settings = trusting(&authority);
    echo(dial_tls(port, &settings.load().unwrap(), soon()).unwrap()).unwrap();
    settings.min_version = TlsVersion::V1_3;
    let error = handshake_error(dial_tls(port, &settings.load().unwrap(), soon()));
    assert!(error.contains("ProtocolVersion"), "{error}");
}

#[test]
fn a_file_that_has_changed_is_used_without_a_restart() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = trusting(&authority).load().unwrap();
    let port = other.serve("localhost", ServerOptions::default());
    assert!(dial_tls(port, &tls, soon()).is_err());
    authority.write("ca.pem", &format!("{}{}", authority.pem(), other.pem()));
    echo(dial_tls(port, &tls, soon()).unwrap()).unwrap();
    // A file that cannot be read leaves the former ones in use.
    authority.write("ca.pem", "-----BEGIN");
    echo(dial_tls(port, &tls, soon()).unwrap()).unwrap();
}

#[test]
fn a_server_that_closes_an_idle_connection_is_seen() {
    let authority = Authority::new();
    let port = authority.serve("localhost", ServerOptions::default());
    let mut connection = dial_tls(port, &trusting(&authority).load().unwrap(), soon()).unwrap();
    connection.write_all(b"close").unwrap();
    let deadline = soon();
    while connection.is_open() {
        assert!(Instant::now() < deadline, "the alert of the server was not seen");
        thread::yield_now();
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_ends_at_the_deadline() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The head of a record of 16 KiB, and its bytes.
        let mut written = stream.write_all(&[22, 3, 3, 0x40, 0]);
        while written.is_ok() {
            thread::sleep(Duration::from_millis(5));
            written = stream.write_all(&[0]);
        }
    });
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = dial_tls(port, &trusting(&authority).load().unwrap(), deadline).unwrap_err();
    assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
}

#[test]
fn a_record_that_comes_byte_by_byte_is_read_within_the_time_limit() {
    let authority = Authority::new();
    let port = authority.serve_slowly("localhost");
    let mut connection = dial_tls(port, &trusting(&authority).load().unwrap(), soon()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    connection.write_all(b"?").unwrap();
    let start = Instant::now();
    // The second read has the whole limit again, and goes on within the record.
    for _ in 0..2 {
        let error = connection.read(&mut [0; 64]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error:?}");
    }
    assert!((Duration::from_millis(200)..Duration::from_secs(20)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn a_key_that_is_renewed_behind_its_certificate_is_used_without_a_restart() {
    let authority = Authority::new();
    let tls = with_client_certificate(&authority).load().unwrap();
    let former_config = tls.client_config();
    let former_key = fs::read_to_string(authority.path("app.key")).unwrap();
    authority.write_client_certificate();
    let new_key = fs::read_to_string(authority.path("app.key")).unwrap();
    authority.write("app.key", &former_key);
    assert!(Arc::ptr_eq(&tls.client_config(), &former_config));
    authority.write("app.key", &new_key);
    assert!(!Arc::ptr_eq(&tls.client_config(), &former_config));
}

#[test]
fn invalid_settings_are_named() {
    let authority = Authority::new();
    authority.write_client_certificate();
    let mut settings = trusting(&authority);
    settings.client_certificate = Some(authority.path("app.pem"));
    assert!(problem(&settings).to_string().ends_with("app.pem; it needs a client_key"));
    settings.client_key = Some(SecretRef::bytes(b"hunter2".to_vec()));
    assert_eq!(
        problem(&settings).to_string(),
        "client_key is [redacted]; it must lead to a private key as PEM: PKCS 8, PKCS 1 or SEC 1"
    );
    settings.client_key = Some(SecretRef::file(authority.path("app.key")));
    authority.write_client_certificate();
    settings.client_certificate = None;
    assert_eq!(problem(&settings).path, "client_key");
    let mut settings = trusting(&authority);
    settings.server_name = Some("a b".to_owned());
    assert_eq!(problem(&settings).to_string(), "server_name is \"a b\"; it must be the name of a host, or an address");
}

#[test]
fn a_file_without_certificates_is_named() {
    let authority = Authority::new();
    let mut settings = TlsSettings::default();
    for (name, reason) in [("missing.pem", "it cannot be read"), (".", "it is no file"), ("empty.pem", "it has none")] {
        authority.write("empty.pem", "no certificate\n");
        settings.ca_file = Some(authority.path(name));
        let problem = problem(&settings);
        assert!(problem.path == "ca_file" && problem.to_string().contains(reason), "{problem}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let settings = with_client_certificate(&authority);
    let other = Authority::new();
    other.write_client_certificate();
    fs::copy(other.path("app.key"), authority.path("app.key")).unwrap();
    let problem = problem(&settings);
    assert!(
        problem.path == "client_key" && problem.allowed.starts_with("it must be the key of client_certificate"),
        "{problem}"
    );
}
