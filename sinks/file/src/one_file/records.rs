//! Records on their way from a shard to the writer's thread.

use std::time::Instant;

use fapilog_plugin::{record_end::RecordEnd, sink::SinkError, timestamp::Timestamp};

use crate::{
    block::Block,
    one_file::answer::{AnswerSender, PartSender},
};

/// The first record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchMark {
    /// Its place in the buffer.
    pub(super) at: usize,
    pub(super) first: Timestamp,
}

/// A payload, or one of the two parts of a payload on both sides of a boundary of time.
#[derive(Debug)]
pub(super) struct ShardRecords {
    pub(super) block: Block,
    /// The place of the first record in the block.
    pub(super) start: usize,
    /// In the order of the records, at least one.
    pub(super) marks: Vec<BatchMark>,
    /// The number of records.
    pub(super) count: u64,
    /// Whether they are as many as fit into a block.
    pub(super) is_full: bool,
    pub(super) record_end: RecordEnd,
    pub(super) answer: RecordsAnswer,
    /// When the shard has handed them over.
    pub(super) queued: Instant,
}

impl ShardRecords {
    /// The time of the first record.
    pub(super) fn first(&self) -> Timestamp {
        self.first_of_batch_at(self.start)
    }

    /// The time of the first record of the batch that the record at this place belongs to.
    pub(super) fn first_of_batch_at(&self, at: usize) -> Timestamp {
        let begun = self.marks.partition_point(|mark| mark.at <= at);
        let mark = begun.checked_sub(1).and_then(|place| self.marks.get(place)).or(self.marks.first());
        mark.map_or(Timestamp::from_unix_nanos(0), |mark| mark.first)
    }

    /// The records from this place on.
    pub(super) fn behind(&self, at: usize) -> &[u8] {
        self.block.bytes.get(at..).unwrap_or_default()
    }

    /// Length of the records.
    pub(super) fn bytes(&self) -> u64 {
        self.behind(self.start).len() as u64
    }
}

/// The place of the answer.
#[derive(Debug)]
pub(super) enum RecordsAnswer {
    /// For the first part of a payload of two.
    First(PartSender),
    /// For a whole payload, or the second part of it.
    Last(AnswerSender),
}

impl RecordsAnswer {
    /// Whether the shard waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::First(part) => part.is_awaited(),
            Self::Last(sender) => sender.is_awaited(),
        }
    }

    /// Answers for so many records by the result of `settle`, which is called only if the shard waits.
    pub(super) fn give(self, count: u64, bytes: u64, settle: impl FnOnce() -> Result<(), SinkError>) {
        match self {
            Self::First(part) => part.give(count, bytes, settle),
            Self::Last(sender) => sender.give(settle),
        }
    }
}
