//! Azurite: Azure Blob Storage's API over a directory.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

/// Sends a signed request that makes a container.
const CREATE_CONTAINER: &str = include_str!("azurite_container.py");

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "azurite",
    summary: "Azure Blob Storage's API over a directory",
    packages: ServerPackages::Npm(&["azurite"]),
    needs: &[],
    program: ServerProgram::NodeFile("azurite/dist/src/blob/main.js"),
    start: |program| {
        let mut server = TestServer::builder("azurite", "node");
        let (port, folder) = (server.port("http"), server.folder("blobs"));
        let server = server.args([program]).args(["--blobPort", &port.to_string(), "--location"]).args([folder]);
        let options = ["--blobHost", "127.0.0.1", "--disableTelemetry", "--skipApiVersionCheck", "--silent"];
        server.args(options).ready(ReadySign::Port(port)).start()
    },
};

/// Azurite on loopback. It checks signatures.
#[derive(Debug)]
pub struct Azurite {
    /// The process.
    pub server: TestServer,
}

impl Azurite {
    /// The name of its account, which the path of each request begins with.
    pub const ACCOUNT: &'static str = "devstoreaccount1";
    /// The key of its account: the same for every Azurite, and public.
    pub const KEY: &'static str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// A server without containers. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of its API.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// Makes a container.
    pub fn create_container(&self, container: &str) {
        let arguments = ["-c", CREATE_CONTAINER, &self.http().to_string(), Self::ACCOUNT, Self::KEY, container];
        let output = std::process::Command::new("python3").args(arguments).output().expect("python3");
        assert!(output.status.success(), "container {container}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
