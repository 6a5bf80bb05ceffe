//! NATS with JetStream.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "nats",
    summary: "NATS with JetStream",
    packages: ServerPackages::Apt(&["nats-server"]),
    needs: &[],
    program: ServerProgram::System("nats-server"),
    start: |program| {
        let mut server = TestServer::builder("nats", program);
        let (port, monitor) = (server.port("nats"), server.port("monitor"));
        let folder = server.folder("jetstream");
        let server =
            server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-m", &monitor.to_string(), "-js", "-sd"]);
        server.args([folder]).ready(ReadySign::Http { port: monitor, path: "/healthz".to_owned() }).start()
    },
};

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
