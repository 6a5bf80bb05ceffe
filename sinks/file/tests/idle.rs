//! An idle container with a file wakes at once for an event: a reader of the file sees the event soon.
//!
//! A separate test program, with one test at a time: times are measured.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::{
    container::Container,
    error::StartError,
    executor::Executor,
    producer::{DynamicEvent, Logger},
};
use fapilog_plugin::threads::lock;
use fapilog_record::level::Level;
use fapilog_sink_file::FileSync;
use lines::{TIMEOUT, Way, builder, directory, median, shut_down, sink, ways};
use tempfile::TempDir;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    lock(&ONE_AT_A_TIME)
}

/// A container that writes to a file in one of the machine's ways, and the time of each attempt.
struct Subject {
    name: String,
    container: Container,
    path: PathBuf,
    times: Vec<Duration>,
}

/// All executors with all engines that this machine offers, and two shards with one file. Single events are always written
/// through the page cache, so only one write path is measured.
fn subjects(directory: &TempDir) -> Vec<Subject> {
    let ways = ways().into_iter().filter(|way| way.direct);
    let pairs = ways.flat_map(|way| [Executor::Thread, Executor::Glommio].map(|executor| (executor, way)));
    let subjects = pairs.flat_map(|(executor, way)| [1, 2].map(|shards| (executor, way, shards)));
    subjects.filter_map(|(executor, way, shards)| subject(directory, executor, way, shards)).collect()
}

fn subject(directory: &TempDir, executor: Executor, way: Way, shards: usize) -> Option<Subject> {
    let name = format!("{executor}, {:?}, {shards}", way.engine);
    let path = directory.path().join(format!("{name}.log"));
    let file = sink(&path, way).one_file(true);
    match builder().executor(executor).shards(shards).sink("file", file).start() {
        Err(error @ StartError::Glommio { .. }) => {
            eprintln!("NOT TESTED on glommio: {error:?}");
            None
        }
        started => Some(Subject { name, container: started.unwrap(), path, times: Vec::new() }),
    }
}

/// The time from a call until the event is in the file, for a reader that opens the file by its path.
fn time_until_in_file(log: &Logger, path: &Path, level: Level) -> Duration {
    let mut expected = fs::read(path).unwrap();
    let text = format!("event behind {} bytes", expected.len());
    expected.extend(format!("{text}\n").into_bytes());
    let start = Instant::now();
    log.log_dynamic(&DynamicEvent::new(level, "test", &text));
    while fs::read(path).unwrap() != expected {
        assert!(start.elapsed() < TIMEOUT, "never in the file");
        thread::sleep(Duration::from_micros(100));
    }
    start.elapsed()
}

/// Asserts that an event is in the file in time, by the median of several attempts, each after a silence.
fn is_in_file_within(limit: Duration, level: Level, silence: Duration, attempts: usize) {
    let _alone = alone();
    let directory = directory();
    let mut subjects = subjects(&directory);
    for _ in 0..attempts {
        thread::sleep(silence);
        for Subject { container, path, times, .. } in &mut subjects {
            times.push(time_until_in_file(&container.logger("test"), path, level));
        }
    }
    for Subject { name, container, times, .. } in subjects {
        shut_down(&container);
        let median = median(times);
        assert!(median < limit, "{name}: {median:?}");
    }
}

#[test]
fn an_error_is_in_the_file_within_10_ms_when_the_drain_was_parked() {
    is_in_file_within(Duration::from_millis(10), Level::Error, Duration::from_millis(200), 9);
}

#[test]
fn an_error_is_in_the_file_within_10_ms_when_the_drain_was_asleep() {
    is_in_file_within(Duration::from_millis(10), Level::Error, Duration::from_millis(5), 15);
}

#[test]
fn the_first_event_after_a_second_of_silence_is_in_the_file_within_100_ms() {
    is_in_file_within(Duration::from_millis(100), Level::Info, Duration::from_secs(1), 3);
}

/// How often threads of drains have gone to sleep.
fn sleeps_of_drains() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let of_drains =
        tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("fapilog-0")));
    let statuses = of_drains.filter_map(|task| fs::read_to_string(task.join("status")).ok());
    let counts = statuses.filter_map(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    });
    counts.sum()
}

#[test]
fn a_sync_that_is_due_wakes_the_drain_a_few_times_and_not_again_and_again() {
    let _alone = alone();
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("syncs.log");
        let sync = FileSync::Interval(Duration::from_millis(100));
        let container = builder().sink("file", sink(&path, way).sync(sync)).start().unwrap();
        let before = sleeps_of_drains();
        // Three syncs; a drain that looks again and again goes to sleep a thousand times meanwhile.
        for _ in 0..3 {
            container.logger("test").log_dynamic(&DynamicEvent::new(Level::Info, "test", "event"));
            thread::sleep(Duration::from_millis(250));
        }
        let sleeps = sleeps_of_drains() - before;
        assert!((1..150).contains(&sleeps), "{way:?}: {sleeps} sleeps");
        shut_down(&container);
    }
}
