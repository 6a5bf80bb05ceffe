//! A process that is killed: each event that counts as delivered is uploaded by the next one.

use std::{
    fs,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fapilog_test_servers::FakeHttp;

use crate::{TIMEOUT, fake_store, log_numbers, s3_settings, segments, shut_down, start, taken, until};

/// No settings: the program of the tests, as a child, reads them.
const SPOOL: &str = "OBJECT_STORE_TEST_SPOOL";
const STORE: &str = "OBJECT_STORE_TEST_STORE";

const ROUNDS: u64 = 12;

/// The child of the test behind it. As a test of its own, it does nothing.
#[test]
fn the_child() {
    let (Ok(spool), Ok(store)) = (std::env::var(SPOOL), std::env::var(STORE)) else { return };
    let spool = PathBuf::from(spool);
    let acknowledged = fs::File::create(spool.join("acknowledged")).unwrap();
    let mut settings = s3_settings(store, &spool);
    settings.segment.max_events = Some(64);
    let logs = start(&settings);
    for round in 0..1_000_000_u64 {
        log_numbers(&logs, round * 10..(round + 1) * 10);
        logs.flush(TIMEOUT).unwrap();
        acknowledged.write_all_at(format!("{:012}", (round + 1) * 10).as_bytes(), 0).unwrap();
    }
}

fn is_killed(store: &FakeHttp, spool: &Path, events: u64) {
    let before = taken(store).len();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_child", "--nocapture", "--test-threads=1"])
        .env(SPOOL, spool)
        .env(STORE, store.url(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let path = spool.join("acknowledged");
    let read = || fs::read_to_string(&path).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    until("events are acknowledged", || read() >= events);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended before");
    let acknowledged = read();

    let settings = s3_settings(store.url(""), spool);
    let logs = start(&settings);
    until("all segments are uploaded", || segments(spool).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let objects = taken(store).split_off(before);
    let numbers: Vec<u64> = objects.iter().flat_map(crate::StoredObject::numbers).collect();
    let in_order: Vec<u64> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, in_order, "each event once, and in order");
    assert!(numbers.len() as u64 >= acknowledged, "{acknowledged} are acknowledged, and {} are there", numbers.len());
}

#[test]
fn all_acknowledged_events_of_a_killed_process_are_uploaded_once_and_in_order() {
    let store = fake_store();
    let spool = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        is_killed(&store, spool.path(), 50 + round * 37);
        fs::remove_file(spool.path().join("acknowledged")).unwrap();
    }
}
