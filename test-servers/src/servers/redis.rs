//! Redis.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "redis",
    summary: "Redis with an append-only file",
    packages: ServerPackages::Apt(&["redis-server"]),
    needs: &[],
    program: ServerProgram::System("redis-server"),
    start: |program| start(program, |port| vec!["--port".into(), port.to_string().into()]),
};

fn start(program: PathBuf, listen: impl FnOnce(u16) -> Vec<OsString>) -> TestServer {
    let mut server = TestServer::builder("redis", program);
    let (port, folder) = (server.port("redis"), server.folder("data"));
    let server = server.args(["--bind", "127.0.0.1", "--save", ""]);
    // With its default `everysec`, Redis answers before it writes to the file, as long as an earlier `fsync` runs.
    let server = server.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).args([folder]);
    server.args(listen(port)).ready(ReadySign::Log("Ready to accept connections".to_owned())).start()
}

/// Redis on loopback. It keeps its data in a directory, also across restarts: all that it has acknowledged, also when it is killed.
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

    /// A server with TLS alone, with a certificate of this authority. Clients need none. `None`: it is not installed, and the test is
    /// skipped.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn start_with_tls(ca: &crate::TestCa) -> Option<Self> {
        let certificate = ca.server();
        let listen = |port: u16| {
            let mut listen: Vec<OsString> =
                vec!["--port".into(), "0".into(), "--tls-port".into(), port.to_string().into()];
            listen.extend(["--tls-auth-clients".into(), "no".into()]);
            listen.extend(["--tls-cert-file".into(), certificate.certificate_path.into()]);
            listen.extend(["--tls-key-file".into(), certificate.key_path.into()]);
            listen.extend(["--tls-ca-cert-file".into(), ca.certificate_path().into()]);
            listen
        };
        DEFINITION.find_or_skip().map(|program| Self { server: start(program, listen) })
    }

    /// The address of clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address("redis")
    }
}
