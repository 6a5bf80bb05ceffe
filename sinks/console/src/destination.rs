//! A descriptor, and how to write to it without waiting.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, IsTerminal, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
};

/// The most that is written at once, but to a regular file: `PIPE_BUF`, from `linux/limits.h`.
///
/// A pipe takes so much as a whole (pipe(7)), and has room for it whenever `poll` says that it has room for anything: Linux
/// says so when a slot of the pipe is free, and a slot is a page, which is as long or longer.
pub(super) const PIECE_BYTES_MAX: usize = 4096;

/// Where bytes go, and how they go there without waiting.
///
/// | descriptor | how |
/// |---|---|
/// | regular file | `write`, a payload at once: a disk takes its time, but does not wait for a reader |
/// | pipe | `pwritev2` with `RWF_NOWAIT`, which pipes have had since Linux 6.4 |
/// | socket | `send` with `MSG_DONTWAIT` |
/// | terminal | `write`, to the terminal opened anew with `O_NONBLOCK`: by that, the descriptor that the program has, and shares with the shell, stays as it is |
/// | anything else | `write` after `poll` |
///
/// The last is also what is left for a pipe before Linux 6.4, and for a terminal that may not be opened (because its owner
/// is another user). If somebody else fills the pipe between `poll` and `write`, or if the terminal has room for less than
/// is written, the thread waits in the kernel, with all its deliveries. A shutdown leaves it there when the deadline has
/// come; it ends when the write does, or with the program.
#[derive(Debug)]
pub(super) struct Destination {
    file: File,
    way: Way,
    id: FileId,
    kind: &'static str,
}

/// What file a descriptor is of. Two descriptors of one file have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    special_device: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It does not wait, or not for a reader: it is a regular file, or its description is our own, with `O_NONBLOCK`.
    Write,
    WriteNoWait,
    SendNoWait,
    PollFirst,
}

impl Destination {
    /// Finds out what `fd` is. The error, if there is one, is why writes may wait all the same.
    pub(super) fn new(fd: OwnedFd) -> io::Result<(Self, Option<io::Error>)> {
        let file = File::from(fd);
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        let kind = metadata.file_type();
        let found = |file, way, kind| Self { file, way, id, kind };
        if kind.is_fifo() {
            return Ok((found(file, Way::WriteNoWait, "pipe"), None));
        }
        if kind.is_socket() {
            return Ok((found(file, Way::SendNoWait, "socket"), None));
        }
        if file.is_terminal() {
            return Ok(match open_anew(&file, id) {
                Ok(own) => (found(own, Way::Write, "terminal"), None),
                Err(error) => (found(file, Way::PollFirst, "terminal"), Some(error)),
            });
        }
        if kind.is_file() {
            return Ok((found(file, Way::Write, "file"), None));
        }
        Ok((found(file, Way::PollFirst, "device"), None))
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// What it is, for reports.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The most to be written at once.
    pub(super) fn piece_bytes_max(&self) -> usize {
        if self.is_file() { usize::MAX } else { PIECE_BYTES_MAX }
    }

    /// Whether a write must not be tried before `poll` has said that there is room.
    pub(super) fn wants_poll_first(&self) -> bool {
        self.way == Way::PollFirst
    }

    /// Writes what there is room for. `WouldBlock` when there is none, or when it must be
    /// [polled](Self::wants_poll_first) before it is tried again.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        match self.way {
            Way::Write | Way::PollFirst => self.file.write(piece),
            Way::SendNoWait => self.send(piece),
            Way::WriteNoWait => self.write_no_wait(piece).map_err(|error| match error.raw_os_error() {
                // The kernel is too old, or a sandbox is in the way.
                Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM) => {
                    self.way = Way::PollFirst;
                    io::ErrorKind::WouldBlock.into()
                }
                _ => error,
            }),
        }
    }

    fn write_no_wait(&self, piece: &[u8]) -> io::Result<usize> {
        let vector = libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
        // SAFETY: one vector, of bytes that are only read. An offset of -1 is the file's own.
        let written = unsafe { libc::pwritev2(self.file.as_raw_fd(), &raw const vector, 1, -1, libc::RWF_NOWAIT) };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    fn send(&self, piece: &[u8]) -> io::Result<usize> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the bytes are only read.
        let sent = unsafe { libc::send(self.file.as_raw_fd(), piece.as_ptr().cast(), piece.len(), flags) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Whether the destination will never take anything again, by what it said. A file may: a disk is not full for ever.
    pub(super) fn is_gone_by(&self, error: &io::Error) -> bool {
        let is_gone = [
            libc::EPIPE,
            libc::EIO,
            libc::EBADF,
            libc::ENXIO,
            libc::ENODEV,
            libc::ECONNRESET,
            libc::ENOTCONN,
            libc::ECONNREFUSED,
            libc::ESHUTDOWN,
        ];
        !self.is_file() && error.raw_os_error().is_some_and(|code| is_gone.contains(&code))
    }

    fn is_file(&self) -> bool {
        self.kind == "file"
    }
}

impl AsFd for Destination {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), special_device: metadata.rdev() }
    }
}

/// The terminal once more, with flags of our own.
fn open_anew(terminal: &File, id: FileId) -> io::Result<File> {
    if is_master(terminal) {
        // It would be another terminal.
        return Err(io::Error::other("it is the master of a pseudo-terminal"));
    }
    let path = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    // It must not become the program's controlling terminal.
    let own = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if FileId::of(&own.metadata()?) != id {
        return Err(io::Error::other("its name in /proc is another's"));
    }
    Ok(own)
}

fn is_master(terminal: &File) -> bool {
    let mut number: libc::c_uint = 0;
    // SAFETY: writes the number of the slave, which only a master has.
    unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGPTN, &raw mut number) == 0 }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn destination(fd: impl Into<OwnedFd>) -> Destination {
        let (destination, trouble) = Destination::new(fd.into()).unwrap();
        assert!(trouble.is_none());
        destination
    }

    /// Writes until there is no room.
    fn fill(destination: &mut Destination) -> usize {
        let mut written = 0;
        loop {
            match destination.write(&[b'x'; PIECE_BYTES_MAX]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_full_pipe_or_socket_is_not_waited_for() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut pipe = destination(writer);
        if fill(&mut pipe) == 0 {
            assert!(pipe.wants_poll_first(), "without RWF_NOWAIT, it is to be polled");
        }
        let (_peer, socket) = UnixStream::pair().unwrap();
        assert!(fill(&mut destination(socket)) > 0);
    }

    #[test]
    fn a_closed_pipe_or_socket_is_gone_and_a_full_disk_is_not() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut pipe = destination(writer);
        let error = pipe.write(b"x").unwrap_err();
        assert!(pipe.is_gone_by(&error), "{error}");

        let (peer, socket) = UnixStream::pair().unwrap();
        drop(peer);
        let mut socket = destination(socket);
        let error = socket.write(b"x").unwrap_err();
        assert!(socket.is_gone_by(&error), "{error}");

        let mut full = destination(File::create("/dev/full").unwrap());
        let error = full.write(b"x").unwrap_err();
        assert!(!full.is_gone_by(&error), "{error}");
    }

    #[test]
    fn two_descriptors_of_one_file_have_the_same_id_and_two_pipes_have_not() {
        let (_reader, writer) = io::pipe().unwrap();
        let again = writer.try_clone().unwrap();
        let (_other_reader, other) = io::pipe().unwrap();
        let (pipe, again, other) = (destination(writer), destination(again), destination(other));
        assert_eq!(pipe.id(), again.id());
        assert_ne!(pipe.id(), other.id());
    }
}
