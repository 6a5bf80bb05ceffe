//! Rows of any event, cell by cell.

use fapilog_plugin::event::{Event, FieldRef};
use fapilog_record::{
    field_group::FieldGroup,
    text::{fixed::FixedText, time::UtcClock},
    value::ValueRef,
};

use crate::{
    csv::{
        cell::{CellStyle, DOUBLED, double_quotes, put_json},
        column::CsvColumn,
        shared::SharedMembers,
    },
    json::put_string,
    template::{IdText, ScopeText},
};

pub(super) const GROUPS: [FieldGroup; 3] = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];

/// Writes rows of a run of events.
pub(super) struct CellWriter<'a> {
    pub(super) style: CellStyle,
    pub(super) columns: &'a [CsvColumn],
    pub(super) source: &'a FixedText,
    /// The file and the line of the log call, where there is a column for them.
    pub(super) location: Option<&'a FixedText>,
    pub(super) scope: &'a ScopeText,
    pub(super) shared: &'a SharedMembers,
    pub(super) clock: &'a mut UtcClock,
    pub(super) ids: &'a mut IdText,
    /// Names of fields of the current event that are not UTF-8, with commas between.
    pub(super) marked: &'a mut Vec<u8>,
    /// The place of the cell for their names.
    pub(super) marks_at: Option<usize>,
    /// The place of the cell with the object of fields.
    pub(super) object_at: usize,
}

impl CellWriter<'_> {
    /// Writes the row of any event.
    pub(super) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(self.style.delimiter);
            }
            self.cell(column, event, out);
        }
        self.finish(start, out);
    }

    fn cell(&mut self, column: &CsvColumn, event: &Event<'_>, out: &mut Vec<u8>) {
        match column {
            CsvColumn::Timestamp => self.clock.put(event.timestamp(), out),
            CsvColumn::Level => out.extend_from_slice(event.level().name().as_bytes()),
            CsvColumn::Severity => out.extend_from_slice(itoa::Buffer::new().format(event.severity()).as_bytes()),
            CsvColumn::Category => out.extend_from_slice(event.category().name().as_bytes()),
            CsvColumn::Target => self.style.put_text(out, event.target()),
            CsvColumn::CallSite => {
                if let Some(location) = self.location {
                    location.put(out);
                }
            }
            CsvColumn::Source => self.source.put(out),
            CsvColumn::EventId => self.ids.put(event, out),
            CsvColumn::Message => self.value(FieldGroup::Message, "", event.message(), out),
            CsvColumn::CorrelationId => {
                if let Some(id) = event.correlation_id() {
                    self.style.put_text(out, id);
                }
            }
            CsvColumn::Field(group, name) => {
                if let Some(value) = event.field(*group, name) {
                    self.value(*group, name, value, out);
                }
            }
            CsvColumn::Fields => self.other_fields(event, out),
            CsvColumn::Truncated => put_truncated(event, out),
            CsvColumn::TruncatedFields => put_truncated_fields(event, out),
            CsvColumn::NotUtf8 => self.marks_at = Some(out.len()),
        }
    }

    /// Appends the cell of a value.
    #[inline(always)]
    pub(super) fn value(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
        if !self.style.put(out, value) {
            self.mark(group, name);
        }
    }

    /// Appends the value of a member.
    #[inline(always)]
    pub(super) fn member(&mut self, group: FieldGroup, name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
        if !put_json(out, value) {
            self.mark(group, name);
        }
    }

    #[cold]
    fn mark(&mut self, group: FieldGroup, name: &str) {
        add_name(group, name, self.marked);
    }

    /// Appends the object of all fields that have no column of their own, if there are any.
    fn other_fields(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.open_object(out);
        for group in GROUPS {
            for field in event.counted_fields(group) {
                if !put_member(field, self.columns, out) {
                    self.mark(group, field.name);
                }
            }
        }
        self.close_object(out);
    }

    /// Begins the cell with the object of fields. Its members follow, each behind a comma.
    #[inline(always)]
    pub(super) fn open_object(&mut self, out: &mut Vec<u8>) {
        self.object_at = out.len();
        out.push(b'"');
    }

    /// Ends the cell with the object of fields, which is empty if there are no members.
    #[inline(always)]
    pub(super) fn close_object(&mut self, out: &mut Vec<u8>) {
        match out.get_mut(self.object_at + 1) {
            Some(first_comma) => {
                *first_comma = b'{';
                out.extend_from_slice(b"}\"");
            }
            None => out.truncate(self.object_at),
        }
    }

    /// Ends the row that began at `start`: writes the names of marked fields to their cell, and the line's end.
    #[inline(always)]
    pub(super) fn finish(&mut self, start: usize, out: &mut Vec<u8>) {
        if !self.marked.is_empty() {
            self.put_marks(out);
        }
        if out.len() == start {
            // A line without anything is no row for a reader.
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
    }

    #[cold]
    fn put_marks(&mut self, out: &mut Vec<u8>) {
        if let Some(place) = self.marks_at {
            let end = out.len();
            put_list(self.marked, out);
            let cell_bytes = out.len() - end;
            out.get_mut(place..).unwrap_or_default().rotate_right(cell_bytes);
        }
        self.marked.clear();
    }
}

