//! stunnel: TLS in front of a server that has none.

use std::{net::SocketAddr, path::PathBuf};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer, TestServerBuilder};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "stunnel",
    summary: "TLS in front of another server",
    packages: ServerPackages::Apt(&["stunnel4"]),
    needs: &[],
    program: ServerProgram::System("stunnel"),
    // Without TLS, and in front of nothing: a trial needs no certificate.
    start: |program| {
        let builder = StunnelBuilder::new(program);
        builder.start_with("client = yes\nconnect = 127.0.0.1:1\n").server
    },
};

/// stunnel on loopback.
#[derive(Debug)]
pub struct Stunnel {
    /// The process.
    pub server: TestServer,
}

/// The settings of [`Stunnel`]. Its address is known before it starts: a server behind it may name that to its clients.
#[derive(Debug)]
#[must_use]
pub struct StunnelBuilder {
    server: TestServerBuilder,
    port: u16,
}

impl Stunnel {
    /// stunnel with TLS. `None`: it is not installed, and the test is skipped.
    pub fn builder() -> Option<StunnelBuilder> {
        DEFINITION.find_or_skip().map(StunnelBuilder::new)
    }

    /// The address of TLS.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address("tls")
    }
}

impl StunnelBuilder {
    fn new(program: PathBuf) -> Self {
        let mut server = TestServer::builder("stunnel", program);
        let port = server.port("tls");
        Self { server, port }
    }

    /// The port that it will have.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it in front of this server.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start(self, server: SocketAddr, certificate: &crate::IssuedCertificate) -> Stunnel {
        self.start_with(&tls_service(server, certificate))
    }

    /// As [`start`](Self::start), and a client must have a certificate of this authority.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start_mutual(
        self,
        server: SocketAddr,
        certificate: &crate::IssuedCertificate,
        ca: &crate::TestCa,
    ) -> Stunnel {
        let (service, authority) = (tls_service(server, certificate), ca.certificate_path());
        self.start_with(&format!("{service}verifyChain = yes\nrequireCert = yes\nCAfile = {}\n", authority.display()))
    }

    fn start_with(mut self, service: &str) -> Stunnel {
        let settings = format!(
            "foreground = yes\npid =\nsyslog = no\ndebug = 5\n[tls]\naccept = 127.0.0.1:{}\n{service}",
            self.port
        );
        let path = self.server.private_file("stunnel.conf", &settings);
        Stunnel { server: self.server.args([path]).ready(ReadySign::Port(self.port)).start() }
    }
}

#[cfg(feature = "tls")]
fn tls_service(server: SocketAddr, certificate: &crate::IssuedCertificate) -> String {
    let (path, key) = (certificate.certificate_path.display(), certificate.key_path.display());
    format!("connect = {server}\ncert = {path}\nkey = {key}\n")
}
