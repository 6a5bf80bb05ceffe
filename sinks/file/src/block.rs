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

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK_BYTES: usize = 4 * PAGE_BYTES;
    const INDEX: u16 = 7;

    fn registration_of(bytes: &Vec<u8>) -> RegisteredBuffer {
        RegisteredBuffer { index: INDEX, address: bytes.as_ptr().addr(), capacity_bytes: bytes.capacity() }
    }

    /// A new block that the kernel holds.
    fn registered_block() -> Block {
        let mut block = Block::new(BLOCK_BYTES);
        block.registered = Some(registration_of(&block.bytes));
        block
    }

    #[test]
    fn a_block_has_the_index_of_its_registration_whatever_it_is_filled_with() {
        let mut block = registered_block();
        block.reset();
        block.bytes.extend_from_slice(&[1; BLOCK_BYTES]);
        assert_eq!(block.registered_index(), Some(INDEX));
    }

    #[test]
    fn a_block_that_was_never_registered_has_no_index() {
        assert_eq!(Block::new(BLOCK_BYTES).registered_index(), None);
    }

    #[test]
    fn a_registration_is_not_of_a_vector_at_another_address() {
        let bytes = Vec::<u8>::with_capacity(BLOCK_BYTES);
        let registered = registration_of(&bytes);
        let elsewhere = RegisteredBuffer { address: registered.address + 1, ..registered };
        assert!(registered.is_of(&bytes) && !elsewhere.is_of(&bytes));
    }

    #[test]
    fn a_registration_is_not_of_a_vector_with_another_capacity() {
        let bytes = Vec::<u8>::with_capacity(BLOCK_BYTES);
        let registered = registration_of(&bytes);
        for capacity_bytes in [registered.capacity_bytes - 1, registered.capacity_bytes + 1] {
            assert!(!RegisteredBuffer { capacity_bytes, ..registered }.is_of(&bytes));
        }
    }

    #[test]
    fn a_block_that_has_grown_since_its_registration_has_no_index() {
        let mut block = registered_block();
        block.bytes.resize(block.bytes.capacity() + 1, 0);
        assert_eq!(block.registered_index(), None);
    }

    #[test]
    fn a_block_whose_vector_was_replaced_by_one_of_the_same_capacity_has_no_index() {
        let mut block = registered_block();
        let replaced = std::mem::replace(&mut block.bytes, Block::new(BLOCK_BYTES).bytes);
        assert_eq!(block.bytes.capacity(), replaced.capacity());
        assert_eq!(block.registered_index(), None);
    }

    #[test]
    fn a_stale_registration_is_forgotten_for_good() {
        let mut block = registered_block();
        let registered = std::mem::replace(&mut block.bytes, Block::new(BLOCK_BYTES).bytes);
        block.forget_stale_registration();
        block.bytes = registered;
        assert_eq!(block.registered_index(), None);
    }

    #[test]
    fn a_registration_that_holds_is_not_forgotten() {
        let mut block = registered_block();
        block.forget_stale_registration();
        assert_eq!(block.registered_index(), Some(INDEX));
    }

    /// A block whose bytes from the returned start on are not on a page boundary.
    fn misaligned_block() -> (Block, usize) {
        let mut block = registered_block();
        let start = block.reset() + 1;
        block.bytes.push(0);
        block.bytes.extend((0..BLOCK_BYTES).map(|number| number as u8));
        (block, start)
    }

    #[test]
    fn realigned_bytes_begin_on_a_page_boundary_and_are_the_same() {
        let (mut block, start) = misaligned_block();
        let data = block.bytes.get(start..).map(<[u8]>::to_vec);
        let realigned = block.realign(start);
        assert!(!block.is_aligned(realigned + 1) && block.is_aligned(realigned));
        assert_eq!(block.bytes.get(realigned..).map(<[u8]>::to_vec), data);
    }

    #[test]
    fn a_realigned_block_is_not_registered() {
        let (mut block, start) = misaligned_block();
        block.realign(start);
        assert_eq!(block.registered, None);
    }

    #[test]
    fn a_block_has_outgrown_its_memory_when_that_is_more_than_doubled() {
        let mut block = Block::new(BLOCK_BYTES);
        let doubled = 2 * block.bytes.capacity();
        block.bytes = vec![0; doubled];
        assert!(!block.has_outgrown(BLOCK_BYTES));
        block.bytes = vec![0; doubled + 1];
        assert!(block.has_outgrown(BLOCK_BYTES));
    }

    #[test]
    fn an_empty_block_begins_on_a_page_boundary_after_its_padding() {
        let mut block = Block::new(BLOCK_BYTES);
        block.bytes.push(1);
        let start = block.reset();
        assert_eq!((start, block.is_aligned(start)), (block.bytes.len(), true));
        assert!(!block.is_aligned(start + 1), "there is no such byte");
    }
}
