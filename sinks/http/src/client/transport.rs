//! A connection, as the HTTP library uses it.
//!
//! A destination may answer before it has read the whole request, as with status 413, and close the connection. A client that fails at the
//! write would never see the answer. So the transport looks for an answer before each write, and reads one after a write that failed: what is
//! left of the request is discarded then.

use std::{
    io::{self, Read, Write},
    time::Duration,
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

    fn write(&mut self, amount: usize) -> Result<(), io::Error> {
        let bytes = self.buffers.output().get(..amount).unwrap_or_default();
        self.connection.write_all(bytes)?;
        self.connection.flush()
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
        if matches!(self.connection.peer_state(), PeerState::HasSent) {
            self.cut = Some(CutRequest::Answered);
            return Ok(());
        }
        let timeout = timeout.for_write();
        self.connection.set_write_timeout(Some(limit(timeout)?))?;
        match self.write(amount) {
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

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}
