//! NATS with JetStream.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "nats",
    summary: "NATS with JetStream",
    packages: ServerPackages::Apt(&["nats-server"]),
    needs: &[],
    program: ServerProgram::System("nats-server"),
    start: |program| start(program, &[]),
};

fn start(program: PathBuf, more: &[OsString]) -> TestServer {
    start_configured(program, more, "")
}

fn start_configured(program: PathBuf, more: &[OsString], configuration: &str) -> TestServer {
    let mut server = TestServer::builder("nats", program);
    let file = server.file("nats.conf", configuration);
    let (port, monitor) = (server.port("nats"), server.port("monitor"));
    let folder = server.folder("jetstream");
    let server = server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-m", &monitor.to_string(), "-js", "-sd"]);
    server
        .args([folder])
        .args(["-c"])
        .args([file])
        .args(more)
        .ready(ReadySign::Http { port: monitor, path: "/healthz".to_owned() })
        .start()
}

/// NATS on loopback. JetStream keeps its streams in a directory, also across restarts.
#[derive(Debug)]
pub struct Nats {
    /// The process.
    pub server: TestServer,
}

impl Nats {
    /// A server without streams. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// A server that asks for TLS, with a certificate of this authority. `None`: it is not installed, and the test is skipped.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start_with_tls(ca: &crate::TestCa) -> Option<Self> {
        let certificate = ca.server();
        let (path, key) = (certificate.certificate_path.into(), certificate.key_path.into());
        let more = ["--tls".into(), "--tlscert".into(), path, "--tlskey".into(), key];
        DEFINITION.find_or_skip().map(|program| Self { server: start(program, &more) })
    }

    /// A server that asks for TLS, with a certificate of this authority, and for a certificate of it from each client. `None`: it is not
    /// installed, and the test is skipped.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start_with_client_certificates(ca: &crate::TestCa) -> Option<Self> {
        let certificate = ca.server();
        let (path, key) = (certificate.certificate_path.into(), certificate.key_path.into());
        let more = ["--tlsverify".into(), "--tlscert".into(), path, "--tlskey".into(), key];
        let more: Vec<OsString> =
            more.into_iter().chain(["--tlscacert".into(), ca.certificate_path().into()]).collect();
        DEFINITION.find_or_skip().map(|program| Self { server: start(program, &more) })
    }

    /// A server with these lines in its configuration, such as `max_payload: 1024`. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start_with(configuration: &str) -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: start_configured(program, &[], configuration) })
    }

    /// The address of clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address("nats")
    }

    /// The address of monitoring by HTTP, such as `/jsz?streams=true`.
    #[must_use]
    pub fn monitor(&self) -> SocketAddr {
        self.server.address("monitor")
    }
}
