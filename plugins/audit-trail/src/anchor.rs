//! Anchors: places outside of the trail that get its checkpoints.
//!
//! An attacker who controls the machine can cut the trail back to an older state, with keys and all. A checkpoint that has left the machine
//! before is the proof that there was more.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A place that gets each checkpoint, as a [signed note](https://c2sp.org/signed-note).
///
/// It is called on a thread of its own, so it may take its time: at most 64 checkpoints wait for it, and later ones drop the oldest.
/// Closures `FnMut(&str) -> io::Result<()>` are anchors: they may hand the note to a logger of another sink, or to a client.
pub trait Anchor: Send + 'static {
    /// Stores a checkpoint.
    ///
    /// # Errors
    /// When it is not stored. It is reported and counted, and the next checkpoint is stored in its place: each contains all before it.
    fn store(&mut self, note: &str) -> io::Result<()>;
}

impl<F: FnMut(&str) -> io::Result<()> + Send + 'static> Anchor for F {
    fn store(&mut self, note: &str) -> io::Result<()> {
        self(note)
    }
}

/// Appends checkpoints to a file, such as one on another machine's file system, and makes each durable.
#[derive(Debug, Clone)]
pub struct FileAnchor {
    path: PathBuf,
}

impl FileAnchor {
    /// An anchor in the file at this path. The file is made, with mode 0640, if there is none.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Anchor for FileAnchor {
    fn store(&mut self, note: &str) -> io::Result<()> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let mut file = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(&self.path)?;
        file.write_all(note.as_bytes())?;
        file.sync_data()
    }
}

/// Runs a command for each checkpoint, which it gets on its standard input.
#[derive(Clone)]
pub struct CommandAnchor {
    program: PathBuf,
    arguments: Vec<String>,
    timeout: Duration,
}

impl CommandAnchor {
    /// An anchor that runs this program. It has 30 s for each checkpoint.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().collect(), timeout: Duration::from_secs(30) }
    }

    /// With another time limit. A program that takes longer is killed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Without the arguments, which may be secret.
impl fmt::Debug for CommandAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandAnchor").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Anchor for CommandAnchor {
    fn store(&mut self, note: &str) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A pipe has room for a whole note. A program that reads nothing reports its error by its exit code.
            let _ = input.write_all(note.as_bytes());
        }
        let end = Instant::now() + self.timeout;
        loop {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(io::Error::other(format!("the command of the anchor ended with {status}"))),
                None if Instant::now() >= end => break,
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        child.kill()?;
        child.wait()?;
        Err(io::Error::new(io::ErrorKind::TimedOut, "the command of the anchor has not ended in time"))
    }
}
