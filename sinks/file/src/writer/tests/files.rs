//! Records go on in another file.

use fapilog_plugin::record_end::{RecordEnd, WholeRecords};

use super::*;

impl Bench {
    /// Acknowledges every delivery so far.
    pub(super) fn acknowledge(&mut self) {
        let end = self.delivered_end();
        self.writer.acknowledge(end);
        self.writer.report(end);
    }
}

#[test]
fn records_of_a_file_that_is_not_open_yet_wait_and_those_before_them_do_not() {
    let mut bench = Bench::new();
    let before = bench.write_overdue(100);
    bench.writer.begin_file();
    bench.write_overdue(50);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!((bench.delivered_end(), bench.disk.pending_count()), (before, 0));
    bench.open_file(true);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 0..50)]);
    bench.assert_all_written();
    assert_eq!((bench.disk.content().len(), bench.disk.content_at(1).len()), (100, 50));
}

#[test]
fn the_partial_page_of_a_file_is_written_when_the_next_file_begins() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.begin_file();
    bench.turn();
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE..PAGE + 100)]);
    bench.finish(0, RequestOutcome::Done);
    bench.open_file(true);
    bench.write_full(2 * PAGE_BYTES);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 0..2 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_block_that_is_filled_while_the_next_file_begins_goes_there() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    let mut filled = bench.writer.take_block().unwrap();
    bench.writer.begin_file();
    filled.extend_from_slice(&[b'n'; PAGE_BYTES]);
    bench.expected.extend_from_slice(&[b'n'; PAGE_BYTES]);
    bench.writer.write(filled, true, bench.clock.now()).unwrap();
    bench.open_file(true);
    bench.assert_all_written();
    assert_eq!(bench.disk.content_at(1), [b'n'; PAGE_BYTES]);
}

#[test]
fn records_of_a_file_that_cannot_be_opened_go_to_the_one_before_it() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.writer.begin_file();
    bench.write_full(2 * PAGE_BYTES);
    bench.open_file(false);
    bench.write_full(3 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.writer.is_open());
    bench.assert_all_written();
    bench.write_full(3 * PAGE_BYTES);
    bench.assert_all_written();
    assert_eq!(bench.disk.content().len(), bench.expected.len());
}

#[test]
fn a_file_is_complete_when_its_last_record_is_acknowledged() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.writer.begin_file();
    bench.open_file(true);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.writer.take_finished().is_empty());
    bench.acknowledge();
    assert_eq!(bench.writer.take_finished().len(), 1);
}

#[test]
fn a_file_before_one_that_is_not_open_is_not_complete() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.acknowledge();
    bench.writer.begin_file();
    assert!(bench.writer.take_finished().is_empty());
    bench.open_file(true);
    assert_eq!(bench.writer.take_finished().len(), 1);
}

#[test]
fn a_file_is_synced_before_the_records_of_the_next_one_are_delivered() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let first = bench.write_overdue(100);
    bench.writer.begin_file();
    bench.open_file(true);
    let second = bench.write_overdue(50);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.disk.is_syncing());
    bench.finish(1, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), first, "the sync of the first file");
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), second, "the sync of the second file");
    bench.acknowledge();
    assert_eq!(bench.writer.take_finished().len(), 1);
}

#[test]
fn a_file_that_is_left_is_synced_at_once_where_an_interval_is_set() {
    let mut bench = Bench::syncing(FileSync::Interval(Duration::from_secs(3600)));
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    assert!(!bench.disk.is_syncing());
    bench.writer.begin_file();
    bench.open_file(true);
    assert!(bench.disk.is_syncing());
    bench.acknowledge();
    assert!(bench.writer.take_finished().is_empty());
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.writer.take_finished().len(), 1);
}

#[test]
fn a_failed_sync_leaves_the_records_of_the_next_file_without_doubt() {
    let mut bench = Bench::syncing(FileSync::Batch);
    let start = bench.delivered_end();
    let first = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.begin_file();
    bench.open_file(true);
    bench.write_overdue(50);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    assert!(bench.writer.has_doubt_behind(start) && !bench.writer.has_doubt_behind(first));
    bench.assert_all_written();
}

#[test]
fn a_dropped_writer_cuts_each_file_at_the_acknowledged_end() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.acknowledge();
    bench.write_overdue(20);
    bench.writer.begin_file();
    bench.open_file(true);
    bench.write_overdue(50);
    bench.finish(0, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Done);
    let Bench { disk, writer, expected, .. } = bench;
    drop(writer);
    assert_eq!((disk.content(), disk.content_at(1).len()), (expected[..100].to_vec(), 0));
}

