//! A connection, with TLS or without.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use rustix::{io::Errno, net::RecvFlags};
use rustls::{ClientConnection, StreamOwned};

/// A connection to a server: it is read from, and written to.
pub struct NetworkConnection(Stream);

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl NetworkConnection {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(Stream::Plain(stream))
    }

    pub(crate) fn tls(stream: StreamOwned<ClientConnection, TcpStream>) -> Self {
        Self(Stream::Tls(Box::new(stream)))
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Stream::Tls(_))
    }

    /// Sets the time limit of each read.
    ///
    /// # Errors
    /// Those of the system; a limit of zero is invalid.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.tcp().set_read_timeout(limit)
    }

    /// Sets the time limit of each write.
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
        match &mut self.0 {
            Stream::Plain(stream) => matches!(peek(stream), Peeked::Nothing),
            Stream::Tls(stream) => is_session_open(stream),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.0 {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }
}

/// A look at the bytes that have come, without waiting.
enum Peeked {
    Nothing,
    Bytes,
    /// The server has closed the connection, or it is broken.
    End,
}

fn peek(stream: &TcpStream) -> Peeked {
    let mut byte = [0_u8; 1];
    match rustix::net::recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => Peeked::Nothing,
        Ok((_, received)) if received > 0 => Peeked::Bytes,
        Ok(_) | Err(_) => Peeked::End,
    }
}

/// Takes in what a server sends without being asked, which is no data: tickets of the session, and the alert that it closes.
fn is_session_open(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> bool {
    loop {
        match peek(&stream.sock) {
            Peeked::Nothing => return true,
            Peeked::End => return false,
            Peeked::Bytes => {}
        }
        // There are bytes: the read returns them at once.
        let is_read = stream.conn.read_tls(&mut stream.sock).is_ok();
        match stream.conn.process_new_packets() {
            Ok(state) if is_read && !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0 => {}
            _ => return false,
        }
    }
}

impl Read for NetworkConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for NetworkConnection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Stream::Plain(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl fmt::Debug for NetworkConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConnection").field("tcp", self.tcp()).field("is_tls", &self.is_tls()).finish()
    }
}
