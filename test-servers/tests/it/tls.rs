//! TLS: certificates of an authority that only the test trusts.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use fapilog_test_servers::{FakeHttp, IssuedCertificate, TestCa};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

fn connect(
    address: SocketAddr,
    ca: &TestCa,
    client: Option<&IssuedCertificate>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca.certificate_path()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_file(&client.key_path).unwrap();
            let certificate = CertificateDer::from_pem_file(&client.certificate_path).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    Ok(StreamOwned::new(session, TcpStream::connect(address)?))
}

/// Sends bytes to a server by TLS, and closes the connection.
pub(crate) fn send(address: SocketAddr, ca: &TestCa, bytes: &[u8]) {
    let mut stream = connect(address, ca, None).unwrap();
    stream.write_all(bytes).unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}

pub(crate) fn get(address: SocketAddr, ca: &TestCa, client: Option<&IssuedCertificate>) -> io::Result<String> {
    let mut stream = connect(address, ca, client)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // The server closes without an alert, as many do.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(String::from_utf8(answer).unwrap()),
    }
}

#[test]
fn a_client_that_trusts_the_authority_gets_an_answer() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).start();
    assert!(server.url("/a").starts_with("https://127.0.0.1:"));
    assert!(get(server.address(), &ca, None).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_client_that_trusts_another_authority_gets_none() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).start();
    let error = get(server.address(), &TestCa::new(), None).unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer") || error.to_string().contains("BadSignature"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_of_another_name_or_an_expired_one_is_not_accepted() {
    let ca = TestCa::new();
    for (certificate, reason) in [(ca.server_for(&["other.test"]), "other.test"), (ca.expired_server(), "expired")] {
        let server = FakeHttp::builder().tls_with(&ca, &certificate).start();
        let error = get(server.address(), &ca, None).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn mutual_tls_asks_for_a_certificate_of_the_authority() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().mutual_tls(&ca).start();
    assert!(get(server.address(), &ca, Some(&ca.client("tester"))).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(!get(server.address(), &ca, None).unwrap_or_default().contains("200"));
    assert!(!get(server.address(), &ca, Some(&TestCa::new().client("stranger"))).unwrap_or_default().contains("200"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_files_of_an_authority_are_removed_with_it() {
    let ca = TestCa::new();
    let server = ca.server();
    assert_eq!(fs::read_to_string(&server.certificate_path).unwrap(), server.certificate_pem);
    drop(ca);
    assert!(!server.certificate_path.exists());
}
