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
    engine::{WritePath, WritePlace},
    open::PAGE_BYTES,
    writer::{
        BatchWriter, WriterError,
        stream_file::{OpenFile, StreamFileId},
    },
};

/// A position among those of the cursors, and its offset in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceInFile {
    pub(super) position: u64,
    pub(super) offset: u64,
}

/// The file as other programs have left it, and its place among the cursors.
#[derive(Debug)]
pub(super) struct FileChanges {
    /// Whether the file had a name when the writer was made.
    had_name: bool,
    /// The end of the records that were written while the file had a name, once it has none.
    removed_at: Option<FillingEnd>,
    /// Positions keep their distance from this one.
    place: PlaceInFile,
    /// The length that the file had when it was opened, or after it was truncated last. It is never cut below.
    kept_bytes: u64,
    /// How far writes have come, or may have: beyond the contiguous end if a direct write ended within a page, or failed.
    last_write_end: u64,
}

/// The length of a file, and whether it has a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileState {
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
    /// The state of a file whose next record will be at this place, the file's end.
    pub(super) fn new(file: &File, place: PlaceInFile) -> Self {
        Self {
            had_name: FileState::of(file).is_ok_and(|state| state.has_name),
            removed_at: None,
            place,
            kept_bytes: place.offset,
            last_write_end: place.offset,
        }
    }

    /// The offset in the file of a cursor's position.
    pub(super) fn offset_in_file(&self, position: u64) -> u64 {
        let PlaceInFile { position: known, offset } = self.place;
        if position < known { offset.saturating_sub(known - position) } else { offset.saturating_add(position - known) }
    }

    /// Where the file is cut when records up to this position were reported: never below the length that another program
    /// has given it. `None` if the file has bytes of another program behind those of the writer: it keeps its length.
    pub(super) fn cut_at(&self, file: &File, acknowledged: u64) -> Option<u64> {
        let length = file.metadata().ok()?.len();
        (length <= self.last_write_end).then(|| self.offset_in_file(acknowledged).max(self.kept_bytes))
    }

    /// Whether another program has cut the file behind this offset.
    pub(super) fn is_cut_behind(&self, offset: u64) -> bool {
        offset < self.kept_bytes
    }

    /// The end of the records that were written while the file had a name, once it has none.
    pub(super) fn removed_at(&self) -> Option<FillingEnd> {
        self.removed_at
    }

    /// The place of a write at this offset: the end, unless a write before it may have left bytes there.
    fn place_of_write_at(&self, offset: u64) -> WritePlace {
        if self.last_write_end == offset { WritePlace::End } else { WritePlace::Offset }
    }

    /// A write of the bytes up to this offset in the file has ended.
    pub(super) fn write_ended(&mut self, end: u64) {
        self.last_write_end = self.last_write_end.max(end);
    }

    /// Records go on at this place, the end of the file.
    fn go_on_at(&mut self, place: PlaceInFile) {
        self.place = place;
        self.kept_bytes = place.offset;
        self.last_write_end = place.offset;
    }

    /// Returns whether the file has lost its name since the last look: records behind `written` are lost then.
    fn note_name(&mut self, state: FileState, written: FillingEnd) -> bool {
        let is_removed = self.had_name && self.removed_at.is_none() && !state.has_name;
        if is_removed {
            self.removed_at = Some(written);
        }
        is_removed
    }
}

impl BatchWriter {
    /// Whether records of these positions went to a file that had no name any more: nobody can read them.
    pub(crate) fn is_removed(&self, start: FillingEnd, end: FillingEnd) -> bool {
        self.spans().any(|span| {
            let removed_at = span.file.open.as_ref().and_then(|open| open.changes.removed_at());
            let end = span.end.map_or(end, |file_end| file_end.min(end));
            removed_at.is_some_and(|removed_at| removed_at < end && start < end)
        })
    }

    /// Whether the file that records go to has no name any more.
    pub(crate) fn is_current_removed(&self) -> bool {
        self.current.open.as_ref().is_some_and(OpenFile::is_removed)
    }

    /// Looks at the file for changes by other programs, unless a write is in flight. Then its length is the contiguous end.
    pub(crate) fn look_at_file(&mut self) {
        if self.writes_in_flight > 0 {
            return;
        }
        let written = self.cursors.written_end();
        let id = self.id_of_next_write();
        let Some(state) = self.look_at_name(id, written) else { return };
        let Some(OpenFile { changes, .. }) = self.open_file(id) else { return };
        let end = changes.offset_in_file(written.offset());
        if state.length < end {
            self.look_at_truncated(id, end);
        } else if state.length > end.max(changes.last_write_end) {
            self.continue_at(id, state.length);
            self.add_error(WriterError::Grown { from: end, to: state.length });
        }
    }

    pub(super) fn place_of_next_write(&mut self, id: StreamFileId) -> WritePlace {
        let written = self.cursors.written_end().offset();
        let open = self.open_file(id);
        open.map_or(WritePlace::Offset, |open| open.changes.place_of_write_at(open.changes.offset_in_file(written)))
    }

