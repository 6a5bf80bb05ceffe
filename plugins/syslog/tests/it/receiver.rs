//! Receivers in the test.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::TIMEOUT;

/// A Unix socket that takes datagrams.
pub(crate) struct LogSocket {
    socket: UnixDatagram,
    directory: TempDir,
}

impl LogSocket {
    pub(crate) fn bind() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = bind(&directory.path().join("log"));
        Self { socket, directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// As a server that is started again: a new socket under the same name.
    pub(crate) fn bind_again(&mut self) {
        std::fs::remove_file(self.path()).unwrap();
        self.socket = bind(&self.path());
    }

    pub(crate) fn next(&self) -> String {
        let mut bytes = vec![0; 70_000];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }
}

fn bind(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket
}

/// Accepts a connection.
pub(crate) fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    BufReader::new(stream)
}

/// Reads a message with its length in front; `None` at the end of the stream.
pub(crate) fn next_counted(stream: &mut impl BufRead) -> Option<String> {
    let mut digits = Vec::new();
    // A client that ends its process ends TLS without an alert, which is an error.
    let is_read = stream.read_until(b' ', &mut digits).is_ok();
    if !is_read || digits.is_empty() {
        return None;
    }
    let length: usize = std::str::from_utf8(&digits).unwrap().trim_end().parse().unwrap();
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    Some(String::from_utf8(bytes).unwrap())
}

/// Reads a line; `None` at the end of the stream.
pub(crate) fn next_line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.strip_suffix('\n').map(str::to_owned)
}
