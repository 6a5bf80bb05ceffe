//! A control socket that runs.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use rustix::net::Shutdown;

use crate::listener::Listener;

/// How long a stop waits for answers that are being made.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A control socket. Dropping it closes all connections, removes the file, and brings back levels whose time is not up; it waits
/// 5 s at most, for a flush or a rotation that a peer has asked for.
///
/// Drop it before the container: then the container is dropped, and drained, by its owner, and never by a thread of the socket.
#[derive(Debug)]
#[must_use = "the control socket is closed when it is dropped"]
pub struct ControlSocket {
    pub(crate) listener: Listener,
    pub(crate) thread: Option<thread::JoinHandle<()>>,
    pub(crate) file: SocketFile,
}

impl ControlSocket {
    /// The path of the socket, which is absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if !self.file.is_of_this_process() {
            // The threads, the locks and the file are those of the parent process.
            return;
        }
        self.file.remove();
        let Listener { socket, container: controlled, connections, wake } = &self.listener;
        // A forked child may have a copy of the socket: without the shutdown, peers would go on to connect to it.
        let _ = rustix::net::shutdown(&**socket, Shutdown::Both);
        connections.stop(STOP_TIMEOUT);
        wake.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has ended it.
            let _ = thread.join();
        }
        if let Some(container) = controlled.get() {
            controlled.levels.restore_at_stop(&container);
        }
    }
}

/// The file of a socket.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// The process that made it.
    pid: u32,
    /// Device and number of the file.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// The file that a socket of this process was bound to.
    ///
    /// Its path is absolute from now on: the program may change its directory.
    pub(crate) fn of_this_process(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let identity = identity(&path);
        Self { path, pid: process::id(), identity }
    }

    fn is_of_this_process(&self) -> bool {
        self.pid == process::id()
    }

    /// Removes the file, unless another has taken its place.
    pub(crate) fn remove(&self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
