//! Redis.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "redis",
    summary: "Redis with an append-only file",
    packages: ServerPackages::Apt(&["redis-server"]),
    needs: &[],
    program: ServerProgram::System("redis-server"),
    start: |program| {
        let mut server = TestServer::builder("redis", program);
        let (port, folder) = (server.port("redis"), server.folder("data"));
        let server =
            server.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).args([folder]);
        server.args(["--appendonly", "yes"]).ready(ReadySign::Log("Ready to accept connections".to_owned())).start()
    },
};

/// Redis on loopback. It keeps its data in a directory, also across restarts.
#[derive(Debug)]
pub struct Redis {
    /// The process.
    pub server: TestServer,
}

impl Redis {
    /// A server without data. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address("redis")
    }
}
