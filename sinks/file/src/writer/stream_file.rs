//! The files of a writer, one behind the other: positions go on from each file to the next.

use std::{fs::File, rc::Rc};

use crate::{
    cursors::FillingEnd,
    engine::FileHandles,
    open::LogFile,
    writer::changes::{FileChanges, PlaceInFile},
};

/// Names a file of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamFileId(u64);

impl StreamFileId {
    pub(super) const FIRST: Self = Self(0);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A file of the writer.
#[derive(Debug)]
pub(super) struct StreamFile {
    pub(super) id: StreamFileId,
    /// The position of its first record.
    pub(super) start: FillingEnd,
    /// `None` while it is being opened: its writes wait.
    pub(super) open: Option<OpenFile>,
}

/// An open file, and its changes by other programs.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) handles: Rc<FileHandles>,
    /// Whether full blocks bypass the page cache.
    pub(super) is_direct: bool,
    /// Rule 9.
    pub(super) changes: FileChanges,
}

impl OpenFile {
    /// The file, whose first record will be behind its present end.
    pub(super) fn new(file: LogFile, start: FillingEnd) -> Self {
        let LogFile { buffered, direct, end, .. } = file;
        let direct = direct.ok();
        let is_direct = direct.is_some();
        let changes = FileChanges::new(&buffered, PlaceInFile { position: start.offset(), offset: end });
        Self { handles: Rc::new(FileHandles { buffered, direct }), is_direct, changes }
    }

    /// Whether the file has no name any more.
    pub(super) fn is_removed(&self) -> bool {
        self.changes.removed_at().is_some()
    }

    /// The file, through the page cache.
    pub(super) fn buffered(&self) -> &File {
        &self.handles.buffered
    }
}

impl StreamFile {
    /// A file that is still to be opened, with records from this position on.
    pub(super) fn to_be_opened(id: StreamFileId, start: FillingEnd) -> Self {
        Self { id, start, open: None }
    }
}
