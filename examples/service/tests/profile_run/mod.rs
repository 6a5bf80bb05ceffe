//! A run of the shop as a program of its own, under the settings file of a standard, in a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use example_service::first_run;
use fapilog_compliance::{ClockState, MachineProbe, ThisMachine};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const TIMEOUT: Duration = Duration::from_secs(60);

/// The settings file of this name.
pub(crate) fn settings_file(profile: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("settings").join(format!("{profile}.toml"))
}

/// The variable that states by what PCI DSS 10.6.1 is met, where nothing keeps this machine's clock in time, as in many containers for tests.
pub(crate) fn clock_variable(profile: &str) -> Option<(&'static str, &'static str)> {
    let is_met = matches!(ThisMachine.clock(), ClockState::Synchronised { .. } | ClockState::Unknown { .. });
    let elsewhere = r#"{"pci-dss": {"met_elsewhere": {"pci-dss/10.6.1": "the machine of a test has no time daemon"}}}"#;
    (!is_met && profile.starts_with("pci-dss")).then_some(("FAPILOG_PLUGIN_CONFIG", elsewhere))
}

/// The shop, as a child. It is killed if a test fails.
pub(crate) struct RunningShop {
    child: Child,
    directory: TempDir,
    output: BufReader<std::process::ChildStdout>,
}

/// The end of a run.
pub(crate) struct EndedShop {
    pub(crate) status: ExitStatus,
    pub(crate) directory: TempDir,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl RunningShop {
    pub(crate) fn start(profile: &str, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // The shop does it itself, too; the report is asked for what stands there.
        first_run::prepare(directory.path()).unwrap();
        let errors = fs::File::create(directory.path().join("stderr")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_example-service"))
            .arg("--settings")
            .arg(settings_file(profile))
            .arg("127.0.0.1:0")
            .envs(clock_variable(profile))
            .envs(variables.iter().copied())
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, directory, output }
    }

    /// The address that the shop prints when it is open.
    pub(crate) fn address(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("shop is open at ");
        address.unwrap_or_else(|| panic!("{line:?}; {}", self.errors())).to_owned()
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).unwrap()
    }

    /// Ends it by SIGTERM.
    pub(crate) fn terminate(self) -> EndedShop {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.wait()
    }

    pub(crate) fn wait(mut self) -> EndedShop {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("the shop has not ended: {}", self.errors());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut stdout = String::new();
        self.output.read_to_string(&mut stdout).unwrap();
        EndedShop { status, stdout, stderr: self.errors(), directory: self.directory }
    }
}

/// Sends a request, and returns the status of the response.
pub(crate) fn request(address: &str, method: &str, path: &str, header: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: shop\r\ncontent-length: {length}\r\n{header}");
    write!(stream, "{head}connection: close\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{response:?}"))
}

impl EndedShop {
    /// The files below a folder of the shop.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.directory.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let list = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut found };
                list.push(entry.path());
            }
        }
        found
    }
}
