//! The memory that events are encoded into.

use std::{
    alloc::{Layout, alloc_zeroed},
    ops::Range,
};

use rustix::mm::{Advice, madvise};

use super::open::PAGE_BYTES;

/// Room for the batch that makes a block full and exceeds it. A longer batch makes the block grow.
pub(super) const OVERSHOOT_BYTES: usize = 256 * 1024;

/// A huge page of x86-64, and of aarch64 with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// A buffer of one block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Whether it returns to the pool of blocks after its write.
    pub(super) is_pooled: bool,
}

/// The bytes of `block` in `range`, which belong at `offset` of the file.
#[derive(Debug)]
pub(super) struct BlockRange {
    pub(super) block: Block,
    pub(super) range: Range<usize>,
    pub(super) offset: u64,
}

impl BlockRange {
    pub(super) fn bytes(&self) -> &[u8] {
        self.block.bytes.get(self.range.clone()).unwrap_or_default()
    }

    /// The bytes that remain after `written` of them.
    pub(super) fn remaining_after(mut self, written: usize) -> Self {
        self.range.start += written;
        self.offset += written as u64;
        self
    }
}

impl BlockRange {
    /// The same bytes in another block, on a page boundary; `None` if there is no memory for it.
    pub(super) fn copied(&self) -> Option<Self> {
        let mut block = Block { bytes: zeros(self.range.len() + PAGE_BYTES)?, is_pooled: self.block.is_pooled };
        let start = block.padding_to(PAGE_BYTES);
        block.bytes.truncate(start);
        // There is room: the padding is shorter than a page.
        block.bytes.extend_from_slice(self.bytes());
        Some(Self { range: start..start + self.range.len(), block, offset: self.offset })
    }
}

impl Block {
    /// An empty block; `None` if there is no memory for it.
    pub(super) fn new(block_bytes: usize) -> Option<Self> {
        let mut block = Self { bytes: zeros(capacity_bytes(block_bytes))?, is_pooled: true };
        block.advise_huge_pages();
        block.reset();
        Some(block)
    }

    /// Asks the kernel for huge pages, where the block is long enough: a write then has one segment for each 2 MiB, and not
    /// for each 4 KiB. The kernel may refuse; the memory then has small pages.
    fn advise_huge_pages(&mut self) {
        if self.alignment() != HUGE_PAGE_BYTES {
            return;
        }
        let start = self.padding();
        let Some(memory) = self.bytes.get_mut(start..) else { return };
        // SAFETY: the memory is the block's own, and the advice changes no content of it.
        let _ = unsafe { madvise(memory.as_mut_ptr().cast(), memory.len(), Advice::LinuxHugepage) };
    }

    /// Whether its memory is more than twice that of a new block, which the sink would keep until its end. A block that has
    /// doubled once is kept: the next batches would make it grow again.
    pub(super) fn has_outgrown(&self, block_bytes: usize) -> bool {
        self.bytes.capacity() > 2 * capacity_bytes(block_bytes)
    }

    /// Whether its memory is less than that of a new block: its bytes were moved to memory of their own length.
    pub(super) fn has_shrunk(&self, block_bytes: usize) -> bool {
        self.bytes.capacity() < capacity_bytes(block_bytes)
    }

    /// Empties it, and pads it to the boundary in memory that its bytes begin on. Returns the length of the padding.
    pub(super) fn reset(&mut self) -> usize {
        let padding = self.padding();
        // The padding of a block that was filled before is not written again: its pages may not even be in memory.
        self.bytes.truncate(padding);
        self.bytes.resize(padding, 0);
        padding
    }

    fn padding(&self) -> usize {
        self.padding_to(self.alignment())
    }

    fn padding_to(&self, alignment: usize) -> usize {
        self.bytes.as_ptr().align_offset(alignment).min(alignment)
    }

    /// The boundary in memory that the bytes begin on: that of a huge page, if one fits behind it, or of a page.
    fn alignment(&self) -> usize {
        if self.bytes.capacity() >= 2 * HUGE_PAGE_BYTES { HUGE_PAGE_BYTES } else { PAGE_BYTES }
    }

