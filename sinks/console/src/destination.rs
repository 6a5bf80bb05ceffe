//! A descriptor, and writes to it that do not wait.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, IoSlice, IsTerminal, Seek, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    },
};

use rustix::{
    fs::{OFlags, fcntl_getfl},
    io::{ReadWriteFlags, pwritev2},
    net::{SendFlags, send},
};

/// The most bytes of a write, except to a regular file: `PIPE_BUF`, from `linux/limits.h`.
///
/// A pipe takes that many bytes as a whole (pipe(7)), and has room for them whenever `poll` reports it as writable: Linux
/// reports that when a slot of the pipe is free, and a slot is a page, which has at least 4096 bytes.
pub(super) const WRITE_BYTES_MAX: usize = 4096;

/// The destination of bytes, and a write method that does not wait.
///
/// | descriptor | method |
/// |---|---|
/// | regular file | `write`, a payload at once: a disk may be slow, but does not wait for a reader |
/// | pipe | `pwritev2` with `RWF_NOWAIT`, which pipes have had since Linux 6.4 |
/// | socket | `send` with `MSG_DONTWAIT` |
/// | terminal | `write`, to the terminal reopened with `O_NONBLOCK`: the descriptor that program and shell share keeps its flags |
/// | anything else | `write` after `poll` |
///
/// The last method also serves pipes before Linux 6.4, and terminals that may not be opened (because another user owns
/// them). If another process fills the pipe between `poll` and `write`, or if the terminal has room for fewer bytes than
/// the write has, the thread waits in the kernel, with all its deliveries. A shutdown abandons the thread at the deadline;
/// the thread ends with the write, or with the program.
#[derive(Debug)]
pub(super) struct ConsoleDestination {
    file: File,
    method: WriteMethod,
    id: FileId,
    kind: &'static str,
}

/// The identity of a descriptor's file. Two descriptors of one file have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    special_device: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteMethod {
    /// `write` does not wait for a reader: it is a regular file, or a description of this sink with `O_NONBLOCK`.
    Write,
    WriteNoWait,
    SendNoWait,
    PollFirst,
}

impl ConsoleDestination {
    /// Determines the kind of `fd`. An error beside the destination is the reason why its writes may wait.
    pub(super) fn new(fd: OwnedFd) -> io::Result<(Self, Option<io::Error>)> {
        let file = File::from(fd);
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        let kind = metadata.file_type();
        let found = |file, method, kind| Self { file, method, id, kind };
        if kind.is_fifo() {
            return Ok((found(file, WriteMethod::WriteNoWait, "pipe"), None));
        }
        if kind.is_socket() {
            return Ok((found(file, WriteMethod::SendNoWait, "socket"), None));
        }
        if file.is_terminal() {
            return Ok(match reopen(&file, id) {
                Ok(own) => (found(own, WriteMethod::Write, "terminal"), None),
                Err(error) => (found(file, WriteMethod::PollFirst, "terminal"), Some(error)),
            });
        }
        if kind.is_file() {
            return Ok((found(file, WriteMethod::Write, "file"), None));
        }
        Ok((found(file, WriteMethod::PollFirst, "device"), None))
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// The kind of the descriptor, for reports.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// The most bytes of a write.
    pub(super) fn write_bytes_max(&self) -> usize {
        if self.is_file() { usize::MAX } else { WRITE_BYTES_MAX }
    }

    /// Whether a write requires that `poll` has reported room before.
    pub(super) fn requires_poll(&self) -> bool {
        self.method == WriteMethod::PollFirst
    }

    /// Writes as many bytes as there is room for. `WouldBlock` if there is no room, or if the next attempt must
    /// [poll first](Self::requires_poll).
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.method {
            WriteMethod::Write | WriteMethod::PollFirst => self.file.write(bytes),
            WriteMethod::SendNoWait => self.send(bytes),
            WriteMethod::WriteNoWait => self.write_no_wait(bytes).map_err(|error| match error.raw_os_error() {
                // The kernel is too old, or a sandbox refuses the call.
                Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM) => {
                    self.method = WriteMethod::PollFirst;
                    io::ErrorKind::WouldBlock.into()
                }
                _ => error,
            }),
        }
    }

    fn write_no_wait(&self, bytes: &[u8]) -> io::Result<usize> {
        // The highest offset stands for the descriptor's own.
        Ok(pwritev2(&self.file, &[IoSlice::new(bytes)], u64::MAX, ReadWriteFlags::NOWAIT)?)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.file, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Whether the destination takes no byte again after this error. A file may: a full disk can get room.
    pub(super) fn is_closed_by(&self, error: &io::Error) -> bool {
        let closing_errors = [
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
        !self.is_file() && error.raw_os_error().is_some_and(|code| closing_errors.contains(&code))
    }

    /// Whether the next byte would continue a line of somebody else: of an earlier run that was killed, for example. Only a
    /// regular file shows that, and only to a program that may read it.
    pub(super) fn is_mid_line(&self) -> bool {
        self.is_file() && self.continues_a_line().unwrap_or(false)
    }

    fn continues_a_line(&self) -> io::Result<bool> {
        let is_appending = fcntl_getfl(&self.file)?.contains(OFlags::APPEND);
        let place = if is_appending { self.file.metadata()?.len() } else { (&self.file).stream_position()? };
        let Some(last) = place.checked_sub(1) else { return Ok(false) };
        // The descriptor itself may be one to write only.
        let readable = open_again(&self.file, self.id, OpenOptions::new().read(true))?;
        let mut byte = [0];
        Ok(readable.read_at(&mut byte, last)? == 1 && byte != *b"\n")
    }

    fn is_file(&self) -> bool {
        self.kind == "file"
    }
}

impl AsFd for ConsoleDestination {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), special_device: metadata.rdev() }
    }

    /// Whether it is the file with this number on this device.
    pub(super) fn is(self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }
}

