//! The promises of a batch writer, on a disk that executes requests late, in part, or not at all.

use std::os::unix::fs::FileExt;

use rustix::fs::{OFlags, fcntl_getfl};

use super::{
    retry_backoff::{RETRY_MAX, RETRY_MIN},
    *,
};
use crate::{
    engine::fake::{FakeClock, FakeDisk, RequestOutcome},
    open::Opening,
};

mod any_change;
mod any_sequence;
mod changes;
mod files;
mod last_records;
mod refused;
mod syncs;

const PAGE: u64 = PAGE_BYTES as u64;
const BLOCKS: usize = 6;
/// Less than the real minimum, so that few events fill a block.
const BLOCK_BYTES: usize = 8192;
const OPENING: Opening = Opening { is_direct: false, mode: 0o600, respects_umask: false, directory_mode: None };

/// A writer on a fake disk, and the bytes that it was given.
struct Bench {
    disk: FakeDisk,
    writer: BatchWriter,
    clock: FakeClock,
    /// The content that the file has in the end.
    expected: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        Self::on(FakeDisk::new(&[]), FileSync::Never)
    }

    fn syncing(sync: FileSync) -> Self {
        Self::on(FakeDisk::new(&[]), sync)
    }

    fn on(disk: FakeDisk, sync: FileSync) -> Self {
        let expected = disk.content();
        let blocks = (0..BLOCKS).map(|_| Block::new(BLOCK_BYTES).unwrap()).collect();
        let writer = BatchWriter::new(disk.engine(), blocks, BLOCK_BYTES, disk.log_file(), sync);
        Self { disk, writer, clock: FakeClock::new(), expected }
    }

    fn delivered_end(&self) -> FillingEnd {
        self.writer.delivered_end()
    }

    /// Writes that many bytes, none of them NUL. Returns where they end; `None` while there is no block.
    fn try_write(&mut self, bytes: usize, is_full: bool) -> Option<FillingEnd> {
        let mut block = self.writer.take_block()?;
        let first = self.expected.len();
        self.expected.extend((first..first + bytes).map(|number| (number % 251) as u8 + 1));
        block.extend_from_slice(&self.expected[first..]);
        self.writer.write(block, is_full, self.clock.now())
    }

    fn write_full(&mut self, bytes: usize) -> FillingEnd {
        self.try_write(bytes, true).unwrap()
    }

    fn write_overdue(&mut self, bytes: usize) -> FillingEnd {
        self.try_write(bytes, false).unwrap()
    }

    /// Executes a request, and has the writer see its completion.
    fn finish(&mut self, index: usize, outcome: RequestOutcome) {
        self.disk.finish(index, outcome);
        self.turn();
    }

    /// Opens the file that was begun, if there is one, or has that fail.
    fn open_file(&mut self, succeeds: bool) {
        if self.writer.is_open() || self.writer.goes_back {
            return;
        }
        match succeeds {
            true => self.writer.file_opened(self.disk.add_file(&[])),
            false => self.writer.file_not_opened(),
        }
        self.turn();
    }

    fn turn(&mut self) {
        self.writer.turn(self.clock.now());
    }

    fn after(&mut self, time: Duration) {
        self.clock.advance(time);
        self.turn();
    }

    /// Executes all requests with success, until none is left.
    fn settle(&mut self) {
        self.execute_all();
        assert_eq!((self.delivered_end().offset(), self.disk.pending_count()), (self.expected.len() as u64, 0));
    }

    /// Executes all requests with success.
    fn execute_all(&mut self) {
        for _ in 0..100 {
            self.disk.finish_all();
            self.after(RETRY_MAX);
        }
    }

    #[track_caller]
    fn assert_all_written(&mut self) {
        self.open_file(true);
        self.settle();
        assert!(self.disk.all_content() == self.expected, "the files differ from the written bytes");
        assert_eq!(self.writer.free.len(), BLOCKS, "a block has not returned to the pool");
    }
}

const PAST_TAIL_WAIT: Duration = Duration::from_millis(TAIL_WAIT.as_millis() as u64 + 1);
const NO_SPACE: RequestOutcome = RequestOutcome::Error(libc::ENOSPC);

#[test]
fn full_blocks_are_written_directly_and_at_once() {
    let mut bench = Bench::new();
    bench.write_full(2 * PAGE_BYTES + 100);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 0..2 * PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    bench.write_full(PAGE_BYTES);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 2 * PAGE..3 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_block_that_is_overdue_is_written_through_the_page_cache_from_the_first_byte_not_written_yet() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(50);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE..PAGE + 150)]);
    bench.write_overdue(25);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE + 150..PAGE + 175)]);
    bench.assert_all_written();
}

