//! Messages on a stream: TCP, TLS, and Unix sockets.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use fapilog_sink_network::connection::NetworkConnection;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};

use crate::transport::address::UnixName;

/// The most reads of bytes that a receiver sends. Receivers of syslog send none, as a rule.
const READS_MAX: usize = 16;
/// The time limit of a read of bytes that have come.
const READ_LIMIT: Duration = Duration::from_millis(1);

/// A connection to the receiver.
#[derive(Debug)]
pub(super) enum StreamSocket {
    Network(NetworkConnection),
    Unix(UnixStream),
}

/// Why not all bytes are written.
#[derive(Debug)]
pub(super) struct WriteError {
    /// The bytes that the system has taken. Zero over TLS, where they are not known.
    pub(super) written: usize,
    pub(super) source: io::Error,
}

impl StreamSocket {
    /// Connects within the limit: the system waits while the queue of a receiver that accepts no connections is full.
    pub(super) fn unix(name: &UnixName, limit: Duration) -> io::Result<Self> {
        let address = match name {
            UnixName::Path(path) => SocketAddrUnix::new(path),
            UnixName::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        }?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
        match connect(&socket, &address) {
            Ok(()) => Ok(Self::Unix(UnixStream::from(socket))),
            Err(Errno::AGAIN) => Err(io::ErrorKind::TimedOut.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the receiver has the connection still open.
    pub(super) fn is_open(&mut self) -> bool {
        match self {
            Self::Network(connection) => is_network_open(connection),
            Self::Unix(stream) => {
                let peeked = rustix::net::recv(&*stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
                matches!(peeked, Err(Errno::AGAIN))
            }
        }
    }

    /// Writes all bytes by the deadline.
    pub(super) fn write_all_by(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), WriteError> {
        let mut written = 0;
        let result = self.write_counted(bytes, deadline, &mut written);
        let is_tls = matches!(self, Self::Network(connection) if connection.is_tls());
        result.map_err(|source| WriteError { written: if is_tls { 0 } else { written }, source })
    }

    fn write_counted(&mut self, bytes: &[u8], deadline: Instant, written: &mut usize) -> io::Result<()> {
        while let Some(left) = bytes.get(*written..).filter(|left| !left.is_empty()) {
            self.limit_writes(deadline)?;
            match self.write_some(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(some) => *written += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.limit_writes(deadline)?;
        match self {
            // Bytes that are encrypted and not written yet.
            Self::Network(connection) => connection.flush(),
            Self::Unix(_) => Ok(()),
        }
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Network(connection) => connection.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn limit_writes(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match self {
            Self::Network(connection) => connection.set_write_timeout(Some(left)),
            Self::Unix(stream) => stream.set_write_timeout(Some(left)),
        }
    }
}

/// Whether a connection is open, also where the receiver has sent something: that is read, and means nothing.
fn is_network_open(connection: &mut NetworkConnection) -> bool {
    (0..READS_MAX).any(|_| connection.is_open() || !discard(connection)) && connection.is_open()
}

/// Reads bytes that have come. Returns whether there were some.
fn discard(connection: &mut NetworkConnection) -> bool {
    let is_limited = connection.set_read_timeout(Some(READ_LIMIT)).is_ok();
    is_limited && connection.read(&mut [0; 4096]).is_ok_and(|length| length > 0)
}
