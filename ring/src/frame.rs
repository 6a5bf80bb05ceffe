//! The layout of a frame.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | length of the payload in bytes, without header and padding, in the lower half; tag: the producer's word, passed on, in the upper |
//! | 8 | 8 | stamp: the producer's word, passed on |
//! | 16 | length | payload |
//! | | 0..=7 | padding up to [`FRAME_ALIGN_BYTES`] |
//!
//! The numbers are in the machine's own byte order: a ring never leaves its machine.

/// Length of the header in front of every payload.
pub const FRAME_HEADER_BYTES: usize = size_of::<Header>();

/// Every frame starts at a multiple of this many bytes.
pub const FRAME_ALIGN_BYTES: usize = align_of::<Header>();

/// Length of a whole frame with a payload of `payload_bytes`, which is far below `usize::MAX`: header, payload and padding.
///
/// Two instructions, which `next_multiple_of` is not.
#[inline(always)]
pub(crate) const fn frame_bytes(payload_bytes: usize) -> usize {
    (payload_bytes + FRAME_HEADER_BYTES + FRAME_ALIGN_BYTES - 1) & !(FRAME_ALIGN_BYTES - 1)
}

/// Two words rather than three fields: a frame's header is two stores.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// The payload's length, and above it the tag.
    length_and_tag: u64,
    stamp: u64,
}

impl Header {
    #[inline(always)]
    pub(crate) fn new(payload_bytes: u32, tag: u32, stamp: u64) -> Self {
        Self { length_and_tag: u64::from(payload_bytes) | u64::from(tag) << 32, stamp }
    }

    #[inline(always)]
    pub(crate) fn payload_bytes(self) -> usize {
        // The lower half.
        self.length_and_tag as u32 as usize
    }
}

const _: () = assert!(FRAME_HEADER_BYTES == 16 && FRAME_ALIGN_BYTES == 8);

/// A frame, viewed in place: it borrows the ring's bytes until they are released.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'ring> {
    pub(crate) header: Header,
    pub(crate) payload: &'ring [u8],
}

impl<'ring> Frame<'ring> {
    /// The bytes that were committed.
    #[inline(always)]
    #[must_use]
    pub fn payload(&self) -> &'ring [u8] {
        self.payload
    }

    /// The tag given to [`Grant::commit`](crate::Grant::commit).
    #[inline(always)]
    #[must_use]
    pub fn tag(&self) -> u32 {
        (self.header.length_and_tag >> 32) as u32
    }

    /// The stamp given to [`Grant::commit`](crate::Grant::commit).
    #[inline(always)]
    #[must_use]
    pub fn stamp(&self) -> u64 {
        self.header.stamp
    }
}
