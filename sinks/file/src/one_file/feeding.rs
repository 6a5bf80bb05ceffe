//! Records that are being handed to the stream, piece by piece: each piece belongs to one file.

use std::time::Instant;

use fapilog_plugin::record_end::RecordEnd;

use crate::{
    block::Block,
    cursors::FillingEnd,
    one_file::records::{RecordsAnswer, ShardRecords},
    stream::{FileStream, RotationReadiness},
};

/// Records of a shard, of which the first ones are handed to the stream. Nothing else is handed over meanwhile: the records
/// of a payload have one place in the stream.
#[derive(Debug)]
pub(super) struct Feeding {
    pub(super) shard: usize,
    pub(super) records: ShardRecords,
    /// The place in the block of the first record that is still to be handed over.
    at: usize,
    /// The position in the stream where the records begin.
    start: FillingEnd,
    /// The position behind the records that are handed over.
    end: FillingEnd,
}

/// Records that the stream has, and that are still to be answered.
#[derive(Debug)]
pub(super) struct WrittenRecords {
    pub(super) start: FillingEnd,
    pub(super) end: FillingEnd,
    /// Whether the stream has all of them.
    is_whole: bool,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) record_end: RecordEnd,
    pub(super) answer: RecordsAnswer,
}

impl Feeding {
    pub(super) fn new(shard: usize, records: ShardRecords, stream: &FileStream) -> Self {
        let start = stream.writer.filling_end();
        Self { shard, at: records.start, records, start, end: start }
    }

    /// Hands over as many records as the stream takes now. Returns whether it has all.
    pub(super) fn feed(&mut self, stream: &mut FileStream, now: Instant) -> bool {
        loop {
            let remaining = self.records.behind(self.at);
            if remaining.is_empty() {
                return true;
            }
            let Some(bytes) = self.next_piece(stream, now) else { return false };
            let Some(mut block) = stream.writer.take_block() else { return false };
            let remaining = self.records.behind(self.at);
            block.extend_from_slice(remaining.get(..bytes).unwrap_or(remaining));
            // A part of a payload is written through the page cache, as what is overdue is.
            let is_full = self.records.is_full && self.at == self.records.start && bytes >= remaining.len();
            self.at += bytes;
            self.end = stream.writer.write(block, is_full, now).unwrap_or(self.end);
        }
    }

    /// Length of the next piece: the records that the file has room for that records go to. Begins the next file where that is due.
    /// `None` while these records have to wait for a file that is being opened.
    fn next_piece(&self, stream: &mut FileStream, now: Instant) -> Option<usize> {
        let first = self.records.first_of_batch_at(self.at);
        if stream.due.is_reached_by(first) {
            begin_next_file(stream, now)?;
        }
        let mut bytes = self.fitting(stream);
        if bytes == 0 {
            begin_next_file(stream, now)?;
            bytes = self.fitting(stream);
        }
        if bytes == 0 {
            // The file cannot be rotated, or its only record is too long for it.
            bytes = self.records.behind(self.at).len();
        }
        if stream.writer.current_bytes() == 0 {
            stream.due.set_first_record(Some(first));
        }
        Some(bytes)
    }

    /// Length of the whole records that the file has room for.
    fn fitting(&self, stream: &FileStream) -> usize {
        let remaining = self.records.behind(self.at);
        let Some(left) = stream.file_bytes_left().filter(|left| *left < remaining.len()) else {
            return remaining.len();
        };
        let fitting = remaining.get(..left).unwrap_or_default();
        self.records.record_end.whole_records(fitting, remaining.get(left).copied()).bytes
    }

    /// The records as far as they are handed over, and the block, which is free again.
    pub(super) fn end(self) -> (WrittenRecords, Block) {
        let Self { records, at, start, end, .. } = self;
        let (bytes, is_whole) = (records.bytes(), records.behind(at).is_empty());
        let ShardRecords { block, count, record_end, answer, .. } = records;
        (WrittenRecords { start, end, is_whole, count, bytes, record_end, answer }, block)
    }
}

impl WrittenRecords {
    /// Whether all of them are delivered.
    pub(super) fn are_delivered(&self, stream: &FileStream) -> bool {
        self.is_whole && stream.writer.is_delivered(self.end)
    }
}

/// Begins the next file, unless this one is empty, or cannot be rotated now. `None` while this one is still being opened.
fn begin_next_file(stream: &mut FileStream, now: Instant) -> Option<()> {
    if stream.writer.current_bytes() == 0 {
        return Some(());
    }
    match stream.rotation_readiness(now) {
        RotationReadiness::Ready => stream.begin_rotation(now),
        RotationReadiness::Changing => return None,
        RotationReadiness::NotNow => {}
    }
    Some(())
}
