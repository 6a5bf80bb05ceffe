//! Servers that outlive the process that started them: for trials from a shell.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::TestServer;

const STOP_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// A server that runs on after the process that started it. A file keeps its number, addresses and directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DetachedServer {
    /// The number of its process and of its group.
    pub process: u32,
    /// When it was started, in ticks since the machine was: another process may get its number later.
    started: u64,
    /// Its directory.
    pub directory: PathBuf,
    /// The names and addresses of its ports.
    pub addresses: Vec<(String, String)>,
}

impl DetachedServer {
    /// Lets a server run on, and writes its file.
    pub fn detach(server: TestServer, file: &Path) -> io::Result<Self> {
        let directory = server.directory().to_owned();
        let addresses = server.addresses().map(|(name, address)| (name.to_owned(), address.to_string())).collect();
        let process = server.detach();
        let started = start_of(process).unwrap_or(0);
        let detached = Self { process, started, directory, addresses };
        let addresses: serde_json::Map<String, Value> =
            detached.addresses.iter().map(|(name, address)| (name.clone(), json!(address))).collect();
        let text =
            json!({ "process": process, "started": started, "directory": detached.directory, "addresses": addresses });
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, format!("{text:#}\n"))?;
        Ok(detached)
    }

    /// Reads its file. `None` where there is none, or where the server has ended.
    #[must_use]
    pub fn find(file: &Path) -> Option<Self> {
        let value: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        let addresses = value.get("addresses")?.as_object()?.iter();
        let found = Self {
            process: u32::try_from(value.get("process")?.as_u64()?).ok()?,
            started: value.get("started")?.as_u64()?,
            directory: value.get("directory")?.as_str()?.into(),
            addresses: addresses
                .map(|(name, address)| Some((name.clone(), address.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
        };
        found.is_running().then_some(found)
    }

    /// Stops it by SIGTERM, after 10 s by SIGKILL, and removes its directory and its file.
    pub fn stop(&self, file: &Path) -> io::Result<()> {
        let process = i32::try_from(self.process).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        if self.is_running() {
            rustix::process::kill_process(process, Signal::TERM)?;
        }
        let end = Instant::now() + STOP_DEADLINE;
        while self.is_running() && Instant::now() < end {
            thread::sleep(POLL);
        }
        // Its children, too. An error: all have ended.
        let _ = rustix::process::kill_process_group(process, Signal::KILL);
        let _ = fs::remove_dir_all(&self.directory);
        fs::remove_file(file)
    }

    fn is_running(&self) -> bool {
        start_of(self.process) == Some(self.started)
    }
}

/// The start of a process that has not ended. Field 22 of its line; the second field, its name in parentheses, may have spaces.
fn start_of(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, tail) = stat.rsplit_once(") ")?;
    let mut fields = tail.split(' ');
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let start = fields.nth(18)?.parse().ok()?;
    (!is_dead).then_some(start)
}
