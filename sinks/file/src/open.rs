//! Opening the file, twice: through the page cache and past it.

use std::{
    ffi::CString,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        },
    },
    path::Path,
};

use fapilog_plugin::sink::SinkError;

/// The unit of direct writes: what every file system we know takes, and the page cache's own.
pub(super) const PAGE_BYTES: usize = 4096;

/// The open file.
#[derive(Debug)]
pub(super) struct LogFile {
    /// Through the page cache.
    pub(super) buffered: File,
    /// Past it.
    pub(super) direct: Result<File, NoDirect>,
    /// Its length.
    pub(super) end: u64,
    /// What is in its last page.
    pub(super) carry: Vec<u8>,
}

/// Why there are no direct writes.
#[derive(Debug)]
pub(super) enum NoDirect {
    NotWanted,
    NotOffered,
    Refused(io::Error),
}

impl NoDirect {
    /// What there is to say about it.
    pub(super) fn notice(&self) -> Option<String> {
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

/// Opens or makes the file, makes sure that it is one we may write to, and locks it.
pub(super) fn open(path: &Path, wants_direct: bool, mode: u32) -> Result<LogFile, SinkError> {
    let buffered = open_buffered(path, mode)?;
    refuse_other_than_plain(&buffered, path)?;
    let_wait(&buffered).map_err(io_error("set the flags of", path))?;
    lock(&buffered, path)?;
    let end = buffered.metadata().map_err(io_error("read the length of", path))?.len();
    let mut carry = vec![0; (end % PAGE_BYTES as u64) as usize];
    let page_start = end - carry.len() as u64;
    buffered.read_exact_at(&mut carry, page_start).map_err(io_error("read the end of", path))?;
    let direct = if wants_direct { open_direct(&buffered, path) } else { Err(NoDirect::NotWanted) };
    Ok(LogFile { buffered, direct, end, carry })
}

/// No symbolic link is followed, nothing is waited for (not for the other end of a pipe that lies there), and no terminal
/// becomes the program's own.
const CAREFUL: libc::c_int = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(CAREFUL);
    options
}

/// Takes `O_NONBLOCK` off again: with it, io_uring has a write fail that must wait, and the file system never gets it.
fn let_wait(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn open_buffered(path: &Path, mode: u32) -> Result<File, SinkError> {
    match options().create_new(true).mode(mode).open(path) {
        Ok(file) => {
            // The umask has had its say; the settings have the last word.
            file.set_permissions(PermissionsExt::from_mode(mode)).map_err(io_error("set the mode of", path))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_existing(path),
        Err(error) => Err(io_error("create", path)(error)),
    }
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
    } else if metadata.nlink() != 1 {
        "a file with several names"
    } else {
        return Ok(());
    };
    Err(SinkError::NotAPlainFile { path: path.to_owned(), found })
}

/// Two writers at offsets of their own would overwrite each other.
fn lock(file: &File, path: &Path) -> Result<(), SinkError> {
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    let failed = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0;
    if !failed {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock {
        return Err(SinkError::Locked { path: path.to_owned() });
    }
    // A file system without locks: we have asked.
    Ok(())
}

/// Gives the lock up, for the descriptors of forked children too, which would keep it.
pub(super) fn unlock(file: &File) {
    // SAFETY: the descriptor is open; the call touches no memory of ours.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}

/// Cuts off what is behind `end`. A file that somebody else has made shorter stays as it is.
pub(super) fn cut_behind(file: &File, end: u64) -> io::Result<()> {
    if file.metadata()?.len() > end { file.set_len(end) } else { Ok(()) }
}

fn open_direct(buffered: &File, path: &Path) -> Result<File, NoDirect> {
    match offered_alignment(path) {
        Offered::Unknown if is_in_memory(buffered) => return Err(NoDirect::NotOffered),
        Offered::None => return Err(NoDirect::NotOffered),
        Offered::Alignment(bytes) if bytes > PAGE_BYTES => return Err(NoDirect::NotOffered),
        Offered::Unknown | Offered::Alignment(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(CAREFUL | libc::O_DIRECT);
    let direct = options.open(path).map_err(NoDirect::Refused)?;
    let_wait(&direct).map_err(NoDirect::Refused)?;
    let (Ok(one), Ok(other)) = (buffered.metadata(), direct.metadata()) else { return Err(NoDirect::NotOffered) };
    if (one.dev(), one.ino()) != (other.dev(), other.ino()) {
        return Err(NoDirect::Refused(io::Error::other("the file was replaced while it was opened")));
    }
    Ok(direct)
}

/// What the file system says of direct writes.
enum Offered {
    /// The kernel does not say (before Linux 6.1, or this file system).
    Unknown,
    None,
    Alignment(usize),
}

/// Asks by `statx(STATX_DIOALIGN)`.
fn offered_alignment(path: &Path) -> Offered {
    let Ok(c_path) = CString::new(path.as_os_str().as_bytes()) else { return Offered::Unknown };
    // SAFETY: `statx` is plain numbers, for which zeros are a value.
    let mut answer: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with NUL, and the answer is as large as the kernel takes it to be.
    let failed = unsafe {
        libc::statx(libc::AT_FDCWD, c_path.as_ptr(), libc::AT_SYMLINK_NOFOLLOW, libc::STATX_DIOALIGN, &raw mut answer)
    } != 0;
    if failed || answer.stx_mask & libc::STATX_DIOALIGN == 0 {
        return Offered::Unknown;
    }
    match answer.stx_dio_mem_align.max(answer.stx_dio_offset_align) {
        0 => Offered::None,
        bytes => Offered::Alignment(bytes as usize),
    }
}

/// A file system in memory takes `O_DIRECT` in some kernels, to no avail.
fn is_in_memory(file: &File) -> bool {
    // SAFETY: `statfs` is plain numbers, for which zeros are a value.
    let mut answer: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, and the answer is ours.
    let failed = unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut answer) } != 0;
    !failed && answer.f_type == libc::TMPFS_MAGIC
}
