//! Records of a block that is written in part when the deadline passes.

use fapilog_plugin::record_end::{RecordEnd, WholeRecords};

use super::*;
use crate::writer::last_records::{READ_AT_MOST, REQUEST_WAIT};

impl Bench {
    /// Ends the writer's work without a wait for requests in flight.
    pub(super) fn deliver_part(&mut self, record_end: RecordEnd) -> WholeRecords {
        self.writer.stop(Instant::now() - REQUEST_WAIT);
        assert!(self.writer.ends());
        self.writer.deliver_part(record_end)
    }
}

/// Ends the work, and checks that the dropped writer leaves a file of the acknowledged records.
#[track_caller]
fn deliver_part_of(mut bench: Bench, record_end: RecordEnd, expected: WholeRecords) {
    let start = bench.writer.cursors.acknowledged().offset() as usize;
    assert_eq!(bench.deliver_part(record_end), expected);
    bench.disk.finish_all();
    let Bench { disk, writer, expected: written, .. } = bench;
    drop(writer);
    assert!(disk.content() == written[..start + expected.bytes], "the file has {} bytes", disk.content().len());
}

/// The content of a [`Bench`] has a line feed at each place of these.
fn records(bytes: usize) -> WholeRecords {
    const RECORD_BYTES: usize = 251;
    const FIRST_BYTES: usize = 10;
    match bytes.checked_sub(FIRST_BYTES) {
        Some(behind) => {
            let records = behind / RECORD_BYTES + 1;
            WholeRecords { records: records as u64, bytes: FIRST_BYTES + (records - 1) * RECORD_BYTES }
        }
        None => WholeRecords::default(),
    }
}

#[test]
fn the_whole_records_of_a_short_write_are_delivered_and_the_torn_one_is_cut_away() {
    let mut bench = Bench::new();
    bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    deliver_part_of(bench, RecordEnd::LineFeed, records(1000));
}

#[test]
fn of_a_direct_write_the_records_of_whole_pages_are_delivered() {
    let mut bench = Bench::new();
    bench.write_full(4 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Short(2 * PAGE_BYTES + 700));
    deliver_part_of(bench, RecordEnd::LineFeed, records(2 * PAGE_BYTES));
}

#[test]
fn records_behind_the_acknowledged_ones_are_delivered() {
    let mut bench = Bench::new();
    let end = bench.write_overdue(261);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(end);
    bench.writer.report(end);
    bench.write_overdue(1000);
    bench.finish(0, RequestOutcome::Short(600));
    deliver_part_of(bench, RecordEnd::LineFeed, WholeRecords { records: 2, bytes: 502 });
}

#[test]
fn without_known_ends_of_records_no_record_of_a_block_in_part_is_delivered() {
    let mut bench = Bench::new();
    bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    deliver_part_of(bench, RecordEnd::Unknown, WholeRecords::default());
}

#[test]
fn the_line_feed_that_ends_a_torn_line_is_no_record() {
    let mut bench = Bench::on(FakeDisk::new(b"torn"), FileSync::Never);
    bench.writer.end_torn_line(bench.clock.now());
    bench.finish(0, RequestOutcome::Done);
    bench.expected.push(b'\n');
    bench.write_overdue(1000);
    bench.finish(0, RequestOutcome::Short(300));
    let written = String::from_utf8_lossy(&bench.expected[..305]).matches('\n').count() as u64;
    let whole = bench.deliver_part(RecordEnd::LineFeed);
    assert_eq!(whole.records, written - 1);
}

#[test]
fn records_that_no_sync_has_reached_are_not_delivered_where_each_batch_is_synced() {
    let mut bench = Bench::syncing(FileSync::Batch);
    bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    deliver_part_of(bench, RecordEnd::LineFeed, WholeRecords::default());
}

#[test]
fn the_records_of_a_short_write_are_synced_where_each_batch_is_synced() {
    let mut bench = Bench::syncing(FileSync::Batch);
    bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    // The remaining write is in flight, and the sync of what is written.
    while bench.disk.pending_count() > 1 {
        bench.finish(1, RequestOutcome::Done);
    }
    deliver_part_of(bench, RecordEnd::LineFeed, records(1000));
}

#[test]
fn records_in_doubt_are_not_delivered() {
    let mut bench = Bench::syncing(FileSync::Batch);
    bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    bench.finish(1, RequestOutcome::Error(libc::EIO));
    deliver_part_of(bench, RecordEnd::LineFeed, WholeRecords::default());
}

#[test]
fn records_of_a_file_that_was_removed_are_not_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("removed.log");
    let file = std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    let mut bench = Bench::on(FakeDisk::in_file(file, &[]), FileSync::Never);
    bench.write_overdue(3000);
    std::fs::remove_file(&path).unwrap();
    bench.finish(0, RequestOutcome::Short(1000));
    deliver_part_of(bench, RecordEnd::LineFeed, WholeRecords::default());
}

#[test]
fn the_work_ends_at_the_deadline_and_not_before() {
    let mut bench = Bench::new();
    assert!(!bench.writer.ends());
    bench.writer.stop(Instant::now() + Duration::from_secs(60));
    assert!(!bench.writer.ends());
    bench.writer.stop(Instant::now());
    assert!(bench.writer.ends());
}

#[test]
fn nothing_is_delivered_once_the_accounts_are_closed() {
    let mut bench = Bench::new();
    let end = bench.write_overdue(261);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.writer.is_delivered(end));
    bench.writer.stop(Instant::now() - READ_AT_MOST);
    assert!(bench.writer.ends() && !bench.writer.is_delivered(end));
    assert_eq!(bench.writer.deliver_part(RecordEnd::LineFeed), WholeRecords::default());
}

#[test]
fn a_writer_whose_work_has_ended_writes_nothing_more_and_delivers_no_other_record() {
    let mut bench = Bench::new();
    let end = bench.write_overdue(3000);
    bench.finish(0, RequestOutcome::Short(1000));
    assert_eq!(bench.deliver_part(RecordEnd::LineFeed), records(1000));
    bench.writer.report(end);
    bench.disk.finish_all();
    bench.after(RETRY_MAX);
    assert_eq!(bench.deliver_part(RecordEnd::LineFeed), WholeRecords::default());
    assert_eq!(bench.disk.pending_count(), 0);
}

#[test]
fn a_request_in_flight_at_the_deadline_may_end_a_moment_later() {
    let mut bench = Bench::new();
    bench.write_overdue(3000);
    // Executed, and not seen by the writer.
    bench.disk.finish(0, RequestOutcome::Short(1000));
    deliver_part_of(bench, RecordEnd::LineFeed, records(1000));
}

#[test]
fn a_payload_is_reported_behind_those_before_it() {
    let mut bench = Bench::new();
    let first = bench.writer.filling_end();
    let second = bench.write_overdue(100);
    assert!(bench.writer.is_first(first) && !bench.writer.is_first(second));
    bench.writer.report(second);
    assert!(bench.writer.is_first(second));
}