#[test]
fn records_on_both_sides_of_a_change_of_files_are_delivered_in_part_at_the_deadline() {
    let mut bench = Bench::new();
    let line = |bench: &mut Bench, bytes: usize| {
        let mut block = bench.writer.take_block().unwrap();
        block.resize(block.len() + bytes - 1, b'x');
        block.push(b'\n');
        bench.writer.write(block, false, bench.clock.now()).unwrap();
    };
    line(&mut bench, 10);
    bench.writer.begin_file();
    bench.open_file(true);
    line(&mut bench, 20);
    bench.finish(0, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.deliver_part(RecordEnd::LineFeed), WholeRecords { records: 2, bytes: 30 });
}

/// A writer on a file that has a name, and its path.
fn named_bench() -> (tempfile::TempDir, std::path::PathBuf, Bench) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("named.log");
    let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    let bench = Bench::on(FakeDisk::in_file(file, &[]), FileSync::Never);
    (directory, path, bench)
}

#[test]
fn records_that_are_not_written_when_the_file_is_removed_wait_and_go_to_the_next_file() {
    let (_directory, path, mut bench) = named_bench();
    let start = bench.delivered_end();
    bench.write_overdue(100);
    std::fs::remove_file(path).unwrap();
    bench.write_full(2 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    bench.write_full(3 * PAGE_BYTES + 10);
    assert!(bench.writer.is_current_removed());
    assert_eq!(bench.disk.pending_count(), 0, "a write goes to a file without a name");
    let lost = bench.delivered_end();
    assert!(bench.writer.is_removed(start, lost));
    bench.writer.go_on_in(bench.disk.add_file(b"other")).unwrap();
    let mut expected = bench.expected.split_off(100);
    bench.execute_all();
    expected.splice(0..0, *b"other");
    assert!(bench.disk.content_at(1) == expected);
    let end = bench.delivered_end();
    assert!(!bench.writer.is_removed(lost, end));
    bench.acknowledge();
    assert_eq!(bench.writer.take_finished().len(), 1);
}

#[test]
fn records_go_on_without_a_name_and_are_lost_if_no_other_file_can_be_had() {
    let (_directory, path, mut bench) = named_bench();
    std::fs::remove_file(path).unwrap();
    let start = bench.delivered_end();
    let end = bench.write_overdue(100);
    assert_eq!(bench.disk.pending_count(), 0);
    bench.writer.go_on_without_name();
    bench.turn();
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.delivered_end() == end && bench.writer.is_removed(start, end));
}

#[test]
fn a_file_that_its_server_does_not_know_any_more_is_one_without_a_name() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Error(libc::ESTALE));
    assert!(bench.writer.is_current_removed());
    bench.writer.go_on_in(bench.disk.add_file(&[])).unwrap();
    bench.execute_all();
    assert_eq!(bench.disk.content_at(1), bench.expected);
}

#[test]
fn records_behind_the_content_of_an_existing_file_begin_at_its_end() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES);
    bench.writer.begin_file();
    bench.writer.file_opened(bench.disk.add_file(&[b'o'; 5000]));
    bench.expected.extend_from_slice(&[b'o'; 5000]);
    let first = bench.expected.len();
    let mut block = bench.writer.take_block().unwrap();
    block.resize(block.len() + 3 * PAGE_BYTES, b'r');
    bench.expected.resize(first + 3 * PAGE_BYTES, b'r');
    bench.writer.write(block, true, bench.clock.now()).unwrap();
    bench.execute_all();
    assert!(bench.disk.all_content() == bench.expected);
}

#[test]
fn the_waiting_records_of_a_rotated_file_that_its_server_does_not_know_any_more_are_lost_and_the_next_ones_are_not() {
    let mut bench = Bench::new();
    let start = bench.delivered_end();
    bench.write_overdue(100);
    let lost = bench.write_overdue(50);
    bench.writer.begin_file();
    bench.open_file(true);
    bench.finish(0, RequestOutcome::Error(libc::ESTALE));
    let next = bench.write_overdue(30);
    bench.execute_all();
    assert_eq!((bench.delivered_end(), bench.disk.content_at(1).len()), (next, 30));
    assert!(bench.writer.is_removed(start, lost) && !bench.writer.is_removed(lost, next));
    assert_eq!(bench.writer.free.len(), BLOCKS);
}

#[test]
fn a_block_that_was_moved_when_the_next_file_began_has_its_memory_back() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    let mut filled = bench.writer.take_block().unwrap();
    bench.writer.begin_file();
    filled.push(b'n');
    bench.expected.push(b'n');
    bench.writer.write(filled, false, bench.clock.now()).unwrap();
    bench.assert_all_written();
    assert!(bench.writer.free.iter().all(|block| !block.has_shrunk(BLOCK_BYTES)));
}
