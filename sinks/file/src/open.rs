//! Opening the file, twice: through the page cache and past it.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use fapilog_plugin::sink::SinkError;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, FsWord, OFlags, StatxFlags, fcntl_getfl, fcntl_setfl, flock, fstatfs, statx,
};

/// The unit of direct writes. Every known file system takes it, and the page cache has the same unit.
pub(super) const PAGE_BYTES: usize = 4096;

/// The open file.
#[derive(Debug)]
pub(super) struct LogFile {
    /// Writes through the page cache.
    pub(super) buffered: File,
    /// Writes past the page cache.
    pub(super) direct: Result<File, NoDirect>,
    /// Its length.
    pub(super) end: u64,
    /// The filled part of its last page.
    pub(super) partial_page: Vec<u8>,
    /// Whether its last byte is no line feed: a crash, or another program, has left a line without its end.
    pub(super) has_torn_line: bool,
    /// The time of its creation; `None` where the file system does not keep it.
    pub(super) created: Option<SystemTime>,
}

impl LogFile {
    /// The text of the diagnostic, if there are no direct writes and the program wants them.
    pub(super) fn direct_diagnostic(&self) -> Option<String> {
        self.direct.as_ref().err().and_then(NoDirect::diagnostic)
    }
}

/// Options of opening a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// Whether full blocks are to bypass the page cache.
    pub(super) is_direct: bool,
    /// The permissions of a new file.
    pub(super) mode: u32,
    /// Whether the umask takes permissions away.
    pub(super) respects_umask: bool,
    /// The permissions of directories that are made where they are absent; `None` if they must be there.
    pub(super) directory_mode: Option<u32>,
}

/// Why there are no direct writes.
#[derive(Debug)]
pub(super) enum NoDirect {
    NotWanted,
    NotOffered,
    Refused(io::Error),
}

impl NoDirect {
    /// The text of the diagnostic; `None` if the program wants no direct writes.
    fn diagnostic(&self) -> Option<String> {
        match self {
            Self::NotWanted => None,
            Self::NotOffered => Some("buffered instead of direct writes: the file system offers none".to_owned()),
            Self::Refused(error) => Some(format!("buffered instead of direct writes: {error}")),
        }
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SinkError {
    move |source| SinkError::Io { operation, path: path.to_owned(), source }
}

/// Opens or creates the file, checks that it is a regular file with one name, and locks it.
pub(super) fn open(path: &Path, opening: Opening) -> Result<LogFile, SinkError> {
    match create(path, opening) {
        Err(SinkError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            log_file(open_existing(path)?, path, opening)
        }
        created => created,
    }
}

/// Creates the file, which must be absent, and locks it.
pub(super) fn create(path: &Path, opening: Opening) -> Result<LogFile, SinkError> {
    let created = match create_new(path, opening.mode) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_directories(path, opening).map_err(io_error("create the directory of", path))?;
            create_new(path, opening.mode).map_err(|error| naming_the_directory(error, path))
        }
        created => created,
    };
    let file = created.map_err(io_error("create", path))?;
    if !opening.respects_umask {
        // The umask has changed the mode: `fchmod` sets the mode of the settings.
        file.set_permissions(PermissionsExt::from_mode(opening.mode)).map_err(io_error("set the mode of", path))?;
    }
    log_file(file, path, opening)
}

/// The error, with the remedies if the directory is absent: the system's reason seems to be about the file, which nobody expects to be there.
fn naming_the_directory(error: io::Error, path: &Path) -> io::Error {
    match path.parent() {
        Some(directory) if error.kind() == io::ErrorKind::NotFound && !directory.exists() => io::Error::new(
            io::ErrorKind::NotFound,
            "there is no such directory; make it, or set create_directories = true",
        ),
        _ => error,
    }
}

fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    options().create_new(true).mode(mode).open(path)
}

/// Makes the directories above the file that are absent, if the settings have that.
fn make_directories(path: &Path, opening: Opening) -> io::Result<()> {
    let (Some(mode), Some(directory)) = (opening.directory_mode, path.parent()) else { return Ok(()) };
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    for directory in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
        make_directory(directory, mode, opening.respects_umask)?;
    }
    Ok(())
}

fn make_directory(path: &Path, mode: u32, respects_umask: bool) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        // Another sink has made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    if respects_umask {
        return Ok(());
    }
    // By descriptor: another program may have put something else in its place.
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let directory = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    directory.set_permissions(PermissionsExt::from_mode(mode))
}

fn log_file(buffered: File, path: &Path, opening: Opening) -> Result<LogFile, SinkError> {
    refuse_other_than_plain(&buffered, path)?;
    clear_nonblock(&buffered).map_err(io_error("set the flags of", path))?;
    lock(&buffered, path)?;
    let metadata = buffered.metadata().map_err(io_error("read the length of", path))?;
    let end = metadata.len();
    let mut partial_page = vec![0; (end % PAGE_BYTES as u64) as usize];
    let page_start = end - partial_page.len() as u64;
    buffered.read_exact_at(&mut partial_page, page_start).map_err(io_error("read the end of", path))?;
    let has_torn_line = has_torn_line(&buffered, end).map_err(io_error("read the end of", path))?;
    let direct = if opening.is_direct { open_direct(&buffered, path) } else { Err(NoDirect::NotWanted) };
    Ok(LogFile { buffered, direct, end, partial_page, has_torn_line, created: metadata.created().ok() })
}

