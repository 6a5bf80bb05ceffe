//! Records that are being handed to the stream, piece by piece: each piece belongs to one file.

use std::time::Instant;

use crate::{
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
pub(super) struct Written {
    pub(super) start: FillingEnd,
    pub(super) end: FillingEnd,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) record_end: fapilog_plugin::record_end::RecordEnd,
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
            let rest = self.records.behind(self.at);
            if rest.is_empty() {
                return true;
            }
            let Some(bytes) = self.next_piece(stream, now) else { return false };
            let Some(mut block) = stream.writer.take_block() else { return false };
            let rest = self.records.behind(self.at);
            block.extend_from_slice(rest.get(..bytes).unwrap_or(rest));
            // A part of a payload is written through the page cache, as what is overdue is.
            let is_full = self.records.is_full && self.at == self.records.start && bytes >= rest.len();
            self.at += bytes;
            self.end = stream.writer.write(block, is_full, now).unwrap_or(self.end);
        }
    }

    /// Length of the next piece: the records that the file has room for that records go to. Begins the next file where that is due.
    /// `None` while the next file is not open, and these records do not belong to it alone.
    fn next_piece(&self, stream: &mut FileStream, now: Instant) -> Option<usize> {
        let first = self.records.first_of_batch_at(self.at);
        if stream.due.is_reached_by(first) && stream.writer.current_bytes() > 0 {
            match stream.rotation_readiness(now) {
                RotationReadiness::Ready => stream.begin_rotation(now),
                RotationReadiness::Changing => return None,
                RotationReadiness::NotNow => {}
            }
        }
        let mut bytes = self.fitting(stream);
        if bytes == 0 {
            if stream.writer.current_bytes() > 0 {
                match stream.rotation_readiness(now) {
                    RotationReadiness::Ready => stream.begin_rotation(now),
                    RotationReadiness::Changing => return None,
                    RotationReadiness::NotNow => {}
                }
                bytes = self.fitting(stream);
            }
            if bytes == 0 {
                // The file cannot be rotated, or its only record is too long for it.
                bytes = self.records.behind(self.at).len();
            }
        }
        if stream.writer.current_bytes() == 0 {
            stream.due.set_first_record(Some(first));
        }
        Some(bytes)
    }

    /// Length of the whole records that the file has room for.
    fn fitting(&self, stream: &FileStream) -> usize {
        let rest = self.records.behind(self.at);
        let Some(left) = stream.file_bytes_left().filter(|left| *left < rest.len()) else { return rest.len() };
        let fitting = rest.get(..left).unwrap_or_default();
        self.records.record_end.whole_records(fitting, rest.get(left).copied()).bytes
    }

    /// The records as far as they are handed over, and the block, which is free again.
    pub(super) fn end(self) -> (Written, crate::block::Block) {
        let Self { records, start, end, .. } = self;
        let bytes = records.bytes();
        let ShardRecords { block, count, record_end, answer, .. } = records;
        (Written { start, end, count, bytes, record_end, answer }, block)
    }
}
