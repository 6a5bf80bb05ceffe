//! Another program changes the file while it is written.

use fapilog_plugin::record_end::{RecordEnd, WholeRecords};

use super::*;

/// Has another program truncate the file. The writer's bytes are behind this length from now on.
fn truncate(bench: &mut Bench, length: usize, written: usize) {
    bench.disk.truncate(length as u64);
    let cut = bench.expected.split_off(written);
    bench.expected.truncate(length);
    bench.expected.extend(cut);
}

/// Executes all requests, and checks the content of the file.
#[track_caller]
fn assert_content(bench: &mut Bench) {
    for _ in 0..100 {
        bench.disk.finish_all();
        bench.after(RETRY_MAX);
    }
    let content = bench.disk.content();
    let differs = content.iter().zip(&bench.expected).position(|(one, other)| one != other);
    let lengths = (content.len(), bench.expected.len());
    assert!(content == bench.expected, "lengths {lengths:?}, first difference at {differs:?}");
    assert!(!bench.writer.cursors.has_unscheduled() && bench.writer.free.len() == BLOCKS);
}

/// Writes that many bytes. Their cursor differs from the length of the expected content.
fn write(bench: &mut Bench, byte: u8, bytes: usize, is_full: bool) {
    let mut block = bench.writer.take_block().unwrap();
    block.resize(block.len() + bytes, byte);
    bench.expected.resize(bench.expected.len() + bytes, byte);
    bench.writer.write(block, is_full, bench.clock.now()).unwrap();
}

const LENGTHS: [usize; 5] = [0, 1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 50];

#[test]
fn behind_a_truncation_writing_goes_on_at_the_files_end() {
    for length in LENGTHS {
        for is_full in [false, true] {
            let mut bench = Bench::new();
            write(&mut bench, b'a', 2 * PAGE_BYTES + 300, is_full);
            assert_content(&mut bench);
            let written = bench.expected.len();
            truncate(&mut bench, length, written);
            write(&mut bench, b'b', 10, false);
            write(&mut bench, b'c', 3 * PAGE_BYTES + 77, is_full);
            assert_content(&mut bench);
            write(&mut bench, b'd', 3 * PAGE_BYTES + 77, true);
            assert_content(&mut bench);
            let errors = bench.writer.take_errors();
            let found = (2 * PAGE_BYTES + 300) as u64;
            assert!(
                matches!(errors[..], [WriterError::Truncated { from, to }] if from == found && to == length as u64),
                "{errors:?}"
            );
        }
    }
}

#[test]
fn bytes_that_wait_and_a_block_that_is_filled_during_a_truncation_are_written_behind_it() {
    for length in LENGTHS {
        let mut bench = Bench::new();
        write(&mut bench, b'a', 2 * PAGE_BYTES + 300, true);
        write(&mut bench, b'b', PAGE_BYTES + 10, true);
        write(&mut bench, b'c', 2 * PAGE_BYTES + 10, true);
        let filled = bench.writer.take_block().unwrap();
        bench.disk.finish(0, RequestOutcome::Done);
        truncate(&mut bench, length, 2 * PAGE_BYTES);
        bench.turn();
        let mut filled = filled;
        filled.extend_from_slice(&[b'd'; 5000]);
        bench.expected.extend_from_slice(&[b'd'; 5000]);
        bench.writer.write(filled, true, bench.clock.now()).unwrap();
        assert_content(&mut bench);
        write(&mut bench, b'e', 2 * PAGE_BYTES, true);
        assert_content(&mut bench);
    }
}

#[test]
fn a_dropped_writer_leaves_what_another_program_has_left_of_the_file() {
    let mut bench = Bench::new();
    let acknowledged = bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(acknowledged);
    write(&mut bench, b'b', 50, false);
    bench.finish(0, RequestOutcome::Done);
    bench.disk.truncate(40);
    bench.writer.look_at_file();
    let Bench { disk, writer, expected, .. } = bench;
    drop(writer);
    assert_eq!(disk.content(), expected[..40]);
}

#[test]
fn behind_bytes_that_another_program_has_appended_writing_goes_on() {
    for is_full in [false, true] {
        let mut bench = Bench::new();
        write(&mut bench, b'a', 2 * PAGE_BYTES + 100, is_full);
        assert_content(&mut bench);
        bench.disk.grow(b"other");
        bench.expected.extend_from_slice(b"other");
        bench.writer.look_at_file();
        bench.writer.look_at_file();
        let (from, to) = (2 * PAGE + 100, 2 * PAGE + 105);
        let errors = bench.writer.take_errors();
        assert!(matches!(errors[..], [WriterError::Grown { from: f, to: t }] if (f, t) == (from, to)), "{errors:?}");
        write(&mut bench, b'b', 3 * PAGE_BYTES + 10, is_full);
        assert_content(&mut bench);
        assert!(bench.writer.take_errors().is_empty());
    }
}

