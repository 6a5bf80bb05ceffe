//! moto: S3's API in memory, with create-only writes and object lock.

use std::net::SocketAddr;

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::{
    client::http_request,
    server::{ReadySign, TestServer},
};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "moto",
    summary: "S3's API in memory, with create-only writes and object lock",
    // `moto[server]` would bring the libraries of all services: 300 MB.
    packages: ServerPackages::Pip(&["moto[s3]", "flask", "flask-cors"]),
    needs: &[],
    program: ServerProgram::PythonScript("moto_server"),
    start: |program| {
        let mut server = TestServer::builder("moto", program);
        let port = server.port("http");
        let server = server.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        server.ready(ReadySign::Http { port, path: "/moto-api/data.json".to_owned() }).start()
    },
};

/// moto on loopback. A restart drops all objects. It takes any credentials.
#[derive(Debug)]
pub struct Moto {
    /// The process.
    pub server: TestServer,
}

impl Moto {
    /// A header `Authorization` for requests of tests: moto reads the credentials, and does not check the signature.
    pub const AUTHORIZATION: &'static str =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

    /// moto without objects. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of S3's API, for path-style requests.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// Makes a bucket, in the region `us-east-1`.
    pub fn create_bucket(&self, bucket: &str) {
        self.create(bucket, &[]);
    }

    /// Makes a bucket with object lock.
    pub fn create_bucket_with_lock(&self, bucket: &str) {
        self.create(bucket, &[("x-amz-bucket-object-lock-enabled", "true")]);
    }

    fn create(&self, bucket: &str, headers: &[(&str, &str)]) {
        let headers = [&[("Authorization", Self::AUTHORIZATION)], headers].concat();
        let reply = http_request(self.http(), "PUT", &format!("/{bucket}"), &headers, &[]).expect("an answer of moto");
        assert_eq!(reply.status, 200, "bucket {bucket}: {}", String::from_utf8_lossy(&reply.body));
    }
}
