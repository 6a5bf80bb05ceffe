//! A connection, as the HTTP library uses it.
//!
//! A destination may answer before it has read the whole request, as with status 413, and close the connection. A client that fails at the
//! write would never see the answer. So the transport looks for an answer before each write, and reads one after a write that failed: what is
//! left of the request is discarded then. An interim answer (status 1xx) is none: the server still reads.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use fapilog_sink_network::connection::{NetworkConnection, PeerState};
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct NetworkTransport {
    connection: NetworkConnection,
    buffers: LazyBuffers,
    /// The request is not read to its end.
    cut: Option<CutRequest>,
}

/// Why the end of a request is not sent.
#[derive(Debug)]
enum CutRequest {
    /// There is an answer already.
    Answered,
    /// The write failed. The error counts if there is no answer.
    Failed(io::Error),
}

impl NetworkTransport {
    pub(super) fn new(connection: NetworkConnection, buffers: LazyBuffers) -> Self {
        Self { connection, buffers, cut: None }
    }

    /// Writes within the limit, also where the server takes a few bytes now and then.
    fn write(&mut self, amount: usize, limit: Duration) -> Result<(), io::Error> {
        let deadline = Instant::now() + limit;
        let mut bytes = self.buffers.output().get(..amount).unwrap_or_default();
        while !bytes.is_empty() {
            limit_write(&self.connection, deadline)?;
            match self.connection.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        limit_write(&self.connection, deadline)?;
        self.connection.flush()
    }

    /// Takes in what the server has sent already. Returns whether that is an answer, or no HTTP.
    fn is_answered(&mut self) -> bool {
        if self.connection.peer_state() == PeerState::HasSent {
            let space = self.buffers.input_append_buf();
            match self.connection.read(space) {
                Ok(amount) if amount > 0 => self.buffers.input_appended(amount),
                _ => return true,
            }
        }
        has_final_answer(self.buffers.input())
    }
}

impl Transport for NetworkTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if self.cut.is_some() {
            return Ok(());
        }
        let timeout = timeout.for_write();
        let limit = limit(timeout)?;
        self.connection.set_read_timeout(Some(limit))?;
        if self.is_answered() {
            self.cut = Some(CutRequest::Answered);
            return Ok(());
        }
        match self.write(amount, limit) {
            Ok(()) => Ok(()),
            Err(error) if is_timeout(&error) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(error) => {
                self.cut = Some(CutRequest::Failed(error));
                Ok(())
            }
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.connection.set_read_timeout(Some(limit(timeout)?))?;
        let read = self.connection.read(self.buffers.input_append_buf());
        match read {
            Ok(0) => self.failed_write().map_or(Ok(false), |error| Err(error.into())),
            Ok(amount) => {
                self.buffers.input_appended(amount);
                Ok(true)
            }
            Err(error) if is_timeout(&error) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(error) => Err(self.failed_write().unwrap_or(error).into()),
        }
    }

    fn is_open(&mut self) -> bool {
        self.cut.is_none() && self.connection.is_open()
    }

    fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }
}

impl NetworkTransport {
    fn failed_write(&mut self) -> Option<io::Error> {
        match self.cut.take() {
            Some(CutRequest::Failed(error)) => Some(error),
            other => {
                self.cut = other;
                None
            }
        }
    }
}

/// The system has no limit of zero.
fn limit(timeout: NextTimeout) -> Result<Duration, ureq::Error> {
    match *timeout.after {
        Duration::ZERO => Err(ureq::Error::Timeout(timeout.reason)),
        left => Ok(left.min(Duration::from_secs(24 * 3600))),
    }
}

fn limit_write(connection: &NetworkConnection, deadline: Instant) -> io::Result<()> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => connection.set_write_timeout(Some(left)),
    }
}

/// Whether there is an answer behind the interim ones, as far as its status has come.
fn has_final_answer(mut bytes: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/1.1 ";
    loop {
        match bytes.get(VERSION.len()) {
            None => return false,
            Some(b'1') => {}
            Some(_) => return true,
        }
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return false };
        bytes = bytes.get(end + 4..).unwrap_or_default();
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}
