//! Writing a record into a slot of the ring.

use rkyv::{
    Place,
    rancor::Fallible,
    ser::{Positional, Writer},
};
use thiserror::Error;

use crate::{
    arguments::Arguments,
    dynamic::{Counting, cut_fields},
    head::Head,
    self_typed::SelfTypedWriter,
    shares::Shares,
    text::bounded::{front, front_bytes},
    value::{Value, Wire},
};

/// More was to be written than the slot has room for. A caller who reserved what the arguments asked for never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a record overran its slot")]
#[non_exhaustive]
pub struct Overrun;

/// rkyv's writer over a slot: root first, tail behind it.
///
/// The slot's end is checked on every write, once per piece. A value that is too long for it is cut and marked.
#[derive(Debug)]
pub struct SlotWriter<'slot> {
    slot: &'slot mut [u8],
    /// Where the tail goes on.
    pos: usize,
    is_cut: bool,
    /// Whether a value that is too long is cut. Otherwise it is left out: the record is given up and written anew.
    may_cut: bool,
}

impl<'slot> SlotWriter<'slot> {
    /// A writer of a record that has to be whole. A constant where it is inlined: nothing of the cutting is left in a log call.
    #[inline(always)]
    fn whole(slot: &'slot mut [u8], pos: usize) -> Self {
        Self { slot, pos, is_cut: false, may_cut: false }
    }

    fn cutting(slot: &'slot mut [u8], pos: usize) -> Self {
        Self { slot, pos, is_cut: false, may_cut: true }
    }
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
        match self.take(text.len()) {
            Some(piece) => piece.copy_from_slice(text.as_bytes()),
            None => return if self.may_cut { self.put_cut_text(text) } else { self.leave_out() },
        }
        span(self.pos - text.len(), text.len())
    }

    #[cold]
    fn put_cut_text(&mut self, text: &str) -> [u8; 8] {
        self.is_cut = true;
        self.put_bytes(front(text, self.room_bytes()).as_bytes())
    }

    /// Writes bytes, cut if need be, and returns their span.
    #[inline(always)]
    pub fn put_bytes(&mut self, bytes: &[u8]) -> [u8; 8] {
        match self.take(bytes.len()) {
            Some(piece) => piece.copy_from_slice(bytes),
            None => return if self.may_cut { self.put_cut_bytes(bytes) } else { self.leave_out() },
        }
        span(self.pos - bytes.len(), bytes.len())
    }

    /// The span of a value that does not fit a record which has to be whole.
    #[inline(always)]
    fn leave_out(&mut self) -> [u8; 8] {
        self.is_cut = true;
        span(0, 0)
    }

    #[cold]
    fn put_cut_bytes(&mut self, bytes: &[u8]) -> [u8; 8] {
        self.is_cut = true;
        let (start, front) = (self.pos, front_bytes(bytes, self.room_bytes()));
        if let Some(piece) = self.take(front.len()) {
            piece.copy_from_slice(front);
        }
        span(start, front.len())
    }

    /// Writes fields in the form of a [`dynamic`](crate::dynamic) record. Those that do not fit are cut, and marked there.
    pub fn put_fields(&mut self, fields: &[u8]) {
        if fields.len() <= self.room_bytes() {
            self.put_bytes(fields);
        } else if self.may_cut {
            self.put_cut_fields(fields);
        } else {
            self.leave_out();
        }
    }

    #[cold]
    fn put_cut_fields(&mut self, fields: &[u8]) {
        self.is_cut = true;
        let room = self.slot.get_mut(self.pos..).unwrap_or_default();
        self.pos += cut_fields(fields, room, Counting::First);
    }

    /// Writes an argument's wire form to its place in the record's root.
    #[inline]
    pub(crate) fn put_wire(&mut self, at: usize, wire: &[u8]) -> Result<(), Overrun> {
        put_wire(self.slot, at, wire)
    }

    /// Writes a value with its type in front, cut if need be, and returns its span.
    #[inline]
    pub fn put_self_typed<T: Value + ?Sized>(&mut self, value: &T) -> [u8; 8] {
        let start = self.pos;
        let mut out = SelfTypedWriter::slice(self.slot.get_mut(start..).unwrap_or_default());
        value.put_self_typed(&mut out);
        let written = out.finish();
        self.pos += written.used_bytes;
        self.is_cut |= written.is_cut;
        span(start, written.used_bytes)
    }

    /// Writes a value that has its type in front already, cut if need be, and returns its span.
    pub(crate) fn put_value_bytes(&mut self, value: &[u8]) -> [u8; 8] {
        if value.len() <= self.room_bytes() {
            return self.put_bytes(value);
        }
        let start = self.pos;
        let mut out = SelfTypedWriter::slice(self.slot.get_mut(start..).unwrap_or_default());
        out.value_bytes(value);
        self.pos += out.finish().used_bytes;
        self.is_cut = true;
        span(start, self.pos - start)
    }

    /// Writes as many elements as there is room for, each of them whole, and returns their span.
    #[inline]
    pub fn put_sequence<T: Value>(&mut self, sequence: &[T]) -> [u8; 8] {
        let start = self.pos;
        let may_fit = sequence.len() <= self.room_bytes() / T::KIND.wire_bytes().max(1);
        if may_fit {
            self.put_elements(sequence);
        }
        match may_fit && !self.is_cut {
            true => span(start, sequence.len()),
            false if self.may_cut => self.cut_sequence(start, sequence),
            false => self.leave_out(),
        }
    }

    /// Writes elements whose wire forms fit.
    #[inline(always)]
    fn put_elements<T: Value>(&mut self, elements: &[T]) {
        let start = self.pos;
        let wire_bytes = T::KIND.wire_bytes();
        self.pos += elements.len() * wire_bytes;
        for (index, element) in elements.iter().enumerate() {
            let wire = element.archive(self);
            if let Some(place) = self.slot.get_mut(start + index * wire_bytes..) {
                wire.put(place);
            }
        }
    }

    /// Begins the sequence anew: half an element would pass for a whole one.
    #[cold]
    fn cut_sequence<T: Value>(&mut self, start: usize, sequence: &[T]) -> [u8; 8] {
        self.pos = start;
        let whole = whole_elements(sequence, self.room_bytes());
        // A sequence inside an element fits, and need not begin anew.
        self.is_cut = false;
        self.put_elements(sequence.get(..whole).unwrap_or_default());
        self.is_cut = true;
        span(start, whole)
    }
}

