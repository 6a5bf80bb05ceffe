//! A file that may not grow, by the limit of the process: no signal kills the program, and writing resumes without the limit.
//!
//! The limit applies to the process, so the tests run one after the other, in a separate program.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs,
    path::Path,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use fapilog_engine::{accounts::LossReason, container::Container, error::ShutdownError, host::ManualDrain};
use fapilog_plugin::threads::lock;
use lines::{
    TIMEOUT, Way, assert_holds, balanced, diagnostics, directory, log_bytes, manual_builder, shut_down, sink, started,
    until, ways,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A limit for the length of each file of this process, until this is dropped.
struct SizeLimit<'a> {
    before: Rlimit,
    _alone: MutexGuard<'a, ()>,
}

impl SizeLimit<'_> {
    fn of(bytes: u64) -> Self {
        let alone = lock(&ONE_AT_A_TIME);
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum: before.maximum }).unwrap();
        Self { before, _alone: alone }
    }
}

impl Drop for SizeLimit<'_> {
    fn drop(&mut self) {
        setrlimit(Resource::Fsize, self.before).unwrap();
    }
}

/// A limit on a page boundary, and a limit within a page.
const LIMITS: [u64; 2] = [40 * 4096, 200_001];

fn until_stuck(container: &Container) {
    until("the file is full", || diagnostics(container).contains("cannot write, will retry: File too large"));
}

#[test]
fn events_that_a_full_file_did_not_take_are_written_once_there_is_room() {
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("resumes.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let limit = SizeLimit::of(limit);
        let mut expected = log_bytes(&log, 400_001);
        until_stuck(&container);
        drop(limit);
        expected.extend(log_bytes(&log, 10_000));
        let accounts = shut_down(&container);
        assert_holds(&path, &expected);
        assert_eq!((accounts.sinks[0].bytes, accounts.lost_total()), (expected.len() as u64, 0), "{way:?}");
    }
}

#[test]
fn a_file_that_stays_full_ends_with_a_record_and_has_exactly_the_delivered_events() {
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("full.log");
        let container = started(sink(&path, way));
        let _limit = SizeLimit::of(limit);
        let expected = log_bytes(&container.logger("test"), 400_001);
        until_stuck(&container);
        let error = container.shutdown(Duration::from_millis(200)).unwrap_err();
        let ShutdownError::Deadline { accounts, .. } = error else { unreachable!("{error}") };
        let accounts = lines::balanced(*accounts);
        assert_is_cut_at_a_record(&path, &expected, accounts.sinks[0].bytes);
        assert!(accounts.sinks[0].lost.of(LossReason::ShutdownDeadline) > 0);
        let delivered = fs::read(&path).unwrap().iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(accounts.delivered_total(), delivered as u64);
    }
}

#[track_caller]
fn assert_is_cut_at_a_record(path: &Path, expected: &[u8], bytes: u64) {
    assert_holds(path, &expected[..bytes as usize]);
    assert!(bytes == 0 || expected[bytes as usize - 1] == b'\n');
}

/// A container on a drain that runs on this thread, where only the drain itself blocks signals.
fn started_manual(path: &Path, way: Way) -> (Container, ManualDrain) {
    assert!(!is_blocked(libc::SIGXFSZ));
    manual_builder().sink("file", sink(path, way)).start_manual().unwrap()
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
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("manual.log");
        let (container, mut drain) = started_manual(&path, way);
        let limit = SizeLimit::of(limit);
        let expected = log_bytes(&container.logger("test"), 400_001);
        drain.run_until_idle();
        turn_until_stuck(&container, &mut drain);
        drop(limit);
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
    for (way, limit) in ways().into_iter().flat_map(|way| LIMITS.map(|limit| (way, limit))) {
        let directory = directory();
        let path = directory.path().join("dropped.log");
        let (container, mut drain) = started_manual(&path, way);
        let _limit = SizeLimit::of(limit);
        let expected = log_bytes(&container.logger("test"), 400_001);
        turn_until_stuck(&container, &mut drain);
        drop(drain);
        assert_is_cut_at_a_record(&path, &expected, balanced(container.accounts()).sinks[0].bytes);
        assert!(!is_blocked(libc::SIGXFSZ));
    }
}
