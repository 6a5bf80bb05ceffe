//! A connection: its bytes in both directions, and the messages of the server among them.
//!
//! The server sends an acknowledgement for each message, and may stop reading while nobody reads them. So no write waits for long: a step of writing
//! takes [`WRITE_STEP`] at most, and all that has come is read between two of them.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use fapilog_sink_network::connection::{NetworkConnection, PeerState};

use crate::{
    ack::{AckKind, kind_of_ack, kind_of_status},
    protocol::{ServerErrorKind, ServerInfo, ServerOp, read_op},
};

/// The longest wait for a server that does not read.
const WRITE_STEP: Duration = Duration::from_millis(20);
const READ_BYTES: usize = 32 << 10;
/// The most answers to `PING` that are owed at a time. A server sends one in two minutes.
const PONGS_MAX: usize = 16;

/// An event of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConnectionEvent {
    Info,
    Pong,
    /// An answer to the message of this number.
    Ack {
        number: u64,
        kind: AckKind,
    },
    /// The user may not publish to this subject.
    PublishDenied(Vec<u8>),
    /// The server has closed the connection, or will, for this reason.
    Fatal(&'static str),
    Other,
}

/// A connection whose reads and writes end at a deadline.
pub(crate) struct NatsConnection {
    stream: NetworkConnection,
    deadline: Instant,
    /// Bytes of the server that were not looked at, from `input_start` on.
    input: Vec<u8>,
    input_start: usize,
    scratch: Vec<u8>,
    /// Bytes for the server, from `written` on.
    output: Vec<u8>,
    written: usize,
    needs_flush: bool,
    pongs_owed: usize,
    pub(crate) info: ServerInfo,
    /// The front of the reply subjects of this connection.
    pub(crate) inbox: Vec<u8>,
}

impl NatsConnection {
    pub(crate) fn new(stream: NetworkConnection, deadline: Instant, inbox: Vec<u8>) -> Self {
        Self {
            stream,
            deadline,
            input: Vec::new(),
            input_start: 0,
            scratch: vec![0; READ_BYTES],
            output: Vec::new(),
            written: 0,
            needs_flush: false,
            pongs_owed: 0,
            info: ServerInfo::default(),
            inbox,
        }
    }

    /// The same state over a TLS connection in place of the first one.
    pub(crate) fn over(self, stream: NetworkConnection) -> Self {
        Self { stream, ..self }
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// Whether the server has sent something that was not looked at.
    pub(crate) fn has_input(&self) -> bool {
        self.input.len() > self.input_start
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.written < self.output.len() || self.needs_flush || self.pongs_owed > 0
    }

    /// The memory for commands, if all former ones are written.
    pub(crate) fn free_output(&mut self) -> Option<&mut Vec<u8>> {
        if self.written < self.output.len() || self.needs_flush {
            return None;
        }
        self.output.clear();
        self.written = 0;
        Some(&mut self.output)
    }

    fn put_pongs(&mut self) {
        if self.pongs_owed > 0 {
            let owed = self.pongs_owed;
            if let Some(output) = self.free_output() {
                (0..owed).for_each(|_| output.extend_from_slice(b"PONG\r\n"));
                self.pongs_owed = 0;
            }
        }
    }

    fn time_left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// Writes some of the output. A server that does not read is no error before the deadline.
    pub(crate) fn write_step(&mut self) -> io::Result<()> {
        self.put_pongs();
        let left = self.time_left()?;
        self.stream.set_write_timeout(Some(left.min(WRITE_STEP)))?;
        let unwritten = self.output.get(self.written..).unwrap_or_default();
        let step = if unwritten.is_empty() {
            self.stream.flush().map(|()| self.needs_flush = false)
        } else {
            self.needs_flush = true;
            match self.stream.write(unwritten) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written;
                    Ok(())
                }
                Err(error) => Err(error),
            }
        };
        match step {
            Err(error) if is_wait(&error) => Ok(()),
            step => step,
        }
    }

    /// Writes commands that are no part of the output, so that no copy of their secrets stays in it. The server reads them at once.
    pub(crate) fn write_all_secret(&mut self, mut commands: &[u8]) -> io::Result<()> {
        while !commands.is_empty() {
            let left = self.time_left()?;
            self.stream.set_write_timeout(Some(left))?;
            match self.stream.write(commands) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => commands = commands.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.flush()
    }

    /// Reads some of what has come, without waiting. Returns whether there may be more: it is read when the events so far are taken, so that
    /// the memory stays small.
    pub(crate) fn read_available(&mut self) -> io::Result<bool> {
        while self.stream.peer_state() == PeerState::HasSent {
            if self.input.len() - self.input_start > READ_BYTES {
                return Ok(true);
            }
            self.read_some()?;
        }
        Ok(false)
    }

    /// Waits for bytes of the server until the deadline.
    pub(crate) fn read_wait(&mut self) -> io::Result<()> {
        self.read_some()
    }

    fn read_some(&mut self) -> io::Result<()> {
        let left = self.time_left()?;
        self.stream.set_read_timeout(Some(left))?;
        match self.stream.read(&mut self.scratch) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                if self.input_start > 0 {
                    self.input.drain(..self.input_start);
                    self.input_start = 0;
                }
                self.input.extend_from_slice(self.scratch.get(..read).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the server has closed the connection, as far as that can be seen without waiting.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.stream.peer_state() == PeerState::Closed
    }

    /// The next event of what was read. `None`: there is no complete one.
    ///
    /// # Errors
    /// Bytes that are none of the protocol.
    pub(crate) fn take_event(&mut self) -> io::Result<Option<ConnectionEvent>> {
        let Some((op, length)) = read_op(self.input.get(self.input_start..).unwrap_or_default())? else {
            return Ok(None);
        };
        let event = match op {
            ServerOp::Info(json) => {
                self.info = ServerInfo::read(json)?;
                ConnectionEvent::Info
            }
            ServerOp::Ping => {
                self.pongs_owed = (self.pongs_owed + 1).min(PONGS_MAX);
                ConnectionEvent::Other
            }
            ServerOp::Pong => ConnectionEvent::Pong,
            ServerOp::Done => ConnectionEvent::Other,
            ServerOp::Error(text) => match ServerErrorKind::of(text) {
                ServerErrorKind::PublishDenied(subject) => ConnectionEvent::PublishDenied(subject.to_vec()),
                ServerErrorKind::Fatal(reason) => ConnectionEvent::Fatal(reason),
            },
            ServerOp::Message { subject, header, content } => {
                let number = subject.strip_prefix(self.inbox.as_slice()).and_then(ack_number);
                let kind = header.and_then(kind_of_status).unwrap_or_else(|| kind_of_ack(content));
                number.map_or(ConnectionEvent::Other, |number| ConnectionEvent::Ack { number, kind })
            }
        };
        self.input_start += length;
        Ok(Some(event))
    }
}

fn ack_number(token: &[u8]) -> Option<u64> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
