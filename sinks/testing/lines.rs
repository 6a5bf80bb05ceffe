//! What tests of sinks have in common: lines whose bytes are known, and containers that write them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this is test code")]

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::Accounts,
    container::{Container, ContainerBuilder},
    executor::Executor,
    producer::{DynamicEvent, Logger, Overflow},
};
use fapilog_plugin::{event::Batch, formatter::Formatter};
use fapilog_record::{level::Level, value::ValueRef};
use fapilog_sink_file::{FileEngine, FileSink};
use tempfile::TempDir;

/// Far longer than anything here takes: what is not there by then was lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The least block, so that few events fill many.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// Writes each event's message, and a line feed.
#[derive(Debug)]
pub(crate) struct Lines;

impl Formatter for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        for event in batch.events() {
            if let ValueRef::Text(text) = event.message() {
                out.extend_from_slice(text.as_bytes());
            }
            out.push(b'\n');
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) engine: FileEngine,
    pub(crate) direct: bool,
}

/// The ways that this machine has.
pub(crate) fn ways() -> Vec<Way> {
    let mut engines = vec![FileEngine::Blocking];
    if has_io_uring() {
        engines.push(FileEngine::IoUring);
    }
    engines.into_iter().flat_map(|engine| [false, true].map(|direct| Way { engine, direct })).collect()
}

fn has_io_uring() -> bool {
    let directory = directory();
    let sink = FileSink::new(directory.path().join("probe.log"), || Lines).engine(FileEngine::IoUring);
    match Container::builder().executor(Executor::Thread).sink("file", sink).start() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("NOT TESTED with io_uring: {error:?}");
            false
        }
    }
}

/// A directory on a disk, most likely: where temporary files lie is often memory.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A sink with small blocks.
pub(crate) fn sink(path: &Path, way: Way) -> FileSink {
    FileSink::new(path, || Lines).block_bytes(BLOCK_BYTES).engine(way.engine).direct(way.direct)
}

/// Small batches, so that blocks are full when they are, and a producer that waits rather than lose.
pub(crate) fn builder() -> ContainerBuilder {
    let patient = Overflow::Block { timeout: PATIENCE };
    Container::builder().executor(Executor::Thread).overflow(patient).batch_events_max(16)
}

/// The same on the test's own thread, which cannot wait for itself: what a test logs before its next turn, a ring must take.
pub(crate) fn manual_builder() -> ContainerBuilder {
    Container::builder().batch_events_max(16)
}

pub(crate) fn started(sink: FileSink) -> Container {
    builder().sink("file", sink).start().unwrap()
}

/// Logs one line.
pub(crate) fn log_line(log: &Logger, text: &str) {
    log.log_dynamic(&DynamicEvent::new(Level::Info, "test", text));
}

/// Logs lines that take so many bytes, to the byte. Returns the bytes.
pub(crate) fn log_bytes(log: &Logger, total: usize) -> Vec<u8> {
    const LINE_BYTES: usize = 997;
    let mut bytes = Vec::with_capacity(total);
    while bytes.len() < total {
        let length = LINE_BYTES.min(total - bytes.len()) - 1;
        let number = format!("{:07} ", bytes.len());
        let text: String = number.chars().chain(('a'..='z').cycle()).take(length).collect();
        log_line(log, &text);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// Shuts the container down, with nothing left over, and checks the law.
#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    lawful(container.shutdown(PATIENCE).unwrap())
}

/// Checks the law, and that nothing is pending.
#[track_caller]
pub(crate) fn lawful(accounts: Accounts) -> Accounts {
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// What the notices say, one a line.
pub(crate) fn notices(container: &Container) -> String {
    container.diagnostics().iter().map(|notice| format!("{notice}\n")).collect()
}

/// The file holds exactly this. Says where it does not, rather than all of both.
#[track_caller]
pub(crate) fn assert_holds(path: &Path, expected: &[u8]) {
    let content = fs::read(path).unwrap();
    let differs = content.iter().zip(expected).position(|(one, other)| one != other);
    let lengths = (content.len(), expected.len());
    assert!(content == expected, "{path:?}: lengths {lengths:?}, first difference at {differs:?}");
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    *times.get(times.len() / 2).unwrap()
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Forks, runs `child` in the child, and waits until it has ended well.
#[track_caller]
pub(crate) fn forked(child: impl FnOnce() -> bool) {
    // SAFETY: the child runs `child` and then `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if matches!(outcome, Ok(true)) { 42 } else { 1 }) };
    }
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: waits for the child made above.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > PATIENCE / 2 {
            // SAFETY: the child made above, which has not been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 42, "the child's status is {status:#x}");
}
