//! A small HTTP server for scrapers.
//!
//! A single thread takes one connection at a time: a scraper comes once in a while, and connections beyond that wait in the system's
//! queue. A request has a time limit as a whole and a size limit, so that no peer keeps the others waiting for long, and each
//! response ends its connection. The thread blocks all signals, and sleeps while there is no connection.

mod connection;
mod request;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::PollFlags,
    net::{Shutdown, shutdown},
};
use thiserror::Error;

pub(crate) use self::request::{HttpRequest, head_bytes};
use crate::{
    background::{BackgroundThread, PollEnd, StopRequest},
    exporter::Exporter,
    listener::connection::ScrapeConnection,
};

/// The default of [`MetricsListenerBuilder::path`].
const PATH: &str = "/metrics";
/// The default of [`MetricsListenerBuilder::request_timeout`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The greatest [`MetricsListenerBuilder::request_timeout`].
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// How long the thread waits when the system has no descriptor for a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves the figures of an [`Exporter`] until it is dropped. The drop ends a connection that is open, and returns when the thread
/// has ended. A forked child has no listener.
#[derive(Debug)]
pub struct MetricsListener {
    address: SocketAddr,
    _thread: BackgroundThread,
}

impl MetricsListener {
    /// The address that it listens at, with the port that the system has chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Configures a [`MetricsListener`].
#[derive(Debug, Clone)]
pub struct MetricsListenerBuilder {
    exporter: Exporter,
    path: String,
    request_timeout: Duration,
}

impl MetricsListenerBuilder {
    pub(crate) fn new(exporter: Exporter) -> Self {
        Self { exporter, path: PATH.to_owned(), request_timeout: REQUEST_TIMEOUT }
    }

    /// The path of the figures: `/metrics` by default. All other paths are not found.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The time limit of a request with its response: 5 s by default, and an hour at most. A connection is closed then.
    #[must_use]
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout.min(REQUEST_TIMEOUT_MAX);
        self
    }

    /// Listens at this address, such as `127.0.0.1:9184` or `[::]:9184`. Port 0 takes a free one.
    ///
    /// # Errors
    /// When the path is none, when the address cannot be bound, or when the system has no thread or descriptor to give.
    pub fn start(self, address: &str) -> Result<MetricsListener, ListenError> {
        let is_path =
            |text: &str| text.starts_with('/') && !text.contains(|c: char| c == '?' || c.is_ascii_whitespace());
        if !is_path(&self.path) {
            return Err(ListenError::Path { path: self.path });
        }
        let parsed = address.parse::<SocketAddr>().map_err(|_| ListenError::Address { address: address.to_owned() })?;
        let bind = |source| ListenError::Bind { address: parsed, source: Arc::new(source) };
        let socket = TcpListener::bind(parsed).map_err(bind)?;
        socket.set_nonblocking(true).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        let thread = BackgroundThread::start("fapilog-metrics", move |stop| self.serve(&socket, stop));
        let thread = thread.map_err(|source| ListenError::Thread { source: Arc::new(source) })?;
        Ok(MetricsListener { address, _thread: thread })
    }

    fn serve(&self, socket: &TcpListener, stop: &StopRequest) {
        self.accept_until_stop(socket, stop);
        // A forked child may have a copy of the socket: without the shutdown, the port would stay taken, and peers would go on to
        // connect to it, for no answer.
        let _ = shutdown(socket, Shutdown::Both);
    }

    fn accept_until_stop(&self, socket: &TcpListener, stop: &StopRequest) {
        while stop.wait_or_ready(socket.as_fd(), PollFlags::IN, None) == PollEnd::Ready {
            match socket.accept() {
                Ok((stream, _)) => {
                    let deadline = Instant::now() + self.request_timeout;
                    if let Ok(connection) = ScrapeConnection::new(stream, stop, deadline) {
                        connection.serve(&self.exporter, &self.path);
                    }
                }
                // The peer has gone meanwhile.
                Err(error) if is_of_the_connection(&error) => {}
                // Without a wait, the thread would be busy until there is a descriptor.
                Err(_) => _ = stop.wait_until(Instant::now() + ACCEPT_RETRY),
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// A listener that cannot be started.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The path is none.
    #[error(
        "{path:?} is no path for the metrics: it begins with `/`, and has no `?` and no spaces, as \"/metrics\" does"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// The address is none.
    #[error(
        "{address:?} is no address to listen at: it is an IP address with a port, such as \"127.0.0.1:9184\" or \"[::1]:9184\""
    )]
    Address {
        /// The address.
        address: String,
    },
    /// The system does not let the program listen there.
    #[error("cannot listen at {address} for the metrics: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// The thread cannot be started.
    #[error("cannot start the thread of the listener for the metrics: {source}")]
    Thread {
        /// The system's reason.
        source: Arc<io::Error>,
    },
}