#[test]
fn the_page_that_an_existing_file_ends_in_is_completed_by_a_buffered_write() {
    let disk = FakeDisk::new(&[b'x'; PAGE_BYTES + 17]);
    let mut bench = Bench::on(disk, FileSync::Never);
    bench.write_full(2 * PAGE_BYTES);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE + 17..2 * PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 2 * PAGE..3 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_torn_line_is_ended_before_the_first_record_wherever_the_file_ends() {
    for existing in [1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1] {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'x'; existing]), FileSync::Never);
        bench.writer.end_torn_line(bench.clock.now());
        bench.expected.push(b'\n');
        assert_eq!(bench.disk.pending(), [(WritePath::Buffered, existing as u64..existing as u64 + 1)]);
        bench.write_full(2 * PAGE_BYTES);
        bench.assert_all_written();
    }
}

#[test]
fn a_torn_line_stays_as_it_is_when_no_record_follows() {
    let mut bench = Bench::on(FakeDisk::new(b"torn"), FileSync::Never);
    bench.writer.end_torn_line(bench.clock.now());
    bench.finish(0, RequestOutcome::Done);
    let Bench { disk, writer, .. } = bench;
    drop(writer);
    assert_eq!(disk.content(), b"torn");
}

#[test]
fn a_full_block_that_only_completes_a_page_is_written_through_the_page_cache() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.write_full(PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 100..PAGE + 100)]);
    bench.assert_all_written();
}

#[test]
fn blocks_that_wait_are_written_in_one_request_when_the_request_in_flight_is_completed() {
    let mut bench = Bench::new();
    (0..5).for_each(|_| _ = bench.write_full(PAGE_BYTES));
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 0..PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..5 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_request_has_the_bytes_of_one_path_only() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| _ = bench.write_overdue(100));
    bench.write_full(2 * PAGE_BYTES);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 0..100)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 100..PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..2 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_request_of_several_blocks_ends_before_it_is_too_long() {
    const BYTES: usize = MERGED_BYTES_MAX / 4 + PAGE_BYTES;
    let mut bench = Bench::new();
    (0..BLOCKS).for_each(|_| _ = bench.write_full(BYTES));
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, BYTES as u64..4 * BYTES as u64)]);
    bench.assert_all_written();
}

#[test]
fn a_block_that_is_longer_than_a_request_of_several_blocks_is_a_request_of_its_own() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| _ = bench.write_full(MERGED_BYTES_MAX + PAGE_BYTES));
    bench.finish(0, RequestOutcome::Done);
    let (start, end) = ((MERGED_BYTES_MAX + PAGE_BYTES) as u64, 2 * (MERGED_BYTES_MAX + PAGE_BYTES) as u64);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, start..end)]);
    bench.assert_all_written();
}

#[test]
fn a_short_request_of_several_blocks_completes_those_that_are_written_and_continues_in_the_next() {
    let mut bench = Bench::new();
    (0..2).for_each(|_| _ = bench.write_full(PAGE_BYTES));
    let written = bench.write_full(2 * PAGE_BYTES);
    bench.write_full(3 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    bench.finish(0, RequestOutcome::Short(4 * PAGE_BYTES + 512));
    assert_eq!((bench.delivered_end().offset(), written.offset()), (5 * PAGE, 4 * PAGE));
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 5 * PAGE..7 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_direct_write_waits_for_the_tail_of_a_short_buffered_write() {
    let mut bench = Bench::new();
    bench.write_overdue(PAGE_BYTES);
    bench.write_full(2 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Short(60));
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 60..PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..3 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn no_write_starts_while_another_one_is_in_flight() {
    let mut bench = Bench::new();
    bench.write_full(2 * PAGE_BYTES + 1);
    bench.write_full(2 * PAGE_BYTES);
    bench.after(PAST_TAIL_WAIT);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 0..2 * PAGE)]);
    bench.finish(0, RequestOutcome::Short(PAGE_BYTES));
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..4 * PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 4 * PAGE..4 * PAGE + 1)]);
    bench.assert_all_written();
}

#[test]
fn a_partial_page_is_written_when_no_full_block_follows_in_time() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 7);
    bench.finish(0, RequestOutcome::Done);
    bench.after(TAIL_WAIT - Duration::from_micros(1));
    assert_eq!(bench.disk.pending(), []);
    bench.after(Duration::from_micros(1));
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE..PAGE + 7)]);
    bench.assert_all_written();
}

