//! The text that all rows of a call site share, rendered once.

use fapilog_plugin::event::{Event, Location};
use fapilog_record::{
    call_site::{DescribedField, Descriptor},
    field_group::FieldGroup,
    level::Category,
    text::fixed::FixedText,
    value::ValueRef,
};

use crate::{
    csv::{
        cell::CellStyle,
        column::CsvColumn,
        row::{CellWriter, GROUPS, has_column, put_key, put_truncated, put_truncated_fields},
    },
    template::{NameSet, SlotArgument},
};

/// A row with slots.
#[derive(Debug)]
pub(super) struct RowTemplate {
    pieces: Vec<RowPiece>,
    end: FixedText,
    /// The names of the arguments.
    pub(super) names: NameSet,
    beside: BesideCall,
    severity: u8,
    category: Category,
    /// An argument has no slot: events of the call site are written cell by cell.
    is_partial: bool,
}

/// Fixed text, and the slot behind it.
#[derive(Debug)]
struct RowPiece {
    text: FixedText,
    slot: RowSlot,
}

#[derive(Debug)]
enum RowSlot {
    Time,
    Source,
    Id,
    Truncated,
    TruncatedFields,
    NotUtf8,
    Message(SlotArgument),
    /// The cell of an argument.
    Cell(SlotArgument),
    /// An argument in the object of the column `fields`.
    Member(SlotArgument),
    /// A field of the shared context that has a column: its key.
    SharedCell(Box<str>),
    /// A field that has a column, and is no argument.
    OtherCell(FieldGroup, Box<str>),
    /// The correlation id of the scope.
    CorrelationId,
    ObjectStart,
    /// The fields of the scope in a group.
    ScopeMembers(FieldGroup),
    /// The fields of the shared context.
    SharedMembers,
    ObjectEnd,
}

/// The fields that events have beside their call site's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BesideCall {
    /// Context that they share.
    pub(super) is_shared: bool,
    /// Fields of a scope.
    pub(super) is_scoped: bool,
}

impl RowTemplate {
    /// The template of all events of a call site that have the call's own arguments and such fields beside them.
    pub(super) fn new(
        style: CellStyle,
        columns: &[CsvColumn],
        descriptor: &'static Descriptor,
        beside: BesideCall,
    ) -> Self {
        let mut draft = RowDraft { style, columns, descriptor, beside, pieces: Vec::new(), text: Vec::new() };
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                draft.text.push(style.delimiter);
            }
            draft.cell(column);
        }
        let is_single = |group| !matches!(group, FieldGroup::Message) && !FieldGroup::is_keyed(group);
        let is_partial = descriptor.message_template().is_some()
            || descriptor.fields().iter().any(|field| is_single(field.name.group));
        let level = descriptor.level();
        Self {
            pieces: draft.pieces,
            end: FixedText::new(&draft.text),
            names: NameSet::of(descriptor.fields().iter().map(|field| (field.name.group, field.name.name))),
            beside,
            severity: level.severity(),
            category: level.category(),
            is_partial,
        }
    }

    /// Whether it has all parts of the event.
    #[inline(always)]
    pub(super) fn fits(&self, event: &Event<'_>) -> bool {
        let is_whole = if self.beside.is_scoped { event.is_plain_in_scope() } else { event.is_plain() };
        is_whole && !self.is_partial && event.category() == self.category && event.severity() == self.severity
    }

    /// Whether two events need the same texts beside their arguments.
    #[inline(always)]
    pub(super) fn are_alike(&self, event: &Event<'_>, other: &Event<'_>) -> bool {
        std::ptr::eq(event.descriptor(), other.descriptor())
            && event.source().id() == other.source().id()
            && std::ptr::eq(event.shared_context(), other.shared_context())
            && (!self.beside.is_scoped || event.scope() == other.scope())
    }

    /// Writes the row of an event that it [fits](Self::fits).
    #[inline(always)]
    pub(super) fn fill(&self, row: &mut CellWriter<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        for piece in &self.pieces {
            piece.text.put(out);
            piece.slot.put(row, event, out);
        }
        self.end.put(out);
        row.finish(start, out);
    }
}

impl RowSlot {
    #[inline(always)]
    fn put(&self, row: &mut CellWriter<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Time => row.clock.put(event.timestamp(), out),
            Self::Source => row.source.put(out),
            Self::Id => row.ids.put(event, out),
            Self::Member(argument) => {
                row.member(argument.name.group, argument.name.name, argument.value(event), out);
            }
            Self::Cell(argument) | Self::Message(argument) => {
                row.value(argument.name.group, argument.name.name, argument.value(event), out);
            }
            Self::Truncated => put_truncated(event, out),
            Self::TruncatedFields => put_truncated_fields(event, out),
            Self::NotUtf8 => row.marks_at = Some(out.len()),
            Self::SharedCell(name) => {
                let found = event.shared_context().iter().find(|field| *field.name == **name);
                if let Some(field) = found {
                    row.value(field.group, field.name, field.value, out);
                }
            }
            Self::SharedMembers => out.extend_from_slice(row.shared.text()),
            Self::OtherCell(group, name) => {
                if let Some(value) = event.field(*group, name) {
                    row.value(*group, name, value, out);
                }
            }
            Self::CorrelationId => row.scope.correlation_id().put(out),
            Self::ObjectStart => row.open_object(out),
            Self::ScopeMembers(group) => {
                if let Some(members) = row.scope.fields(*group) {
                    members.put(out);
                }
            }
            Self::ObjectEnd => row.close_object(out),
        }
    }
}

