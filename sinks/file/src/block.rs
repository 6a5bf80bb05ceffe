//! The memory that events are encoded into.

use super::open::PAGE_BYTES;

/// Room for the batch that makes a block full and goes beyond it. A batch that needs more has the block grow.
const OVERSHOOT_BYTES: usize = 256 * 1024;

/// A buffer of one block, and where the kernel knows it from.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Its number among the registered buffers.
    pub(super) registered: Option<Registered>,
    /// Whether it is one of those that are filled again and again.
    pub(super) is_pooled: bool,
}

/// A buffer that the kernel holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) index: u16,
    /// Where it was then: a vector that has grown since is another buffer.
    pub(super) address: usize,
    pub(super) capacity_bytes: usize,
}

impl Registered {
    /// Whether the vector is where it was when it was registered. Memory that was freed and got again would look the same:
    /// so whoever sees it elsewhere forgets the registration for good, and a formatter never puts another vector in its place.
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

    /// Whether it has grown far beyond what a new one has, and would keep that memory for as long as the sink lives. One that
    /// has grown once, to twice its length, is kept: it would again.
    pub(super) fn has_outgrown(&self, block_bytes: usize) -> bool {
        self.bytes.capacity() > 2 * capacity_bytes(block_bytes)
    }

    /// Empties it, and fills it up to the first page boundary in memory. Returns how many bytes that took.
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

    /// Moves what lies behind `start` so that it begins on a page boundary: for a block that has grown meanwhile, and so
    /// moved. Returns where it begins now.
    pub(super) fn realign(&mut self, start: usize) -> usize {
        self.registered = None;
        let data = self.bytes.split_off(start.min(self.bytes.len()));
        self.bytes = Vec::with_capacity(data.len() + PAGE_BYTES);
        let start = self.reset();
        self.bytes.extend_from_slice(&data);
        start
    }

    /// The number under which the kernel knows this very memory.
    pub(super) fn registered_index(&self) -> Option<u16> {
        self.registered.filter(|registered| registered.is_of(&self.bytes)).map(|registered| registered.index)
    }

    /// Forgets a registration that no longer holds: the memory behind it is gone, and may come back as another buffer's.
    pub(super) fn forget_stale_registration(&mut self) {
        if self.registered_index().is_none() {
            self.registered = None;
        }
    }
}

/// Memory of a new block.
fn capacity_bytes(block_bytes: usize) -> usize {
    // The page more is for the alignment, the other one for the carry.
    block_bytes + OVERSHOOT_BYTES + 2 * PAGE_BYTES
}
