//! The time of a sync, and the effects of a failed sync.

#[path = "../../testing/lines.rs"]
mod lines;
#[path = "../../testing/refusing.rs"]
mod refusing;

use std::{thread, time::Duration};

use fapilog_engine::{accounts::LossReason, error::FlushError};
use fapilog_sink_file::{FileEngine, FileSync};
use lines::{
    TIMEOUT, Way, assert_all_hold, assert_holds, balanced, diagnostics, directory, log_bytes, rotated, shut_down, sink,
    started, until, ways,
};
use refusing::refuse;

const HOUR: Duration = Duration::from_secs(3600);

/// The engine whose system calls come from the thread that has the filter.
const BLOCKING: Way = Way { engine: FileEngine::Blocking, direct: true };

#[test]
fn the_file_has_the_same_bytes_with_every_sync_policy() {
    let directory = directory();
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Interval(Duration::from_millis(1)), FileSync::Batch] {
            let path = directory.path().join(format!("{way:?} {sync:?}.log").replace(['{', '}'], ""));
            let container = started(sink(&path, way).sync(sync));
            let log = container.logger("test");
            let mut expected = log_bytes(&log, 300_001);
            container.flush(TIMEOUT).unwrap();
            assert_holds(&path, &expected);
            let durable = if sync == FileSync::Never { 0 } else { expected.len() as u64 };
            assert_eq!(container.accounts().sinks[0].counter("bytes_durable"), durable, "{sync:?}");
            expected.extend(log_bytes(&log, 77));
            let accounts = shut_down(&container);
            assert_holds(&path, &expected);
            assert_eq!((accounts.sinks[0].bytes, accounts.sinks[0].errors), (expected.len() as u64, 0));
        }
    }
}

#[test]
fn without_a_sync_policy_there_is_no_sync() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("never.log");
    let container = started(sink(&path, BLOCKING));
    let expected = log_bytes(&container.logger("test"), 100_000);
    container.flush(TIMEOUT).unwrap();
    assert_eq!(shut_down(&container).sinks[0].errors, 0);
    assert_holds(&path, &expected);
    assert!(!diagnostics(&container).contains("cannot sync;"));
}

#[test]
fn with_a_sync_for_each_batch_events_of_a_failed_sync_are_lost_and_reported() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let container = started(sink(&directory.path().join("batch.log"), BLOCKING).sync(FileSync::Batch));
    log_bytes(&container.logger("test"), 100_000);
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!(accounts.delivered_total(), 0);
    assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), accounts.submitted);
    assert_eq!(diagnostics(&container).matches("cannot sync;").count(), 1);
}

#[test]
fn with_an_interval_a_flush_syncs_and_reports_a_failed_sync() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("interval.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(HOUR)));
    let expected = log_bytes(&container.logger("test"), 100_000);
    assert!(matches!(container.flush(TIMEOUT), Err(FlushError::Failed { .. })));
    assert_eq!(diagnostics(&container).matches("cannot sync;").count(), 1);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), accounts.sinks[0].errors), (accounts.submitted, 1));
    assert_all_hold(&path, &expected);
}

#[test]
fn a_flush_reports_a_sync_of_an_interval_that_failed_before_it_once() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("before.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(Duration::from_millis(1))));
    let expected = log_bytes(&container.logger("test"), 1000);
    until("a sync has failed", || diagnostics(&container).contains("cannot sync;"));
    assert!(matches!(container.flush(TIMEOUT), Err(FlushError::Failed { .. })));
    container.flush(TIMEOUT).unwrap();
    shut_down(&container);
    assert_all_hold(&path, &expected);
}

#[test]
fn with_an_interval_there_are_syncs_while_events_are_logged() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("often.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(Duration::from_millis(5))));
    let log = container.logger("test");
    lines::until("there is a sync", || {
        log_bytes(&log, 1000);
        thread::sleep(Duration::from_millis(2));
        diagnostics(&container).contains("cannot sync;")
    });
    shut_down(&container);
}

#[test]
fn with_an_interval_there_is_a_sync_after_the_last_event_too() {
    // The diagnostic of the refusal shows that there was a sync.
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("last.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(Duration::from_millis(300))));
    let expected = log_bytes(&container.logger("test"), 100);
    lines::until("the event is in the file", || std::fs::read(&path).is_ok_and(|bytes| bytes == expected));
    lines::until("there was a sync", || diagnostics(&container).contains("cannot sync;"));
    let _ = container.shutdown(TIMEOUT);
}

#[test]
fn a_file_whose_sync_has_failed_is_given_up_and_the_next_events_go_to_a_new_one() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let path = directory.path().join("doubtful.log");
    let container = started(sink(&path, BLOCKING).sync(FileSync::Interval(HOUR)));
    let doubtful = log_bytes(&container.logger("test"), 1000);
    let _ = container.flush(TIMEOUT);
    until("the file is rotated", || container.accounts().sinks[0].counter("files_rotated") == 1);
    let next = log_bytes(&container.logger("test"), 100);
    shut_down(&container);
    assert_holds(&rotated(&path)[0], &doubtful);
    assert_holds(&path, &next);
}