struct RowDraft<'a> {
    style: CellStyle,
    columns: &'a [CsvColumn],
    descriptor: &'static Descriptor,
    beside: BesideCall,
    pieces: Vec<RowPiece>,
    text: Vec<u8>,
}

impl RowDraft<'_> {
    fn slot(&mut self, slot: RowSlot) {
        self.pieces.push(RowPiece { text: FixedText::new(&self.text), slot });
        self.text.clear();
    }

    fn cell(&mut self, column: &CsvColumn) {
        let (site, level) = (self.descriptor.site(), self.descriptor.level());
        match column {
            CsvColumn::Timestamp => self.slot(RowSlot::Time),
            CsvColumn::Level => self.text.extend_from_slice(level.name().as_bytes()),
            CsvColumn::Severity => self.text.extend_from_slice(level.severity().to_string().as_bytes()),
            CsvColumn::Category => self.text.extend_from_slice(level.category().name().as_bytes()),
            CsvColumn::Target => self.style.put_text(&mut self.text, site.target()),
            CsvColumn::CallSite => self.style.put_text(&mut self.text, &Location::of(site).to_string()),
            CsvColumn::Source => self.slot(RowSlot::Source),
            CsvColumn::EventId => self.slot(RowSlot::Id),
            CsvColumn::Message => self.message(),
            CsvColumn::CorrelationId if self.beside.is_scoped => self.slot(RowSlot::CorrelationId),
            // An event with a correlation id of its own does not fit.
            CsvColumn::CorrelationId => {}
            CsvColumn::Field(group, name) => self.field(*group, name),
            CsvColumn::Fields => self.other_fields(),
            CsvColumn::Truncated => self.slot(RowSlot::Truncated),
            CsvColumn::TruncatedFields => self.slot(RowSlot::TruncatedFields),
            CsvColumn::NotUtf8 => self.slot(RowSlot::NotUtf8),
        }
    }

    fn message(&mut self) {
        let message = self.descriptor.site().message();
        let argument = self.descriptor.fields().iter().rfind(|field| field.name.group == FieldGroup::Message);
        match argument {
            Some(field) if message.is_empty() => self.slot(RowSlot::Message(SlotArgument::new(field))),
            _ => {
                self.style.put(&mut self.text, ValueRef::Text(message));
            }
        }
    }

    /// The first argument under a key counts, and arguments count before context.
    fn field(&mut self, group: FieldGroup, name: &str) {
        let is_it = |field: &&DescribedField| field.name.group == group && field.name.name == name;
        match self.descriptor.fields().iter().find(is_it) {
            Some(field) => self.slot(RowSlot::Cell(SlotArgument::new(field))),
            None if self.beside.is_scoped => self.slot(RowSlot::OtherCell(group, name.into())),
            None if self.beside.is_shared && group == FieldGroup::Context => {
                self.slot(RowSlot::SharedCell(name.into()))
            }
            None => {}
        }
    }

    fn other_fields(&mut self) {
        let (members, BesideCall { is_shared, is_scoped }) = (self.members(), self.beside);
        if members.is_empty() && !is_shared && !is_scoped {
            return;
        }
        self.slot(RowSlot::ObjectStart);
        for group in GROUPS {
            members.iter().filter(|field| field.name.group == group).for_each(|field| self.member(field));
            if is_scoped {
                self.slot(RowSlot::ScopeMembers(group));
            }
            if is_shared && group == FieldGroup::Context {
                self.slot(RowSlot::SharedMembers);
            }
        }
        self.slot(RowSlot::ObjectEnd);
    }

    /// The arguments without columns of their own, each key once, by groups.
    fn members(&self) -> Vec<&'static DescribedField> {
        let mut members: Vec<&'static DescribedField> = Vec::new();
        for group in GROUPS {
            for field in self.descriptor.fields().iter().filter(|field| field.name.group == group) {
                let name = field.name.name;
                let is_known = members.iter().any(|member| member.name.group == group && member.name.name == name);
                if !is_known && !has_column(self.columns, group, name) {
                    members.push(field);
                }
            }
        }
        members
    }

    fn member(&mut self, field: &DescribedField) {
        self.text.push(b',');
        put_key(field.name.group, field.name.name, &mut self.text);
        self.slot(RowSlot::Member(SlotArgument::new(field)));
    }
}
