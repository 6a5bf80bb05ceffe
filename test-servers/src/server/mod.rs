//! Real servers as processes of the test.

mod detached;
mod process;
mod readiness;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

pub use detached::DetachedServer;
use process::ServerProcess;
pub use readiness::ReadySign;
use tempfile::TempDir;

use crate::ports;

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
/// The lines of a log that a failure shows.
const SHOWN_LINES: usize = 60;

/// A server that runs as a process, with a directory and ports of its own. Both stay the same when it is restarted.
///
/// The process is killed when this value is dropped, or when the test's process ends in whichever way. Where a test panics, the end of
/// the server's log is printed.
#[derive(Debug)]
pub struct TestServer {
    plan: ServerPlan,
    process: Option<ServerProcess>,
}

/// The settings of a [`TestServer`].
#[derive(Debug)]
#[must_use]
pub struct TestServerBuilder {
    plan: ServerPlan,
}

#[derive(Debug)]
struct ServerPlan {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    user: Option<String>,
    ports: BTreeMap<String, u16>,
    folder: TempDir,
    ready: ReadySign,
}

impl TestServer {
    /// A server by its name, for messages, and its program.
    pub fn builder(name: &str, program: impl Into<PathBuf>) -> TestServerBuilder {
        let folder =
            tempfile::Builder::new().prefix(&format!("fapilog-{name}-")).tempdir().expect("a temporary directory");
        open_to_all(folder.path());
        TestServerBuilder {
            plan: ServerPlan {
                name: name.to_owned(),
                program: program.into(),
                arguments: Vec::new(),
                environment: Vec::new(),
                user: None,
                ports: BTreeMap::new(),
                folder,
                ready: ReadySign::Started,
            },
        }
    }

    /// The directory of its files, which is removed with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.plan.folder.path()
    }

    /// The address with a port of the builder, by its name.
    #[must_use]
    pub fn address(&self, port: &str) -> SocketAddr {
        let number = self.plan.ports.get(port).unwrap_or_else(|| panic!("{} has no port `{port}`", self.plan.name));
        (Ipv4Addr::LOCALHOST, *number).into()
    }

    /// The names and addresses of all its ports.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.plan.ports.iter().map(|(name, port)| (name.as_str(), (Ipv4Addr::LOCALHOST, *port).into()))
    }

    /// All that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.plan.log()
    }

    /// Waits until it has printed this text. Panics at the deadline.
    pub fn wait_for_log(&self, text: &str, deadline: Duration) {
        let end = Instant::now() + deadline;
        while !self.log().contains(text) {
            assert!(
                Instant::now() < end,
                "{} did not print `{text}` in {deadline:?}:\n{}",
                self.plan.name,
                self.plan.log_end()
            );
            thread::sleep(POLL);
        }
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(ServerProcess::is_running)
    }

    /// Kills it and the processes it started, as `kill -9` does.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Stops it by SIGTERM. After 10 s, it is killed.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(STOP_DEADLINE);
        }
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), and waits until it is ready. Kills it first if it runs.
    pub fn restart(&mut self) {
        self.kill();
        self.process = Some(self.plan.start_again());
    }

    /// Lets the process run on without this one, and keeps its directory. Returns the process's number, which is that of its group too.
    fn detach(mut self) -> u32 {
        self.plan.folder.disable_cleanup(true);
        self.process.take().map_or(0, ServerProcess::detach)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if thread::panicking() {
            // Not through the printing of tests, which panics where the output is closed.
            let _ = writeln!(std::io::stderr(), "{}", self.plan.log_end());
        }
    }
}

impl TestServerBuilder {
    /// The directory of the server, for paths in its settings.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.plan.folder.path()
    }

    /// Reserves a free port of loopback. Its name is for [`TestServer::address`].
    pub fn port(&mut self, name: &str) -> u16 {
        let number = ports::free();
        self.plan.ports.insert(name.to_owned(), number);
        number
    }

    /// Writes a file into the directory, and returns its path.
    pub fn file(&mut self, name: &str, text: &str) -> PathBuf {
        let path = self.directory().join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Makes a directory within the directory, which every user may write to, and returns its path.
    pub fn folder(&mut self, name: &str) -> PathBuf {
        let path = self.directory().join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        open_to_all(&path);
        path
    }

    /// Adds arguments of the program.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.plan.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.plan.environment.push((name.into(), value.into()));
        self
    }

    /// The user that it runs as, where the test runs as root.
    pub fn user(mut self, name: &str) -> Self {
        self.plan.user = rustix::process::geteuid().is_root().then(|| name.to_owned());
        self
    }

    /// The sign that it is ready.
    pub fn ready(mut self, ready: ReadySign) -> Self {
        self.plan.ready = ready;
        self
    }

    /// Runs a program to its end in the server's directory, with its user and environment. Panics with its output if it fails.
    pub fn prepare<A: Into<OsString>>(
        &self,
        program: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = A>,
    ) -> String {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let output = self.plan.command(program.as_ref(), &arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{} failed: {printed}{errors}", program.as_ref().display());
        printed
    }

    /// Starts it, and waits until it is ready. Panics with its log if it ends, or is not ready in 60 s.
    #[must_use]
    pub fn start(self) -> TestServer {
        let process = self.plan.start().unwrap_or_else(|reason| panic!("{reason}"));
        TestServer { plan: self.plan, process: Some(process) }
    }
}

impl ServerPlan {
    fn start(&self) -> Result<ServerProcess, String> {
        let earlier_log = self.log().len();
        let mut process = ServerProcess::start(self.command(&self.program, &self.arguments), &self.log_path())
            .map_err(|error| format!("{}: {} cannot be started: {error}", self.name, self.program.display()))?;
        let end = Instant::now() + START_DEADLINE;
        loop {
            if self.ready.is_met(self.log().get(earlier_log..).unwrap_or_default()) && process.is_running() {
                return Ok(process);
            }
            if !process.is_running() {
                return Err(format!("{} ended before it was ready:\n{}", self.name, self.log_end()));
            }
            if Instant::now() > end {
                return Err(format!("{} was not ready in {START_DEADLINE:?}:\n{}", self.name, self.log_end()));
            }
            thread::sleep(POLL);
        }
    }

    /// A server that was killed may have left memory or a port that is free only in a moment.
    fn start_again(&self) -> ServerProcess {
        let end = Instant::now() + START_DEADLINE;
        loop {
            match self.start() {
                Ok(process) => return process,
                Err(reason) => assert!(Instant::now() < end, "{reason}"),
            }
            thread::sleep(POLL * 10);
        }
    }

    fn command(&self, program: &Path, arguments: &[OsString]) -> Command {
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
                command.arg(program);
                command
            }
        };
        command.args(arguments).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn log(&self) -> String {
        fs::read(self.log_path()).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        format!("--- log of {}\n{}\n---", self.name, shown.join("\n"))
    }
}

fn open_to_all(folder: &Path) {
    let set = fs::set_permissions(folder, fs::Permissions::from_mode(0o777));
    set.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}
