//! rsyslog: syslog by UDP, by TCP with octet counting and with LF, and by TLS.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{NeededFile, ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer, TestServerBuilder};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "rsyslog",
    summary: "syslog by UDP, TCP and TLS",
    packages: ServerPackages::Apt(&["rsyslog"]),
    needs: &[NeededFile { package: "rsyslog-gnutls", path: "/usr/lib/*/rsyslog/lmnsd_gtls.so" }],
    program: ServerProgram::System("rsyslogd"),
    start: |program| {
        RsyslogBuilder { server: TestServer::builder("rsyslog", program), tls: String::new() }.start().server
    },
};

/// The messages as they came, a JSON object a line.
const OUTPUT: &str = "messages.json";
const POLL: Duration = Duration::from_millis(5);

/// rsyslog, which writes each message to a file as JSON.
#[derive(Debug)]
pub struct Rsyslog {
    /// The process.
    pub server: TestServer,
}

/// The settings of [`Rsyslog`].
#[derive(Debug)]
#[must_use]
pub struct RsyslogBuilder {
    server: TestServerBuilder,
    tls: String,
}

impl Rsyslog {
    /// rsyslog with UDP and TCP. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::builder().map(RsyslogBuilder::start)
    }

    /// rsyslog with settings. `None`: it is not installed, and the test is skipped.
    pub fn builder() -> Option<RsyslogBuilder> {
        let server = TestServer::builder("rsyslog", DEFINITION.find_or_skip()?);
        Some(RsyslogBuilder { server, tls: String::new() })
    }

    /// The address of UDP.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.server.address("udp")
    }

    /// The address of TCP, with octet counting or LF.
    #[must_use]
    pub fn tcp(&self) -> SocketAddr {
        self.server.address("tcp")
    }

    /// The address of TLS, with octet counting or LF. Panics without TLS.
    #[must_use]
    pub fn tls(&self) -> SocketAddr {
        self.server.address("tls")
    }

    /// The messages so far, as rsyslog has parsed them. The keys are the names of its properties: `rawmsg`, `msg`, `hostname`,
    /// `app-name`, `procid`, `msgid`, `pri`, `timereported`, `structured-data`, `inputname`.
    #[must_use]
    pub fn messages(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.output()).unwrap_or_default();
        // The last line may be in the making.
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.get(..end).unwrap_or_default().lines().map(parse).collect()
    }

    /// Waits for so many messages. Panics at the deadline.
    pub fn wait_for(&self, messages: usize, deadline: Duration) -> Vec<serde_json::Value> {
        let end = Instant::now() + deadline;
        loop {
            let all = self.messages();
            if all.len() >= messages {
                return all;
            }
            assert!(Instant::now() < end, "rsyslog has {} of {messages} messages after {deadline:?}", all.len());
            thread::sleep(POLL);
        }
    }

    fn output(&self) -> PathBuf {
        self.server.directory().join(OUTPUT)
    }
}

impl RsyslogBuilder {
    /// TLS too, with a certificate of this authority.
    #[cfg(feature = "tls")]
    pub fn tls(self, ca: &crate::TestCa) -> Self {
        self.tls_input(ca, "anon")
    }

    /// TLS too, and a client must have a certificate of this authority.
    #[cfg(feature = "tls")]
    pub fn mutual_tls(self, ca: &crate::TestCa) -> Self {
        self.tls_input(ca, "x509/certvalid")
    }

    #[cfg(feature = "tls")]
    fn tls_input(mut self, ca: &crate::TestCa, mode: &str) -> Self {
        let port = self.server.port("tls");
        let server = ca.server();
        self.tls = format!(
            r#"
input(type="imtcp" address="127.0.0.1" port="{port}" name="tls"
      streamdriver.name="gtls" streamdriver.mode="1" streamdriver.authmode="{mode}"
      streamdriver.CAFile="{}" streamdriver.CertFile="{}" streamdriver.KeyFile="{}")"#,
            ca.certificate_path().display(),
            server.certificate_path.display(),
            server.key_path.display()
        );
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Rsyslog {
        let (udp, tcp) = (self.server.port("udp"), self.server.port("tcp"));
        let output = self.server.directory().join(OUTPUT);
        let settings = settings(self.server.directory(), udp, tcp, &self.tls, &output);
        let path = self.server.file("rsyslog.conf", &settings);
        let pid_file = self.server.directory().join("rsyslog.pid");
        let arguments = ["-n".into(), "-f".into(), path, "-i".into(), pid_file];
        Rsyslog { server: self.server.args(arguments).ready(ReadySign::Port(tcp)).start() }
    }
}

fn settings(folder: &Path, udp: u16, tcp: u16, tls: &str, output: &Path) -> String {
    let properties = [
        "rawmsg",
        "msg",
        "hostname",
        "app-name",
        "procid",
        "msgid",
        "pri",
        "timereported",
        "structured-data",
        "inputname",
    ];
    let property = |name| match name {
        "timereported" => format!(r#"property(name="{name}" format="jsonf" dateFormat="rfc3339")"#),
        _ => format!(r#"property(name="{name}" format="jsonf")"#),
    };
    let properties = properties.map(property).join("\n  constant(value=\",\")\n  ");
    format!(
        r#"global(workDirectory="{}" maxMessageSize="64k" net.enableDNS="off" parser.escapeControlCharactersOnReceive="off")
main_queue(queue.type="Direct")
module(load="imudp")
module(load="imtcp")
template(name="json" type="list") {{
  constant(value="{{")
  {properties}
  constant(value="}}\n")
}}
ruleset(name="all") {{
  action(type="omfile" file="{}" template="json" asyncWriting="off" flushOnTXEnd="on")
}}
input(type="imudp" address="127.0.0.1" port="{udp}" name="udp" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" name="tcp" ruleset="all"){tls}
*.* call all
"#,
        folder.display(),
        output.display(),
    )
}
