//! TLS by RFC 5425, with a receiver in the test.

use std::{
    fs,
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
};

use fapilog::{
    info,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_plugin::sink::SinkFactory;
use fapilog_sink_network::tls::TlsSettings;
use fapilog_syslog::{Syslog, SyslogFormat};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

use crate::{TIMEOUT, builder, counter, message::parse, receiver::next_counted, shut_down};

/// An authority, and a certificate of it for `localhost`.
pub(crate) struct Certificates {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    directory: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("ca.pem", issuer.pem());
        write("server.pem", certificate.pem());
        write("server.key", key.serialize_pem());
        Self {
            certificate: CertificateDer::from(certificate.der().to_vec()),
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            directory,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn trusted(&self) -> TlsSettings {
        let mut settings = TlsSettings::default();
        settings.ca_file = Some(self.path("ca.pem"));
        settings
    }

    /// Accepts a connection. The handshake is made with the first read.
    fn accept(&self, listener: &TcpListener) -> BufReader<StreamOwned<ServerConnection, TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        BufReader::new(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream))
    }
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn text_of(message: &str) -> String {
    parse(message.as_bytes()).text.unwrap()
}

fn sink(port: u16) -> Syslog {
    Syslog::new(format!("tls://localhost:{port}"), SyslogFormat::rfc5424().hostname("host").app_name("shop"))
}

#[test]
fn octets_are_counted_over_tls() {
    let certificates = Certificates::new();
    let (listener, port) = listen();
    let logs = builder().sink("syslog", sink(port).tls(certificates.trusted())).start().unwrap();
    info!(logs.logger("orders"), "first");
    info!(logs.logger("orders"), "second");
    let mut stream = certificates.accept(&listener);
    assert_eq!([(); 2].map(|()| text_of(&next_counted(&mut stream).unwrap())), ["first", "second"]);
    assert_eq!(shut_down(&logs), (2, 0));
    assert_eq!(next_counted(&mut stream), None);
}

#[test]
fn a_tls_connection_that_the_server_has_closed_is_replaced_before_a_write() {
    let certificates = Certificates::new();
    let (listener, port) = listen();
    let logs = builder().sink("syslog", sink(port).tls(certificates.trusted())).start().unwrap();
    for number in 0..3_u64 {
        info!(logs.logger("orders"), "order {number}", number);
        let mut stream = certificates.accept(&listener);
        assert_eq!(text_of(&next_counted(&mut stream).unwrap()), format!("order {number}"));
        // The delivery has ended before the connection is closed.
        logs.flush(TIMEOUT).unwrap();
        stream.get_mut().conn.send_close_notify();
        stream.get_mut().flush().unwrap();
    }
    assert_eq!(counter(&logs, "connections_opened"), 3);
    assert_eq!(shut_down(&logs), (3, 0));
}

#[test]
fn a_server_whose_certificate_is_not_trusted_gets_nothing() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let (listener, port) = listen();
    let policy = DeliveryPolicy::default().attempts(1);
    let options = SinkOptions::new().delivery(policy);
    let logs = builder().sink_with("syslog", sink(port).tls(others.trusted()), options).start().unwrap();
    info!(logs.logger("orders"), "first");
    assert_eq!(next_counted(&mut certificates.accept(&listener)), None);
    assert_eq!(shut_down(&logs), (0, 1));
}

#[test]
fn a_certificate_that_cannot_be_read_is_a_problem_of_the_setting() {
    let mut tls = TlsSettings::default();
    tls.ca_file = Some("/nowhere/ca.pem".into());
    let problems = sink(1).tls(tls).check();
    assert_eq!(problems[0].path, "tls.ca_file");
}
