//! Containers and requests of the tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod openmetrics;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor, ManualDrain, Overflow},
    error, format, info, sink,
};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A container on a plain thread with a sink in memory, and its events.
pub(crate) fn started() -> (Container, sink::MemoryEvents) {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let builder = Container::builder().executor(Executor::Thread).level(Level::Trace).apply(fapilog::default_pipeline);
    (builder.sink("memory", sink).start().unwrap(), events)
}

/// A container that the test drains, whose rings are soon full.
pub(crate) fn small() -> (Container, ManualDrain) {
    let (sink, _events) = sink::Memory::new(format::Json::new);
    small_by(Container::builder().sink("memory", sink))
}

pub(crate) fn small_by(builder: ContainerBuilder) -> (Container, ManualDrain) {
    let builder = builder.overflow(Overflow::DropNewest).ring_capacity_bytes(16 * 1024).record_max_bytes(1024);
    builder.start_manual().unwrap()
}

/// Logs and drains, and has a figure of each kind be another than zero: 10 events delivered, one lost.
pub(crate) fn with_figures() -> Container {
    let (container, _events) = started();
    let log = container.logger("test");
    (0..10).for_each(|n| info!(log, "counted", n));
    container.flush(TIMEOUT).unwrap();
    shut_down(&container);
    error!(log, "too late");
    container
}

/// Shuts the container down, and checks the law.
pub(crate) fn shut_down(container: &Container) {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
}

/// Ends a container that the test drains itself, and checks the law.
pub(crate) fn end(container: &Container, drain: &mut ManualDrain) {
    container.request_shutdown(Instant::now() + TIMEOUT);
    until("the drain has ended", || {
        drain.turn();
        drain.has_ended()
    });
    container.accounts().check().unwrap();
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A program of the system. Where it is absent, a test that needs it does nothing, unless `NO_SKIPPED_TESTS` is set, as `.ci/run`
/// has it: a test that does nothing there is done nowhere.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists());
    assert!(found.is_some() || std::env::var_os("NO_SKIPPED_TESTS").is_none(), "there is no {name}");
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "the only report of a test that does nothing")]
        {
            eprintln!("NOT TESTED: there is no {name}");
        }
    }
    found
}

/// The command of a program.
pub(crate) fn command(name: &str) -> Option<Command> {
    program(name).map(Command::new)
}

/// A response: its head and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Sends these bytes, and reads until the other side ends the connection.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    answer(stream)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream
}

pub(crate) fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// Gets the path, with these headers.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").as_bytes())
}
