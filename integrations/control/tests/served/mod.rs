//! Containers with control sockets, and peers of them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    Container, format,
    sink::{self, MemoryEvents},
};
use fapilog_control::{ControlSocket, client::Client};
use serde_json::Value;

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A container with a control socket in a directory of its own.
pub(crate) struct Served {
    // Dropped in this order.
    pub(crate) control: ControlSocket,
    pub(crate) container: Arc<Container>,
    pub(crate) events: MemoryEvents,
    pub(crate) directory: tempfile::TempDir,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::start_by(|builder| builder)
    }

    pub(crate) fn start_by(
        change: impl FnOnce(fapilog_control::ControlSocketBuilder) -> fapilog_control::ControlSocketBuilder,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (sink, events) = sink::Memory::new(format::Json::new);
        let container = Arc::new(Container::builder().sink("memory", sink).start().unwrap());
        let builder = ControlSocket::builder(&container).path(directory.path().join("control.sock"));
        let control = change(builder).start().unwrap();
        Self { control, container, events, directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.control.path()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.path()).unwrap()
    }

    pub(crate) fn stream(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// Closes the socket, shuts the container down, and checks that the accounts balance.
    pub(crate) fn end(self) -> fapilog::metrics::Accounts {
        let Self { control, container, .. } = self;
        drop(control);
        let accounts = container.shutdown(TIMEOUT).unwrap();
        accounts.check().unwrap();
        assert_eq!(accounts.pending_total(), 0);
        accounts
    }
}

/// The answer to a line.
#[track_caller]
pub(crate) fn answer_to(mut stream: &UnixStream, line: &[u8]) -> Value {
    stream.write_all(line).unwrap();
    stream.write_all(b"\n").unwrap();
    answer(stream)
}

/// The next answer.
#[track_caller]
pub(crate) fn answer(stream: &UnixStream) -> Value {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}
