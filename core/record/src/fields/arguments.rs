//! Fields as the arguments of a log call.

use crate::{
    erased::ErasedArguments,
    fields::{FieldEntry, Fields},
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
    root_bytes: usize,
    tail_bytes: usize,
}

impl<'a> FieldArguments<'a> {
    pub(super) fn new(fields: &'a Fields) -> Self {
        let entries = || fields.entries.iter();
        let root_bytes = entries().map(|entry| entry.kind.wire_bytes()).sum();
        let tail_bytes = entries().map(|entry| tail_of(fields, entry).tail_bytes()).fold(0, usize::saturating_add);
        Self { fields, root_bytes, tail_bytes }
    }

    /// The bytes of a record that cannot be cut: the head, and the fixed-length part of each field.
    #[must_use]
    pub fn fixed_bytes(&self) -> usize {
        Head::BYTES + self.root_bytes
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
fn fixed_wire<'v>(kind: &Kind, value: &'v [u8]) -> &'v [u8] {
    match kind {
        Kind::Bool if value.first() == Some(&types::TRUE) => &[1],
        Kind::Bool => &[0],
        _ => value.get(1..).unwrap_or_default(),
    }
}

impl ErasedArguments for FieldArguments<'_> {
    fn record_bytes(&self, scope_bytes: usize) -> usize {
        self.fixed_bytes().saturating_add(self.tail_bytes).saturating_add(scope_bytes)
    }

    fn write_whole_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        write_whole(slot, source, scope, self.root_bytes, |writer| {
            for (entry, value, at) in self.placed() {
                if entry.kind.has_tail() {
                    let span = FieldTail { entry, value }.archive(writer);
                    writer.put_wire(at, &span)?;
                } else {
                    writer.put_wire(at, fixed_wire(entry.kind, value))?;
                }
            }
            Ok(())
        })
    }

    fn write_cut_record(&self, slot: &mut [u8], source: u32, scope: &[u8]) -> Result<WrittenRecord, Overrun> {
        let masked = self.fields.entries.iter().filter(|entry| entry.kind.has_tail()).count();
        let layout = CutLayout { root_bytes: self.root_bytes, masked };
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
        match self.entry.kind {
            kind if !kind.has_tail() => 0,
            _ if self.entry.is_cut => LONGER_THAN_A_RECORD,
            Kind::Text | Kind::DebugText => self.value.len().saturating_sub(TEXT_START),
            _ => self.value.len(),
        }
    }

    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 8] {
        if self.entry.is_cut {
            writer.mark_cut();
        }
        match self.entry.kind {
            // Bytes of a text are cut between two characters.
            Kind::Text | Kind::DebugText => writer.put_bytes(self.value.get(TEXT_START..).unwrap_or_default()),
            _ => writer.put_value_bytes(self.value),
        }
    }
}
