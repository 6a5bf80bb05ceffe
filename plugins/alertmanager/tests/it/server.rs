//! Alertmanager itself, as a process of the test's own.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use fapilog_test_servers::{FakeHttp, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use super::alerts::TIMEOUT;

/// The program, under the names of Debian and of the project. Where it is absent, a test that needs it does nothing, unless `NO_SKIPPED_TESTS` is set.
fn program() -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/local/bin"].map(Path::new);
    let names = ["prometheus-alertmanager", "alertmanager"];
    let found = folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.exists());
    assert!(found.is_some() || std::env::var_os("NO_SKIPPED_TESTS").is_none(), "there is no prometheus-alertmanager");
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "the only report of a test that does nothing")]
        {
            eprintln!("NOT TESTED: there is no prometheus-alertmanager");
        }
    }
    found
}

/// An Alertmanager on loopback, killed at the end of the test. Its notifications go to a webhook.
pub(crate) struct RealAlertmanager {
    program: PathBuf,
    directory: TempDir,
    address: SocketAddr,
    child: Child,
}

impl RealAlertmanager {
    /// `None`: the machine has none.
    pub(crate) fn start(webhook: &str) -> Option<Self> {
        let program = program()?;
        let directory = TempDir::new().unwrap();
        let config = format!(
            "route: {{receiver: hook, group_wait: 10ms, group_interval: 100ms, group_by: [alertname]}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n"
        );
        fs::write(directory.path().join("alertmanager.yml"), config).unwrap();
        let address = free_address();
        let child = spawn(&program, directory.path(), address);
        let server = Self { program, directory, address, child };
        server.wait_until_ready();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at its port, with its data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.program, self.directory.path(), self.address);
        self.wait_until_ready();
    }

    /// The alerts that are active, by its API.
    pub(crate) fn alerts(&self) -> Vec<Value> {
        let body = self.get("/api/v2/alerts").unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("no alerts: {error}: {body}"))
    }

    fn wait_until_ready(&self) {
        wait_until("Alertmanager is ready", || self.get("/-/ready").is_some());
    }

    /// The body of an answer of 200.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).ok()?;
        // In HTTP/1.0, a body is not sent in chunks.
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
    }
}

impl Drop for RealAlertmanager {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &Path, directory: &Path, address: SocketAddr) -> Child {
    Command::new(program)
        .arg(format!("--config.file={}", directory.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        // No cluster.
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A port that no client takes while Alertmanager is restarted: those of the fake servers are chosen so.
fn free_address() -> SocketAddr {
    FakeHttp::start().address()
}