#[test]
fn a_truncation_during_a_write_leaves_no_hole() {
    for is_full in [false, true] {
        let mut bench = Bench::new();
        write(&mut bench, b'a', 2 * PAGE_BYTES, is_full);
        assert_content(&mut bench);
        write(&mut bench, b'b', 3 * PAGE_BYTES, is_full);
        assert_eq!(bench.disk.pending_count(), 1);
        truncate(&mut bench, 0, 2 * PAGE_BYTES);
        write(&mut bench, b'c', 2 * PAGE_BYTES + 7, is_full);
        assert_content(&mut bench);
        write(&mut bench, b'd', 100, is_full);
        assert_content(&mut bench);
    }
}

#[test]
fn bytes_that_another_program_appends_during_a_write_are_not_overwritten() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.disk.grow(b"other");
    let written = std::mem::replace(&mut bench.expected, b"other".to_vec());
    bench.expected.extend(written);
    bench.finish(0, RequestOutcome::Done);
    write(&mut bench, b'n', 3 * PAGE_BYTES, true);
    assert_content(&mut bench);
}

#[test]
fn the_bytes_of_a_direct_write_that_ends_within_a_page_are_no_change_by_another_program() {
    let mut bench = Bench::new();
    bench.write_full(2 * PAGE_BYTES);
    bench.finish(0, RequestOutcome::Short(PAGE_BYTES + 512));
    bench.writer.look_at_file();
    assert!(bench.writer.take_errors().is_empty());
    bench.assert_all_written();
}

#[test]
fn a_file_is_not_looked_at_while_a_write_is_in_flight() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.disk.grow(b"other");
    bench.writer.look_at_file();
    assert!(bench.writer.take_errors().is_empty());
}

#[test]
fn behind_a_truncation_after_a_short_write_the_file_ends_at_the_acknowledged_end() {
    let mut bench = Bench::new();
    write(&mut bench, b'a', 1000, false);
    bench.finish(0, RequestOutcome::Short(600));
    bench.finish(0, RequestOutcome::Error(libc::ENOSPC));
    truncate(&mut bench, 200, 600);
    bench.after(RETRY_MIN);
    assert_content(&mut bench);
    bench.writer.acknowledge(bench.delivered_end());
    let Bench { disk, writer, expected, .. } = bench;
    drop(writer);
    assert!(disk.content() == expected, "the file has {} bytes", disk.content().len());
}

#[test]
fn no_record_is_counted_where_another_program_has_cut_the_first_ones() {
    let mut bench = Bench::new();
    write(&mut bench, b'\n', 1000, false);
    bench.finish(0, RequestOutcome::Short(600));
    bench.finish(0, RequestOutcome::Error(libc::ENOSPC));
    truncate(&mut bench, 200, 600);
    bench.after(RETRY_MIN);
    bench.finish(0, RequestOutcome::Short(100));
    assert_eq!(bench.deliver_part(RecordEnd::LineFeed), WholeRecords::default());
}

#[test]
fn bytes_of_another_program_at_the_beginning_of_a_file_are_not_written_again() {
    for (other, is_full) in [(3000, false), (3000, true), (4097, true), (9000, true)] {
        let mut bench = Bench::new();
        bench.disk.grow(&vec![b'o'; other]);
        bench.expected = vec![b'o'; other];
        for bytes in [100, 100, 3 * PAGE_BYTES, 50] {
            write(&mut bench, b'x', bytes, is_full);
            assert_content(&mut bench);
        }
    }
}

#[test]
fn a_dropped_writer_leaves_bytes_that_another_program_has_appended() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(bench.delivered_end());
    bench.disk.grow(b"deploy: stopping\n");
    let Bench { disk, writer, expected, .. } = bench;
    drop(writer);
    assert_eq!(disk.content(), [expected.as_slice(), b"deploy: stopping\n"].concat());
}

#[test]
fn a_dropped_writer_leaves_records_that_were_moved_behind_bytes_of_another_program() {
    let mut bench = Bench::new();
    bench.write_overdue(100);
    bench.disk.grow(b"other\n");
    bench.finish(0, RequestOutcome::Done);
    bench.writer.acknowledge(bench.delivered_end());
    let Bench { disk, writer, expected, .. } = bench;
    drop(writer);
    assert_eq!(disk.content(), [b"other\n", expected.as_slice()].concat());
}

#[test]
fn a_direct_write_that_another_programs_byte_makes_unaligned_is_no_refusal_and_overwrites_nothing() {
    let mut bench = Bench::new();
    write(&mut bench, b'a', 2 * PAGE_BYTES, true);
    assert_content(&mut bench);
    write(&mut bench, b'b', 2 * PAGE_BYTES, true);
    bench.disk.grow(b"o");
    bench.expected.insert(2 * PAGE_BYTES, b'o');
    bench.finish(0, RequestOutcome::Error(libc::EINVAL));
    write(&mut bench, b'c', 3 * PAGE_BYTES, true);
    assert_content(&mut bench);
    assert!(bench.writer.describe().ends_with("direct"));
    assert!(!bench.writer.take_errors().iter().any(|error| matches!(error, WriterError::DirectRefused(_))));
}
