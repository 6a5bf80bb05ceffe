//! nginx: a strict HTTP server with limits, and TLS, in front of a plain HTTP server.

use std::{net::SocketAddr, path::PathBuf};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer, TestServerBuilder};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "nginx",
    summary: "HTTP with limits and TLS, in front of another server",
    packages: ServerPackages::Apt(&["nginx-light"]),
    needs: &[],
    program: ServerProgram::System("nginx"),
    start: |program| NginxBuilder::new(program, "return 200;").start().server,
};

/// nginx on loopback.
#[derive(Debug)]
pub struct Nginx {
    /// The process.
    pub server: TestServer,
}

/// The settings of [`Nginx`].
#[derive(Debug)]
#[must_use]
pub struct NginxBuilder {
    server: TestServerBuilder,
    location: String,
    tls: String,
    body_limit: u64,
}

impl Nginx {
    /// nginx that passes all requests to this plain HTTP server, such as a `FakeHttp`. `None`: it is not installed, and the test is
    /// skipped.
    pub fn in_front_of(server: SocketAddr) -> Option<NginxBuilder> {
        let program = DEFINITION.find_or_skip()?;
        let pass = format!(r#"proxy_pass http://{server}; proxy_http_version 1.1; proxy_set_header Connection "";"#);
        Some(NginxBuilder::new(program, &pass))
    }

    /// The address of plain HTTP.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// The address of HTTP by TLS. Panics without TLS.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.server.address("https")
    }
}

impl NginxBuilder {
    fn new(program: PathBuf, location: &str) -> Self {
        let server = TestServer::builder("nginx", program);
        Self { server, location: location.to_owned(), tls: String::new(), body_limit: 1 << 20 }
    }

    /// Requests with longer bodies get 413. Without this, 1 MiB.
    pub fn body_limit(self, bytes: u64) -> Self {
        Self { body_limit: bytes, ..self }
    }

    /// TLS too, with a certificate of this authority.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, ca: &crate::TestCa) -> Self {
        let (port, certificate) = (self.server.port("https"), ca.server());
        self.tls = format!(
            "listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};",
            certificate.certificate_path.display(),
            certificate.key_path.display()
        );
        self
    }

    /// TLS too, and a client must have a certificate of this authority.
    #[cfg(feature = "tls")]
    pub fn mutual_tls(self, ca: &crate::TestCa) -> Self {
        let mut builder = self.tls(ca);
        builder.tls += &format!(" ssl_client_certificate {}; ssl_verify_client on;", ca.certificate_path().display());
        builder
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Nginx {
        let port = self.server.port("http");
        let folder = self.server.directory().display().to_string();
        let Self { location, tls, body_limit, .. } = &self;
        let settings = format!(
            "daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_max_body_size {body_limit};
    server {{ listen 127.0.0.1:{port}; {tls} location / {{ {location} }} }}
}}
"
        );
        let path = self.server.file("nginx.conf", &settings);
        let arguments = ["-p".into(), folder.into(), "-e".into(), "stderr".into(), "-c".into(), path.into_os_string()];
        Nginx { server: self.server.args(arguments).ready(ReadySign::Port(port)).start() }
    }
}
