//! The connections that are open.

use std::{
    collections::BTreeMap,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Most connections at once.
pub(crate) const CONNECTIONS_MAX: usize = 8;

/// The connections that are open, for a stop that closes them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<OpenConnections>,
    closed: Condvar,
}

#[derive(Debug, Default)]
struct OpenConnections {
    /// By the number of each. `None`: it has no second descriptor, and ends when its time is up.
    streams: BTreeMap<u64, Option<UnixStream>>,
    numbers: u64,
    is_stopped: bool,
}

/// A connection, which counts until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    /// Counts a connection, if there is room for another.
    pub(crate) fn open(self: &Arc<Self>, stream: &UnixStream) -> Option<OpenConnection> {
        let mut open = self.lock();
        if open.is_stopped || open.streams.len() >= CONNECTIONS_MAX {
            return None;
        }
        open.numbers += 1;
        let number = open.numbers;
        open.streams.insert(number, stream.try_clone().ok());
        Some(OpenConnection { connections: Arc::clone(self), number })
    }

    /// Closes all connections, and waits until their threads have ended, at most for `timeout`.
    pub(crate) fn stop(&self, timeout: Duration) {
        let mut open = self.lock();
        open.is_stopped = true;
        for stream in open.streams.values().flatten() {
            // A peer that is gone has closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let waited = self.closed.wait_timeout_while(open, timeout, |open| !open.streams.is_empty());
        drop(waited);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.lock().streams.remove(&self.number);
        self.connections.closed.notify_all();
    }
}
