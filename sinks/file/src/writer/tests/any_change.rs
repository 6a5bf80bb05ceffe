//! Any sequence of writes, of next files, and of changes by other programs leaves each record of the writer once, in order, and the
//! bytes of the other programs.

use proptest::{prelude::*, sample::Index};

use super::*;

/// A byte of another program. No record has it.
const OTHER: u8 = b'O';

/// A record is so long: five digits of its number, ten of a check, and a line feed.
const RECORD_BYTES: usize = 16;

#[derive(Debug, Clone)]
enum ChangeStep {
    /// A block is taken, and held through the next steps.
    Take,
    Write {
        records: usize,
        is_full: bool,
    },
    /// Records that are in no block of the pool.
    WriteOutsideOfPool {
        records: usize,
    },
    /// A pending request ends.
    Finish(RequestOutcome),
    After {
        millis: u64,
    },
    Acknowledge,
    BeginFile,
    OpenFile {
        succeeds: bool,
    },
    /// The path names another file, which has content.
    Reopen {
        bytes: usize,
    },
    Change {
        is_newest: bool,
        change: OtherChange,
    },
}

/// A change of a file by another program.
#[derive(Debug, Clone)]
enum OtherChange {
    Append { bytes: usize },
    Truncate { to: Index, is_aligned: bool },
}

fn step(
    outcome: BoxedStrategy<RequestOutcome>,
    change: BoxedStrategy<OtherChange>,
) -> impl Strategy<Value = ChangeStep> {
    prop_oneof![
        2 => Just(ChangeStep::Take),
        4 => (1..800_usize, any::<bool>()).prop_map(|(records, is_full)| ChangeStep::Write { records, is_full }),
        1 => (1..800_usize).prop_map(|records| ChangeStep::WriteOutsideOfPool { records }),
        8 => outcome.prop_map(ChangeStep::Finish),
        3 => (0..20_u64).prop_map(|millis| ChangeStep::After { millis }),
        1 => Just(ChangeStep::Acknowledge),
        1 => Just(ChangeStep::BeginFile),
        2 => any::<bool>().prop_map(|succeeds| ChangeStep::OpenFile { succeeds }),
        1 => (0..5000_usize).prop_map(|bytes| ChangeStep::Reopen { bytes }),
        2 => (any::<bool>(), change).prop_map(|(is_newest, change)| ChangeStep::Change { is_newest, change }),
    ]
}

fn appends() -> impl Strategy<Value = ChangeStep> {
    let append = (1..5000_usize).prop_map(|bytes| OtherChange::Append { bytes });
    step(Just(RequestOutcome::Done).boxed(), append.boxed())
}

fn truncations() -> impl Strategy<Value = ChangeStep> {
    let outcome = prop_oneof![
        6 => Just(RequestOutcome::Done),
        1 => Just(NO_SPACE),
        1 => (0..9000_usize).prop_map(RequestOutcome::Short),
    ];
    let truncate =
        (any::<Index>(), any::<bool>()).prop_map(|(to, is_aligned)| OtherChange::Truncate { to, is_aligned });
    step(outcome.boxed(), truncate.boxed())
}

/// A writer, the records that it was given, and the bytes of other programs.
struct ChangedBench {
    bench: Bench,
    next_record: u64,
    records: Vec<u8>,
    other_bytes: usize,
    held: Option<Vec<u8>>,
}

/// The record of this number.
fn record(number: u64) -> String {
    format!("{number:05}{:010}\n", check(number))
}

fn check(number: u64) -> u64 {
    number.wrapping_mul(2_654_435_761) % 9_999_999_967
}

/// The number of a whole record, without its line feed.
fn number_of(line: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(line.get(..5)?).ok()?.parse().ok()?;
    (record(number).trim_end().as_bytes() == line).then_some(number)
}

impl ChangedBench {
    fn new(existing: usize) -> Self {
        let bench = Bench::on(FakeDisk::new(&vec![OTHER; existing]), FileSync::Never);
        Self { bench, next_record: 0, records: Vec::new(), other_bytes: existing, held: None }
    }

    fn make_records(&mut self, count: usize) -> Vec<u8> {
        let numbers = self.next_record..self.next_record + count as u64;
        self.next_record = numbers.end;
        let bytes: Vec<u8> = numbers.flat_map(|number| record(number).into_bytes()).collect();
        self.records.extend_from_slice(&bytes);
        bytes
    }

    fn write(&mut self, records: usize, is_full: bool) {
        self.take_block();
        let Some(mut block) = self.held.take() else { return };
        block.extend(self.make_records(records));
        self.bench.writer.write(block, is_full, self.bench.clock.now()).unwrap();
    }

    fn take_block(&mut self) {
        if self.held.is_none() {
            self.held = self.bench.writer.take_block();
        }
    }

