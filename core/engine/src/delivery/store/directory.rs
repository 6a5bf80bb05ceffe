//! The directory of a sink's shard: its lock, its position file, and its segments by name.

use std::{
    fs::{DirBuilder, File},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, MetadataExt},
        },
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::threads::standard_streams;
use rustix::fs::{AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, fsync, lstat, openat, renameat, unlinkat};

use crate::delivery::store::{
    error::StoreError,
    position::{FoundPosition, PositionFile, SpillPosition},
};

const LOCK_NAME: &str = "lock";
const POSITION_NAME: &str = "position";
const SEGMENT_SUFFIX: &str = ".spill";
/// Behind the name of a segment that could not be opened.
const UNREAD_SUFFIX: &str = ".unread";
/// The digits of a segment's number in its name.
const NUMBER_DIGITS: usize = 20;

/// How long a lock of another program is waited for: a process that was killed has its locks for another moment.
pub(super) const LOCK_WAIT: Duration = Duration::from_millis(250);
/// The interval of attempts at the lock.
const LOCK_POLL: Duration = Duration::from_millis(5);
/// The attempts at a directory that other programs remove again and again.
const OPENINGS_MAX: u32 = 8;

/// Only the owner reads what was logged.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Flags of a careful `open`: it follows no symbolic link, and does not wait for the other end of a pipe.
pub(super) const CAREFUL: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The directory, which is locked.
#[derive(Debug)]
pub(super) struct SpillDirectory {
    path: PathBuf,
    handle: OwnedFd,
    lock: File,
    pub(super) position: PositionFile,
}

/// A directory that is opened, and its content at that time.
#[derive(Debug)]
pub(super) struct OpenedDirectory {
    pub(super) directory: SpillDirectory,
    pub(super) position: FoundPosition,
    /// The numbers of the segments, in order.
    pub(super) segments: Vec<u64>,
}

impl SpillDirectory {
    /// Makes the directory where it is absent, and locks it.
    ///
    /// # Errors
    /// `Locked`, and those of the system.
    pub(super) fn open(path: &Path, lock_wait: Duration) -> Result<OpenedDirectory, StoreError> {
        let _streams = standard_streams::reserve();
        for _ in 0..OPENINGS_MAX {
            let opened = Self::open_once(path, lock_wait)?;
            // Another shard may have removed it between the opening and the lock.
            if opened.directory.is_there() {
                return Ok(opened);
            }
        }
        Err(StoreError::io("open", path)(io::ErrorKind::NotFound.into()))
    }

    fn open_once(path: &Path, lock_wait: Duration) -> Result<OpenedDirectory, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(path)
            .map_err(StoreError::io("make the directory", path))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(CWD, path, flags, Mode::empty())
            .map_err(|error| StoreError::io("open the directory", path)(error.into()))?;
        let opened = |name| open_or_create(&handle, name).map_err(StoreError::io("open", path.join(name)));
        let lock = opened(LOCK_NAME)?;
        lock_exclusively(&lock, path, lock_wait)?;
        let (mut position, found) = PositionFile::new(opened(POSITION_NAME)?);
        if !matches!(found, FoundPosition::At(_)) {
            // Without room on the disk, the position is written when there is some.
            let _ = position.fill(SpillPosition::default());
        }
        let segments = segments_in(&handle).map_err(StoreError::io("list", path))?;
        let directory = Self { path: path.to_owned(), handle, lock, position };
        Ok(OpenedDirectory { directory, position: found, segments })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a segment, for reports.
    pub(super) fn path_of(&self, segment: u64) -> PathBuf {
        self.path.join(name_of(segment))
    }

    /// Whether its path still leads to it.
    pub(super) fn is_there(&self) -> bool {
        let (Ok(lock), Ok(found)) = (self.lock.metadata(), lstat(self.path.join(LOCK_NAME))) else { return false };
        (lock.dev(), lock.ino()) == (found.st_dev, found.st_ino)
    }

    /// Creates a segment, which must be absent.
    pub(super) fn create(&self, segment: u64) -> io::Result<File> {
        let _streams = standard_streams::reserve();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFUL;
        Ok(openat(&self.handle, name_of(segment), flags, FILE_MODE)?.into())
    }

    /// Opens a segment.
    pub(super) fn open_segment(&self, segment: u64) -> io::Result<File> {
        let _streams = standard_streams::reserve();
        let file = File::from(openat(&self.handle, name_of(segment), OFlags::RDWR | CAREFUL, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
    }

    /// Removes a segment. It may be gone already.
    pub(super) fn remove(&self, segment: u64) -> io::Result<()> {
        self.remove_name(&name_of(segment))
    }

    /// Renames a segment, so that no store finds it. Returns its new path.
    pub(super) fn set_aside(&self, segment: u64) -> io::Result<PathBuf> {
        let name = name_of(segment);
        let new_name = format!("{name}{UNREAD_SUFFIX}");
        renameat(&self.handle, &name, &self.handle, &new_name)?;
        Ok(self.path.join(new_name))
    }

    /// Makes the names of the files durable, and the directory's own.
    pub(super) fn sync(&self) -> io::Result<()> {
        let _streams = standard_streams::reserve();
        fsync(&self.handle)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(fsync(openat(&self.handle, "..", flags, Mode::empty())?)?)
    }

    /// Releases the lock. Descriptors of forked children would keep it otherwise.
    pub(super) fn unlock(&self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }

    /// Removes the directory, with the lock and the position. Where it has other files, it stays.
    pub(super) fn remove_all(self) -> io::Result<()> {
        self.remove_name(POSITION_NAME)?;
        self.remove_name(LOCK_NAME)?;
        match std::fs::remove_dir(&self.path) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn remove_name(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()).map_err(io::Error::from) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether a directory has the files of a store.
pub(super) fn has_spill_files(path: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if name == POSITION_NAME || number_of(name.as_bytes()).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn segments_in(directory: &OwnedFd) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in Dir::read_from(directory)? {
        numbers.extend(number_of(entry?.file_name().to_bytes()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn name_of(segment: u64) -> String {
    format!("{segment:0NUMBER_DIGITS$}{SEGMENT_SUFFIX}")
}

fn number_of(name: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(name).ok()?.strip_suffix(SEGMENT_SUFFIX)?;
    let is_number = digits.len() == NUMBER_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn open_or_create(directory: &OwnedFd, name: &str) -> io::Result<File> {
    let file = File::from(openat(directory, name, OFlags::RDWR | OFlags::CREATE | CAREFUL, FILE_MODE)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Locks the file. A file system without locks has no such protection.
///
/// # Errors
/// `Locked`.
pub(super) fn lock_exclusively(file: &File, path: &Path, wait: Duration) -> Result<(), StoreError> {
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return Ok(()),
        }
        if start.elapsed() >= wait {
            return Err(StoreError::Locked { path: path.to_owned() });
        }
        thread::sleep(LOCK_POLL);
    }
}
