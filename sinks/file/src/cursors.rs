//! Positions that a writer keeps, and their order. They go on from each of its files to the next.
//!
//! | cursor | meaning |
//! |---|---|
//! | [`FillingEnd`] | end of the last block that was handed to the writer |
//! | [`ScheduledEnd`] | every byte below is part of a write, completed or not |
//! | [`ContiguousEnd`] | every byte below is written, without a gap |
//! | [`SyncedEnd`] | the last completed sync reached up to it |
//! | [`DoubtfulEnd`] | bytes below may not be durable: a sync failed after their write was scheduled |
//! | [`AcknowledgedEnd`] | records below were reported to the container as delivered or lost |
//!
//! Three orders hold at any time, and no cursor ever falls:
//!
//! * synced end <= contiguous end <= scheduled end <= filling end;
//! * acknowledged end <= contiguous end;
//! * doubtful end <= scheduled end.
//!
//! Synced end and acknowledged end have no order between them. With `FileSync::Batch`, records are acknowledged after
//! their sync; with `FileSync::Interval`, before or after it.

/// End of the last block that was handed to the writer, and of any record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FillingEnd(u64);

/// Every byte below is part of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScheduledEnd(u64);

/// Every byte below is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ContiguousEnd(u64);

/// The last completed sync reached up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SyncedEnd(u64);

/// Bytes below may not be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DoubtfulEnd(u64);

/// Records below were reported to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AcknowledgedEnd(u64);

impl FillingEnd {
    /// The offset in the file.
    pub(super) fn offset(self) -> u64 {
        self.0
    }

    /// A scheduled end that leaves so many bytes to a later write.
    pub(super) fn scheduled_but_for(self, bytes: usize) -> ScheduledEnd {
        ScheduledEnd(self.0.saturating_sub(bytes as u64))
    }
}

impl ContiguousEnd {
    /// Whether it is below the end of these records, or there.
    pub(super) fn is_below(self, end: FillingEnd) -> bool {
        self.0 <= end.0
    }
}

impl ScheduledEnd {
    /// The offset in the file.
    pub(super) fn offset(self) -> u64 {
        self.0
    }
}

impl AcknowledgedEnd {
    /// The offset in the file.
    pub(super) fn offset(self) -> u64 {
        self.0
    }
}

/// The six positions.
#[derive(Debug)]
pub(super) struct FileCursors {
    acknowledged: AcknowledgedEnd,
    synced: SyncedEnd,
    doubtful: DoubtfulEnd,
    contiguous: ContiguousEnd,
    scheduled: ScheduledEnd,
    filling: FillingEnd,
}

impl FileCursors {
    /// The cursors of a file of this length, with nothing in flight and nothing in doubt.
    pub(super) fn new(length: u64) -> Self {
        Self {
            acknowledged: AcknowledgedEnd(length),
            synced: SyncedEnd(length),
            doubtful: DoubtfulEnd(0),
            contiguous: ContiguousEnd(length),
            scheduled: ScheduledEnd(length),
            filling: FillingEnd(length),
        }
    }

    pub(super) fn acknowledged(&self) -> AcknowledgedEnd {
        self.acknowledged
    }

    /// The contiguous end, or this end of a file if it is before that.
    pub(super) fn contiguous_up_to(&self, end: Option<FillingEnd>) -> ContiguousEnd {
        end.map_or(self.contiguous, |end| self.contiguous.min(ContiguousEnd(end.0)))
    }

    pub(super) fn scheduled(&self) -> ScheduledEnd {
        self.scheduled
    }

    pub(super) fn filling(&self) -> FillingEnd {
        self.filling
    }

    /// Whether records of the last block are in no write yet.
    pub(super) fn has_unscheduled(&self) -> bool {
        self.scheduled.0 < self.filling.0
    }

    /// Whether bytes were written that no sync has reached.
    pub(super) fn has_unsynced(&self) -> bool {
        self.synced.0 < self.contiguous.0
    }

    /// Whether the disk may have dropped bytes behind `end`, by the result of a sync.
    pub(super) fn has_doubt_behind(&self, end: FillingEnd) -> bool {
        self.doubtful.0 > end.0
    }

    /// The contiguous end, as an end of records: the records below are written.
    pub(super) fn written_end(&self) -> FillingEnd {
        FillingEnd(self.contiguous.0)
    }

    /// The synced end, as an end of records: a sync has reached the records below.
    pub(super) fn synced_end(&self) -> FillingEnd {
        FillingEnd(self.synced.0)
    }

    /// A block has so many new bytes.
    pub(super) fn fill(&mut self, bytes: usize) {
        self.filling = FillingEnd(self.filling.0.saturating_add(bytes as u64));
        self.assert_order();
    }

    /// The number of bytes that are in no write yet.
    pub(super) fn unscheduled_bytes(&self) -> usize {
        usize::try_from(self.filling.0.saturating_sub(self.scheduled.0)).unwrap_or(usize::MAX)
    }

    /// A write for the bytes up to `end` is queued.
    pub(super) fn schedule(&mut self, end: ScheduledEnd) {
        debug_assert!(self.scheduled <= end, "{end:?} is below {self:?}");
        self.scheduled = end;
        self.assert_order();
    }

    /// All writes up to `end` are completed.
    pub(super) fn complete(&mut self, end: ScheduledEnd) {
        self.contiguous = self.contiguous.max(ContiguousEnd(end.0));
        self.assert_order();
    }

    /// So many bytes behind the contiguous end are written.
    pub(super) fn complete_part(&mut self, bytes: usize) {
        self.contiguous = ContiguousEnd(self.contiguous.0.saturating_add(bytes as u64));
        self.assert_order();
    }

