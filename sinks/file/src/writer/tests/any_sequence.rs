//! Whatever is written, and whatever the disk does with it: in the end the file holds it, and nothing else.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Write {
        bytes: usize,
        is_full: bool,
    },
    /// One of the pending requests ends.
    Finish {
        which: prop::sample::Index,
        outcome: Outcome,
    },
    /// Time goes by.
    After {
        millis: u64,
    },
    /// Everything solid has been told.
    Tell,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..3 * PAGE_BYTES, any::<bool>()).prop_map(|(bytes, is_full)| Step::Write { bytes, is_full }),
        1 => (1..=4_usize).prop_map(|pages| Step::Write { bytes: pages * PAGE_BYTES, is_full: true }),
        // So much that the block grows, and moves.
        1 => (280_000..300_000_usize, any::<bool>()).prop_map(|(bytes, is_full)| Step::Write { bytes, is_full }),
        8 => (any::<prop::sample::Index>(), outcome()).prop_map(|(which, outcome)| Step::Finish { which, outcome }),
        4 => (0..40_u64).prop_map(|millis| Step::After { millis }),
        1 => Just(Step::Tell),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let errno = prop::sample::select(vec![libc::ENOSPC, libc::EIO, libc::EINTR, libc::EAGAIN, libc::EINVAL]);
    prop_oneof![
        8 => Just(Outcome::Done),
        2 => (0..2 * PAGE_BYTES).prop_map(Outcome::Short),
        2 => errno.prop_map(Outcome::Error),
    ]
}

fn sync() -> impl Strategy<Value = FileSync> {
    prop_oneof![Just(FileSync::Never), Just(FileSync::Batch), Just(FileSync::Interval(Duration::from_millis(20)))]
}

fn take(bench: &mut Bench, step: &Step) {
    match step {
        Step::Write { bytes, is_full } => drop(bench.try_write(*bytes, *is_full)),
        Step::Finish { which, outcome } => {
            if bench.disk.pending_count() > 0 {
                bench.finish(which.index(bench.disk.pending_count()), *outcome);
            }
        }
        Step::After { millis } => bench.after(Duration::from_millis(*millis)),
        Step::Tell => bench.writer.tell(bench.writer.delivered_up_to()),
    }
}

/// What is said to be delivered is in the file, and stays delivered.
fn check_delivered(bench: &Bench, before: u64) -> Result<u64, TestCaseError> {
    let delivered = bench.writer.delivered_up_to();
    prop_assert!(delivered >= before, "delivered fell from {} to {}", before, delivered);
    // Only what is new: the rest was looked at before.
    let new = before as usize..delivered as usize;
    let mut content = vec![0; new.len()];
    bench.disk.file().read_exact_at(&mut content, before)?;
    prop_assert!(content == bench.expected[new], "delivered, and not in the file");
    Ok(delivered)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // The fake disk itself minds what may be under way at once.
    #[test]
    fn any_sequence_of_blocks_and_outcomes_ends_in_the_file_that_was_written(
        existing in 0..3 * PAGE_BYTES,
        sync in sync(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'e'; existing]), sync);
        let mut delivered = bench.writer.delivered_up_to();
        for step in &steps {
            take(&mut bench, step);
            delivered = check_delivered(&bench, delivered)?;
        }
        bench.assert_all_written();
    }

    #[test]
    fn at_any_moment_a_dropped_writer_leaves_what_was_told_and_nothing_behind_it(
        existing in 0..3 * PAGE_BYTES,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::on(FakeDisk::new(&vec![b'e'; existing]), FileSync::Never);
        steps.iter().for_each(|step| take(&mut bench, step));
        bench.disk.finish_all();
        let told = bench.writer.told as usize;
        let Bench { disk, writer, expected, .. } = bench;
        drop(writer);
        prop_assert!(disk.content() == expected[..told]);
    }
}
