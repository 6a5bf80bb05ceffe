//! A server with TLS, and certificates for it.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;

/// An authority, and the directory that its files are in.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, directory: tempfile::tempdir().unwrap() };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for this name, and its key.
    fn certificate(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Writes a certificate and its key to `app.pem` and `app.key`.
    pub(crate) fn write_client_certificate(&self) {
        let (certificate, key) = self.certificate("app");
        self.write("app.pem", &certificate.pem());
        self.write("app.key", &key.serialize_pem());
    }

    fn config(&self, name: &str, options: &ServerOptions) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(options.versions)
            .unwrap();
        let builder = if options.wants_client_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }

    /// A server that answers what it gets, and closes each connection that `close` is sent to. Returns its port.
    pub(crate) fn serve(&self, name: &str, options: ServerOptions) -> u16 {
        Self::accept(self.config(name, &options), answer)
    }

    /// A server that answers by a long record, a byte in each 5 ms. Returns its port.
    pub(crate) fn serve_slowly(&self, name: &str) -> u16 {
        Self::accept(self.config(name, &ServerOptions::default()), answer_slowly)
    }

    fn accept(config: Arc<ServerConfig>, answer: fn(Arc<ServerConfig>, TcpStream)) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let config = Arc::clone(&config);
                thread::spawn(move || answer(config, stream.unwrap()));
            }
        });
        port
    }
}

pub(crate) struct ServerOptions {
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    pub(crate) wants_client_certificate: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { versions: rustls::ALL_VERSIONS, wants_client_certificate: false }
    }
}

/// A failure of a connection is the end of it.
fn answer(config: Arc<ServerConfig>, stream: TcpStream) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut bytes = [0; 64];
    while let Ok(length) = stream.read(&mut bytes) {
        if length == 0 || bytes.starts_with(b"close") {
            stream.conn.send_close_notify();
            let _ = stream.flush();
            return;
        }
        let _ = stream.write_all(&bytes[..length]);
    }
}

fn answer_slowly(config: Arc<ServerConfig>, stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    stream.read_exact(&mut [0]).unwrap();
    stream.conn.writer().write_all(&[b'x'; 10_000]).unwrap();
    let mut record = Vec::new();
    stream.conn.write_tls(&mut record).unwrap();
    for byte in record {
        if stream.sock.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