    /// The end of records of these lengths, all together, behind `start`.
    pub(super) fn end_behind(start: u64, bytes: usize) -> FillingEnd {
        FillingEnd(start.saturating_add(bytes as u64))
    }

    /// The records below `end` were reported to the container.
    pub(super) fn acknowledge(&mut self, end: FillingEnd) {
        self.acknowledged = self.acknowledged.max(AcknowledgedEnd(end.0));
        self.assert_order();
    }

    /// A sync that began at this contiguous end has succeeded. Returns how many bytes it has reached that none has reached before.
    pub(super) fn sync_succeeded(&mut self, end: ContiguousEnd) -> u64 {
        debug_assert!(self.synced.0 <= end.0, "{end:?} is below {self:?}");
        let bytes = end.0.saturating_sub(self.synced.0);
        self.synced = SyncedEnd(end.0);
        self.assert_order();
        bytes
    }

    /// A sync that began at this contiguous end has failed.
    ///
    /// The kernel may have dropped pages that it could not write, and a later sync does not report them. This includes
    /// pages written during the sync: every byte that is part of a write by now stays in doubt, up to the end of the file.
    pub(super) fn sync_failed(&mut self, end: ContiguousEnd, file_end: Option<FillingEnd>) {
        let scheduled = self.scheduled.0;
        self.doubtful = DoubtfulEnd(file_end.map_or(scheduled, |file_end| file_end.0.min(scheduled)));
        let _ = self.sync_succeeded(end);
    }

    fn assert_order(&self) {
        debug_assert!(self.synced.0 <= self.contiguous.0, "a sync reached bytes that are not written: {self:?}");
        debug_assert!(self.contiguous.0 <= self.scheduled.0, "bytes are written by no write: {self:?}");
        debug_assert!(self.scheduled.0 <= self.filling.0, "a write has more bytes than the blocks: {self:?}");
        debug_assert!(self.acknowledged.0 <= self.contiguous.0, "records acknowledged before their write: {self:?}");
        debug_assert!(self.doubtful.0 <= self.scheduled.0, "doubt about bytes of no write: {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 100 bytes whose next 50 bytes are in a block, 40 of them in a write, 30 of them written.
    fn cursors() -> FileCursors {
        let mut cursors = FileCursors::new(100);
        cursors.fill(50);
        cursors.schedule(ScheduledEnd(140));
        cursors.complete(ScheduledEnd(130));
        cursors
    }

    #[test]
    fn a_new_file_has_all_its_bytes_written_and_none_in_doubt() {
        let cursors = FileCursors::new(100);
        assert!(!cursors.has_unscheduled() && !cursors.has_unsynced());
        assert!(cursors.written_end() == FillingEnd(100) && cursors.synced_end() == FillingEnd(100));
        assert!(!cursors.has_doubt_behind(FillingEnd(0)));
    }

    #[test]
    fn cursors_move_from_the_filling_end_to_the_synced_end() {
        let mut cursors = cursors();
        assert!(cursors.has_unscheduled() && cursors.has_unsynced());
        assert_eq!((cursors.written_end(), cursors.synced_end()), (FillingEnd(130), FillingEnd(100)));
        assert_eq!(cursors.sync_succeeded(ContiguousEnd(130)), 30);
        assert_eq!((cursors.synced_end(), cursors.has_unsynced()), (FillingEnd(130), false));
        cursors.acknowledge(FillingEnd(120));
        assert_eq!((cursors.acknowledged().offset(), cursors.contiguous_up_to(None)), (120, ContiguousEnd(130)));
        assert_eq!((cursors.scheduled().offset(), cursors.filling().offset()), (140, 150));
    }

    #[test]
    fn a_failed_sync_leaves_every_scheduled_byte_in_doubt() {
        let mut cursors = cursors();
        cursors.sync_failed(ContiguousEnd(110), None);
        assert_eq!(cursors.synced_end(), FillingEnd(110));
        assert!(cursors.has_doubt_behind(FillingEnd(139)) && !cursors.has_doubt_behind(FillingEnd(140)));
    }

    #[test]
    fn an_earlier_completion_or_acknowledgement_moves_no_cursor_back() {
        let mut cursors = cursors();
        cursors.acknowledge(FillingEnd(120));
        cursors.acknowledge(FillingEnd(110));
        cursors.complete(ScheduledEnd(90));
        assert_eq!((cursors.acknowledged().offset(), cursors.contiguous_up_to(None)), (120, ContiguousEnd(130)));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a write has more bytes than the blocks")]
    fn a_scheduled_end_beyond_the_filling_end_panics() {
        cursors().schedule(ScheduledEnd(151));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "bytes are written by no write")]
    fn a_contiguous_end_beyond_the_scheduled_end_panics() {
        cursors().complete(ScheduledEnd(141));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a sync reached bytes that are not written")]
    fn a_synced_end_beyond_the_contiguous_end_panics() {
        let _ = cursors().sync_succeeded(ContiguousEnd(131));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "records acknowledged before their write")]
    fn an_acknowledged_end_beyond_the_contiguous_end_panics() {
        cursors().acknowledge(FillingEnd(131));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "doubt about bytes of no write")]
    fn a_doubtful_end_beyond_the_scheduled_end_panics() {
        let mut cursors = cursors();
        cursors.doubtful = DoubtfulEnd(141);
        cursors.assert_order();
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "is below")]
    fn a_cursor_that_falls_panics() {
        cursors().schedule(ScheduledEnd(139));
    }
}
