//! The fields of scopes, as parts of a message.

use fapilog_plugin::event::{FieldRef, Location};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    protobuf::{put_keyed, tag, value::put_value},
    protobuf_wire::put_field,
    template::{LineFormat, LineMarks, LinePart},
};

/// A format of fields alone: the engine of lines keeps the bytes of scopes by it.
#[derive(Debug)]
pub(super) struct ScopeParts;

impl LineFormat for ScopeParts {
    const PARTS: &'static [LinePart] = &[];

    const LINE_END: &'static [u8] = b"";

    fn before(&self, _: LinePart, _: bool, _: Level, _: &mut Vec<u8>) {}

    fn put_text(&self, _: &str, _: &mut Vec<u8>) {}

    fn put_location(&self, _: Location, _: &mut Vec<u8>) {}

    /// Bytes that are not UTF-8 need no mark.
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_value(out, value);
        true
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        self.put_value(message, out)
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        put_field(out, tag::CORRELATION_ID, id.as_bytes());
    }

    fn put_key(&self, _: FieldGroup, _: &str, _: &mut Vec<u8>) {}

    fn put_field(&mut self, field: &FieldRef<'_>, out: &mut Vec<u8>) -> bool {
        put_keyed(field, out);
        true
    }

    fn mark(&self, _: FieldGroup, _: &str, _: &mut Vec<u8>) {}

    fn put_marks(&self, _: bool, _: &mut LineMarks, _: &mut Vec<u8>) {}
}
