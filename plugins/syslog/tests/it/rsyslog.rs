//! rsyslog, started by a test on loopback, with a configuration of its own.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use fapilog_test_servers::wait_until;
use serde_json::Value;
use tempfile::TempDir;

use crate::tls::Certificates;

/// Tests that found no rsyslog.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// A server: it reads what it gets, and writes the parts of each message to a file.
pub(crate) struct Rsyslog {
    child: Option<Child>,
    directory: TempDir,
    pub(crate) ports: Ports,
}

/// The ports of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) udp: u16,
    pub(crate) tcp: u16,
    pub(crate) tls: u16,
}

/// The program. Where it is absent, a test that needs it does nothing, unless `NO_SKIPPED_TESTS` is set, as `.ci/run` has it.
fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/rsyslogd", "/usr/bin/rsyslogd"].map(PathBuf::from).into_iter().find(|path| path.exists());
    assert!(found.is_some() || std::env::var_os("NO_SKIPPED_TESTS").is_none(), "there is no rsyslogd");
    if found.is_none() {
        // Relaxed: a number for people.
        let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
        #[expect(clippy::print_stderr, reason = "the only report of a test that does nothing")]
        {
            eprintln!("NOT TESTED: there is no rsyslogd ({skipped} tests so far)");
        }
    }
    found
}

impl Rsyslog {
    /// Starts it. `None` if the machine has none.
    pub(crate) fn start(certificates: &Certificates) -> Option<Self> {
        program()?;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (udp, plain, tls) = (UdpSocket::bind("127.0.0.1:0").unwrap(), tcp(), tcp());
        let port_of = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let ports = Ports { udp: udp.local_addr().unwrap().port(), tcp: port_of(&plain), tls: port_of(&tls) };
        drop((udp, plain, tls));
        let mut server = Self { child: None, directory, ports };
        fs::write(server.path("rsyslog.conf"), server.config(certificates)).unwrap();
        server.start_again();
        Some(server)
    }

    pub(crate) fn start_again(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("rsyslogd.log")).unwrap();
        let child = Command::new(program().unwrap())
            .arg("-n")
            .arg("-f")
            .arg(self.path("rsyslog.conf"))
            .arg("-i")
            .arg(self.path("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let Ports { tcp, tls, .. } = self.ports;
        wait_until(&format!("rsyslog listens: {}", self.log()), || {
            let is_open = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            is_open(tcp) && is_open(tls) && self.socket().exists()
        });
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
        let _ = fs::remove_file(self.socket());
    }

    /// Kills it, as the kernel does that has no memory left.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = fs::remove_file(self.path("pid"));
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("log")
    }

    /// The messages so far, as rsyslog has read them.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("messages")).unwrap_or_default();
        // The last line may be written at the moment.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Waits until a message has this text, and returns it.
    pub(crate) fn message(&self, text: &str) -> Value {
        let mut found = None;
        wait_until(&format!("rsyslog has {text}: {}", self.log()), || {
            found = self.messages().into_iter().find(|message| message["msg"].as_str().unwrap().trim() == text);
            found.is_some()
        });
        found.unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("rsyslogd.log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, certificates: &Certificates) -> String {
        let Ports { udp, tcp, tls } = self.ports;
        let path = |path: PathBuf| path.display().to_string();
        let (work, socket, messages) =
            (path(self.directory.path().to_owned()), path(self.socket()), path(self.path("messages")));
        let (ca, certificate, key) = (
            path(certificates.path("ca.pem")),
            path(certificates.path("server.pem")),
            path(certificates.path("server.key")),
        );
        let fields = [
            ("pri", "pri"),
            ("host", "hostname"),
            ("app", "app-name"),
            ("pid", "procid"),
            ("id", "msgid"),
            ("data", "structured-data"),
            ("tag", "syslogtag"),
            ("time", "timereported"),
            ("msg", "msg"),
        ];
        let fields: String = fields
            .iter()
            .map(|(out, name)| format!("property(outname=\"{out}\" name=\"{name}\" format=\"jsonf\") "))
            .collect();
        format!(
            r#"global(workDirectory="{work}" maxMessageSize="64k" defaultNetstreamDriverCAFile="{ca}"
                defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
            module(load="imudp")
            module(load="imtcp")
            module(load="imuxsock" SysSock.Name="{socket}" SysSock.RateLimit.Interval="0")
            input(type="imudp" address="127.0.0.1" port="{udp}")
            input(type="imtcp" address="127.0.0.1" port="{tcp}")
            input(type="imtcp" address="127.0.0.1" port="{tls}" streamDriver.name="gtls" streamDriver.mode="1"
                streamDriver.authMode="anon")
            template(name="parts" type="list" option.jsonf="on") {{ {fields} }}
            action(type="omfile" file="{messages}" template="parts")
            "#
        )
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
