//! The memory that events are encoded into.

use super::open::PAGE_BYTES;

/// Room for the batch that makes a block full and exceeds it. A longer batch makes the block grow.
const OVERSHOOT_BYTES: usize = 256 * 1024;

/// A buffer of one block, and its registration with the kernel.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Its registration; `None` for memory that the kernel does not hold.
    pub(super) registered: Option<RegisteredBuffer>,
    /// Whether it returns to the pool of blocks after its write.
    pub(super) is_pooled: bool,
}

/// A buffer whose pages the kernel has pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegisteredBuffer {
    pub(super) index: u16,
    /// Its address at registration: a vector that has grown since is another buffer.
    pub(super) address: usize,
    pub(super) capacity_bytes: usize,
}

impl RegisteredBuffer {
    /// Whether the vector has the address and capacity of its registration. Memory that was freed and allocated again would
    /// look the same: so a caller that finds another address drops the registration for good, and a formatter never replaces
    /// the vector.
    pub(super) fn is_of(&self, bytes: &Vec<u8>) -> bool {
        bytes.as_ptr().addr() == self.address && bytes.capacity() == self.capacity_bytes
    }
}

impl Block {
    /// An empty block.
    pub(super) fn new(block_bytes: usize) -> Self {
        let mut bytes = vec![0; capacity_bytes(block_bytes)];
        bytes.clear();
        Self { bytes, registered: None, is_pooled: true }
    }

    /// Whether its memory is more than twice that of a new block, which the sink would keep until its end. A block that has
    /// doubled once is kept: the next batches would make it grow again.
    pub(super) fn has_outgrown(&self, block_bytes: usize) -> bool {
        self.bytes.capacity() > 2 * capacity_bytes(block_bytes)
    }

    /// Empties it, and pads it to the first page boundary in memory. Returns the length of the padding.
    pub(super) fn reset(&mut self) -> usize {
        self.bytes.clear();
        let padding = self.padding();
        self.bytes.resize(padding, 0);
        padding
    }

    fn padding(&self) -> usize {
        self.bytes.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES)
    }

    /// Whether the byte at `start` lies on a page boundary in memory.
    pub(super) fn is_aligned(&self, start: usize) -> bool {
        self.bytes.get(start..).is_some_and(|data| data.as_ptr().addr().is_multiple_of(PAGE_BYTES))
    }

    /// Moves the bytes behind `start` so that they begin on a page boundary: for a block that has grown, and so moved.
    /// Returns their new start.
    pub(super) fn realign(&mut self, start: usize) -> usize {
        self.registered = None;
        let data = self.bytes.split_off(start.min(self.bytes.len()));
        self.bytes = Vec::with_capacity(data.len() + PAGE_BYTES);
        let start = self.reset();
        self.bytes.extend_from_slice(&data);
        start
    }

    /// The index of this memory among the registered buffers.
    pub(super) fn registered_index(&self) -> Option<u16> {
        self.registered.filter(|registered| registered.is_of(&self.bytes)).map(|registered| registered.index)
    }

    /// Drops a registration that no longer holds: its memory is freed, and may become another buffer's.
    pub(super) fn forget_stale_registration(&mut self) {
        if self.registered_index().is_none() {
            self.registered = None;
        }
    }
}

/// Capacity of a new block.
fn capacity_bytes(block_bytes: usize) -> usize {
    // A page for the alignment, and a page for the partial page.
    block_bytes + OVERSHOOT_BYTES + 2 * PAGE_BYTES
}
