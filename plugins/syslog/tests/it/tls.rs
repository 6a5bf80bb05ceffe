//! TLS by RFC 5425, with a receiver in the test.

use std::{
    fs,
    io::BufReader,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use fapilog::info;
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

    /// Accepts so many connections, one after the other, and reads from each until its end or `messages_max` messages. Returns the port
    /// and the messages.
    fn serve(&self, connections: usize, messages_max: usize) -> (u16, JoinHandle<Vec<String>>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let mut messages = Vec::new();
            for _ in 0..connections {
                let (stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(TIMEOUT)).unwrap();
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(session, stream));
                messages.extend(std::iter::from_fn(|| next_counted(&mut stream)).take(messages_max));
                stream.get_mut().conn.send_close_notify();
                let _ = std::io::Write::flush(stream.get_mut());
            }
            messages
        });
        (port, server)
    }
}

fn sink(port: u16) -> Syslog {
    Syslog::new(format!("tls://localhost:{port}"), SyslogFormat::rfc5424().hostname("host").app_name("shop"))
}

#[test]
fn octets_are_counted_over_tls() {
    let certificates = Certificates::new();
    let (port, server) = certificates.serve(1, usize::MAX);
    let logs = builder().sink("syslog", sink(port).tls(certificates.trusted())).start().unwrap();
    info!(logs.logger("orders"), "first");
    info!(logs.logger("orders"), "second");
    assert_eq!(shut_down(&logs), (2, 0));
    let texts =
        server.join().unwrap().iter().map(|message| parse(message.as_bytes()).text.unwrap()).collect::<Vec<_>>();
    assert_eq!(texts, ["first", "second"]);
}

#[test]
fn a_tls_connection_that_the_server_has_closed_is_replaced() {
    let certificates = Certificates::new();
    let (port, server) = certificates.serve(3, 1);
    let logs = builder().sink("syslog", sink(port).tls(certificates.trusted())).start().unwrap();
    for number in 0..3_u64 {
        info!(logs.logger("orders"), "order", number);
        crate::until("the event is delivered, maybe by a second attempt", || {
            logs.accounts().sinks[0].delivered > number
        });
    }
    assert!(counter(&logs, "connections_opened") >= 3);
    assert_eq!(shut_down(&logs), (3, 0));
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn a_server_whose_certificate_is_not_trusted_gets_nothing() {
    let (port, server) = Certificates::new().serve(1, 1);
    let others = Certificates::new();
    let sink = sink(port).tls(others.trusted());
    let policy = fapilog::sink::DeliveryPolicy::default().attempts(1);
    let options = fapilog::sink::SinkOptions::new().delivery(policy);
    let logs = builder().sink_with("syslog", sink, options).start().unwrap();
    info!(logs.logger("orders"), "first");
    assert_eq!(shut_down(&logs), (0, 1));
    assert!(server.join().unwrap().is_empty());
}

#[test]
fn a_certificate_that_cannot_be_read_is_a_problem_of_the_setting() {
    let mut tls = TlsSettings::default();
    tls.ca_file = Some("/nowhere/ca.pem".into());
    let problems = sink(1).tls(tls).check();
    assert_eq!(problems[0].path, "tls.ca_file");
}
