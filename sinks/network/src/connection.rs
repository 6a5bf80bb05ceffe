//! A connection, with TLS or without.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use rustix::{io::Errno, net::RecvFlags};

use crate::tls_io::{self, TlsStream};

/// The most reads of what a server sends without being asked. A server that sends more keeps the client busy.
const UNASKED_RECORDS_MAX: usize = 64;

/// A connection to a server: it is read from, and written to.
pub struct NetworkConnection(Stream);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl NetworkConnection {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(Stream::Plain(stream))
    }

    pub(crate) fn tls(stream: TlsStream) -> Self {
        Self(Stream::Tls(Box::new(stream)))
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Stream::Tls(_))
    }

    /// Sets the time limit of each read, also of one that takes many calls of the system, as a record of TLS may.
    ///
    /// # Errors
    /// Those of the system; a limit of zero is invalid.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.tcp().set_read_timeout(limit)
    }

    /// Sets the time limit of each write, also of one that takes many calls of the system.
    ///
    /// # Errors
    /// Those of the system; a limit of zero is invalid.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.tcp().set_write_timeout(limit)
    }

    /// Whether the server has the connection still open, and has sent nothing that was not asked for. A server that closes a connection which
    /// was idle is seen by it, unless its alert is still on its way.
    #[must_use]
    pub fn is_open(&mut self) -> bool {
        self.peer_state() == PeerState::Quiet
    }

    /// The state of the server's side, without waiting for it.
    #[must_use]
    pub fn peer_state(&mut self) -> PeerState {
        match &mut self.0 {
            Stream::Plain(stream) => peek(stream),
            Stream::Tls(stream) => session_state(stream),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.0 {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }
}

/// A connection without TLS, as [`Dialer::connect_tcp`](crate::dial::Dialer::connect_tcp) makes it.
impl From<TcpStream> for NetworkConnection {
    fn from(stream: TcpStream) -> Self {
        Self::plain(stream)
    }
}

/// The state of the server's side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// The connection is open, and there is nothing to read.
    Quiet,
    /// There are bytes to read.
    HasSent,
    /// The server has closed the connection, or it is broken.
    Closed,
}

fn peek(stream: &TcpStream) -> PeerState {
    let mut byte = [0_u8; 1];
    match rustix::net::recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => PeerState::Quiet,
        Ok((_, received)) if received > 0 => PeerState::HasSent,
        Ok(_) | Err(_) => PeerState::Closed,
    }
}

/// Takes in what a server sends without being asked, which is no data: tickets of the session, and the alert that it closes.
fn session_state(stream: &mut TlsStream) -> PeerState {
    for _ in 0..UNASKED_RECORDS_MAX {
        match stream.conn.process_new_packets() {
            Ok(state) if state.plaintext_bytes_to_read() > 0 => return PeerState::HasSent,
            Ok(state) if !state.peer_has_closed() => {}
            _ => return PeerState::Closed,
        }
        match peek(&stream.sock) {
            PeerState::HasSent => {}
            state => return state,
        }
        // There are bytes: the read returns them at once.
        if stream.conn.read_tls(&mut stream.sock).is_err() {
            return PeerState::Closed;
        }
    }
    PeerState::Closed
}

/// The alert that nothing comes behind shows the server that it has all. A server that does not read does not delay the client.
impl Drop for NetworkConnection {
    fn drop(&mut self) {
        if let Stream::Tls(stream) = &mut self.0 {
            stream.conn.send_close_notify();
            if stream.sock.set_nonblocking(true).is_ok() {
                let _ = stream.conn.write_tls(&mut stream.sock);
            }
        }
    }
}

impl Read for NetworkConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => tls_io::read(stream, buffer),
        }
    }
}

impl Write for NetworkConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => tls_io::write(stream, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => tls_io::flush(stream),
        }
    }
}

impl fmt::Debug for NetworkConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConnection").field("tcp", self.tcp()).field("is_tls", &self.is_tls()).finish()
    }
}