#[test]
fn the_wait_of_a_partial_page_begins_with_its_last_addition() {
    let mut bench = Bench::new();
    bench.after(PAST_TAIL_WAIT);
    bench.write_full(PAGE_BYTES + 7);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), []);
    bench.after(TAIL_WAIT);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE..PAGE + 7)]);
    bench.assert_all_written();
}

#[test]
fn a_partial_page_is_queued_behind_buffered_writes() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 7);
    bench.finish(0, RequestOutcome::Error(libc::EINVAL));
    bench.after(TAIL_WAIT);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 0..PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, PAGE..PAGE + 7)]);
    bench.assert_all_written();
}

#[test]
fn a_partial_page_is_written_with_the_next_full_block_if_that_follows_in_time() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 7);
    bench.write_full(PAGE_BYTES - 7);
    (0..2).for_each(|_| bench.finish(0, RequestOutcome::Done));
    bench.after(PAST_TAIL_WAIT);
    assert_eq!(bench.disk.pending(), []);
    bench.assert_all_written();
}

#[test]
fn a_partial_page_does_not_delay_full_blocks_on_a_slow_disk() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 7);
    bench.after(PAST_TAIL_WAIT);
    bench.write_full(PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..2 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_block_that_grew_beyond_its_memory_is_written_whole() {
    let mut bench = Bench::new();
    bench.write_overdue(3);
    bench.write_full(BLOCK_BYTES + 400_000);
    bench.assert_all_written();
}

#[test]
fn the_memory_of_a_block_that_grew_far_is_not_kept() {
    let mut bench = Bench::new();
    bench.write_full(BLOCK_BYTES + 4_000_000);
    bench.assert_all_written();
    let most = bench.writer.free.iter().map(|block| block.bytes.capacity()).max().unwrap();
    assert_eq!(most, Block::new(BLOCK_BYTES).unwrap().bytes.capacity());
    bench.write_full(3 * PAGE_BYTES);
    bench.assert_all_written();
}

#[test]
fn a_block_that_grew_a_little_is_kept_as_it_is() {
    let mut bench = Bench::new();
    bench.write_full(BLOCK_BYTES + 300_000);
    bench.assert_all_written();
    let most = bench.writer.free.iter().map(|block| block.bytes.capacity()).max().unwrap();
    assert!(most > Block::new(BLOCK_BYTES).unwrap().bytes.capacity());
}

#[test]
fn a_block_that_comes_back_in_other_memory_is_written_whole() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    let block = bench.writer.take_block().unwrap();
    let mut moved = Vec::with_capacity(block.len());
    moved.extend_from_slice(&block);
    moved.extend_from_slice(&[b'x'; 2 * PAGE_BYTES]);
    bench.expected.extend_from_slice(&[b'x'; 2 * PAGE_BYTES]);
    bench.writer.write(moved, true, bench.clock.now()).unwrap();
    bench.assert_all_written();
}

#[test]
fn nothing_is_delivered_beyond_the_first_byte_that_is_not_written() {
    let mut bench = Bench::new();
    let first = bench.write_full(PAGE_BYTES);
    let second = bench.write_full(PAGE_BYTES);
    assert_eq!(bench.delivered_end().offset(), 0);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!((first.offset(), bench.delivered_end()), (PAGE, first));
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.delivered_end(), second);
}

#[test]
fn while_all_blocks_are_in_flight_no_block_can_be_filled() {
    let mut bench = Bench::new();
    (0..BLOCKS).for_each(|_| _ = bench.write_full(PAGE_BYTES));
    assert_eq!(bench.try_write(1, false), None);
    bench.finish(0, RequestOutcome::Done);
    assert!(bench.try_write(1, false).is_some());
}

#[test]
fn a_short_write_continues_at_its_first_unwritten_byte() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Short(99));
    assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 99..100)]);
    bench.assert_all_written();
}

#[test]
fn a_short_direct_write_continues_at_a_page() {
    let mut bench = Bench::new();
    bench.write_full(3 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Short(PAGE_BYTES + 512));
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..3 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn a_direct_write_of_less_than_a_page_is_repeated_only_after_the_retry_wait() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES);
    bench.finish(0, RequestOutcome::Short(512));
    assert_eq!(bench.disk.pending(), []);
    bench.after(RETRY_MIN);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 0..PAGE)]);
    bench.assert_all_written();
}

