//! Reads and writes of a TLS connection, each within the time limit of the socket.
//!
//! The socket's limit is one for each call of the system, and a record may take many: a server that sends a byte now and then would keep
//! `rustls::Stream` in a single read for hours.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Reads bytes of the server, as [`Read::read`] has it.
pub(crate) fn read(stream: &mut TlsStream, buffer: &mut [u8]) -> io::Result<usize> {
    let StreamOwned { conn: session, sock: socket } = stream;
    let mut limit = CallLimit::new(socket, Direction::Read)?;
    loop {
        match session.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        // An answer to a change of keys, or the end of the handshake.
        write_pending(session, socket, &mut CallLimit::new(socket, Direction::Write)?)?;
        limit.before_call()?;
        match session.read_tls(&mut &*socket) {
            Ok(_) => process(session, socket)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes bytes, as [`Write::write`] has it: an error behind that shows at the next call.
pub(crate) fn write(stream: &mut TlsStream, bytes: &[u8]) -> io::Result<usize> {
    let StreamOwned { conn: session, sock: socket } = stream;
    let mut limit = CallLimit::new(socket, Direction::Write)?;
    write_pending(session, socket, &mut limit)?;
    let taken = session.writer().write(bytes)?;
    let _ = write_pending(session, socket, &mut limit);
    Ok(taken)
}

/// Writes all that was taken.
pub(crate) fn flush(stream: &mut TlsStream) -> io::Result<()> {
    let StreamOwned { conn: session, sock: socket } = stream;
    write_pending(session, socket, &mut CallLimit::new(socket, Direction::Write)?)
}

fn write_pending(session: &mut ClientConnection, socket: &TcpStream, limit: &mut CallLimit<'_>) -> io::Result<()> {
    while session.wants_write() {
        limit.before_call()?;
        match session.write_tls(&mut &*socket) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn process(session: &mut ClientConnection, socket: &TcpStream) -> io::Result<()> {
    let processed = session.process_new_packets();
    if processed.is_err() {
        // The alert, which names the reason to the server.
        let _ = session.write_tls(&mut &*socket);
    }
    processed.map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Read,
    Write,
}

/// The time limit of a socket, for several calls of the system together. The socket has its own limit again when this is dropped.
struct CallLimit<'a> {
    socket: &'a TcpStream,
    direction: Direction,
    limit: Option<Duration>,
    deadline: Option<Instant>,
    calls: usize,
}

impl<'a> CallLimit<'a> {
    fn new(socket: &'a TcpStream, direction: Direction) -> io::Result<Self> {
        let limit = match direction {
            Direction::Read => socket.read_timeout(),
            Direction::Write => socket.write_timeout(),
        }?;
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        Ok(Self { socket, direction, limit, deadline, calls: 0 })
    }

    /// Leaves the next call the time that is left.
    fn before_call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.deadline {
            Some(deadline) if self.calls > 1 => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { self.set(Some(left)) }
            }
            // The first call has the limit of the socket.
            _ => Ok(()),
        }
    }

    fn set(&self, limit: Option<Duration>) -> io::Result<()> {
        match self.direction {
            Direction::Read => self.socket.set_read_timeout(limit),
            Direction::Write => self.socket.set_write_timeout(limit),
        }
    }
}

impl Drop for CallLimit<'_> {
    fn drop(&mut self) {
        if self.calls > 1 && self.limit.is_some() {
            let _ = self.set(self.limit);
        }
    }
}
