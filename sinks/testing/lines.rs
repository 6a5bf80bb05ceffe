//! Shared by the tests of sinks: lines of known bytes, and containers that write them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "all of this is test code")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::Accounts,
    container::{Container, ContainerBuilder},
    executor::Executor,
    producer::{DynamicEvent, Logger, Overflow},
};
use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_record::{level::Level, value::ValueRef};
use fapilog_sink_file::{File, FileEngine};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

/// Far longer than any step of a test takes: a result that is missing by then is lost.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The minimum of a block, so that few events fill many blocks.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// Writes each event's message, and a line feed.
#[derive(Debug)]
pub(crate) struct MessageLines;

impl Formatter for MessageLines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            if let ValueRef::Text(text) = event.message() {
                out.extend_from_slice(text.as_bytes());
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

/// The lines of the program's events: without reports of losses.
pub(crate) fn of_program(lines: &[u8]) -> Vec<u8> {
    let is_report = |line: &[u8]| String::from_utf8_lossy(line).contains(" events lost");
    lines.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_report(line)).flatten().copied().collect()
}

/// The engine and the write path of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) engine: FileEngine,
    pub(crate) direct: bool,
}

/// The ways that this machine offers.
pub(crate) fn ways() -> Vec<Way> {
    let mut engines = vec![FileEngine::Blocking];
    if has_io_uring() {
        engines.push(FileEngine::IoUring);
    }
    engines.into_iter().flat_map(|engine| [false, true].map(|direct| Way { engine, direct })).collect()
}

/// Runs the test in each way, in all of them at the same time: it waits for a look at the file, or for a limit, most of the time.
pub(crate) fn each_way_at_once(test: impl Fn(Way) + Sync) {
    thread::scope(|scope| {
        for way in ways() {
            let test = &test;
            scope.spawn(move || test(way));
        }
    });
}

fn has_io_uring() -> bool {
    let directory = directory();
    let sink = File::new(directory.path().join("probe.log"), || MessageLines).engine(FileEngine::IoUring);
    match Container::builder().executor(Executor::Thread).sink("file", sink).start() {
        Ok(_) => true,
        Err(error) => {
            eprintln!("NOT TESTED with io_uring: {error:?}");
            false
        }
    }
}

/// A directory on a disk, most likely: the directory for temporary files is often in memory.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A sink with small blocks.
pub(crate) fn sink(path: &Path, way: Way) -> File {
    File::new(path, || MessageLines).block_bytes(BLOCK_BYTES).engine(way.engine).direct(way.direct)
}

/// Small batches, so that a block ends soon after it is full, and a producer that waits and drops nothing.
pub(crate) fn builder() -> ContainerBuilder {
    let overflow = Overflow::Block { timeout: TIMEOUT };
    Container::builder().executor(Executor::Thread).overflow(overflow).batch_events_max(16)
}

/// The same on the test's own thread, which cannot wait for itself: a ring must have room for all events between two calls
/// of `turn`.
pub(crate) fn manual_builder() -> ContainerBuilder {
    Container::builder().batch_events_max(16)
}

pub(crate) fn started(sink: File) -> Container {
    builder().sink("file", sink).start().unwrap()
}

/// Logs one line.
pub(crate) fn log_line(log: &Logger, text: &str) {
    log.log_dynamic(&DynamicEvent::new(Level::Info, "test", text));
}

/// Logs lines of exactly `total` bytes. Returns the bytes.
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

/// Shuts the container down, and checks that its accounts balance and that no event is pending.
#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    balanced(container.shutdown(TIMEOUT).unwrap())
}

/// Checks that the accounts balance, and that no event is pending.
#[track_caller]
pub(crate) fn balanced(accounts: Accounts) -> Accounts {
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// The diagnostics of the container, one in each line.
pub(crate) fn diagnostics(container: &Container) -> String {
    container.diagnostics().iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

/// Asserts that the file has exactly these bytes. The message has the first difference, and not the bytes.
#[track_caller]
pub(crate) fn assert_holds(path: &Path, expected: &[u8]) {
    let content = fs::read(path).unwrap();
    let differs = content.iter().zip(expected).position(|(one, other)| one != other);
    let lengths = (content.len(), expected.len());
    assert!(content == expected, "{path:?}: lengths {lengths:?}, first difference at {differs:?}");
}

/// The rotated files of this one, from the oldest to the newest.
pub(crate) fn rotated(path: &Path) -> Vec<PathBuf> {
    let stem = format!("{}.", path.file_stem().unwrap().to_str().unwrap());
    let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = names
        .filter(|other| other != path && other.file_name().unwrap().to_str().unwrap().starts_with(&stem))
        .collect();
    files.sort();
    files
}

/// The bytes of the rotated files and of the file itself, one behind the other.
pub(crate) fn content_of_all(path: &Path) -> Vec<u8> {
    let live = path.exists().then(|| path.to_owned());
    rotated(path).into_iter().chain(live).flat_map(|file| fs::read(file).unwrap()).collect()
}

/// As [`assert_holds`], for the rotated files and the file itself.
#[track_caller]
pub(crate) fn assert_all_hold(path: &Path, expected: &[u8]) {
    let content = of_program(&content_of_all(path));
    let differs = content.iter().zip(expected).position(|(one, other)| one != other);
    let (lengths, files) = ((content.len(), expected.len()), rotated(path));
    assert!(content == expected, "{path:?}: lengths {lengths:?}, first difference at {differs:?}, in {files:?}");
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    *times.get(times.len() / 2).unwrap()
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    loop {
        let looked = Instant::now();
        if is_so() {
            break;
        }
        assert!(start.elapsed() < TIMEOUT, "timeout: {what}");
        // A look that takes long, as it reads all events, leaves a core to the threads that it waits for.
        thread::sleep(looked.elapsed().max(Duration::from_micros(200)));
    }
}

/// Forks, runs `child` in the child, and waits until it has ended with success.
#[track_caller]
pub(crate) fn forked(child: impl FnOnce() -> bool) {
    // SAFETY: the child runs only `child` and then `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: the call ends the child at once.
        unsafe { libc::_exit(if matches!(outcome, Ok(true)) { 42 } else { 1 }) };
    }
    let pid = Pid::from_raw(pid).unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some((_, status)) = waitpid(Some(pid), WaitOptions::NOHANG).unwrap() {
            break status;
        }
        if start.elapsed() > TIMEOUT / 2 {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(status.exit_status(), Some(42), "the child's status is {status:?}");
}
