//! Changes of the file by other programs: it is removed, truncated or made longer. The numbers are the rules of the
//! [crate's page](crate).

use std::{
    fs::File,
    io,
    os::{fd::AsFd, unix::fs::FileExt},
};

use rustix::fs::{AtFlags, StatxFlags, statx};

use crate::{
    block::BlockRange,
    cursors::FillingEnd,
    engine::WritePath,
    open::PAGE_BYTES,
    writer::{BatchWriter, WriterError},
};

/// The file as other programs have left it, and its place among the cursors.
#[derive(Debug)]
pub(super) struct FileChanges {
    /// Whether the file had a name when the writer was made.
    had_name: bool,
    /// The end of the records that were written while the file had a name, once it has none.
    removed_at: Option<FillingEnd>,
    /// The difference between a cursor and its offset in the file: the bytes that other programs have cut, all together.
    cut_bytes: u64,
    /// The length that the file had after it was truncated last.
    truncated_to: u64,
    /// The end of the last write: beyond the contiguous end if a direct write ended within a page, or failed.
    last_write_end: u64,
    /// Whether the file is longer than the writer has made it, and that was reported.
    is_grown: bool,
}

/// The length of a file, and whether it has a name.
#[derive(Debug, Clone, Copy)]
struct FileState {
    length: u64,
    has_name: bool,
}

impl FileState {
    /// By the kernel's own knowledge: no server is asked, and no page is written.
    fn of(file: &File) -> io::Result<Self> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(file.as_fd(), c"", flags, StatxFlags::SIZE | StatxFlags::NLINK)?;
        Ok(Self { length: found.stx_size, has_name: found.stx_nlink > 0 })
    }
}

impl FileChanges {
    pub(super) fn new(file: &File, length: u64) -> Self {
        Self {
            had_name: FileState::of(file).is_ok_and(|state| state.has_name),
            removed_at: None,
            cut_bytes: 0,
            truncated_to: 0,
            last_write_end: length,
            is_grown: false,
        }
    }

    /// The offset in the file of a cursor's position.
    pub(super) fn offset_in_file(&self, position: u64) -> u64 {
        position.saturating_sub(self.cut_bytes)
    }

    /// Where the file is cut when records up to this position were reported: never below the length that another program
    /// has given it.
    pub(super) fn cut_at(&self, acknowledged: u64) -> u64 {
        self.offset_in_file(acknowledged).max(self.truncated_to)
    }

    /// Whether another program has cut the file behind this offset.
    pub(super) fn is_cut_behind(&self, offset: u64) -> bool {
        offset < self.truncated_to
    }

    /// The end of the records that were written while the file had a name, once it has none.
    pub(super) fn removed_at(&self) -> Option<FillingEnd> {
        self.removed_at
    }

    /// A write of the bytes up to this offset in the file has ended.
    pub(super) fn write_ended(&mut self, end: u64) {
        self.last_write_end = end;
    }
}

impl BatchWriter {
    /// Whether the records up to `end` went to a file that had no name any more: nobody can read them.
    pub(crate) fn is_removed(&self, end: FillingEnd) -> bool {
        self.changes.removed_at.is_some_and(|removed_at| removed_at < end)
    }

    /// Looks at the file for changes by other programs, unless a write is in flight. Then its length is the contiguous end.
    pub(crate) fn look_at_file(&mut self) {
        if self.writes_in_flight > 0 {
            return;
        }
        self.look_at_name(self.cursors.written_end());
        let Ok(state) = FileState::of(&self.engine.files().buffered) else { return };
        let end = self.changes.offset_in_file(self.cursors.written_end().offset());
        if state.length < end {
            return self.look_at_truncated(end);
        }
        let is_grown = state.length > end.max(self.changes.last_write_end);
        if is_grown && !self.changes.is_grown {
            self.add_error(WriterError::Grown { from: end, to: state.length });
        }
        self.changes.is_grown = is_grown;
    }

    /// Records behind `written` are lost from now on if the file has no name any more.
    pub(super) fn look_at_name(&mut self, written: FillingEnd) {
        if !self.changes.had_name || self.changes.removed_at.is_some() {
            return;
        }
        if FileState::of(&self.engine.files().buffered).is_ok_and(|state| !state.has_name) {
            self.changes.removed_at = Some(written);
            self.add_error(WriterError::Removed);
        }
    }

    fn look_at_truncated(&mut self, end: u64) {
        // The kernel may not know the length of a file on a server. A wrong length would overwrite records: it is asked for.
        let Ok(length) = self.engine.files().buffered.metadata().map(|found| found.len()) else { return };
        if length >= end {
            return;
        }
        let error = match self.continue_at(length) {
            Ok(()) => WriterError::Truncated { from: end, to: length },
            Err(error) => WriterError::Write(error),
        };
        self.add_error(error);
    }

    /// Moves all bytes that are not written yet to this end of the file. They are written through the page cache, because
    /// their pages are others now.
    fn continue_at(&mut self, length: u64) -> io::Result<()> {
        let unscheduled = self.unscheduled_bytes();
        let partial_page = self.partial_page_behind(length, &unscheduled)?;
        let written = self.cursors.written_end().offset();
        self.changes.cut_bytes = written.saturating_sub(length);
        self.changes.truncated_to = length;
        self.changes.last_write_end = length;
        let mut offset = length;
        for write in &mut self.writes {
            write.path = WritePath::Buffered;
            if let Some(range) = &mut write.waiting {
                range.offset = offset;
                offset += range.range.len() as u64;
            }
        }
        if !unscheduled.is_empty() {
            let position = self.cursors.scheduled().offset();
            self.enqueue_copy(unscheduled, position, self.cursors.filling().scheduled_but_for(0));
        }
        self.partial_page = partial_page;
        if let Some(filling) = &mut self.filling {
            filling.is_stale = true;
        }
        Ok(())
    }

    /// The bytes of the partial page that are in no write yet.
    fn unscheduled_bytes(&self) -> Vec<u8> {
        let bytes = self.cursors.filling().offset().saturating_sub(self.cursors.scheduled().offset());
        let start = self.partial_page.len().saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.partial_page.get(start..).unwrap_or_default().to_vec()
    }

    /// The partial page of the file when all bytes that are not written yet are behind this length of it.
    fn partial_page_behind(&self, length: u64, unscheduled: &[u8]) -> io::Result<Vec<u8>> {
        let mut page = vec![0; (length % PAGE_BYTES as u64) as usize];
        let start = length - page.len() as u64;
        self.engine.files().buffered.read_exact_at(&mut page, start)?;
        let waiting = self.writes.iter().filter_map(|write| write.waiting.as_ref()).map(BlockRange::bytes);
        for bytes in waiting.chain(std::iter::once(unscheduled)) {
            let end = page.len() + bytes.len();
            page.extend_from_slice(bytes.get(bytes.len().saturating_sub(PAGE_BYTES)..).unwrap_or_default());
            let before = page.len().saturating_sub(end % PAGE_BYTES);
            page.drain(..before);
        }
        Ok(page)
    }
}
