//! The thread's scratch: memory for values that user code writes before a log call begins.
//!
//! User code may log itself, panic, or never end. So it runs before anything of ours is open, and writes into a buffer of
//! the thread. The buffer is a stack: a value that is made while another is being made (because its `Display` logs) goes on
//! top and is removed again. A value that finds the buffer in use (it grows, and the program's allocator logs) has memory
//! of its own, and so has one that finds the memory of another on top of what it has written so far.

use std::{cell::RefCell, marker::PhantomData};

/// The most bytes that one value has; the tail is cut. A record holds no more.
pub(crate) const PIECE_MAX_BYTES: usize = 64 * 1024;

/// The length of a value that was cut when it was made: its record is cut too, wherever there is room.
pub(crate) const LONGER_THAN_A_RECORD: usize = 1 << 30;

/// How many values may be being made at once, each inside the one before it, before one is refused: a `Display` that logs
/// itself would go on until the stack ends.
const NESTING_MAX: usize = 8;

/// The buffer that keeps its memory from one log call to the next.
const KEPT_BYTES: usize = 4 * PIECE_MAX_BYTES;

#[derive(Debug)]
struct Scratch {
    bytes: Vec<u8>,
    nesting: usize,
    /// How many pieces are on the stack.
    pieces: usize,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { bytes: Vec::new(), nesting: 0, pieces: 0 }) };
}

/// `None` where the scratch is in use or gone.
fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
    SCRATCH.try_with(|scratch| scratch.try_borrow_mut().ok().map(|mut scratch| work(&mut scratch))).ok().flatten()
}

/// The bytes of one value. They stay on the thread's scratch until this is dropped.
#[derive(Debug)]
pub(super) struct ScratchPiece {
    place: PiecePlace,
    /// The scratch belongs to this thread.
    not_send: PhantomData<*const ()>,
}

#[derive(Debug)]
enum PiecePlace {
    Scratch {
        start: usize,
        end: usize,
    },
    /// The thread's scratch is in use, or gone with the thread.
    Own(Vec<u8>),
}

/// Runs user code that writes to memory of its caller's. `work` is passed whether too many such values are being made already.
pub(crate) fn nested<R>(work: impl FnOnce(bool) -> R) -> R {
    let begun = with_scratch(|scratch| {
        scratch.nesting += 1;
        scratch.nesting > NESTING_MAX
    });
    let made = work(begun.unwrap_or_default());
    if begun.is_some() {
        with_scratch(|scratch| scratch.nesting = scratch.nesting.saturating_sub(1));
    }
    made
}

impl ScratchPiece {
    /// Makes a piece by `work`, which has to catch panics of user code. It is called with `true` if too many pieces are
    /// being made already, each inside the one before.
    pub(super) fn make<R>(work: impl FnOnce(&mut PieceWriter, bool) -> R) -> (Self, R) {
        let begun = with_scratch(|scratch| {
            scratch.nesting += 1;
            (scratch.bytes.len(), scratch.nesting > NESTING_MAX)
        });
        let (start, is_refused) = begun.unwrap_or_default();
        let place = if begun.is_some() { WriterPlace::Scratch { start } } else { WriterPlace::Own(Vec::new()) };
        let mut writer = PieceWriter { place, len: 0 };
        let made = work(&mut writer, is_refused);
        if begun.is_some() {
            with_scratch(|scratch| scratch.nesting = scratch.nesting.saturating_sub(1));
        }
        let place = match writer.place {
            WriterPlace::Scratch { start } => {
                with_scratch(|scratch| scratch.pieces += 1);
                PiecePlace::Scratch { start, end: start + writer.len }
            }
            WriterPlace::Own(bytes) => PiecePlace::Own(bytes),
        };
        (Self { place, not_send: PhantomData }, made)
    }

    pub(super) fn len(&self) -> usize {
        match &self.place {
            PiecePlace::Scratch { start, end } => end - start,
            PiecePlace::Own(bytes) => bytes.len(),
        }
    }

    /// Shows the bytes. Nothing that could log runs meanwhile, so the scratch is not in use.
    #[inline]
    pub(super) fn with_bytes<R: Default>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        match &self.place {
            PiecePlace::Scratch { start, end } => {
                with_scratch(|scratch| look(scratch.bytes.get(*start..*end).unwrap_or_default())).unwrap_or_default()
            }
            PiecePlace::Own(bytes) => look(bytes),
        }
    }
}

impl Drop for ScratchPiece {
    fn drop(&mut self) {
        let PiecePlace::Scratch { start, end } = self.place else { return };
        let outgrown = with_scratch(|scratch| {
            scratch.pieces = scratch.pieces.saturating_sub(1);
            if scratch.bytes.len() == end {
                scratch.bytes.truncate(start);
            }
            // A piece that was not on top when it was dropped has left its bytes.
            if scratch.pieces == 0 && scratch.nesting == 0 {
                scratch.bytes.clear();
            }
            let is_outgrown = scratch.bytes.is_empty() && scratch.bytes.capacity() > KEPT_BYTES;
            is_outgrown.then(|| std::mem::take(&mut scratch.bytes))
        });
        // Freed when the scratch is free again: the program's allocator may log.
        drop(outgrown);
    }
}

/// Writes a piece. The scratch is borrowed for the length of one write only, so that a nested value finds it free.
#[derive(Debug)]
pub(crate) struct PieceWriter {
    place: WriterPlace,
    len: usize,
}

#[derive(Debug)]
enum WriterPlace {
    Scratch { start: usize },
    Own(Vec<u8>),
}

impl PieceWriter {
    /// How many bytes there is room for.
    pub(crate) fn room_bytes(&self) -> usize {
        PIECE_MAX_BYTES.saturating_sub(self.len)
    }

    /// Appends bytes. `false`, and nothing appended, if there is no room, or the scratch is gone with the thread.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.room_bytes() {
            return false;
        }
        if let WriterPlace::Scratch { start } = self.place {
            let end = start + self.len;
            let moved = with_scratch(|scratch| {
                if scratch.bytes.len() == end {
                    scratch.bytes.extend_from_slice(bytes);
                    return None;
                }
                Some(scratch.bytes.get(start..end).unwrap_or_default().to_vec())
            });
            match moved {
                Some(None) => {}
                Some(Some(own)) => self.place = WriterPlace::Own(own),
                None => return false,
            }
        }
        if let WriterPlace::Own(own) = &mut self.place {
            own.extend_from_slice(bytes);
        }
        self.len += bytes.len();
        true
    }

    /// Removes what is behind the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        let end = self.len;
        self.len = len.min(end);
        match &mut self.place {
            WriterPlace::Scratch { start } => {
                with_scratch(|scratch| {
                    if scratch.bytes.len() == *start + end {
                        scratch.bytes.truncate(*start + self.len);
                    }
                });
            }
            WriterPlace::Own(own) => own.truncate(self.len),
        }
    }

    /// Replaces four bytes that were written.
    pub(crate) fn replace(&mut self, at: usize, bytes: [u8; 4]) {
        let replace = |place: Option<&mut [u8; 4]>| {
            if let Some(place) = place {
                *place = bytes;
            }
        };
        match &mut self.place {
            WriterPlace::Scratch { start } => {
                let at = *start + at;
                with_scratch(|scratch| replace(scratch.bytes.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut())));
            }
            WriterPlace::Own(own) => replace(own.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut())),
        }
    }
}
