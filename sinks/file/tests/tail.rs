//! A reader of a file in use sees each event soon, and no byte that was not logged.

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fapilog_engine::producer::Logger;
use lines::{BLOCK_BYTES, TIMEOUT, Way, directory, log_bytes, median, shut_down, sink, started, until, ways};

/// The time until a reader sees an event.
const SOON: Duration = Duration::from_millis(100);

/// The number of attempts. The median counts, because the machine may be busy.
const ATTEMPTS: usize = 11;

fn time_until_seen(log: &Logger, path: &Path, expected: &mut Vec<u8>, size: usize) -> Duration {
    expected.extend(log_bytes(log, size));
    let start = Instant::now();
    until("a reader sees all of it", || fs::metadata(path).is_ok_and(|found| found.len() == expected.len() as u64));
    start.elapsed()
}

fn is_seen_soon(way: Way, size: usize) {
    let directory = directory();
    let path = directory.path().join("tail.log");
    let container = started(sink(&path, way));
    let log = container.logger("test");
    let mut expected = Vec::new();
    let times = (0..ATTEMPTS).map(|_| time_until_seen(&log, &path, &mut expected, size)).collect();
    let median = median(times);
    assert!(median < SOON, "{size} bytes were seen after {median:?}, {way:?}");
    lines::assert_holds(&path, &expected);
    shut_down(&container);
}

#[test]
fn a_single_event_is_seen_within_a_tenth_of_a_second() {
    ways().into_iter().for_each(|way| is_seen_soon(way, 50));
}

#[test]
fn the_end_of_a_burst_is_seen_within_a_tenth_of_a_second() {
    ways().into_iter().for_each(|way| is_seen_soon(way, 3 * BLOCK_BYTES + 123));
}

#[test]
fn a_reader_of_a_burst_sees_no_gap_at_any_time() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("read.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        thread::scope(|scope| {
            // A block at a time and its tail: a direct write, and a buffered write that must not overtake it.
            let writer = scope.spawn(|| {
                for _ in 0..40 {
                    log_bytes(&log, BLOCK_BYTES + 700);
                    container.flush(TIMEOUT).unwrap();
                }
            });
            while !writer.is_finished() {
                let seen = fs::read(&path).unwrap_or_default();
                assert!(!seen.contains(&0), "a reader saw zeros, {way:?}");
            }
        });
        shut_down(&container);
    }
}
