//! The fields of scopes, as members of the object in the column `fields`.

use fapilog_plugin::event::{FieldRef, Location};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    csv::{cell::CellStyle, column::CsvColumn, row::put_member},
    template::{LineFormat, LineMarks, LinePart},
};

/// A format of fields alone: the engine of lines keeps the texts of scopes by it. A field is a member behind a comma, and none if it
/// has a column of its own.
#[derive(Debug)]
pub(super) struct ScopeCells<'a> {
    pub(super) style: CellStyle,
    pub(super) columns: &'a [CsvColumn],
}

impl LineFormat for ScopeCells<'_> {
    const PARTS: &'static [LinePart] = &[];

    const LINE_END: &'static [u8] = b"";

    fn before(&self, _: LinePart, _: bool, _: Level, _: &mut Vec<u8>) {}

    fn put_text(&self, _: &str, _: &mut Vec<u8>) {}

    fn put_location(&self, _: Location, _: &mut Vec<u8>) {}

    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        self.style.put(out, value)
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        self.style.put(out, message)
    }

    /// The cell.
    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        self.style.put_text(out, id);
    }

    fn put_key(&self, _: FieldGroup, _: &str, _: &mut Vec<u8>) {}

    fn put_field(&mut self, field: &FieldRef<'_>, out: &mut Vec<u8>) -> bool {
        put_member(field, self.columns, out)
    }

    fn mark(&self, _: FieldGroup, _: &str, _: &mut Vec<u8>) {}

    fn put_marks(&self, _: bool, _: &mut LineMarks, _: &mut Vec<u8>) {}
}
