//! The segments of one directory, in order.

use std::{collections::VecDeque, fs::File, io};

use fapilog_plugin::sink::Reporter;

use crate::delivery::store::{
    directory::{OpenedDirectory, SpillDirectory},
    error::StoreError,
    frame::FrameError,
    position::{FoundPosition, SpillPosition},
    segment::{HEADER_BYTES, SegmentKind, SegmentProgress, SegmentScan, SpillSegment, kind_of, scan},
    stored_payload::PayloadCounts,
};

/// The payloads that an earlier process or container has left, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RecoveredTotals {
    pub(super) counts: PayloadCounts,
    pub(super) bytes: u64,
}

impl RecoveredTotals {
    pub(super) fn add(&mut self, other: Self) {
        self.counts.add(other.counts);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The segments of a directory, from the oldest to the newest.
#[derive(Debug)]
pub(super) struct SegmentQueue {
    /// The shard that has written them.
    pub(super) shard: usize,
    pub(super) directory: SpillDirectory,
    pub(super) segments: VecDeque<SpillSegment>,
    /// The number of the next segment. No segment has had it.
    pub(super) next_number: u64,
    /// The bytes of the files.
    pub(super) file_bytes: u64,
    reporter: Reporter,
}

/// A segment with payloads to read.
pub(super) struct UnreadSegment<'a> {
    pub(super) shard: usize,
    pub(super) directory: &'a SpillDirectory,
    pub(super) segment: &'a mut SpillSegment,
}

impl SegmentQueue {
    /// The segments that are found in a directory. Segments that are acknowledged are removed.
    pub(super) fn recover(shard: usize, opened: OpenedDirectory, reporter: &Reporter) -> (Self, RecoveredTotals) {
        let OpenedDirectory { directory, position, segments: numbers } = opened;
        let mut queue = Self {
            shard,
            directory,
            segments: VecDeque::new(),
            next_number: 1,
            file_bytes: 0,
            reporter: reporter.clone(),
        };
        let position = queue.position(position, !numbers.is_empty());
        let newest = numbers.last().copied().unwrap_or(0).max(position.segment);
        queue.next_number = newest.saturating_add(1);
        let found: Vec<u64> = numbers.into_iter().filter(|number| queue.is_to_recover(*number, position)).collect();
        let mut recovered = RecoveredTotals::default();
        for number in &found {
            let acknowledged = if *number == position.segment { position.offset } else { 0 };
            match queue.add(*number, acknowledged, found.last() == Some(number)) {
                Ok(totals) => recovered.add(totals),
                Err(error) => queue.set_aside(*number, error),
            }
        }
        (queue, recovered)
    }

    fn position(&self, found: FoundPosition, has_segments: bool) -> SpillPosition {
        let error = match found {
            FoundPosition::At(position) => return position,
            FoundPosition::None => return SpillPosition::default(),
            FoundPosition::Unreadable(error) => error,
        };
        if has_segments {
            let reason = error.map_or_else(|| "it is damaged".to_owned(), |error| error.to_string());
            let path = self.directory.path().display();
            self.reporter.report(format!(
                "cannot read the position in {path}: {reason}; payloads that were delivered may be delivered again"
            ));
        }
        SpillPosition::default()
    }

    /// Whether a file with the name of a segment has payloads to recover.
    fn is_to_recover(&self, number: u64, position: SpillPosition) -> bool {
        let found = self.directory.open_segment(number).and_then(|file| kind_of(&file, file.metadata()?.len()));
        let is_acknowledged = number < position.segment;
        match found {
            Ok(SegmentKind::Whole) if !is_acknowledged => return true,
            Ok(SegmentKind::Whole | SegmentKind::Torn) => {
                self.remove(number);
            }
            Ok(SegmentKind::OtherVersion) => self.reporter.report(format!(
                "{} was written by another version of the library; it stays as it is, and is not delivered",
                self.directory.path_of(number).display()
            )),
            Ok(SegmentKind::Other) => self.report_other(number),
            Err(error) if is_no_segment(&error) => self.report_other(number),
            Err(error) if is_acknowledged => self.report_io("read", number, error),
            Err(error) => self.set_aside(number, error),
        }
        false
    }

    fn report_other(&self, number: u64) {
        self.reporter.report(format!(
            "{} has the name of a stored segment, and is none; it stays as it is, and is not delivered",
            self.directory.path_of(number).display()
        ));
    }