/// Appends a field as a member behind a comma, unless it has a column of its own. Returns `false` for a value that was written marked.
pub(super) fn put_member(field: &FieldRef<'_>, columns: &[CsvColumn], out: &mut Vec<u8>) -> bool {
    if has_column(columns, field.group, field.name) {
        return true;
    }
    out.push(b',');
    put_key(field.group, field.name, out);
    put_json(out, field.value)
}

/// Appends the name of a member, with the colon behind it, as it stands between the quotes of a cell.
pub(super) fn put_key(group: FieldGroup, name: &str, out: &mut Vec<u8>) {
    put_name(group, name, out);
    out.push(b':');
}

/// Appends a JSON string, as it stands between the quotes of a cell: the group, and the key behind a dot.
fn put_name(group: FieldGroup, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(DOUBLED);
    out.extend_from_slice(group.name().as_bytes());
    if !group.is_keyed() {
        return out.extend_from_slice(DOUBLED);
    }
    let start = out.len();
    put_string(out, name);
    // Its first quote is the dot.
    if let Some(quote) = out.get_mut(start) {
        *quote = b'.';
    }
    double_quotes(out, start);
}

/// Adds a name to a list.
fn add_name(group: FieldGroup, name: &str, names: &mut Vec<u8>) {
    if !names.is_empty() {
        names.push(b',');
    }
    put_name(group, name, names);
}

/// Appends the cell of a list of names.
fn put_list(names: &[u8], out: &mut Vec<u8>) {
    [b"\"[", names, b"]\""].into_iter().for_each(|text| out.extend_from_slice(text));
}

pub(super) fn has_column(columns: &[CsvColumn], group: FieldGroup, name: &str) -> bool {
    columns.iter().any(|column| matches!(column, CsvColumn::Field(of, key) if *of == group && **key == *name))
}

#[inline(always)]
pub(super) fn put_truncated(event: &Event<'_>, out: &mut Vec<u8>) {
    if event.is_cut() {
        out.extend_from_slice(b"true");
    }
}

#[inline(always)]
pub(super) fn put_truncated_fields(event: &Event<'_>, out: &mut Vec<u8>) {
    if event.is_cut() {
        put_cuts(event, out);
    }
}

#[cold]
fn put_cuts(event: &Event<'_>, out: &mut Vec<u8>) {
    let cut = event.cut_fields();
    if cut.is_empty() {
        return;
    }
    let mut names = Vec::new();
    cut.iter().for_each(|(group, name)| add_name(*group, name, &mut names));
    put_list(&names, out);
}