#[test]
fn after_a_failure_the_first_write_in_order_is_repeated_alone_and_the_others_after_its_success() {
    let mut bench = Bench::new();
    (0..4).for_each(|_| _ = bench.write_full(PAGE_BYTES));
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..4 * PAGE)]);
    bench.finish(0, NO_SPACE);
    bench.after(RETRY_MIN / 2 - Duration::from_micros(1));
    assert_eq!(bench.disk.pending_count(), 0);
    bench.after(RETRY_MIN / 2 + Duration::from_micros(1));
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, PAGE..2 * PAGE)]);
    bench.finish(0, RequestOutcome::Done);
    assert_eq!(bench.disk.pending(), [(WritePath::Direct, 2 * PAGE..4 * PAGE)]);
    bench.assert_all_written();
}

#[test]
fn the_wait_after_failures_doubles_up_to_a_second_and_starts_anew_after_a_success() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES);
    for millis in [10, 20, 40, 80, 160, 320, 640, 1000, 1000] {
        bench.finish(0, NO_SPACE);
        let half = Duration::from_millis(millis) / 2;
        bench.after(half - Duration::from_micros(1));
        assert_eq!(bench.disk.pending_count(), 0, "before the half of {millis} ms");
        bench.after(half + Duration::from_micros(1));
        assert_eq!(bench.disk.pending_count(), 1, "after {millis} ms");
    }
    bench.finish(0, RequestOutcome::Done);
    bench.write_full(PAGE_BYTES);
    bench.finish(0, NO_SPACE);
    bench.after(RETRY_MIN);
    assert_eq!(bench.disk.pending_count(), 1);
    bench.assert_all_written();
}

#[test]
fn an_interrupted_write_is_repeated_at_once() {
    let mut bench = Bench::new();
    bench.write_overdue(10);
    bench.finish(0, RequestOutcome::Error(libc::EINTR));
    assert_eq!(bench.disk.pending_count(), 1);
    assert!(bench.writer.take_errors().is_empty());
    bench.assert_all_written();
}

#[test]
fn a_write_that_would_block_is_repeated_only_after_the_retry_wait() {
    let mut bench = Bench::new();
    bench.write_overdue(10);
    bench.finish(0, RequestOutcome::Error(libc::EAGAIN));
    assert_eq!(bench.disk.pending_count(), 0);
    bench.assert_all_written();
}

#[test]
fn a_file_system_that_refuses_direct_writes_gets_buffered_ones_from_then_on() {
    for errno in [libc::EINVAL, libc::EOPNOTSUPP] {
        let mut bench = Bench::new();
        (0..3).for_each(|_| _ = bench.write_full(PAGE_BYTES + 10));
        bench.finish(0, RequestOutcome::Error(errno));
        bench.write_full(PAGE_BYTES);
        assert_eq!(bench.disk.pending(), [(WritePath::Buffered, 0..3 * PAGE)]);
        assert!(matches!(bench.writer.take_errors()[..], [WriterError::DirectRefused(_)]), "reported once");
        assert!(bench.writer.describe().ends_with("buffered"));
        bench.assert_all_written();
    }
}

#[test]
fn a_buffered_write_is_not_repeated_at_once_whatever_its_error() {
    let mut bench = Bench::new();
    bench.write_overdue(10);
    bench.finish(0, RequestOutcome::Error(libc::EINVAL));
    assert_eq!(bench.disk.pending_count(), 0);
    assert!(matches!(bench.writer.take_errors()[..], [WriterError::Write(_)]));
    bench.assert_all_written();
}

#[test]
fn every_repeated_write_is_counted() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES);
    bench.finish(0, NO_SPACE);
    assert_eq!(bench.writer.retries(), 1);
    bench.after(RETRY_MIN);
    bench.finish(0, RequestOutcome::Error(libc::EINVAL));
    assert_eq!(bench.writer.retries(), 2);
    bench.assert_all_written();
}

#[test]
fn errors_of_different_kinds_are_all_reported() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| _ = bench.write_full(PAGE_BYTES));
    bench.finish(0, RequestOutcome::Error(libc::EINVAL));
    bench.finish(0, NO_SPACE);
    bench.after(RETRY_MIN);
    bench.finish(0, RequestOutcome::Error(libc::EIO));
    let errors = bench.writer.take_errors();
    assert!(matches!(errors[..], [WriterError::DirectRefused(_), WriterError::Write(_)]), "{errors:?}");
}

