//! Rotel: a collector of OpenTelemetry, by HTTP and gRPC.

use std::{net::SocketAddr, path::PathBuf};

use super::{NeededFile, ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer, TestServerBuilder};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "rotel",
    summary: "a collector of OpenTelemetry, by HTTP and gRPC",
    packages: ServerPackages::Pip(&["--pre", "rotel"]),
    needs: &[NeededFile { package: "libpython3.11", path: "/usr/lib/*/libpython3.11.so.1.0" }],
    program: ServerProgram::PythonFile("rotel/rotel-agent"),
    start: |program| start(program, |server| server.args(["--exporter", "blackhole"])).server,
};

/// Rotel on loopback.
#[derive(Debug)]
pub struct Rotel {
    /// The process.
    pub server: TestServer,
}

impl Rotel {
    /// Rotel that exports all it receives to this URL, such as that of a `FakeHttp`: by OTLP with protobuf over HTTP, without
    /// compression, at `/v1/logs`. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn exporting_to(url: &str) -> Option<Self> {
        let export = ["--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-compression", "none"];
        let program = DEFINITION.find_or_skip()?;
        Some(start(program, |server| {
            server.args(export).args(["--otlp-exporter-endpoint", url, "--batch-timeout", "20ms"])
        }))
    }

    /// The address of OTLP by HTTP: the paths are `/v1/logs`, `/v1/traces` and `/v1/metrics`.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// The address of OTLP by gRPC.
    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.server.address("grpc")
    }
}

fn start(program: PathBuf, export: impl FnOnce(TestServerBuilder) -> TestServerBuilder) -> Rotel {
    let mut server = TestServer::builder("rotel", program);
    let (http, grpc) = (server.port("http"), server.port("grpc"));
    let endpoints = [
        "start".to_owned(),
        format!("--otlp-http-endpoint=127.0.0.1:{http}"),
        format!("--otlp-grpc-endpoint=127.0.0.1:{grpc}"),
    ];
    Rotel { server: export(server.args(endpoints)).ready(ReadySign::Port(http)).start() }
}
