//! Files of the spool: how they are named, opened and locked.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkError;
use rustix::fs::{FlockOperation, OFlags, flock};

/// The name of the lock's file. It is never removed: a lock on a file that was removed is none on its name.
const LOCK: &str = "lock";
const SUFFIX: &str = ".segment";
/// Behind the name of a segment that cannot be read.
const BROKEN: &str = ".broken";

/// The spool has what users logged: its user alone reads it.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// How long a lock of another process is waited for. A process that was killed keeps its locks for a moment.
const LOCK_WAIT: Duration = Duration::from_millis(250);
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Makes the directory and takes its lock.
pub(crate) fn lock_directory(directory: &Path) -> Result<File, SinkError> {
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory);
    made.map_err(io_error("create", directory))?;
    let path = directory.join(LOCK);
    let options = &mut careful();
    let file = options.read(true).write(true).create(true).mode(FILE_MODE).open(&path);
    let file = file.map_err(|error| open_error(&path, error))?;
    refuse_other_than_plain(&file, &path)?;
    let start = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(io_error("lock", &path)(error)),
        }
        if start.elapsed() >= LOCK_WAIT {
            return Err(SinkError::Locked { path });
        }
        thread::sleep(LOCK_POLL);
    }
}

/// The file of the segment of this number.
pub(crate) fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}{SUFFIX}"))
}

/// The segments of a directory with their numbers, the oldest first.
pub(crate) fn segments(directory: &Path) -> Result<Vec<(u64, PathBuf)>, SinkError> {
    let failed = || io_error("read", directory);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|number| segment_path(directory, *number).file_name() == Some(&*name)) {
            found.push((number, directory.join(name)));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the file of a segment.
pub(crate) fn create(path: &Path) -> Result<File, SinkError> {
    let file = careful().write(true).create_new(true).mode(FILE_MODE).open(path);
    file.map_err(io_error("create", path))
}

/// Opens a segment to cut it.
pub(crate) fn open_to_cut(path: &Path) -> Result<File, SinkError> {
    let file = careful().read(true).write(true).open(path).map_err(|error| open_error(path, error))?;
    refuse_other_than_plain(&file, path)?;
    Ok(file)
}

/// Opens a segment to read it.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    careful().read(true).open(path)
}

/// Gives a segment that cannot be read another name, so that others are uploaded. Numbers begin again when the directory has no segment: a
/// file that was set aside before keeps its name and its bytes.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let mut base = path.as_os_str().to_owned();
    base.push(BROKEN);
    let mut name = PathBuf::from(&base);
    let mut number = 1_u64;
    // The directory is locked: no other process makes the name in between.
    while name.symlink_metadata().is_ok() {
        let mut next = base.clone();
        next.push(format!(".{number}"));
        name = PathBuf::from(next);
        number = number.saturating_add(1);
    }
    fs::rename(path, name)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), SinkError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(io_error("sync", directory))
}

pub(crate) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SinkError {
    move |source| SinkError::Io { operation, path: path.to_owned(), source }
}

/// No link is followed, and no pipe is waited for.
fn careful() -> OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    options.custom_flags(flags.bits().cast_signed());
    options
}

fn open_error(path: &Path, error: io::Error) -> SinkError {
    match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => SinkError::NotAPlainFile { path: path.to_owned(), found: "a symbolic link" },
        _ => io_error("open", path)(error),
    }
}

fn refuse_other_than_plain(file: &File, path: &Path) -> Result<(), SinkError> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().map_err(io_error("look at", path))?;
    let found = match () {
        () if !metadata.is_file() => "no regular file",
        () if metadata.nlink() != 1 => "a file with several names",
        () => return Ok(()),
    };
    Err(SinkError::NotAPlainFile { path: path.to_owned(), found })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_segment_that_is_set_aside_replaces_no_earlier_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = segment_path(directory.path(), 1);
        for text in ["first", "second", "third"] {
            fs::write(&path, text).unwrap();
            set_aside(&path).unwrap();
        }
        let mut texts = Vec::new();
        for entry in fs::read_dir(directory.path()).unwrap() {
            texts.push(fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        texts.sort();
        assert_eq!(texts, ["first", "second", "third"]);
    }
}