fn has_torn_line(file: &File, end: u64) -> io::Result<bool> {
    let Some(last) = end.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

/// Flags of a careful `open`: it follows no symbolic link, does not wait for the other end of a pipe, and makes no terminal
/// the program's controlling one.
const CAREFUL: libc::c_int = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(CAREFUL);
    options
}

/// Clears `O_NONBLOCK`: with it, io_uring fails each write that would block, and the file system never gets that write.
fn clear_nonblock(file: &File) -> io::Result<()> {
    let flags = fcntl_getfl(file)?;
    Ok(fcntl_setfl(file, flags.difference(OFlags::NONBLOCK))?)
}

fn open_existing(path: &Path) -> Result<File, SinkError> {
    options().open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => SinkError::NotAPlainFile { path: path.to_owned(), found: "a symbolic link" },
        Some(libc::EISDIR) => SinkError::NotAPlainFile { path: path.to_owned(), found: "a directory" },
        _ => io_error("open", path)(error),
    })
}

fn refuse_other_than_plain(file: &File, path: &Path) -> Result<(), SinkError> {
    let metadata = file.metadata().map_err(io_error("look at", path))?;
    let file_type = metadata.file_type();
    let found = if file_type.is_fifo() {
        "a pipe"
    } else if file_type.is_char_device() || file_type.is_block_device() {
        "a device"
    } else if !file_type.is_file() {
        "no regular file"
    } else if is_of_the_kernel(file) {
        "a file of the kernel"
    } else if metadata.nlink() != 1 {
        "a file with several names"
    } else {
        return Ok(());
    };
    Err(SinkError::NotAPlainFile { path: path.to_owned(), found })
}

/// How long a lock of another sink is waited for. A process that was killed keeps its locks for a moment, until its last request
/// of io_uring has ended.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// The interval of attempts at the lock.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Locks the file: two writers at their own offsets would overwrite each other.
fn lock(file: &File, path: &Path) -> Result<(), SinkError> {
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Any other error means a file system without locks: the sink starts without a lock.
            _ => return Ok(()),
        }
        if start.elapsed() >= LOCK_WAIT {
            return Err(SinkError::Locked { path: path.to_owned() });
        }
        thread::sleep(LOCK_POLL);
    }
}

/// Releases the lock. Descriptors of forked children would keep it otherwise.
pub(super) fn unlock(file: &File) {
    let _ = flock(file, FlockOperation::Unlock);
}

/// Truncates the file at `end`. A file that is shorter already stays as it is.
pub(super) fn cut_behind(file: &File, end: u64) -> io::Result<()> {
    if file.metadata()?.len() > end { file.set_len(end) } else { Ok(()) }
}

fn open_direct(buffered: &File, path: &Path) -> Result<File, NoDirect> {
    match direct_alignment(path) {
        DirectAlignment::Unknown if is_in_memory(buffered) => return Err(NoDirect::NotOffered),
        DirectAlignment::None => return Err(NoDirect::NotOffered),
        DirectAlignment::Bytes(bytes) if bytes > PAGE_BYTES => return Err(NoDirect::NotOffered),
        DirectAlignment::Unknown | DirectAlignment::Bytes(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(CAREFUL | libc::O_DIRECT);
    let direct = options.open(path).map_err(NoDirect::Refused)?;
    clear_nonblock(&direct).map_err(NoDirect::Refused)?;
    let (Ok(one), Ok(other)) = (buffered.metadata(), direct.metadata()) else { return Err(NoDirect::NotOffered) };
    if (one.dev(), one.ino()) != (other.dev(), other.ino()) {
        return Err(NoDirect::Refused(io::Error::other("the file was replaced while it was opened")));
    }
    Ok(direct)
}

/// The alignment that a file system requires of direct writes.
enum DirectAlignment {
    /// The kernel (before Linux 6.1) or the file system does not report it.
    Unknown,
    /// The file system has no direct writes.
    None,
    Bytes(usize),
}

/// Asks by `statx(STATX_DIOALIGN)`.
fn direct_alignment(path: &Path) -> DirectAlignment {
    let Ok(answer) = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::DIOALIGN) else {
        return DirectAlignment::Unknown;
    };
    if answer.stx_mask & StatxFlags::DIOALIGN.bits() == 0 {
        return DirectAlignment::Unknown;
    }
    match answer.stx_dio_mem_align.max(answer.stx_dio_offset_align) {
        0 => DirectAlignment::None,
        bytes => DirectAlignment::Bytes(bytes as usize),
    }
}

/// From `linux/magic.h`.
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const PROC_MAGIC: FsWord = 0x9FA0;
const SYSFS_MAGIC: FsWord = 0x6265_6572;

/// Whether a write to the file changes the kernel or a process, as one to `/proc/self/mem` does. Its type is that of a
/// regular file.
fn is_of_the_kernel(file: &File) -> bool {
    fstatfs(file).is_ok_and(|answer| [PROC_MAGIC, SYSFS_MAGIC].contains(&answer.f_type))
}

/// Whether the file is on tmpfs. Some kernels accept `O_DIRECT` there, with no effect.
fn is_in_memory(file: &File) -> bool {
    fstatfs(file).is_ok_and(|answer| answer.f_type == TMPFS_MAGIC)
}
