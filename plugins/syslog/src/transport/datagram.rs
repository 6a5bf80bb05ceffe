//! A datagram for each message: UDP by RFC 5426, and Unix sockets.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as UnixSocketAddr, UnixDatagram},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::transport::address::UnixName;

/// The age at which a UDP socket is replaced: the host's name may lead to another address by then.
const UDP_AGE_MAX: Duration = Duration::from_secs(300);
/// The time between two attempts while the system has no buffer.
const NO_BUFFER_WAIT: Duration = Duration::from_millis(1);

/// A socket that is connected to the receiver.
#[derive(Debug)]
pub(super) enum DatagramSocket {
    Udp(UdpSocket, Instant),
    Unix(UnixDatagram),
}

/// Why a datagram is not sent.
#[derive(Debug)]
pub(super) enum DatagramError {
    /// It is longer than the transport allows.
    TooLong,
    /// Nobody receives: the datagram before this one has not arrived either.
    Refused(io::Error),
    /// The receiver's socket is gone; another one may have its name.
    Gone(io::Error),
    Other(io::Error),
}

impl DatagramSocket {
    pub(super) fn udp(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_write_timeout(Some(limit))?;
        Ok(Self::Udp(socket, Instant::now()))
    }

    pub(super) fn unix(name: &UnixName, limit: Duration) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        match name {
            UnixName::Path(path) => socket.connect(path)?,
            UnixName::Abstract(name) => socket.connect_addr(&UnixSocketAddr::from_abstract_name(name)?)?,
        }
        socket.set_write_timeout(Some(limit))?;
        Ok(Self::Unix(socket))
    }

    /// Whether it may be used for another payload.
    pub(super) fn is_fresh(&self) -> bool {
        match self {
            Self::Udp(_, opened) => opened.elapsed() < UDP_AGE_MAX,
            Self::Unix(_) => true,
        }
    }

    /// Sends a message, and waits until `deadline` while the system or the receiver has no room.
    pub(super) fn send(&self, message: &[u8], deadline: Instant) -> Result<(), DatagramError> {
        loop {
            let Err(error) = self.send_now(message) else { return Ok(()) };
            match Errno::from_io_error(&error) {
                Some(Errno::NOBUFS | Errno::AGAIN) if Instant::now() < deadline => thread::sleep(NO_BUFFER_WAIT),
                Some(Errno::INTR) => {}
                _ => return Err(self.kind_of(error)),
            }
        }
    }

    fn send_now(&self, message: &[u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket, _) => socket.send(message),
            Self::Unix(socket) => socket.send(message),
        }
    }

    /// The error that the receiver's host has sent back for a datagram, as far as it has come yet.
    pub(super) fn late_error(&self) -> Option<DatagramError> {
        match self {
            Self::Udp(socket, _) => socket.take_error().ok().flatten().map(|error| self.kind_of(error)),
            Self::Unix(_) => None,
        }
    }

    fn kind_of(&self, error: io::Error) -> DatagramError {
        match (self, Errno::from_io_error(&error)) {
            (_, Some(Errno::MSGSIZE)) => DatagramError::TooLong,
            (Self::Udp(..), Some(Errno::CONNREFUSED)) => DatagramError::Refused(error),
            (Self::Unix(_), Some(Errno::CONNREFUSED | Errno::CONNRESET | Errno::NOTCONN | Errno::PIPE)) => {
                DatagramError::Gone(error)
            }
            _ => DatagramError::Other(error),
        }
    }
}
