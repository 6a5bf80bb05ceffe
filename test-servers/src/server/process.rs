//! A process, and those it started.

use std::{
    fs::OpenOptions,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

const POLL: Duration = Duration::from_millis(5);

/// Waits for the end of its input, which comes when the test's process ends, and kills the group.
const WATCHER: &str = r#"read -r _; kill -9 "-$1" 2>/dev/null"#;

/// A process in a group of its own. It is killed when this value is dropped.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    /// Ends the group where this process cannot. `PR_SET_PDEATHSIG` would end it with the thread that started it: with a test.
    watcher: Child,
    is_detached: bool,
}

impl ServerProcess {
    pub(super) fn start(mut command: Command, log: &Path) -> io::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        command.process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn()?;
        match watch(&child) {
            Ok(watcher) => Ok(Self { child, watcher, is_detached: false }),
            Err(error) => {
                let _ = child.kill().and_then(|()| child.wait());
                Err(error)
            }
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) fn stop(mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        if let Some(process) = self.is_running().then(|| group_of(&self.child)).flatten() {
            let _ = rustix::process::kill_process(process, Signal::TERM);
        }
        while self.is_running() && Instant::now() < end {
            thread::sleep(POLL);
        }
    }

    pub(super) fn detach(mut self) -> u32 {
        self.is_detached = true;
        self.child.id()
    }

    fn kill(&mut self) {
        // Also after the process itself has ended: it is not waited for before, so that the number is still that of its group.
        if let Some(group) = group_of(&self.child) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        if !self.is_detached {
            self.kill();
        }
    }
}

fn watch(child: &Child) -> io::Result<Child> {
    let mut watcher = Command::new("sh");
    watcher.args(["-c", WATCHER, "sh", &child.id().to_string()]);
    watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()
}

fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
