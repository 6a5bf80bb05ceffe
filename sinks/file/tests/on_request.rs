//! A file is rotated on request.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;

use std::{fs, time::Duration};

use fapilog_sink_file::FileSync;
use lines::{
    BLOCK_BYTES, TIMEOUT, assert_all_hold, assert_holds, builder, directory, log_bytes, rotated, shut_down, sink,
    started, ways,
};

#[test]
fn records_before_the_request_are_in_the_rotated_file_and_those_behind_it_in_the_new_one() {
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Batch] {
            let directory = directory();
            let path = directory.path().join("asked.log");
            let container = started(sink(&path, way).sync(sync));
            let log = container.logger("test");
            let before = log_bytes(&log, 2 * BLOCK_BYTES + 100);
            // Events that the drain has not taken yet may come into the new file.
            container.flush(TIMEOUT).unwrap();
            container.rotate(TIMEOUT).unwrap();
            let behind = log_bytes(&log, BLOCK_BYTES + 50);
            assert_eq!(shut_down(&container).lost_total(), 0);
            assert_holds(&rotated(&path)[0], &before);
            assert_holds(&path, &behind);
            assert_eq!(rotated(&path).len(), 1);
        }
    }
}

#[test]
fn an_empty_file_is_not_rotated() {
    let directory = directory();
    let path = directory.path().join("empty.log");
    let container = started(sink(&path, ways()[0]));
    container.rotate(TIMEOUT).unwrap();
    shut_down(&container);
    assert!(rotated(&path).is_empty());
}

#[test]
fn requests_while_events_are_logged_leave_each_event_once() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("often.log");
        let container = started(sink(&path, way));
        let log = container.logger("test");
        let expected = std::thread::scope(|scope| {
            let logged = scope.spawn(|| log_bytes(&log, 60 * BLOCK_BYTES));
            while !logged.is_finished() {
                container.rotate(TIMEOUT).unwrap();
            }
            logged.join().unwrap()
        });
        let accounts = shut_down(&container);
        assert_eq!((accounts.lost_total(), accounts.sinks[0].errors), (0, 0));
        assert_all_hold(&path, &expected);
        assert_eq!(accounts.sinks[0].counter("files_rotated"), rotated(&path).len() as u64);
    }
}

#[test]
fn each_shard_rotates_its_own_file() {
    let directory = directory();
    let path = directory.path().join("shards.log");
    let container = builder().shards(2).sink("file", sink(&path, ways()[0])).start().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| log_bytes(&container.logger("test"), 1000));
        }
    });
    container.flush(TIMEOUT).unwrap();
    container.rotate(TIMEOUT).unwrap();
    let accounts = shut_down(&container);
    let live: u64 = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(live, 4000);
    assert!(accounts.sinks[0].counter("files_rotated") >= 1);
}

/// A file system with a single inode left: a new file cannot be made.
#[test]
fn a_rotation_that_fails_is_an_error_with_its_reason() {
    let Some(mounted) = mounted::with_inodes(2) else { return };
    let path = mounted.path.join("single.log");
    let container = started(sink(&path, ways()[0]));
    let mut expected = log_bytes(&container.logger("test"), 100);
    container.flush(TIMEOUT).unwrap();
    let error = container.rotate(TIMEOUT).unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("No space left"), "{error}");
    expected.extend(log_bytes(&container.logger("test"), 100));
    assert_eq!(shut_down(&container).lost_total(), 0);
    assert_holds(&path, &expected);
    assert!(rotated(&path).is_empty());
}

#[test]
fn a_request_without_time_begins_the_rotation() {
    let directory = directory();
    let path = directory.path().join("begun.log");
    let container = started(sink(&path, ways()[0]));
    log_bytes(&container.logger("test"), 100);
    container.flush(TIMEOUT).unwrap();
    assert!(container.rotate(Duration::ZERO).is_err());
    lines::until("the file is rotated", || rotated(&path).len() == 1);
    shut_down(&container);
}

#[test]
fn a_request_while_the_directory_is_gone_is_answered_when_the_path_is_open_anew() {
    let directory = directory();
    let path = directory.path().join("gone").join("asked.log");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let container = started(sink(&path, ways()[0]));
    log_bytes(&container.logger("test"), 100);
    container.flush(TIMEOUT).unwrap();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    lines::until("it is seen", || lines::diagnostics(&container).contains("was removed"));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| container.rotate(TIMEOUT));
        lines::until("the attempt fails", || lines::diagnostics(&container).contains("no such directory"));
        fs::create_dir(path.parent().unwrap()).unwrap();
        asked.join().unwrap().unwrap();
    });
    assert_holds(&path, b"");
    shut_down(&container);
}