/// How many elements fit, each of them whole.
fn whole_elements<T: Value>(sequence: &[T], room_bytes: usize) -> usize {
    let mut used_bytes = 0_usize;
    let fits = |element: &&T| {
        used_bytes = used_bytes.saturating_add(T::KIND.wire_bytes()).saturating_add(element.tail_bytes());
        used_bytes <= room_bytes
    };
    sequence.iter().take_while(fits).count()
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

/// The longest scope that a head can describe.
pub const SCOPE_MAX_BYTES: usize = u16::MAX as usize;

/// Writes the record of `arguments` to the front of `slot`. If the slot is too short, arguments and scope are cut: each has
/// at least a fair share of the room, and those that are cut are marked.
///
/// # Errors
/// [`Overrun`] if there is no room even for head and root.
pub fn write_record<A: Arguments>(
    slot: &mut [u8],
    source: u32,
    arguments: &A,
    scope: &[u8],
) -> Result<WrittenRecord, Overrun> {
    write_whole_record(slot, source, arguments, scope).or_else(|_| write_cut_record(slot, source, arguments, scope))
}

/// Writes a record that fits: the slot has [`record_bytes`], and the scope no more than [`SCOPE_MAX_BYTES`].
///
/// The arguments are handed to nothing that is not inlined: else a call would have them in memory.
///
/// # Errors
/// [`Overrun`] if it does not fit.
#[inline(always)]
pub fn write_whole_record<A: Arguments>(
    slot: &mut [u8],
    source: u32,
    arguments: &A,
    scope: &[u8],
) -> Result<WrittenRecord, Overrun> {
    let tail_start = Head::BYTES + A::ROOT_BYTES;
    if scope.len() > SCOPE_MAX_BYTES || tail_start + scope.len() > slot.len() {
        return Err(Overrun);
    }
    let tail_end = slot.len() - scope.len();
    let tail_room = slot.get_mut(..tail_end).ok_or(Overrun)?;
    let mut writer = SlotWriter::whole(tail_room, tail_start);
    let resolver = arguments.serialize(&mut writer)?;
    if writer.is_cut {
        return Err(Overrun);
    }
    let scope_start = writer.pos;
    put_root(slot, arguments, resolver)?;

    let used_bytes = scope_start + scope.len();
    if !scope.is_empty() {
        slot.get_mut(scope_start..used_bytes).ok_or(Overrun)?.copy_from_slice(scope);
    }
    // The scope's length was held to `u16` above.
    let head = Head { source, is_cut: false, scope_bytes: scope.len() as u16 };
    *slot.first_chunk_mut().ok_or(Overrun)? = head.to_bytes();
    Ok(WrittenRecord { used_bytes, is_cut: false })
}

#[inline]
fn put_wire(slot: &mut [u8], at: usize, wire: &[u8]) -> Result<(), Overrun> {
    slot.get_mut(at..).and_then(|behind| behind.get_mut(..wire.len())).ok_or(Overrun)?.copy_from_slice(wire);
    Ok(())
}

/// Writes the arguments' wire forms behind the head.
#[inline(always)]
fn put_root<A: Arguments>(slot: &mut [u8], arguments: &A, resolver: A::Resolver) -> Result<(), Overrun> {
    let root = slot.get_mut(Head::BYTES..).and_then(|behind| behind.get_mut(..A::ROOT_BYTES)).ok_or(Overrun)?;
    let root = root.as_mut_ptr().cast::<A::Archived>();
    // SAFETY: `ROOT_BYTES` bytes, by the slice; alignment is 1, asserted by `ROOT_BYTES`; all are initialised, being a `[u8]`.
    let root = unsafe { Place::new_unchecked(Head::BYTES, root) };
    arguments.resolve(resolver, root);
    Ok(())
}

/// Writes a record from which something has to be cut: with a mask, and with shares of the room for arguments and scope.
///
/// # Errors
/// [`Overrun`] if there is no room even for head, root and mask.
#[cold]
#[inline(never)]
pub fn write_cut_record<A: Arguments>(
    slot: &mut [u8],
    source: u32,
    arguments: &A,
    scope: &[u8],
) -> Result<WrittenRecord, Overrun> {
    let layout = CutLayout { root_bytes: A::ROOT_BYTES, masked: A::MASKED };
    let visit_tails = |visit: &mut dyn FnMut(usize)| arguments.visit_tails(visit);
    write_cut(slot, source, scope, layout, visit_tails, |tail| {
        let resolver = arguments.archive_cut(tail)?;
        put_root(tail.slot, arguments, resolver)
    })
}

/// The sizes of a cut record's parts that the types of its arguments decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutLayout {
    pub(crate) root_bytes: usize,
    /// How many arguments have a bit in the mask.
    pub(crate) masked: usize,
}

