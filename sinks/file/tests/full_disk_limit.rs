//! A file that may not grow, by the limit of the process: no signal kills the program, and writing resumes without the limit.
//!
//! The limit applies to the process, and to the file that its output goes to. So each test runs in a process of its own, whose output is
//! a pipe.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod two_shards;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::{Accounts, LossReason, SinkAccounts},
    container::Container,
    error::ShutdownError,
    host::ManualDrain,
};
use fapilog_format::{Json, Pretty};
use fapilog_plugin::formatter::Formatter;
use fapilog_sink_file::{File, FileEngine, FileSync};
use lines::{
    TIMEOUT, Way, assert_holds, balanced, diagnostics, directory, log_bytes, manual_builder, shut_down, sink, started,
    until, ways,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use two_shards::{assert_is_prefix, run_producers, started_shards};

/// Set in the process that runs a single test.
const IN_CHILD: &str = "FAPILOG_TEST_IN_CHILD";

/// Runs this test in a process of its own. Returns whether the caller is that process.
fn is_in_child(test: &str) -> bool {
    if std::env::var_os(IN_CHILD).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", test, "--nocapture"]).env(IN_CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}{errors}", output.status);
    false
}

/// A limit for the length of each file of this process, until this is dropped.
struct SizeLimit {
    before: Rlimit,
}

impl SizeLimit {
    fn of(bytes: u64) -> Self {
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum: before.maximum }).unwrap();
        Self { before }
    }

    /// Files may grow.
    fn lift(&self) {
        setrlimit(Resource::Fsize, self.before).unwrap();
    }
}

impl Drop for SizeLimit {
    fn drop(&mut self) {
        self.lift();
    }
}

/// A limit on a page boundary, and a limit within a page.
const LIMITS: [u64; 2] = [40 * 4096, 200_001];

fn until_stuck(container: &Container) {
    until("the file is full", || diagnostics(container).contains("cannot write, will retry: File too large"));
}

#[test]
fn events_that_a_full_file_did_not_take_are_written_once_there_is_room() {
    if !is_in_child("events_that_a_full_file_did_not_take_are_written_once_there_is_room") {
        return;
    }
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("resumes.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let limit = SizeLimit::of(limit);
        let mut expected = log_bytes(&log, 400_001);
        until_stuck(&container);
        limit.lift();
        expected.extend(log_bytes(&log, 10_000));
        let accounts = shut_down(&container);
        assert_holds(&path, &expected);
        assert_eq!((accounts.sinks[0].bytes, accounts.lost_total()), (expected.len() as u64, 0), "{way:?}");
    }
}

#[test]
fn a_file_that_stays_full_ends_with_a_record_and_has_exactly_the_delivered_events() {
    if !is_in_child("a_file_that_stays_full_ends_with_a_record_and_has_exactly_the_delivered_events") {
        return;
    }
    for limit_bytes in LIMITS {
        let files = filling_files(started);
        let _limit = SizeLimit::of(limit_bytes);
        at_once(&files, |file| {
            let expected = log_bytes(&file.container.logger("test"), 400_001);
            let accounts = file.end_while_full();
            assert_is_cut_at_a_record(&file.path, &expected, &accounts);
            assert_is_full(limit_bytes, &accounts);
            assert!(accounts.sinks[0].lost.of(LossReason::ShutdownDeadline) > 0);
        });
    }
}

/// A file that becomes full, and the container that writes it.
struct FillingFile {
    case: String,
    path: PathBuf,
    container: Container,
    _directory: TempDir,
}

/// Files that become full at the same time, by engine, write path and durability. The limit is the same for all files of a process.
fn filling_files(start: impl Fn(File) -> Container) -> Vec<FillingFile> {
    let cases = ways().into_iter().flat_map(|way| [FileSync::Never, FileSync::Batch].map(|sync| (way, sync)));
    let file = |(way, sync): (Way, FileSync)| {
        let directory = directory();
        let path = directory.path().join("full.log");
        let container = start(sink(&path, way).one_file(true).sync(sync));
        FillingFile { case: format!("{way:?}, {sync:?}"), path, container, _directory: directory }
    };
    cases.map(file).collect()
}

impl FillingFile {
    /// Ends the container, which waits in vain for room.
    fn end_while_full(&self) -> Accounts {
        until_stuck(&self.container);
        // A busy disk has the time for a sync.
        let error = self.container.shutdown(Duration::from_secs(2)).unwrap_err();
        let ShutdownError::Deadline { accounts, .. } = error else { unreachable!("{error}") };
        lines::balanced(*accounts)
    }
}

/// Each of them waits for its deadline, and none for another.
fn at_once(files: &[FillingFile], test: impl Fn(&FillingFile) + Sync) {
    thread::scope(|scope| {
        for file in files {
            let test = &test;
            scope.spawn(move || test(file));
        }
    });
}

/// Files that become full, by engine, write path, limit and durability.
fn full_files() -> Vec<(Way, u64, FileSync)> {
    let limited = ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit)));
    limited.flat_map(|(way, limit)| [FileSync::Never, FileSync::Batch].map(|sync| (way, limit, sync))).collect()
}

const LINE_BYTES: u64 = 997;

/// Asserts that the file has no room for another line.
#[track_caller]
fn assert_is_full(limit_bytes: u64, accounts: &Accounts) {
    assert_eq!(accounts.sinks[0].delivered, limit_bytes / LINE_BYTES);
}

