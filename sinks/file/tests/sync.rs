//! When a disk is asked to make stable what is written, and what follows when it cannot.

#[path = "../../testing/lines.rs"]
mod lines;
#[path = "../../testing/refusing.rs"]
mod refusing;

use std::{thread, time::Duration};

use fapilog_engine::{accounts::LossReason, error::FlushError};
use fapilog_sink_file::{FileEngine, FileSync};
use lines::{PATIENCE, Way, assert_holds, directory, lawful, log_bytes, notices, shut_down, sink, started, ways};
use refusing::refuse;

const HOUR: Duration = Duration::from_secs(3600);

/// The engine whose system calls are made by the thread that the filter is on.
const BLOCKING: Way = Way { engine: FileEngine::Blocking, direct: true };

#[test]
fn whatever_the_policy_the_file_holds_the_same_bytes() {
    let directory = directory();
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Interval(Duration::from_millis(1)), FileSync::Batch] {
            let path = directory.path().join(format!("{way:?} {sync:?}.log"));
            let container = started(sink(&path, way).sync(sync));
            let log = container.logger("test");
            let mut expected = log_bytes(&log, 300_001);
            container.flush(PATIENCE).unwrap();
            assert_holds(&path, &expected);
            expected.extend(log_bytes(&log, 77));
            let accounts = shut_down(&container);
            assert_holds(&path, &expected);
            assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].errors), (expected.len() as u64, 0));
        }
    }
}

#[test]
fn without_a_policy_the_disk_is_never_asked() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("never.log");
    let container = started(sink(&path, BLOCKING));
    let expected = log_bytes(&container.logger("test"), 100_000);
    container.flush(PATIENCE).unwrap();
    assert_eq!(shut_down(&container).sinks[0].errors, 0);
    assert_holds(&path, &expected);
    assert!(!notices(&container).contains("cannot sync;"));
}

#[test]
fn with_a_sync_for_each_batch_events_that_the_disk_cannot_vouch_for_are_lost_and_it_is_said() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let container = started(sink(&directory.path().join("batch.log"), BLOCKING).sync(FileSync::Batch));
    log_bytes(&container.logger("test"), 100_000);
    let accounts = lawful(container.shutdown(PATIENCE).unwrap());
    assert_eq!(accounts.delivered_total(), 0);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), accounts.submitted);
    assert_eq!(notices(&container).matches("cannot sync;").count(), 1);
}

#[test]
fn with_an_interval_a_flush_asks_the_disk_and_says_what_it_could_not() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("interval.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(HOUR)));
    let expected = log_bytes(&container.logger("test"), 100_000);
    assert!(matches!(container.flush(PATIENCE), Err(FlushError::Failed { .. })));
    assert_eq!(notices(&container).matches("cannot sync;").count(), 1);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.sinks[0].errors), (accounts.submitted, 1));
    assert_holds(&path, &expected);
}

#[test]
fn with_an_interval_the_disk_is_asked_while_events_come() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("often.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(Duration::from_millis(5))));
    let log = container.logger("test");
    lines::until("the disk is asked", || {
        log_bytes(&log, 1000);
        thread::sleep(Duration::from_millis(2));
        notices(&container).contains("cannot sync;")
    });
    shut_down(&container);
}

#[test]
fn with_an_interval_the_disk_is_asked_after_the_last_event_too() {
    // What the disk refuses shows that it was asked.
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("pause.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(Duration::from_millis(300))));
    let expected = log_bytes(&container.logger("test"), 100);
    lines::until("the event is in the file", || std::fs::read(&path).is_ok_and(|bytes| bytes == expected));
    lines::until("the disk was asked", || notices(&container).contains("cannot sync;"));
    let _ = container.shutdown(PATIENCE);
}
