//! Starting a control socket.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use fapilog::{
    Container,
    plugin::{spawn_waiting_thread, undivided},
};
use rustix::{
    fs::{Mode, fchmod},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with},
};

use crate::{
    answer::ControlledContainer,
    directory,
    directory_lock::DirectoryLock,
    error::ControlError,
    listener::{Listener, THREAD},
    socket::{ControlSocket, SocketFile},
    wake::ListenerWake,
};

/// Peers that may wait for the thread to take their connection.
const BACKLOG: i32 = 16;

/// Configures a control socket.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct ControlSocketBuilder {
    container: Arc<Container>,
    path: Option<PathBuf>,
    is_read_only: bool,
}

impl ControlSocket {
    /// A control socket of this container, to be configured.
    ///
    /// The global container is there as [`fapilog::container::global`].
    pub fn builder(container: &Arc<Container>) -> ControlSocketBuilder {
        ControlSocketBuilder { container: Arc::clone(container), path: None, is_read_only: false }
    }
}

impl ControlSocketBuilder {
    /// The path of the socket, of at most 107 bytes; its directory must exist. Default: `PID.sock` in `$XDG_RUNTIME_DIR/fapilog`, or else in
    /// `/run/user/UID/fapilog`, or else in `/tmp/fapilog-UID`. The second container of a process has `PID-CONTAINER.sock`.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Refuses commands that change anything: levels, flushes and rotations. Default: all commands are answered.
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// Makes the socket, and starts the thread that answers. A socket of a process that has ended is replaced; at the default place,
    /// all such sockets are removed.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn start(self) -> Result<ControlSocket, ControlError> {
        if self.container.is_in_forked_child() {
            return Err(ControlError::Forked);
        }
        let (socket, file) = match &self.path {
            Some(path) => one_by_one(directory::around(path), || bound_if_free(path)),
            None => {
                let directory = directory::make()?;
                one_by_one(&directory, || self.bound_at_default(&directory))
            }
        }?;
        let wake = ListenerWake::new().map_err(|source| ControlError::Thread { source });
        let listener = Listener {
            socket: Arc::new(socket),
            container: Arc::new(ControlledContainer::new(&self.container, self.is_read_only)),
            connections: Arc::default(),
            wake: Arc::new(wake.inspect_err(|_| file.remove())?),
        };
        self.run(listener, file)
    }

    fn run(&self, listener: Listener, file: SocketFile) -> Result<ControlSocket, ControlError> {
        let running = listener.clone();
        match spawn_waiting_thread(THREAD, move || running.run()) {
            Ok(thread) => Ok(ControlSocket { listener, thread: Some(thread), file }),
            Err(source) => {
                file.remove();
                Err(ControlError::Thread { source })
            }
        }
    }

    /// A socket at the default place: under the name of the process, or of the container, if the process has one there already.
    fn bound_at_default(&self, directory: &Path) -> Result<(OwnedFd, SocketFile), ControlError> {
        directory::remove_stale_below(directory);
        let pid = std::process::id();
        let names = [format!("{pid}.sock"), format!("{pid}-{}.sock", self.container.id())];
        let [first, second] = names.map(|name| directory.join(name));
        match bound_if_free(&first) {
            Err(ControlError::InUse { .. } | ControlError::Taken { .. }) => bound_if_free(&second),
            bound => bound,
        }
    }
}

/// Runs `bind` while no other start makes or removes a socket in this directory, and no fork divides it: a socket that is bound and does
/// not listen yet looks like that of an ended process.
fn one_by_one<R>(directory: &Path, bind: impl FnOnce() -> Result<R, ControlError>) -> Result<R, ControlError> {
    let _lock = DirectoryLock::of(directory)?;
    undivided(bind)
}

fn bound_if_free(path: &Path) -> Result<(OwnedFd, SocketFile), ControlError> {
    let address = directory::address(path)?;
    directory::remove_if_stale(path)?;
    bound(path, &address)
}

/// A socket that listens at the path, which only its user may connect to from the first moment on.
fn bound(path: &Path, address: &SocketAddrUnix) -> Result<(OwnedFd, SocketFile), ControlError> {
    let failed = |operation| move |error: rustix::io::Errno| ControlError::io(operation, path)(error.into());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed("make a socket for"))?;
    // The file gets the mode that the socket has when it is bound; so it never has another, whatever the umask.
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(failed("set the mode of the socket for"))?;
    bind(&socket, address).map_err(failed("bind a socket to"))?;
    let file = SocketFile::of_this_process(path);
    let listening = directory::check_mode(path).and_then(|()| listen(&socket, BACKLOG).map_err(failed("listen at")));
    match listening {
        Ok(()) => Ok((socket, file)),
        Err(error) => {
            file.remove();
            Err(error)
        }
    }
}