/// Writes a cut record whose arguments `put_arguments` writes: their wire forms, their tails and the mask. `visit_tails` visits
/// the length of each argument's tail, in order.
pub(crate) fn write_cut(
    slot: &mut [u8],
    source: u32,
    scope: &[u8],
    layout: CutLayout,
    visit_tails: impl Fn(&mut dyn FnMut(usize)),
    put_arguments: impl FnOnce(&mut CutTail<'_>) -> Result<(), Overrun>,
) -> Result<WrittenRecord, Overrun> {
    let mask_start = Head::BYTES + layout.root_bytes;
    let tail_start = mask_start + layout.masked.div_ceil(8);
    let room_bytes = slot.len().checked_sub(tail_start).ok_or(Overrun)?;
    let scope_wanted_bytes = scope.len().min(SCOPE_MAX_BYTES);
    let mut shares = Shares::new(room_bytes, |visit| {
        visit(scope_wanted_bytes);
        visit_tails(visit);
    });
    // The scope's share comes first, and so has all the room that the arguments do not need.
    let scope_room_bytes = shares.next(scope_wanted_bytes, room_bytes);

    slot.get_mut(mask_start..tail_start).ok_or(Overrun)?.fill(0);
    let tail_room = slot.get_mut(..tail_start + room_bytes - scope_room_bytes).ok_or(Overrun)?;
    let mut tail = CutTail { slot: tail_room, pos: tail_start, shares, mask_start, mask_bit: 0 };
    put_arguments(&mut tail)?;
    let scope_start = tail.pos;

    let scope_room = slot.get_mut(scope_start..).and_then(|tail| tail.get_mut(..scope_room_bytes)).ok_or(Overrun)?;
    let scope_bytes = cut_fields(scope, scope_room, Counting::Last);
    // Held to `u16` above.
    let head = Head { source, is_cut: true, scope_bytes: scope_bytes as u16 };
    *slot.first_chunk_mut().ok_or(Overrun)? = head.to_bytes();
    Ok(WrittenRecord { used_bytes: scope_start + scope_bytes, is_cut: true })
}

/// Writes a record that fits, whose arguments `put_arguments` writes: their tails, and their wire forms by
/// [`SlotWriter::put_wire`]. For arguments whose number and types are known at run time.
///
/// # Errors
/// [`Overrun`] if it does not fit.
pub(crate) fn write_whole(
    slot: &mut [u8],
    source: u32,
    scope: &[u8],
    root_bytes: usize,
    put_arguments: impl FnOnce(&mut SlotWriter<'_>) -> Result<(), Overrun>,
) -> Result<WrittenRecord, Overrun> {
    let tail_start = Head::BYTES + root_bytes;
    if scope.len() > SCOPE_MAX_BYTES || tail_start + scope.len() > slot.len() {
        return Err(Overrun);
    }
    let tail_end = slot.len() - scope.len();
    let mut writer = SlotWriter::whole(slot.get_mut(..tail_end).ok_or(Overrun)?, tail_start);
    put_arguments(&mut writer)?;
    if writer.is_cut {
        return Err(Overrun);
    }
    let scope_start = writer.pos;
    let used_bytes = scope_start + scope.len();
    slot.get_mut(scope_start..used_bytes).ok_or(Overrun)?.copy_from_slice(scope);
    // The scope's length was held to `u16` above.
    let head = Head { source, is_cut: false, scope_bytes: scope.len() as u16 };
    *slot.first_chunk_mut().ok_or(Overrun)? = head.to_bytes();
    Ok(WrittenRecord { used_bytes, is_cut: false })
}

/// The tail of a record from which something has to be cut. Each argument is written with no more room than its share.
#[derive(Debug)]
pub struct CutTail<'slot> {
    slot: &'slot mut [u8],
    /// Where the tail goes on.
    pos: usize,
    shares: Shares,
    mask_start: usize,
    /// The bit of the next argument that has one.
    mask_bit: usize,
}

impl CutTail<'_> {
    /// Writes an argument's wire form to its place in the record's root.
    pub(crate) fn put_wire(&mut self, at: usize, wire: &[u8]) -> Result<(), Overrun> {
        put_wire(self.slot, at, wire)
    }

    /// Writes an argument's tail, and sets its bit in the mask if it was cut. Returns its wire form.
    pub(crate) fn archive<T: Value + ?Sized>(&mut self, value: &T) -> Result<T::Wire, Overrun> {
        let room_bytes = self.slot.len().saturating_sub(self.pos);
        let end = self.pos + self.shares.next(value.tail_bytes(), room_bytes);
        let mut writer = SlotWriter::cutting(self.slot.get_mut(..end).ok_or(Overrun)?, self.pos);
        let wire = value.archive(&mut writer);
        let is_cut = writer.is_cut;
        self.pos = writer.pos;
        if T::KIND.has_tail() {
            let byte = self.slot.get_mut(self.mask_start + self.mask_bit / 8).ok_or(Overrun)?;
            *byte |= u8::from(is_cut) << (self.mask_bit % 8);
            self.mask_bit += 1;
        }
        Ok(wire)
    }
}
