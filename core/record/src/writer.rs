//! Writing a record into a slot of the ring.

use rkyv::{
    Place,
    rancor::Fallible,
    ser::{Positional, Writer},
};
use thiserror::Error;

use crate::{
    arguments::Arguments,
    head::Head,
    text::bounded::front,
    value::{Value, Wire},
};

/// More was to be written than the slot has room for. A caller who reserved what the arguments asked for never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a record overran its slot")]
#[non_exhaustive]
pub struct Overrun;

/// rkyv's writer over a slot: root first, tail behind it.
///
/// A value that is too long is cut and marked; the slot's end is checked on every write, once per piece.
#[derive(Debug)]
pub struct SlotWriter<'slot> {
    slot: &'slot mut [u8],
    /// Where the tail goes on.
    pos: usize,
    is_cut: bool,
}

impl SlotWriter<'_> {
    #[inline(always)]
    fn room_bytes(&self) -> usize {
        self.slot.len().saturating_sub(self.pos)
    }

    /// Takes `len` bytes of the tail; `None` if there are not so many.
    #[inline(always)]
    fn take(&mut self, len: usize) -> Option<&mut [u8]> {
        let piece = self.slot.get_mut(self.pos..)?.get_mut(..len)?;
        self.pos += len;
        Some(piece)
    }

    /// Marks the record: something was cut before it reached the writer.
    pub fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    /// Writes text, cut at a character's boundary if need be, and returns its span.
    #[inline(always)]
    pub fn put_text(&mut self, text: &str) -> [u8; 8] {
        let fits = text.len() <= self.room_bytes();
        let text = if fits { text } else { self.cut_text(text) };
        self.put_bytes(text.as_bytes())
    }

    #[cold]
    fn cut_text<'t>(&mut self, text: &'t str) -> &'t str {
        self.is_cut = true;
        front(text, self.room_bytes())
    }

    /// Writes bytes, cut if need be, and returns their span.
    #[inline(always)]
    pub fn put_bytes(&mut self, bytes: &[u8]) -> [u8; 8] {
        let start = self.pos;
        let room = self.room_bytes();
        let bytes = match bytes.get(..room) {
            Some(cut) if room < bytes.len() => {
                self.is_cut = true;
                cut
            }
            _ => bytes,
        };
        match self.take(bytes.len()) {
            Some(piece) => piece.copy_from_slice(bytes),
            None => self.is_cut = true,
        }
        span(start, bytes.len())
    }

    /// Writes as many of the pieces that end at `ends` as there is room for, each of them whole.
    pub fn put_whole(&mut self, pieces: &[u8], ends: &[usize]) {
        let room = self.room_bytes();
        let fits = ends.iter().copied().take_while(|end| *end <= room).last().unwrap_or(0);
        let Some(pieces_that_fit) = pieces.get(..fits) else { return };
        self.is_cut |= fits < pieces.len();
        self.put_bytes(pieces_that_fit);
    }

    /// Writes as many elements as there is room for, and returns their span.
    #[inline]
    pub fn put_sequence<T: Value>(&mut self, sequence: &[T]) -> [u8; 8] {
        let start = self.pos;
        let wire_bytes = T::KIND.wire_bytes();
        let count = sequence.len().min(self.room_bytes() / wire_bytes.max(1));
        self.is_cut |= count < sequence.len();
        self.pos += count * wire_bytes;
        for (index, element) in sequence.iter().take(count).enumerate() {
            let wire = element.archive(self);
            if let Some(place) = self.slot.get_mut(start + index * wire_bytes..) {
                wire.put(place);
            }
        }
        span(start, count)
    }
}

/// A span's wire form. A record is shorter than 2^30 bytes, as a ring is, so both numbers fit.
#[inline(always)]
fn span(start: usize, count: usize) -> [u8; 8] {
    (start as u64 | (count as u64) << 32).to_le_bytes()
}

impl Fallible for SlotWriter<'_> {
    type Error = Overrun;
}

impl Positional for SlotWriter<'_> {
    #[inline(always)]
    fn pos(&self) -> usize {
        self.pos
    }
}

impl Writer<Overrun> for SlotWriter<'_> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), Overrun> {
        self.take(bytes.len()).ok_or(Overrun)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// How long the whole record of these arguments is, if nothing is cut.
#[inline(always)]
pub fn record_bytes<A: Arguments>(arguments: &A, scope_bytes: usize) -> usize {
    (Head::BYTES + A::ROOT_BYTES).saturating_add(arguments.tail_bytes()).saturating_add(scope_bytes)
}

/// The result of writing a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenRecord {
    /// The length of the record in bytes.
    pub used_bytes: usize,
    /// Whether something was cut to fit.
    pub is_cut: bool,
}

/// Writes the record of `arguments` to the front of `slot`: as much of the tail as the slot has room for beside the
/// scope.
///
/// # Errors
/// [`Overrun`] if there is no room even for head and root.
#[inline(always)]
pub fn write_record<A: Arguments>(
    slot: &mut [u8],
    source: u32,
    arguments: &A,
    scope: &[u8],
) -> Result<WrittenRecord, Overrun> {
    let tail_start = Head::BYTES + A::ROOT_BYTES;
    // A scope without room beside the root is missing as a whole.
    let scope_fits = scope.len() <= usize::from(u16::MAX) && tail_start + scope.len() <= slot.len();
    let scope = if scope_fits { scope } else { &[] };
    let tail_end = slot.len() - scope.len();
    if tail_end < tail_start {
        return Err(Overrun);
    }

    let tail_room = slot.get_mut(..tail_end).ok_or(Overrun)?;
    let mut writer = SlotWriter { slot: tail_room, pos: tail_start, is_cut: !scope_fits };
    let resolver = arguments.serialize(&mut writer)?;
    let (scope_start, is_cut) = (writer.pos, writer.is_cut);
    // SAFETY: the slot has `ROOT_BYTES` behind its head, since `tail_start <= tail_end`.
    let root = unsafe { slot.as_mut_ptr().add(Head::BYTES) }.cast::<A::Archived>();
    // SAFETY: in bounds as above; alignment is 1, asserted by `ROOT_BYTES`; all bytes are initialised, being a `[u8]`.
    let root = unsafe { Place::new_unchecked(Head::BYTES, root) };
    arguments.resolve(resolver, root);

    let used_bytes = scope_start + scope.len();
    if !scope.is_empty() {
        slot.get_mut(scope_start..used_bytes).ok_or(Overrun)?.copy_from_slice(scope);
    }
    // The scope's length was held to `u16` above.
    let head = Head { source, is_cut, scope_bytes: scope.len() as u16 };
    *slot.first_chunk_mut().ok_or(Overrun)? = head.to_bytes();
    Ok(WrittenRecord { used_bytes, is_cut })
}