/// The same terminal, with its own flags.
fn reopen(terminal: &File, id: FileId) -> io::Result<File> {
    if is_master(terminal) {
        // The name of a master opens another terminal.
        return Err(io::Error::other("it is the master of a pseudo-terminal"));
    }
    // `O_NOCTTY`: the terminal must not become the program's controlling terminal.
    open_again(terminal, id, OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY))
}

/// The descriptor's file, opened by its name in `/proc`.
fn open_again(file: &File, id: FileId, options: &OpenOptions) -> io::Result<File> {
    let own = options.open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if FileId::of(&own.metadata()?) != id {
        return Err(io::Error::other("its name in /proc is another file's"));
    }
    Ok(own)
}

fn is_master(terminal: &File) -> bool {
    // Only a master has the name of its slave.
    rustix::pty::ptsname(terminal, Vec::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn destination(fd: impl Into<OwnedFd>) -> ConsoleDestination {
        let (destination, reopen_error) = ConsoleDestination::new(fd.into()).unwrap();
        assert!(reopen_error.is_none());
        destination
    }

    /// Writes until there is no room.
    fn fill(destination: &mut ConsoleDestination) -> usize {
        let mut written = 0;
        loop {
            match destination.write(&[b'x'; WRITE_BYTES_MAX]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return written,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_write_to_a_full_pipe_or_socket_does_not_wait() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut pipe = destination(writer);
        if fill(&mut pipe) == 0 {
            assert!(pipe.requires_poll(), "a pipe without RWF_NOWAIT is polled");
        }
        let (_peer, socket) = UnixStream::pair().unwrap();
        assert!(fill(&mut destination(socket)) > 0);
    }

    #[test]
    fn a_pipe_or_socket_without_its_peer_is_closed_and_a_full_disk_is_not() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut pipe = destination(writer);
        let error = pipe.write(b"x").unwrap_err();
        assert!(pipe.is_closed_by(&error), "{error}");

        let (peer, socket) = UnixStream::pair().unwrap();
        drop(peer);
        let mut socket = destination(socket);
        let error = socket.write(b"x").unwrap_err();
        assert!(socket.is_closed_by(&error), "{error}");

        let mut full = destination(File::create("/dev/full").unwrap());
        let error = full.write(b"x").unwrap_err();
        assert!(!full.is_closed_by(&error), "{error}");
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
