//! A client of control sockets: the part of the command `fapilog` that asks other processes.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
    process::geteuid,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use crate::{
    directory::sockets_of,
    lines::{LineError, LineSocket},
    peer::PeerProcess,
    protocol::{
        ChangedLevels, ControlCommand, DiagnosticReport, Flushed, LevelChange, LevelsInForce, PluginStatus,
        ProcessInfo, Refusal,
    },
};

/// The longest answer, in bytes.
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// How long a process may take to take a connection, and to answer, beyond the time that it is given by the command itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason why a process did not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no such process.
    #[error("there is no process {pid}")]
    NoProcess {
        /// Its number.
        pid: u32,
    },
    /// The process has no control socket where this user can find it.
    #[error(
        "process {pid} has no control socket: the program opts in by `fapilog_control::ControlSocket`; one at another path is \
         given by its path"
    )]
    NoSocket {
        /// Its number.
        pid: u32,
    },
    /// The process has several, one for each container.
    #[error(
        "process {pid} has several control sockets, one for each container; choose by its path: {}",
        in_one_line(sockets)
    )]
    SeveralSockets {
        /// Its number.
        pid: u32,
        /// Their paths.
        sockets: Vec<PathBuf>,
    },
    /// There is a socket, and no process listens at it.
    #[error(
        "no process listens at {path:?}: the program has ended without removing its socket; a program that starts a control socket \
         at this path replaces it, and the next one at the default place removes it"
    )]
    Stale {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be connected to.
    #[error("cannot connect to {path:?}")]
    Connect {
        /// The path.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The process at the other end is of another user, who is not root.
    #[error("the socket {path:?} is that of user {uid}; only your own processes and those of root are asked")]
    OtherUser {
        /// The path.
        path: PathBuf,
        /// The other user.
        uid: u32,
    },
    /// The process did not answer in time.
    #[error("no answer within {timeout:?}")]
    TimedOut {
        /// The time.
        timeout: Duration,
    },
    /// The process has closed the connection.
    #[error("the connection was closed: the process has ended, or stopped its control socket")]
    Closed,
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[source] io::Error),
    /// The answer is none of this protocol.
    #[error("the answer cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The process refused the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

fn in_one_line(sockets: &[PathBuf]) -> String {
    sockets.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A connection to a control socket.
#[derive(Debug)]
pub struct Client {
    lines: LineSocket,
}

/// The line of an answer.
#[derive(Deserialize)]
struct AnswerLine {
    ok: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Option<Refusal>,
}

impl Client {
    /// Connects to the control socket of a process, at its default path.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn of_process(pid: u32) -> Result<Self, ClientError> {
        let mut sockets = sockets_of(pid);
        match (sockets.pop(), sockets.is_empty()) {
            (Some(path), true) => Self::connect(path),
            (Some(last), false) => {
                sockets.push(last);
                Err(ClientError::SeveralSockets { pid, sockets })
            }
            (None, _) if Path::new(&format!("/proc/{pid}")).exists() => Err(ClientError::NoSocket { pid }),
            (None, _) => Err(ClientError::NoProcess { pid }),
        }
    }

    /// Connects to a control socket.
    ///
    /// # Errors
    /// When there is none, or it is that of another user.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref();
        let stream = connected(path).map_err(|error| ClientError::of_connection(path, error))?;
        let peer = PeerProcess::of(&stream).map_err(ClientError::Io)?;
        let own = geteuid();
        if !own.is_root() && !peer.is_of(own.as_raw()) {
            return Err(ClientError::OtherUser { path: path.to_owned(), uid: peer.uid });
        }
        Ok(Self { lines: LineSocket::new(stream, ANSWER_MAX_BYTES) })
    }

    /// The program and its container.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn info(&mut self) -> Result<ProcessInfo, ClientError> {
        self.ask(&ControlCommand::Info)
    }

    /// The levels in force.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn levels(&mut self) -> Result<LevelsInForce, ClientError> {
        self.ask(&ControlCommand::LevelGet)
    }

    /// Changes the levels.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn change_levels(&mut self, change: LevelChange) -> Result<ChangedLevels, ClientError> {
        self.ask(&ControlCommand::LevelSet(change))
    }

    /// The container's figures, as `fapilog::metrics::Metrics` serializes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn metrics(&mut self) -> Result<Value, ClientError> {
        self.ask(&ControlCommand::Metrics)
    }

    /// The plugins and their states.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn plugins(&mut self) -> Result<Vec<PluginStatus>, ClientError> {
        self.ask(&ControlCommand::Plugins)
    }

    /// The diagnostics of the log itself.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn diagnostics(&mut self) -> Result<Vec<DiagnosticReport>, ClientError> {
        self.ask(&ControlCommand::Diagnostics)
    }

    /// Waits until everything that was logged before is delivered, at most for `timeout`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn flush(&mut self, timeout: Duration) -> Result<Flushed, ClientError> {
        self.ask(&ControlCommand::Flush { timeout })
    }

    /// Has a sink start new files, or all sinks, and waits at most for `timeout`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn rotate(&mut self, sink: Option<&str>, timeout: Duration) -> Result<(), ClientError> {
        let Value::Object(_) = self.ask(&ControlCommand::Rotate { sink: sink.map(str::to_owned), timeout })? else {
            return Err(ClientError::Unreadable { reason: "the result is no object".to_owned() });
        };
        Ok(())
    }

    fn ask<R: DeserializeOwned>(&mut self, command: &ControlCommand) -> Result<R, ClientError> {
        let timeout = match command {
            ControlCommand::Flush { timeout } | ControlCommand::Rotate { timeout, .. } => *timeout + ANSWER_TIMEOUT,
            _ => ANSWER_TIMEOUT,
        };
        // A peer that refuses a connection has closed it, and its reason may still be read.
        let sent = self.lines.write_line(&command.to_line(), ANSWER_TIMEOUT);
        let line = match self.lines.read_line(timeout) {
            Ok(Some(line)) => line,
            Ok(None) => return Err(sent.err().map_or(ClientError::Closed, ClientError::of_line)),
            Err(error) => return Err(ClientError::of_line(error)),
        };
        let unreadable = |error: serde_json::Error| ClientError::Unreadable { reason: error.to_string() };
        let answer: AnswerLine = serde_json::from_slice(&line).map_err(unreadable)?;
        match answer {
            AnswerLine { ok: true, result, .. } => serde_json::from_value(result).map_err(unreadable),
            AnswerLine { error: Some(refusal), .. } => Err(refusal.into()),
            AnswerLine { .. } => Err(ClientError::Unreadable { reason: "it has no error and no result".to_owned() }),
        }
    }
}

impl ClientError {
    fn of_connection(path: &Path, error: Errno) -> Self {
        let path = path.to_owned();
        match error {
            Errno::CONNREFUSED => Self::Stale { path },
            // The process has not taken those that wait before this one.
            Errno::AGAIN => Self::TimedOut { timeout: ANSWER_TIMEOUT },
            error => Self::Connect { path, source: error.into() },
        }
    }

    fn of_line(error: LineError) -> Self {
        match error {
            LineError::TimedOut { timeout } => Self::TimedOut { timeout },
            LineError::Cut => Self::Closed,
            LineError::Io(error) if is_closed(&error) => Self::Closed,
            LineError::Io(error) => Self::Io(error),
            error @ LineError::TooLong { .. } => Self::Unreadable { reason: error.to_string() },
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// A connection to the socket, which a process that hangs has to take in time.
fn connected(path: &Path) -> Result<UnixStream, Errno> {
    if path.as_os_str().is_empty() {
        // It would be the address of a socket without a file.
        return Err(Errno::NOENT);
    }
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(ANSWER_TIMEOUT))?;
    retry_on_intr(|| connect(&socket, &address))?;
    Ok(UnixStream::from(socket))
}