/// Asserts that the file has the delivered lines, and no other byte.
#[track_caller]
fn assert_is_cut_at_a_record(path: &Path, expected: &[u8], accounts: &Accounts) {
    let SinkAccounts { bytes, delivered, .. } = accounts.sinks[0];
    assert_eq!(bytes, delivered * LINE_BYTES);
    assert_holds(path, &expected[..bytes as usize]);
}

/// Writes with this formatter until the file is full. Returns its content and the delivered events.
fn full_file_of<F: Formatter + 'static>(formatter: fn() -> F) -> (String, u64) {
    let directory = directory();
    let path = directory.path().join("formatted.log");
    let container = started(File::new(&path, formatter).block_bytes(lines::BLOCK_BYTES));
    let _limit = SizeLimit::of(LIMITS[1]);
    log_bytes(&container.logger("test"), 400_001);
    until_stuck(&container);
    let error = container.shutdown(Duration::from_millis(200)).unwrap_err();
    let ShutdownError::Deadline { accounts, .. } = error else { unreachable!("{error}") };
    (fs::read_to_string(&path).unwrap(), lines::balanced(*accounts).delivered_total())
}

#[test]
fn a_full_file_of_the_built_in_formatters_has_exactly_the_delivered_events() {
    if !is_in_child("a_full_file_of_the_built_in_formatters_has_exactly_the_delivered_events") {
        return;
    }
    for (content, delivered) in [full_file_of(Json::new), full_file_of(|| Pretty::new().colors(true))] {
        assert!(content.ends_with('\n'));
        assert_eq!(content.lines().count() as u64, delivered);
        // The limit has room for a block of 64 KiB three times, and for a part of the next.
        assert!(content.len() > 3 * lines::BLOCK_BYTES, "{} bytes", content.len());
    }
}

/// A container on a drain that runs on this thread, where only the drain itself blocks signals.
fn started_manual(sink: File) -> (Container, ManualDrain) {
    assert!(!is_blocked(libc::SIGXFSZ));
    manual_builder().sink("file", sink).start_manual().unwrap()
}

fn is_blocked(signal: libc::c_int) -> bool {
    // SAFETY: `sigset_t` is plain numbers, for which zeros are a value.
    let mut mask: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the call sets no mask, and fills the set that it is given.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask) };
    // SAFETY: the set is only read.
    unsafe { libc::sigismember(&raw const mask, signal) == 1 }
}

fn turn_until_stuck(container: &Container, drain: &mut ManualDrain) {
    until("the file is full", || {
        drain.turn();
        diagnostics(container).contains("cannot write, will retry: File too large")
    });
}

#[test]
fn a_drain_that_the_program_runs_itself_raises_no_signal_that_kills() {
    if !is_in_child("a_drain_that_the_program_runs_itself_raises_no_signal_that_kills") {
        return;
    }
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("manual.log");
        let (container, mut drain) = started_manual(sink(&path, way));
        let limit = SizeLimit::of(limit);
        let expected = log_bytes(&container.logger("test"), 400_001);
        drain.run_until_idle();
        turn_until_stuck(&container, &mut drain);
        limit.lift();
        container.request_shutdown(Instant::now() + TIMEOUT);
        until("the drain has ended", || {
            drain.turn();
            drain.has_ended()
        });
        assert_eq!(balanced(container.accounts()).lost_total(), 0, "{way:?}");
        assert_holds(&path, &expected);
        assert!(!is_blocked(libc::SIGXFSZ));
    }
}

#[test]
fn the_drop_of_such_a_drain_while_the_file_is_full_raises_no_signal_that_kills() {
    if !is_in_child("the_drop_of_such_a_drain_while_the_file_is_full_raises_no_signal_that_kills") {
        return;
    }
    for (way, limit_bytes, sync) in full_files() {
        let directory = directory();
        let path = directory.path().join("dropped.log");
        let (container, mut drain) = started_manual(sink(&path, way).sync(sync));
        let _limit = SizeLimit::of(limit_bytes);
        let expected = log_bytes(&container.logger("test"), 400_001);
        turn_until_stuck(&container, &mut drain);
        drop(drain);
        let accounts = balanced(container.accounts());
        assert_is_cut_at_a_record(&path, &expected, &accounts);
        // Another engine may have a request in flight.
        if way.engine == FileEngine::Blocking {
            assert_is_full(limit_bytes, &accounts);
        }
        assert!(!is_blocked(libc::SIGXFSZ));
    }
}

#[test]
fn a_file_of_two_shards_that_stays_full_has_exactly_the_delivered_events_of_both() {
    if !is_in_child("a_file_of_two_shards_that_stays_full_has_exactly_the_delivered_events_of_both") {
        return;
    }
    for limit_bytes in LIMITS {
        let files = filling_files(started_shards);
        let _limit = SizeLimit::of(limit_bytes);
        at_once(&files, |file| {
            run_producers(&file.container, 1200);
            let accounts = file.end_while_full();
            let text = fs::read_to_string(&file.path).unwrap();
            assert_is_prefix(&text, accounts.sinks[0].delivered);
            assert_eq!(accounts.sinks[0].bytes, text.len() as u64);
            // No line has room any more.
            assert!(limit_bytes - text.len() as u64 <= 150, "{}: {} bytes", file.case, text.len());
            assert!(accounts.sinks[0].lost.of(LossReason::ShutdownDeadline) > 0);
        });
    }
}
