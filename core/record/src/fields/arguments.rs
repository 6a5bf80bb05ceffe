//! Fields as the arguments of a log call.

use crate::{
    erased::ErasedArguments,
    fields::{FieldEntry, FieldKind, Fields},
    head::Head,
    self_typed::types,
    value::{Kind, Value, scratch::LONGER_THAN_A_RECORD, sealed::Sealed},
    writer::{CutLayout, Overrun, SlotWriter, WrittenRecord, write_cut, write_whole},
};

/// Type and length stand in front of a text.
const TEXT_START: usize = 5;

/// The arguments of a log call, as many and of such types as [`Fields`] has.
#[derive(Debug, Clone, Copy)]
pub struct FieldArguments<'a> {
    fields: &'a Fields,
}

impl<'a> FieldArguments<'a> {
    #[inline]
    pub(super) fn new(fields: &'a Fields) -> Self {
        Self { fields }
    }

    /// Whether a record of at most so many bytes has room for what they need: for all of them, or for as much again as the part that
    /// cannot be cut, which is the head and the fixed-length part of each field.
    #[must_use]
    pub fn leave_room(&self, record_max_bytes: usize) -> bool {
        self.fixed_bytes() <= record_max_bytes / 2 || {
            // A scope may be cut, and then there is a mask.
            let masked = self.fields.entries.iter().filter(|entry| entry.kind.has_tail()).count();
            self.record_bytes(0).saturating_add(masked.div_ceil(8)) <= record_max_bytes
        }
    }

    fn fixed_bytes(&self) -> usize {
        Head::BYTES + self.fields.root_bytes
    }

    fn tails(&self) -> impl Iterator<Item = FieldTail<'a>> {
        let fields = self.fields;
        fields.entries.iter().map(move |entry| tail_of(fields, entry))
    }

    /// Each field's kind, value with its type in front, and place in the root.
    fn placed(&self) -> impl Iterator<Item = (&'a FieldEntry, &'a [u8], usize)> {
        let fields = self.fields;
        let mut at = Head::BYTES;
        fields.entries.iter().map(move |entry| {
            let place = at;
            at += entry.kind.wire_bytes();
            (entry, fields.value_bytes(entry), place)
        })
    }
}

/// The wire form of a kind without a tail. The value has its type in front.
fn fixed_wire(kind: FieldKind, value: &[u8]) -> &[u8] {
    match kind {
        FieldKind::Bool if value.first() == Some(&types::TRUE) => &[1],
        FieldKind::Bool => &[0],
        _ => value.get(1..).unwrap_or_default(),
    }
}

/// The length of a field's tail.
#[inline]
pub(super) fn tail_bytes(entry: &FieldEntry) -> usize {
    let value_bytes = entry.end - entry.value_start;
    match entry.kind {
        kind if !kind.has_tail() => 0,
        _ if entry.is_cut => LONGER_THAN_A_RECORD,
        FieldKind::Text | FieldKind::DebugText => value_bytes.saturating_sub(TEXT_START),
        _ => value_bytes,
    }
}

impl ErasedArguments for FieldArguments<'_> {
    fn record_bytes(&self, scope_bytes: usize) -> usize {
        self.fixed_bytes().saturating_add(self.fields.tail_bytes).saturating_add(scope_bytes)
    }

    fn write_whole_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        write_whole(slot, source, scope, self.fields.root_bytes, |writer| {
            for (entry, value, at) in self.placed() {
                match (entry.kind, value.get(1..).and_then(<[u8]>::first_chunk::<8>)) {
                    (kind, _) if kind.has_tail() => {
                        let span = FieldTail { entry, value }.archive(writer);
                        writer.put_wire(at, &span)?;
                    }
                    // A copy of a known length.
                    (FieldKind::I64 | FieldKind::U64 | FieldKind::F64, Some(wire)) => writer.put_wire(at, wire)?,
                    (kind, _) => writer.put_wire(at, fixed_wire(kind, value))?,
                }
            }
            Ok(())
        })
    }

    fn write_cut_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        let masked = self.fields.entries.iter().filter(|entry| entry.kind.has_tail()).count();
        let layout = CutLayout { root_bytes: self.fields.root_bytes, masked };
        let visit_tails = |visit: &mut dyn FnMut(usize)| self.tails().for_each(|tail| visit(tail.tail_bytes()));
        write_cut(slot, source, scope, layout, visit_tails, |tail| {
            for (entry, value, at) in self.placed() {
                if entry.kind.has_tail() {
                    let span = tail.archive(&FieldTail { entry, value })?;
                    tail.put_wire(at, &span)?;
                } else {
                    tail.put_wire(at, fixed_wire(entry.kind, value))?;
                }
            }
            Ok(())
        })
    }
}

/// A field of a kind with a tail, as the value of an argument.
#[derive(Debug, Clone, Copy)]
struct FieldTail<'a> {
    entry: &'a FieldEntry,
    value: &'a [u8],
}

fn tail_of<'a>(fields: &'a Fields, entry: &'a FieldEntry) -> FieldTail<'a> {
    FieldTail { entry, value: fields.value_bytes(entry) }
}

impl Sealed for FieldTail<'_> {}

impl Value for FieldTail<'_> {
    type Wire = [u8; 8];
    /// That of its tail: the wire form and its bit in the mask are the same for all kinds that are put.
    const KIND: Kind = Kind::SelfTyped;

    fn tail_bytes(&self) -> usize {
        tail_bytes(self.entry)
    }

    #[inline]
    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        if self.entry.is_cut {
            writer.mark_cut();
        }
        match self.entry.kind {
            // Bytes of a text are cut between two characters.
            FieldKind::Text | FieldKind::DebugText => {
                writer.put_bytes(self.value.get(TEXT_START..).unwrap_or_default())
            }
            _ => writer.put_value_bytes(self.value),
        }
    }
}