    /// A segment that cannot be read now is out of the way of later positions, which would have it removed.
    fn set_aside(&self, number: u64, error: io::Error) {
        self.report_io("read", number, error);
        match self.directory.set_aside(number) {
            Ok(path) => {
                self.reporter.report(format!("{} has payloads that are not delivered", path.display()));
            }
            Err(error) => self.report_io("rename", number, error),
        }
    }

    /// Adds a segment. The tail of the last one may be torn.
    ///
    /// # Errors
    /// When nothing of it can be read now.
    fn add(&mut self, number: u64, acknowledged: u64, is_last: bool) -> io::Result<RecoveredTotals> {
        let file = self.directory.open_segment(number)?;
        let mut file_bytes = file.metadata()?.len();
        let start = acknowledged.clamp(HEADER_BYTES, file_bytes.max(HEADER_BYTES));
        let scan = scan(&file, start, file_bytes);
        let end = scan.end;
        if let Some(stop) = &scan.stop {
            self.report_stop(number, file_bytes.saturating_sub(end.offset), stop, is_last);
        }
        if end.offset == start {
            if let Some(FrameError::Io(error)) = scan.stop {
                return Err(error);
            }
            self.remove(number);
            return Ok(RecoveredTotals::default());
        }
        if is_last {
            file_bytes = self.complete(number, &file, &scan, file_bytes);
        }
        let begin = SegmentProgress::at(start);
        self.segments.push_back(SpillSegment { number, file_bytes, acknowledged: begin, read: begin, end });
        self.file_bytes += file_bytes;
        Ok(RecoveredTotals { counts: end.counts, bytes: end.offset - start })
    }

    /// Cuts the torn tail of the last segment, and makes it durable: it gets no more payloads. Returns its length.
    fn complete(&self, number: u64, file: &File, scan: &SegmentScan, file_bytes: u64) -> u64 {
        let mut end = file_bytes;
        if matches!(scan.stop, Some(FrameError::Invalid)) {
            match file.set_len(scan.end.offset) {
                Ok(()) => end = scan.end.offset,
                Err(error) => self.report_io("cut", number, error),
            }
        }
        if let Err(error) = file.sync_data() {
            self.report_io("sync", number, error);
        }
        end
    }

    fn report_stop(&self, number: u64, bytes: u64, stop: &FrameError, is_last: bool) {
        let path = self.directory.path_of(number);
        let path = path.display();
        self.reporter.report(match stop {
            FrameError::Invalid if is_last => {
                format!(
                    "the last {bytes} bytes of {path} are no whole payload, and are cut: a program has ended meanwhile"
                )
            }
            FrameError::Invalid => {
                format!("{bytes} bytes of {path} are damaged: their payloads are lost")
            }
            FrameError::Io(error) => format!("cannot read {bytes} bytes of {path}: {error}; they are not delivered"),
        });
    }

    /// The first segment with a payload to read.
    pub(super) fn unread(&mut self) -> Option<UnreadSegment<'_>> {
        let segment = self.segments.iter_mut().find(|segment| !segment.is_read())?;
        Some(UnreadSegment { shard: self.shard, directory: &self.directory, segment })
    }

    /// Acknowledges a payload, which ends at `end`. Its position is written at once.
    pub(super) fn acknowledge(&mut self, number: u64, end: u64, events: u64) {
        let Some(segment) = self.segments.iter_mut().find(|segment| segment.number == number) else { return };
        segment.acknowledged.counts.add_payload(events);
        segment.acknowledged.offset = end;
        if let Err(error) = self.directory.position.write(SpillPosition { segment: number, offset: end }) {
            self.report(&StoreError::io("write the position in", self.directory.path())(error));
        }
    }

    /// Removes the segments in front that are acknowledged as a whole.
    pub(super) fn remove_acknowledged(&mut self) {
        while let Some(segment) = self.segments.pop_front_if(|segment| segment.is_acknowledged()) {
            if self.remove(segment.number) {
                self.file_bytes = self.file_bytes.saturating_sub(segment.file_bytes);
            }
        }
    }

    /// Returns whether the file is gone.
    fn remove(&self, number: u64) -> bool {
        self.directory.remove(number).map_err(|error| self.report_io("remove", number, error)).is_ok()
    }

    fn report_io(&self, operation: &'static str, number: u64, error: io::Error) {
        self.report(&StoreError::io(operation, self.directory.path_of(number))(error));
    }

    fn report(&self, error: &StoreError) {
        self.reporter.report_error(error);
    }
}

/// Whether something else than a regular file has the name.
fn is_no_segment(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), None | Some(libc::ELOOP | libc::EISDIR | libc::ENXIO))
}
