//! The change from one file to the next. The numbers are the rules of the [crate's page](crate).

use std::rc::Rc;

use crate::{
    cursors::FillingEnd,
    engine::FileHandles,
    open::LogFile,
    settings::FileSync,
    writer::{
        BatchWriter,
        stream_file::{OpenFile, StreamFile, StreamFileId},
    },
};

/// A file of the writer, and the position behind its last record; `None` for the file that records go to.
pub(super) struct FileSpan<'a> {
    pub(super) file: &'a StreamFile,
    pub(super) end: Option<FillingEnd>,
}

impl BatchWriter {
    /// All files, in the order of their records.
    pub(super) fn spans(&self) -> impl Iterator<Item = FileSpan<'_>> {
        let files = self.earlier.iter().chain(std::iter::once(&self.current));
        let ends = self.earlier.iter().skip(1).map(|file| file.start).chain(std::iter::once(self.current.start));
        let ends = ends.map(Some).chain(std::iter::once(None));
        // With no earlier file, the only end is that of the current one.
        files.zip(ends.skip(usize::from(self.earlier.is_empty()))).map(|(file, end)| FileSpan { file, end })
    }

    /// The file of this name, if it is open.
    pub(super) fn open_file(&mut self, id: StreamFileId) -> Option<&mut OpenFile> {
        let mut files = self.earlier.iter_mut().chain(std::iter::once(&mut self.current));
        files.find(|file| file.id == id).and_then(|file| file.open.as_mut())
    }

    /// The file of the next byte in order.
    pub(super) fn id_of_next_write(&self) -> StreamFileId {
        self.writes.front().map_or(self.current.id, |write| write.file)
    }

    /// The length of the file that records go to, with all bytes that are not written yet; 0 while it is not open.
    pub(crate) fn current_bytes(&self) -> u64 {
        let end = self.cursors.filling().offset();
        match &self.current.open {
            Some(open) => open.changes.offset_in_file(end),
            None => end.saturating_sub(self.current.start.offset()),
        }
    }

    /// Whether the file that records go to is open.
    pub(crate) fn is_open(&self) -> bool {
        self.current.open.is_some()
    }

    /// Rule 10: records go to another file from now on, which is still to be opened.
    pub(crate) fn begin_file(&mut self) {
        debug_assert!(self.is_open(), "a file begins before the one before it is open");
        let unscheduled = self.unscheduled_bytes();
        if !unscheduled.is_empty() {
            let position = self.cursors.scheduled().offset();
            self.enqueue_copy(unscheduled, position, self.cursors.filling().scheduled_but_for(0));
        }
        let next = StreamFile::to_be_opened(self.current.id.next(), self.cursors.filling());
        self.earlier.push_back(std::mem::replace(&mut self.current, next));
        self.set_partial_page(&[]);
    }

    /// The file that [`begin_file`](Self::begin_file) began is open.
    pub(crate) fn file_opened(&mut self, file: LogFile) {
        debug_assert!(!self.is_open(), "a file is opened twice");
        let has_records = self.cursors.filling() > self.current.start;
        if !has_records {
            self.set_partial_page(&file.partial_page);
        }
        // Blocks are filled for an empty file. Bytes that another program has written meanwhile are overwritten.
        let end = if has_records { 0 } else { file.end };
        let file = LogFile { end, ..file };
        self.current.open = Some(OpenFile::new(file, self.current.start));
    }

    /// The file that [`begin_file`](Self::begin_file) began cannot be opened: its records go to the file before it, as soon
    /// as all bytes there are written.
    pub(crate) fn file_not_opened(&mut self) {
        self.goes_back = true;
        self.go_back();
    }

    pub(super) fn go_back(&mut self) {
        if !self.goes_back || self.writes_in_flight > 0 || self.id_of_next_write() != self.current.id {
            return;
        }
        let Some(previous) = self.earlier.pop_back() else { return };
        self.goes_back = false;
        let end = previous.open.as_ref().map(|open| open.changes.offset_in_file(self.current.start.offset()));
        self.replace_current(previous);
        self.continue_at(self.current.id, end.unwrap_or(0));
    }

    /// Rule 10: records that are not written yet, and all later ones, go to this file: the one before it has no name any more.
    /// Returns the file if bytes of an earlier one are not written yet.
    pub(crate) fn go_on_in(&mut self, file: LogFile) -> Result<(), LogFile> {
        if self.writes_in_flight > 0 || self.id_of_next_write() != self.current.id {
            return Err(file);
        }
        let (start, length) = (self.cursors.written_end(), file.end);
        let next = StreamFile { id: self.current.id.next(), start, open: Some(OpenFile::new(file, start)) };
        let previous = self.replace_current(next);
        self.earlier.push_back(previous);
        self.continue_at(self.current.id, length);
        Ok(())
    }

    /// No other file can be had before the shutdown ends: records go to the file without a name, and are lost.
    pub(crate) fn go_on_without_name(&mut self) {
        self.goes_on_without_name = true;
    }

    /// Makes `file` the one that waiting writes of the current file go to. Returns the latter.
    fn replace_current(&mut self, file: StreamFile) -> StreamFile {
        let (before, id) = (self.current.id, file.id);
        self.writes.iter_mut().filter(|write| write.file == before).for_each(|write| write.file = id);
        std::mem::replace(&mut self.current, file)
    }

    /// Takes the files that are complete: every record is acknowledged, and synced where the settings require that.
    pub(crate) fn take_finished(&mut self) -> Vec<Rc<FileHandles>> {
        let mut finished = Vec::new();
        while self.is_first_finished() {
            finished.extend(self.earlier.pop_front().and_then(|file| file.open).map(|open| open.handles));
        }
        finished
    }

    fn is_first_finished(&self) -> bool {
        let Some(FileSpan { end: Some(end), .. }) = self.spans().next() else { return false };
        // The records of a file that cannot be opened may go back to the last one.
        let may_grow = !self.is_open() && self.earlier.len() == 1;
        let is_synced = self.sync == FileSync::Never || (self.is_synced(end) && self.syncing.in_flight.is_none());
        !may_grow && end.offset() <= self.cursors.acknowledged().offset() && is_synced
    }
}
