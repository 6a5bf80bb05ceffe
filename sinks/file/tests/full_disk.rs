//! A full disk: the log waits for room, and its accounts are exact about events that were not written.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Duration,
};

use fapilog_engine::{
    accounts::{Accounts, SinkAccounts},
    container::Container,
    error::ShutdownError,
};
use fapilog_sink_file::{File as LogFile, FileSync};
use lines::{Way, assert_holds, balanced, builder, diagnostics, log_bytes, shut_down, sink, until, ways};
use mounted::{Mounted, in_memory, on_disk};

const DISK_BYTES: usize = 16 << 20;

/// Fills the disk except for `but_for` bytes.
fn fill(path: &Path, but_for: u64) {
    let mut ballast = File::create(path).unwrap();
    let chunk = [b'b'; 4096];
    while ballast.write_all(&chunk).is_ok() {}
    // Without the sync, the file may have fewer bytes on the disk than its length, and the truncation would free none.
    let _ = ballast.sync_all();
    let length = ballast.metadata().unwrap().len();
    ballast.set_len(length.saturating_sub(but_for)).unwrap();
    let _ = ballast.sync_all();
}

fn start(sink: LogFile) -> Container {
    // Rings and blocks have more room than the disk: no log call waits.
    builder().ring_capacity_bytes(4 << 20).sink("file", sink).start().unwrap()
}

fn until_stuck(container: &Container) {
    until("the disk is full", || diagnostics(container).contains("cannot write, will retry: No space left"));
}

/// The final accounts of a shutdown while the disk is full.
fn shut_down_full(container: &Container) -> Accounts {
    let error = container.shutdown(Duration::from_millis(200)).unwrap_err();
    let ShutdownError::Deadline { accounts, .. } = error else { unreachable!("{error}") };
    balanced(*accounts)
}

fn resumes(mounted: &Mounted, way: Way) {
    let (path, ballast) = (mounted.path.join("resumes.log"), mounted.path.join("ballast"));
    fill(&ballast, 200_000);
    let container = start(sink(&path, way));
    let log = container.logger("test");
    let mut expected = log_bytes(&log, 1_000_001);
    until_stuck(&container);
    fs::remove_file(&ballast).unwrap();
    expected.extend(log_bytes(&log, 10_000));
    let accounts = shut_down(&container);
    assert_holds(&path, &expected);
    assert_eq!((accounts.sinks[0].bytes, accounts.lost_total()), (expected.len() as u64, 0), "{way:?}");
    fs::remove_file(&path).unwrap();
}

fn ends_with_a_record(mounted: &Mounted, way: Way, sync: FileSync) {
    let (path, ballast) = (mounted.path.join("full.log"), mounted.path.join("ballast"));
    fill(&ballast, 200_000);
    let container = start(sink(&path, way).sync(sync));
    let expected = log_bytes(&container.logger("test"), 1_000_001);
    until_stuck(&container);
    let accounts = shut_down_full(&container);
    let SinkAccounts { bytes, delivered, .. } = accounts.sinks[0];
    // The kernel may hold a write on a full disk longer than a shutdown waits for the drain. Its container is closed then, and
    // the drain cuts the file when the write has ended.
    until("the file is cut", || fs::metadata(&path).is_ok_and(|found| found.len() == bytes));
    assert_holds(&path, &expected[..bytes as usize]);
    assert_eq!(delivered, expected[..bytes as usize].iter().filter(|byte| **byte == b'\n').count() as u64);
    assert!(bytes == 0 || expected[bytes as usize - 1] == b'\n');
    fs::remove_file(&path).unwrap();
    fs::remove_file(&ballast).unwrap();
}

#[test]
fn a_log_in_memory_that_is_full_resumes_when_there_is_room_or_ends_with_a_record() {
    let Some(mounted) = in_memory(DISK_BYTES) else { return };
    for way in ways() {
        resumes(&mounted, way);
        for sync in [FileSync::Never, FileSync::Batch] {
            ends_with_a_record(&mounted, way, sync);
        }
    }
}

#[test]
fn a_log_on_a_disk_that_is_full_resumes_when_there_is_room_or_ends_with_a_record() {
    let Some(mounted) = on_disk(DISK_BYTES as u64) else { return };
    for way in ways() {
        resumes(&mounted, way);
        for sync in [FileSync::Never, FileSync::Batch] {
            ends_with_a_record(&mounted, way, sync);
        }
    }
}
