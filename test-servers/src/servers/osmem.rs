//! osmem-server: OpenSearch's and Elasticsearch's API in memory.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::{
    client::http_request,
    server::{ReadySign, TestServer},
};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "osmem",
    summary: "OpenSearch's API in memory: _bulk, _search",
    packages: ServerPackages::Pip(&["osmem-server"]),
    needs: &[],
    program: ServerProgram::PythonFile("osmem_server/bin/osmem-server"),
    start: |program| {
        let mut server = TestServer::builder("osmem", program);
        let port = server.port("http");
        // Without its analysis of Japanese, it starts in 20 ms.
        let server = server.args(["-addr", &format!("127.0.0.1:{port}"), "-no-stdin-watch", "-no-ja"]);
        server.ready(ReadySign::Http { port, path: "/".to_owned() }).start()
    },
};

/// More documents than a test writes.
const HITS_MAX: usize = 10_000;

/// osmem-server on loopback. A restart drops all documents.
#[derive(Debug)]
pub struct Osmem {
    /// The process.
    pub server: TestServer,
}

impl Osmem {
    /// osmem-server without documents. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of its API.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// The first 10,000 documents of an index or a data stream, each with `_id`, `_index` and `_source`. Empty where there is no such
    /// index.
    #[must_use]
    pub fn documents(&self, index: &str) -> Vec<serde_json::Value> {
        self.post(&format!("/{index}/_refresh"));
        let mut reply = self.post(&format!("/{index}/_search?size={HITS_MAX}"));
        match reply.pointer_mut("/hits/hits").map(serde_json::Value::take) {
            Some(serde_json::Value::Array(hits)) => hits,
            _ => Vec::new(),
        }
    }

    fn post(&self, target: &str) -> serde_json::Value {
        let headers = [("Content-Type", "application/json")];
        let reply = http_request(self.http(), "POST", target, &headers, b"{}");
        reply.unwrap_or_else(|error| panic!("osmem: {target}: {error}")).json()
    }
}