#[test]
fn a_block_without_its_old_content_is_refused_and_the_file_stays_whole() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    let _emptied = bench.writer.take_block().unwrap();
    assert_eq!(bench.writer.write(Vec::new(), false, bench.clock.now()), None);
    bench.write_full(PAGE_BYTES);
    bench.assert_all_written();
}

#[test]
fn a_block_that_lacks_the_last_byte_of_its_old_content_is_refused_too() {
    let mut bench = Bench::new();
    bench.write_full(PAGE_BYTES + 100);
    let mut block = bench.writer.take_block().unwrap();
    block.pop();
    assert_eq!(bench.writer.write(block, false, bench.clock.now()), None);
    bench.write_full(PAGE_BYTES);
    bench.assert_all_written();
}

#[test]
fn a_dropped_writer_truncates_the_file_at_the_acknowledged_end() {
    let mut bench = Bench::new();
    let acknowledged = bench.write_overdue(100);
    bench.write_full(2 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(acknowledged);
    bench.finish(0, RequestOutcome::Short(PAGE_BYTES));
    bench.finish(0, NO_SPACE);
    let Bench { disk, writer, expected, .. } = bench;
    assert_eq!(disk.content().len(), PAGE_BYTES);
    drop(writer);
    assert_eq!(disk.content(), expected[..acknowledged.offset() as usize]);
}

#[test]
fn a_dropped_writer_waits_for_requests_in_flight_before_it_truncates() {
    let mut bench = Bench::new();
    bench.write_full(2 * PAGE_BYTES);
    bench.disk.finish(0, RequestOutcome::Done);
    let Bench { disk, writer, .. } = bench;
    drop(writer);
    assert!(disk.content().is_empty());
}

#[test]
fn a_dropped_writer_does_not_wait_forever_for_a_disk_that_does_not_answer() {
    let mut bench = Bench::new();
    bench.write_full(2 * PAGE_BYTES);
    let start = Instant::now();
    drop(bench.writer);
    assert!(start.elapsed() < 3 * LAST_WAIT);
}

#[test]
fn a_dropped_writer_truncates_nothing_while_a_write_may_still_reach_the_disk() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.write_overdue(100);
    let Bench { disk, writer, .. } = bench;
    drop(writer);
    assert_eq!(disk.content().len(), 100);
}

#[test]
fn a_dropped_writer_makes_no_file_longer() {
    let mut bench = Bench::new();
    let acknowledged = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(acknowledged);
    let Bench { disk, writer, .. } = bench;
    disk.file().set_len(10).unwrap();
    drop(writer);
    assert_eq!(disk.content().len(), 10);
}

/// A writer on an engine that has executed each request when `submit` returns.
fn blocking_writer(buffered: std::fs::File, blocks: Vec<Block>) -> BatchWriter {
    let direct = Err(crate::open::NoDirect::NotWanted);
    let file = LogFile { buffered, direct, end: 0, partial_page: Vec::new(), has_torn_line: false, created: None };
    BatchWriter::new(Box::<crate::engine::PwriteEngine>::default(), blocks, BLOCK_BYTES, file, FileSync::Batch)
}

#[test]
fn what_a_blocking_engine_writes_is_complete_in_the_turn_that_starts_it() {
    let mut writer = blocking_writer(tempfile::tempfile().unwrap(), vec![Block::new(BLOCK_BYTES).unwrap()]);
    let mut block = writer.take_block().unwrap();
    block.push(b'x');
    let end = writer.write(block, false, Instant::now()).unwrap();
    assert_eq!(writer.cursors.written_end(), end);
}

#[test]
fn the_lock_ends_with_the_writer_even_if_a_forked_child_has_the_file_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("locked.log");
    let opened = crate::open::open(&path, OPENING).unwrap();
    // A child inherits open files, as a duplicate does.
    let _childs = opened.buffered.try_clone().unwrap();
    let writer = blocking_writer(opened.buffered, Vec::new());
    assert!(crate::open::open(&path, OPENING).is_err());
    drop(writer);
    assert!(crate::open::open(&path, OPENING).is_ok());
}

#[test]
fn both_descriptors_block_in_the_kernel() {
    let directory = tempfile::tempdir().unwrap();
    let opened =
        crate::open::open(&directory.path().join("plain.log"), Opening { is_direct: true, ..OPENING }).unwrap();
    for file in opened.direct.as_ref().into_iter().chain([&opened.buffered]) {
        assert!(!fcntl_getfl(file).unwrap().contains(OFlags::NONBLOCK));
    }
    opened.buffered.write_at(b"x", 0).unwrap();
}