    /// Records behind `written` are lost from now on if the file has no name any more. Returns the state of the file, as far as the
    /// kernel knows it.
    pub(super) fn look_at_name(&mut self, id: StreamFileId, written: FillingEnd) -> Option<FileState> {
        let is_current = id == self.current.id;
        let OpenFile { handles, changes, .. } = self.open_file(id)?;
        let state = FileState::of(&handles.buffered).ok()?;
        if changes.note_name(state, written) {
            self.add_error(if is_current { WriterError::Removed } else { WriterError::EarlierRemoved });
        }
        Some(state)
    }

    /// Whether the file does not end where the next write begins: another program has changed its length.
    pub(super) fn has_another_end(&mut self, id: StreamFileId) -> bool {
        let written = self.cursors.written_end().offset();
        let Some(OpenFile { handles, changes, .. }) = self.open_file(id) else { return false };
        let end = changes.offset_in_file(written);
        FileState::of(&handles.buffered).is_ok_and(|state| state.length != end && end >= changes.last_write_end)
    }

    /// The server of the file does not know it any more (`ESTALE`): the same as a removal. Records of a file that was rotated are
    /// lost: no other file is theirs.
    pub(super) fn set_stale(&mut self, id: StreamFileId) {
        let written = self.cursors.written_end();
        let is_current = id == self.current.id;
        let Some(OpenFile { changes, .. }) = self.open_file(id) else { return };
        if changes.removed_at.is_none() {
            changes.removed_at = Some(written);
            self.add_error(if is_current { WriterError::Removed } else { WriterError::EarlierRemoved });
        }
        while !is_current && let Some(write) = self.writes.pop_front_if(|write| write.file == id) {
            self.cursors.complete(write.end);
            write.waiting.into_iter().for_each(|range| self.free_block(range.block));
        }
    }

    fn look_at_truncated(&mut self, id: StreamFileId, end: u64) {
        let Some(open) = self.open_file(id) else { return };
        // The kernel may not know the length of a file on a server. A wrong length would overwrite records: it is asked for.
        let Ok(length) = open.handles.buffered.metadata().map(|found| found.len()) else { return };
        if length >= end {
            return;
        }
        self.continue_at(id, length);
        self.add_error(WriterError::Truncated { from: end, to: length });
    }

    /// Moves all bytes of this file that are not written yet to this end of it. They are written through the page cache,
    /// because their pages are others now. Every byte of the files before it is written.
    pub(super) fn continue_at(&mut self, id: StreamFileId, length: u64) {
        let is_current = id == self.current.id;
        let unscheduled = if is_current { self.unscheduled_bytes() } else { Vec::new() };
        let partial_page = if is_current { self.partial_page_behind(length, &unscheduled) } else { Vec::new() };
        let position = self.cursors.written_end().offset();
        if let Some(OpenFile { changes, .. }) = self.open_file(id)
            && changes.offset_in_file(position) != length
        {
            changes.go_on_at(PlaceInFile { position, offset: length });
        }
        let mut offset = length;
        for write in self.writes.iter_mut().filter(|write| write.file == id) {
            write.path = WritePath::Buffered;
            if let Some(range) = &mut write.waiting {
                range.offset = offset;
                offset += range.range.len() as u64;
            }
        }
        if !is_current {
            return;
        }
        if !unscheduled.is_empty() {
            let position = self.cursors.scheduled().offset();
            self.enqueue_copy(unscheduled, position, self.cursors.filling().scheduled_but_for(0));
        }
        self.set_partial_page(&partial_page);
    }

    /// The partial page is another one than the block that is being filled begins with.
    pub(super) fn set_partial_page(&mut self, page: &[u8]) {
        self.partial_page.clear();
        self.partial_page.extend_from_slice(page);
        if let Some(filling) = &mut self.filling {
            filling.is_stale = true;
        }
    }

    /// The bytes of the partial page that are in no write yet.
    pub(super) fn unscheduled_bytes(&self) -> Vec<u8> {
        let bytes = self.cursors.filling().offset().saturating_sub(self.cursors.scheduled().offset());
        let start = self.partial_page.len().saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.partial_page.get(start..).unwrap_or_default().to_vec()
    }

    /// The partial page of the current file when all bytes that are not written yet are behind this length of it.
    fn partial_page_behind(&mut self, length: u64, unscheduled: &[u8]) -> Vec<u8> {
        let mut page = vec![0; (length % PAGE_BYTES as u64) as usize];
        let start = length - page.len() as u64;
        if let Some(open) = &mut self.current.open
            && open.handles.buffered.read_exact_at(&mut page, start).is_err()
        {
            // Buffered writes begin behind the bytes that the file has: those of the page are never written.
            open.is_direct = false;
        }
        let own = self.writes.iter().filter(|write| write.file == self.current.id);
        let waiting = own.filter_map(|write| write.waiting.as_ref()).map(BlockRange::bytes);
        for bytes in waiting.chain(std::iter::once(unscheduled)) {
            let end = page.len() + bytes.len();
            page.extend_from_slice(bytes.get(bytes.len().saturating_sub(PAGE_BYTES)..).unwrap_or_default());
            let before = page.len().saturating_sub(end % PAGE_BYTES);
            page.drain(..before);
        }
        page
    }
}
