//! Any sequence of writes and disk errors ends in a file of exactly the written bytes.

use fapilog_plugin::record_end::RecordEnd;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum WriterStep {
    Write {
        bytes: usize,
        is_full: bool,
    },
    /// A pending request ends.
    Finish {
        which: prop::sample::Index,
        outcome: RequestOutcome,
    },
    /// Time passes.
    After {
        millis: u64,
    },
    /// The container is notified of every delivery so far.
    Acknowledge,
    /// Another file begins, if the one before it is open.
    BeginFile,
    /// The file that was begun is opened, or cannot be.
    OpenFile {
        succeeds: bool,
    },
}

fn step() -> impl Strategy<Value = WriterStep> {
    prop_oneof![
        4 => (1..3 * PAGE_BYTES, any::<bool>()).prop_map(|(bytes, is_full)| WriterStep::Write { bytes, is_full }),
        1 => (1..=4_usize).prop_map(|pages| WriterStep::Write { bytes: pages * PAGE_BYTES, is_full: true }),
        // Enough bytes that the block grows, and moves.
        1 => (280_000..300_000_usize, any::<bool>()).prop_map(|(bytes, is_full)| WriterStep::Write { bytes, is_full }),
        8 => (any::<prop::sample::Index>(), outcome()).prop_map(|(which, outcome)| WriterStep::Finish { which, outcome }),
        4 => (0..40_u64).prop_map(|millis| WriterStep::After { millis }),
        1 => Just(WriterStep::Acknowledge),
        1 => Just(WriterStep::BeginFile),
        2 => any::<bool>().prop_map(|succeeds| WriterStep::OpenFile { succeeds }),
    ]
}

fn outcome() -> impl Strategy<Value = RequestOutcome> {
    let errno = prop::sample::select(vec![libc::ENOSPC, libc::EIO, libc::EINTR, libc::EAGAIN, libc::EINVAL]);
    prop_oneof![
        8 => Just(RequestOutcome::Done),
        2 => (0..2 * PAGE_BYTES).prop_map(RequestOutcome::Short),
        2 => errno.prop_map(RequestOutcome::Error),
    ]
}

fn sync() -> impl Strategy<Value = FileSync> {
    prop_oneof![Just(FileSync::Never), Just(FileSync::Batch), Just(FileSync::Interval(Duration::from_millis(20)))]
}

fn take(bench: &mut Bench, step: &WriterStep) {
    match step {
        WriterStep::Write { bytes, is_full } => drop(bench.try_write(*bytes, *is_full)),
        WriterStep::Finish { which, outcome } => {
            if bench.disk.pending_count() > 0 {
                bench.finish(which.index(bench.disk.pending_count()), *outcome);
            }
        }
        WriterStep::After { millis } => bench.after(Duration::from_millis(*millis)),
        WriterStep::Acknowledge => {
            let end = bench.delivered_end();
            bench.writer.acknowledge(end);
            bench.writer.report(end);
            bench.writer.take_finished();
        }
        WriterStep::BeginFile => {
            if bench.writer.is_open() {
                bench.writer.begin_file();
            }
        }
        WriterStep::OpenFile { succeeds } => bench.open_file(*succeeds),
    }
}

/// Delivered bytes are in the file, and stay delivered.
fn check_delivered(bench: &Bench, before: u64) -> Result<u64, TestCaseError> {
    let delivered = bench.delivered_end().offset();
    prop_assert!(delivered >= before, "delivered fell from {} to {}", before, delivered);
    // The call before has checked the earlier bytes.
    let new = before as usize..delivered as usize;
    let content = bench.disk.all_content();
    prop_assert!(content.get(new.clone()) == bench.expected.get(new), "delivered bytes are not in the files");
    Ok(delivered)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // The fake disk asserts the rules of requests in flight.
    #[test]
    fn any_sequence_of_blocks_and_outcomes_ends_in_the_file_that_was_written(
        existing in 0..3 * PAGE_BYTES,
        sync in sync(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'e'; existing]), sync);
        let mut delivered = bench.delivered_end().offset();
        for step in &steps {
            take(&mut bench, step);
            delivered = check_delivered(&bench, delivered)?;
        }
        bench.assert_all_written();
    }

    #[test]
    fn at_any_time_a_dropped_writer_leaves_a_file_that_ends_at_the_acknowledged_end(
        existing in 0..3 * PAGE_BYTES,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'e'; existing]), FileSync::Never);
        steps.iter().for_each(|step| take(&mut bench, step));
        bench.disk.finish_all();
        let acknowledged = bench.writer.cursors.acknowledged().offset() as usize;
        let Bench { disk, writer, expected, .. } = bench;
        drop(writer);
        prop_assert!(disk.all_content() == expected[..acknowledged]);
    }

    #[test]
    fn at_any_time_a_writer_that_gives_up_delivers_all_records_that_are_whole_in_the_file(
        existing in 0..3 * PAGE_BYTES,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'e'; existing]), FileSync::Never);
        steps.iter().for_each(|step| take(&mut bench, step));
        let start = bench.writer.cursors.acknowledged().offset() as usize;
        let whole = bench.deliver_part(RecordEnd::LineFeed);
        let written = bench.delivered_end().offset() as usize;
        let line_feeds = bench.expected[start..written].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(whole.records, line_feeds as u64, "{:?}", bench.writer.cursors);
        bench.disk.finish_all();
        let Bench { disk, writer, expected, .. } = bench;
        drop(writer);
        prop_assert!(disk.all_content() == expected[..start + whole.bytes]);
    }
}
