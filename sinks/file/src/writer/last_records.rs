//! The records of a payload that was written in part when the deadline of a shutdown passed. The numbers are the rules of the
//! [crate's page](crate).

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::record_end::{RecordEnd, WholeRecords};

use crate::{
    cursors::{FileCursors, FillingEnd},
    writer::{BatchWriter, files::FileSpan},
};

/// How long after the deadline the writer waits for requests in flight. The end of a shard may take longer, but not much.
pub(super) const REQUEST_WAIT: Duration = Duration::from_millis(100);

/// How long after the deadline a delivery is counted. A container closes its accounts 500 ms after it.
pub(super) const READ_AT_MOST: Duration = Duration::from_millis(400);

/// The interval at which requests in flight are polled then.
const REQUEST_POLL: Duration = Duration::from_micros(200);

/// Rule 7: the end of the writer's work.
#[derive(Debug)]
pub(super) struct LastRecords {
    /// The end of the last payload that was reported, as delivered or as lost. At first, the offset of the first record: behind
    /// the line feed that ends a torn line.
    reported: FillingEnd,
    /// No write begins after this time.
    deadline: Option<Instant>,
    /// See [`BatchWriter::ends`].
    end: Option<WorkEnd>,
}

/// The end of the work after the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkEnd {
    InTime,
    /// The kernel has held a write for so long that the accounts are closed: the file is cut at the records that they have.
    TooLate,
}

impl LastRecords {
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn new(first_record: FillingEnd) -> Self {
        Self { reported: first_record, deadline: None, end: None }
    }
}

impl BatchWriter {
    /// Deliveries that are not completed by this time fail.
    pub(crate) fn stop(&mut self, deadline: Instant) {
        self.last_records.deadline = Some(deadline);
    }

    /// Ends the writer's work once the deadline has passed: nothing more is written, and no other cursor moves than that of
    /// acknowledged records. Waits a moment for requests in flight. Returns whether the work has ended.
    pub(crate) fn ends(&mut self) -> bool {
        let Some(deadline) = self.last_records.deadline else { return false };
        let now = Instant::now();
        if self.last_records.end.is_none() && now >= deadline {
            self.end_requests(after(deadline, REQUEST_WAIT));
            let is_read = Instant::now() < after(deadline, READ_AT_MOST);
            self.last_records.end = Some(if is_read { WorkEnd::InTime } else { WorkEnd::TooLate });
        }
        self.last_records.end.is_some()
    }

    /// The end of the last payload: where the next one begins.
    pub(crate) fn filling_end(&self) -> FillingEnd {
        self.cursors.filling()
    }

    /// Whether the payload that begins at `start` is the first that was not reported. The others wait for it: the deadline may
    /// pass between two polls.
    pub(crate) fn is_first(&self, start: FillingEnd) -> bool {
        start <= self.last_records.reported
    }

    /// The payload that ends at `end` was reported.
    pub(crate) fn report(&mut self, end: FillingEnd) {
        self.last_records.reported = self.last_records.reported.max(end);
    }

    /// Whether the records below `end` may be acknowledged.
    pub(crate) fn is_delivered(&self, end: FillingEnd) -> bool {
        self.delivered_end() >= end && self.last_records.end != Some(WorkEnd::TooLate)
    }

    fn end_requests(&mut self, wait_end: Instant) {
        loop {
            let now = Instant::now();
            self.reap(now);
            self.start_sync(now);
            if self.engine.in_flight() == 0 || now >= wait_end {
                return;
            }
            thread::sleep(REQUEST_POLL);
        }
    }

    /// Acknowledges the whole records of the first payload that was not reported, once the work has ended. Returns these.
    pub(crate) fn deliver_part(&mut self, record_end: RecordEnd) -> WholeRecords {
        if self.last_records.end != Some(WorkEnd::InTime) {
            return WholeRecords::default();
        }
        let start = self.last_records.reported;
        // After an error of the disk, nothing is known to be there.
        let bytes = self.delivered_bytes_behind(start).unwrap_or_default();
        let whole = record_end.whole_records(&bytes, None);
        if whole.records > 0 {
            self.acknowledge(FileCursors::end_behind(start.offset(), whole.bytes));
        }
        whole
    }

    /// The bytes from this position on that count as delivered (rules 6 and 9).
    fn delivered_bytes_behind(&self, start: FillingEnd) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.cursors.has_doubt_behind(start) {
            return Ok(bytes);
        }
        let end = self.delivered_end();
        for FileSpan { file, end: file_end } in self.spans() {
            let (first, last) = (start.max(file.start), file_end.map_or(end, |file_end| file_end.min(end)));
            let Some(open) = file.open.as_ref().filter(|_| first < last) else { continue };
            let offset = open.changes.offset_in_file(first.offset());
            // Another program has cut records that are not acknowledged yet: the file does not have the first of them.
            if open.changes.is_cut_behind(offset) {
                break;
            }
            let last_named = open.changes.removed_at().map_or(last, |removed_at| removed_at.min(last));
            let length = usize::try_from(last_named.offset().saturating_sub(first.offset())).unwrap_or(0);
            read_behind(&mut bytes, open.buffered(), offset, length)?;
            if last_named < last {
                break;
            }
        }
        Ok(bytes)
    }
}

/// Appends so many bytes of the file from this offset on.
fn read_behind(bytes: &mut Vec<u8>, file: &File, offset: u64, length: usize) -> io::Result<()> {
    let before = bytes.len();
    bytes.try_reserve_exact(length)?;
    bytes.resize(before + length, 0);
    file.read_exact_at(bytes.get_mut(before..).unwrap_or_default(), offset)
}

fn after(time: Instant, wait: Duration) -> Instant {
    time.checked_add(wait).unwrap_or(time)
}