    fn take(&mut self, step: &ChangeStep) {
        match step {
            ChangeStep::Take => self.take_block(),
            ChangeStep::Write { records, is_full } => self.write(*records, *is_full),
            ChangeStep::WriteOutsideOfPool { records } => {
                if self.held.is_none() {
                    let bytes = self.make_records(*records);
                    self.bench.writer.write_records(&bytes, self.bench.clock.now()).unwrap();
                }
            }
            ChangeStep::Finish(outcome) => {
                if self.bench.disk.pending_count() > 0 {
                    self.bench.finish(0, *outcome);
                }
            }
            ChangeStep::After { millis } => self.bench.after(Duration::from_millis(*millis)),
            ChangeStep::Acknowledge => {
                self.bench.acknowledge();
                self.bench.writer.take_finished();
            }
            ChangeStep::BeginFile => {
                if self.bench.writer.is_open() {
                    self.bench.writer.begin_file();
                }
            }
            ChangeStep::OpenFile { succeeds } => self.bench.open_file(*succeeds),
            ChangeStep::Reopen { bytes } => self.reopen(*bytes),
            ChangeStep::Change { is_newest, change } => self.change(*is_newest, change),
        }
    }

    fn reopen(&mut self, bytes: usize) {
        if !self.bench.writer.is_open() {
            return;
        }
        self.bench.writer.begin_file();
        self.bench.writer.file_opened(self.bench.disk.add_file(&vec![OTHER; bytes]));
        self.other_bytes += bytes;
        self.bench.turn();
    }

    fn change(&mut self, is_newest: bool, change: &OtherChange) {
        let disk = &self.bench.disk;
        let index = if is_newest { disk.file_count() - 1 } else { 0 };
        match change {
            OtherChange::Append { bytes } => {
                self.other_bytes += bytes;
                disk.grow_at(index, &vec![OTHER; *bytes]);
            }
            OtherChange::Truncate { to, is_aligned } => {
                let length = disk.content_at(index).len();
                // Not among the bytes that a direct write has left behind the contiguous end: its retry begins in their page.
                let writer = &self.bench.writer;
                let is_retried = writer.retry.not_before.is_some()
                    && writer.writes.front().is_some_and(|write| write.path == WritePath::Direct);
                if length > 0 && disk.pending_count() == 0 && !is_retried {
                    let to = to.index(length);
                    disk.truncate_at(index, (to - if *is_aligned { to % PAGE_BYTES } else { 0 }) as u64);
                }
            }
        }
    }

    /// Writes some more, and executes all. Returns the content of all files.
    fn end(&mut self) -> Vec<u8> {
        self.bench.execute_all();
        self.bench.open_file(true);
        self.bench.execute_all();
        self.write(20, false);
        self.bench.execute_all();
        self.write(1000, true);
        self.bench.execute_all();
        self.bench.disk.all_content()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_other_programs_append_all_bytes_are_there_once_and_the_records_in_order(
        existing in 0..20_000_usize,
        steps in prop::collection::vec(appends(), 1..60),
    ) {
        let mut changed = ChangedBench::new(existing);
        steps.iter().for_each(|step| changed.take(step));
        let content = changed.end();
        let records: Vec<u8> = content.iter().copied().filter(|byte| *byte != OTHER).collect();
        prop_assert!(records == changed.records, "{} of {} bytes", records.len(), changed.records.len());
        prop_assert_eq!(content.len() - records.len(), changed.other_bytes);
    }

    #[test]
    fn whatever_other_programs_truncate_there_is_no_hole_and_the_records_that_are_left_are_in_order(
        existing in 0..20_000_usize,
        steps in prop::collection::vec(truncations(), 1..60),
    ) {
        let mut changed = ChangedBench::new(existing);
        steps.iter().for_each(|step| changed.take(step));
        let content = changed.end();
        prop_assert!(!content.contains(&0), "a hole");
        let records: Vec<u8> = content.iter().copied().filter(|byte| *byte != OTHER).collect();
        let lines = records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (whole, torn): (Vec<_>, Vec<_>) = lines.map(number_of).partition(Option::is_some);
        prop_assert!(whole.is_sorted_by(|one, next| one < next), "a record is twice, or out of order");
        let truncations = steps.iter().filter(|step| matches!(step, ChangeStep::Change { .. })).count();
        prop_assert!(torn.len() <= truncations, "{} torn lines behind {} truncations", torn.len(), truncations);
        // Those of the end, behind the last truncation.
        let last = &changed.records[changed.records.len() - 1020 * RECORD_BYTES..];
        prop_assert!(records.ends_with(last));
        prop_assert_eq!(changed.bench.writer.free.len(), BLOCKS);
    }
}
