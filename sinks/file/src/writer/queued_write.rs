//! Writes in the order of the file.

use crate::{block::BlockRange, cursors::ScheduledEnd, engine::WritePath, writer::stream_file::StreamFileId};

/// A write of the bytes of one block, in the order of the file.
#[derive(Debug)]
pub(super) struct QueuedWrite {
    pub(super) file: StreamFileId,
    pub(super) path: WritePath,
    /// Where its bytes end in the file.
    pub(super) end: ScheduledEnd,
    /// Its bytes; `None` while they are part of the request in flight.
    pub(super) waiting: Option<BlockRange>,
}
