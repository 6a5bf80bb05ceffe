//! Anchors: places outside of the trail that get its checkpoints.
//!
//! An attacker who controls the machine can cut the trail back to an older state, with keys and all. A checkpoint that has left the machine
//! before is the proof that there was more.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

use crate::{files::directory_of, format::NOTE_BYTES_MAX};

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

/// Appends checkpoints to a file, such as one on another machine's file system, and makes each durable. It is a file of its own: the part
/// of a checkpoint that a full disk or a crash has left at its end is cut away.
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
        // `O_NONBLOCK`: a pipe would keep the thread waiting for a reader.
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).append(true).mode(0o640).custom_flags(flags);
        let mut file = match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = options.create(true).open(&self.path)?;
                File::open(directory_of(&self.path))?.sync_all()?;
                file
            }
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the anchor is no regular file"));
        }
        lock(&file)?;
        cut_part_of_a_note(&file, note.as_bytes())?;
        file.write_all(note.as_bytes())?;
        file.sync_data()
    }
}

/// Takes the lock of an anchor's file. A file system without locks has one writer by the settings.
fn lock(file: &File) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            // Whoever may read the file can hold a lock on it, for ever.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if start.elapsed() >= LOCK_WAIT {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another program has locked the anchor's file",
                    ));
                }
                thread::sleep(Duration::from_millis(10));
            }
            _ => return Ok(()),
        }
    }
}

const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Cuts away the part of a note that a full disk or a crash has left at the end: the notes behind it could not be read. Other bytes are
/// not cut: the file may be none of an anchor.
fn cut_part_of_a_note(file: &File, next: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(NOTE_BYTES_MAX as u64);
    let mut end = vec![0; usize::try_from(length - start).unwrap_or(0)];
    file.read_exact_at(&mut end, start)?;
    let whole = behind_last_note(&end);
    let tail = end.get(whole.unwrap_or(0)..).unwrap_or_default();
    let is_whole = whole.is_some() || start == 0;
    if is_whole && tail.iter().all(|byte| *byte == b'\n') {
        return Ok(());
    }
    let origin = |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    if is_whole && origin(next).starts_with(&origin(tail)) {
        return file.set_len(length - tail.len() as u64);
    }
    Err(io::Error::other("the end of the anchor's file is no part of a signed note of this trail"))
}

/// The place behind the last whole note. A note ends with whole lines that begin with an em dash.
fn behind_last_note(text: &[u8]) -> Option<usize> {
    let mut behind = None;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.starts_with("\u{2014}".as_bytes()) && line.ends_with(b"\n") {
            behind = Some(at);
        }
    }
    behind
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
        let start = Instant::now();
        loop {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(io::Error::other(format!("the command of the anchor ended with {status}"))),
                None if start.elapsed() >= self.timeout => break,
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        child.kill()?;
        child.wait()?;
        Err(io::Error::new(io::ErrorKind::TimedOut, "the command of the anchor has not ended in time"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOTE: &str = "origin\n1\nroot\n\n\u{2014} name c2ln\n";

    #[test]
    fn a_part_of_a_note_at_the_end_is_cut_away_before_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("anchor.notes");
        for kept in 0..NOTE.len() {
            for before in ["", NOTE] {
                fs::write(&path, [before.as_bytes(), &NOTE.as_bytes()[..kept]].concat()).unwrap();
                FileAnchor::new(&path).store(NOTE).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}{NOTE}"), "{kept}");
            }
        }
    }

    #[test]
    fn a_file_that_is_none_of_an_anchor_is_not_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.txt");
        for text in ["no note\n".to_owned(), "origin\n".repeat(NOTE_BYTES_MAX), format!("{NOTE}and a remark\n")] {
            fs::write(&path, &text).unwrap();
            assert!(FileAnchor::new(&path).store(NOTE).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_pipe_is_no_file_of_an_anchor_and_does_not_hang() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(FileAnchor::new(&path).store(NOTE).is_err());
        assert!(FileAnchor::new("/dev/null").store(NOTE).is_err());
    }

    #[test]
    fn a_file_that_another_program_has_locked_is_an_error_and_does_not_hang() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("anchor.notes");
        FileAnchor::new(&path).store(NOTE).unwrap();
        let reader = File::open(&path).unwrap();
        flock(&reader, FlockOperation::LockExclusive).unwrap();
        assert_eq!(FileAnchor::new(&path).store(NOTE).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(reader);
        FileAnchor::new(&path).store(NOTE).unwrap();
    }

    #[test]
    fn a_command_has_any_time_limit() {
        CommandAnchor::new("/bin/true", []).timeout(Duration::MAX).store(NOTE).unwrap();
    }
}