    /// Whether the byte at `start` lies on a page boundary in memory.
    pub(super) fn is_aligned(&self, start: usize) -> bool {
        self.bytes.get(start..).is_some_and(|data| data.as_ptr().addr().is_multiple_of(PAGE_BYTES))
    }

    /// Moves the bytes behind `start` so that they begin on a page boundary, with `beginning` in front of them: for a block
    /// that has grown, and so moved, or whose partial page has changed. Returns the new start.
    pub(super) fn realign(&mut self, beginning: &[u8], start: usize) -> usize {
        let data = self.bytes.split_off(start.min(self.bytes.len()));
        self.bytes = Vec::with_capacity(beginning.len() + data.len() + PAGE_BYTES);
        let start = self.padding_to(PAGE_BYTES);
        self.bytes.resize(start, 0);
        self.bytes.extend_from_slice(beginning);
        self.bytes.extend_from_slice(&data);
        start
    }
}

/// Zeros, whose pages come into memory as they are used; `None` if the system refuses them. `vec!` would end the process then.
fn zeros(count: usize) -> Option<Vec<u8>> {
    let layout = Layout::array::<u8>(count.max(1)).ok()?;
    // SAFETY: the layout is of a byte at least.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: the memory is the global allocator's, of this size and of alignment 1, and every byte of it is zero.
    Some(unsafe { Vec::from_raw_parts(memory, layout.size(), layout.size()) })
}

/// Capacity of a new block.
fn capacity_bytes(block_bytes: usize) -> usize {
    // A page for the partial page.
    let filled_bytes = block_bytes + OVERSHOOT_BYTES + PAGE_BYTES;
    if filled_bytes < HUGE_PAGE_BYTES / 2 {
        filled_bytes + PAGE_BYTES
    } else {
        filled_bytes.next_multiple_of(HUGE_PAGE_BYTES) + HUGE_PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK_BYTES: usize = 4 * PAGE_BYTES;

    /// A block whose bytes from the returned start on are not on a page boundary.
    fn misaligned_block() -> (Block, usize) {
        let mut block = Block::new(BLOCK_BYTES).unwrap();
        let start = block.reset() + 1;
        block.bytes.push(0);
        block.bytes.extend((0..BLOCK_BYTES).map(|number| number as u8));
        (block, start)
    }

    #[test]
    fn realigned_bytes_begin_on_a_page_boundary_and_are_the_same() {
        let (mut block, start) = misaligned_block();
        let data = block.bytes.get(start..).map(<[u8]>::to_vec);
        let realigned = block.realign(&[], start);
        assert!(!block.is_aligned(realigned + 1) && block.is_aligned(realigned));
        assert_eq!(block.bytes.get(realigned..).map(<[u8]>::to_vec), data);
    }

    #[test]
    fn a_block_has_outgrown_its_memory_when_that_is_more_than_doubled() {
        let mut block = Block::new(BLOCK_BYTES).unwrap();
        let doubled = 2 * block.bytes.capacity();
        block.bytes = vec![0; doubled];
        assert!(!block.has_outgrown(BLOCK_BYTES));
        block.bytes = vec![0; doubled + 1];
        assert!(block.has_outgrown(BLOCK_BYTES));
    }

    #[test]
    fn a_long_block_begins_on_a_huge_page_and_has_room_for_its_bytes_behind_that() {
        for block_bytes in [1 << 20, 16 << 20] {
            let mut block = Block::new(block_bytes).unwrap();
            let start = block.reset();
            let room = block.bytes.capacity() - start;
            assert!((block.bytes.as_ptr().addr() + start).is_multiple_of(HUGE_PAGE_BYTES));
            assert!(room >= block_bytes + OVERSHOOT_BYTES + PAGE_BYTES);
        }
    }

    #[test]
    fn an_empty_block_begins_on_a_page_boundary_after_its_padding() {
        let mut block = Block::new(BLOCK_BYTES).unwrap();
        block.bytes.push(1);
        let start = block.reset();
        assert_eq!((start, block.is_aligned(start)), (block.bytes.len(), true));
        assert!(!block.is_aligned(start + 1), "there is no such byte");
    }
}
