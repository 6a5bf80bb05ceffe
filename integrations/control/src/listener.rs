//! The thread that waits for connections, and for the time when levels come back.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog::plugin::spawn_waiting_thread;
use rustix::net::{SocketFlags, accept_with};

use crate::{
    answer::ControlledContainer,
    connection::{Connection, refuse_peer},
    connections::Connections,
    peer::PeerProcess,
    wake::ListenerWake,
};

/// How long the thread waits after an error of the system, such as no free descriptor.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The name of the threads.
pub(crate) const THREAD: &str = "fapilog-control";

/// Waits for connections.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) container: Arc<ControlledContainer>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) wake: Arc<ListenerWake>,
}

impl Listener {
    /// Runs until the stop.
    pub(crate) fn run(&self) {
        while !self.connections.is_stopped() {
            let has_connection = self.wake.wait(Some(&self.socket), self.container.levels.time_left(Instant::now()));
            self.restore_levels();
            if has_connection && !self.connections.is_stopped() && self.accept().is_err() {
                self.wake.wait(None, Some(RETRY_INTERVAL));
            }
        }
    }

    fn restore_levels(&self) {
        match self.container.get() {
            Some(container) => self.container.levels.restore_due(&container, Instant::now()),
            // Otherwise the time would be up again and again, without a wait.
            None => self.container.levels.forget(),
        }
    }

    /// Takes one connection, and starts its thread.
    fn accept(&self) -> io::Result<()> {
        let stream = match accept_with(&*self.socket, SocketFlags::CLOEXEC) {
            Ok(socket) => UnixStream::from(socket),
            // The peer is gone again.
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let peer = PeerProcess::of(&stream).ok();
        let Some(allowed) = peer.filter(|peer| peer.may_control_this_process()) else {
            refuse_peer(stream, peer);
            return Ok(());
        };
        let Some(open) = self.connections.open(&stream) else {
            refuse_peer(stream, peer);
            return Ok(());
        };
        let container = Arc::clone(&self.container);
        let connection = Connection { stream, peer: allowed, container, wake: Arc::clone(&self.wake), open };
        // Without a thread, the peer finds its connection closed.
        spawn_waiting_thread(THREAD, move || connection.serve()).map(drop)
    }
}
