//! Writes in the order of the file.

use std::ops::Range;

use crate::{block::Block, cursors::ScheduledEnd, engine::WritePath};

/// A write, in the order of the file.
#[derive(Debug)]
pub(super) struct QueuedWrite {
    pub(super) id: u64,
    pub(super) path: WritePath,
    /// Where its bytes end in the file.
    pub(super) end: ScheduledEnd,
    pub(super) state: WriteState,
}

impl QueuedWrite {
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, WriteState::Done)
    }
}

#[derive(Debug)]
pub(super) enum WriteState {
    /// Not yet submitted: it waits for other writes (rule 5), for room in the engine, or for the retry time (rule 7).
    Waiting(BlockRange),
    InFlight,
    Done,
}

/// The bytes of `block` in `range`, which belong at `offset` of the file.
#[derive(Debug)]
pub(super) struct BlockRange {
    pub(super) block: Block,
    pub(super) range: Range<usize>,
    pub(super) offset: u64,
}

impl BlockRange {
    /// The bytes that remain after `written` of them.
    pub(super) fn remaining_after(mut self, written: usize) -> Self {
        self.range.start += written;
        self.offset += written as u64;
        self
    }
}
