//! Lines of text: the part that the text formats share.
//!
//! The formats differ in their layout; values, keys and escapes are theirs together.
//!
//! # Values
//!
//! | value | text |
//! |---|---|
//! | text, `char` | an *atom* as it is, all else *quoted*; the text `null` is quoted |
//! | integers, also of 128 bits | all digits |
//! | floats | the shortest decimal that reads back the same; `NaN`, `Infinity`, `-Infinity` |
//! | `bool`, `None` | `true`, `false`, `null` |
//! | `Duration` | seconds with an `s`, up to nanoseconds: `0.25s`. In the pretty format, and in messages, as people write it: `17µs`, `250ms`, `1m30s` |
//! | `SystemTime` | RFC 3339 in UTC; before 1970 or after 2554 the number of seconds since 1970 |
//! | address, UUID | as ever; a socket address of version 6 is quoted |
//! | bytes | text, if they are UTF-8; if not: below |
//! | sequence | `[a,b]`, each element as it would be by itself. In logfmt, and as a message, it is quoted as a whole if an element is quoted |
//! | map | `{key: value, "other key": value}`, in logfmt `{key:value}`; a key is quoted if it is no atom or has a `:`. In logfmt, and as a message, the map is quoted as a whole if a part is |
//!
//! An **atom** is text with no space (of any kind), no character that is escaped, and none of `=[]{},`; the empty text is none.
//!
//! **Quoted** text is a JSON string (RFC 8259). Escaped in it are `"`, `\`, and what can do harm where it is printed: C0, DEL and
//! C1 controls, U+2028, U+2029, and the bidirectional controls U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069;
//! and characters that are not seen (`Default_Ignorable_Code_Point`, U+FFF9 to U+FFFB), unless a script or emoji need them.
//! So an event is one line, and nothing in it moves a cursor or reverses text.
//!
//! **Bytes that are not UTF-8** are quoted, and each that is not is `\xNN`. Parsers of logfmt know JSON's escapes only. So
//! there the text is what [`decode_marked_text`](crate::decode_marked_text) reads, `\xNN` for a byte and `\\` for a
//! backslash, quoted like any text; and `not_utf8` names the key. In an element of a list it is `\xNN`, as elsewhere.
//!
//! # Keys
//!
//! Context stands under its own key, tags under `tags.` and metrics under `metrics.`. A context key that is reserved (`time`,
//! `level`, `severity`, `category`, `source`, `target`, `call_site`, `event_id`, `msg`, `correlation_id`, `truncated`,
//! `truncated_fields`, `not_utf8`), or that begins with `tags.`, `metrics.` or `field.`, stands behind `field.`. A key that is no atom is quoted; in logfmt,
//! what an atom cannot have in it, and `%`, becomes `%NN` for each byte, and `%` alone is the empty key. No two different
//! fields have one key.

mod block;
mod escape;
mod key;
mod layout;
#[cfg(test)]
mod line_tests;
#[cfg(test)]
mod pretty_tests;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod tests;
mod value;

pub use self::{
    escape::{is_atom, is_prose, put_harmless, put_quoted},
    key::{put_logfmt_key, put_pretty_key},
};

pub(super) use block::{BlockFrame, is_backtrace, put_block, put_error_block};
pub(super) use layout::{Dialect, FieldFrame, Layout};

use fapilog_plugin::event::{Batch, Event, FieldRef, Location};
use fapilog_record::{call_site::DescribedField, field_group::FieldGroup, level::Level, value::ValueRef};

use crate::{
    line_options::LineOptions,
    template::{LineFormat, LineMarks, LinePart, LineWriter},
    text::{
        key::put_key,
        value::{ValueWriter, put_text},
    },
};

/// Keys of the formats' own that stand among the fields, or name a part of the event.
const CORRELATION_ID: &str = "correlation_id";
const MESSAGE: &str = "msg";
const TRUNCATED: &str = "truncated";
const TRUNCATED_FIELDS: &str = "truncated_fields";
const NOT_UTF8: &str = "not_utf8";
const CALL_SITE: &str = "call_site";

/// Writes events as lines of one layout.
#[derive(Debug)]
pub(super) struct TextLines<L> {
    writer: LineWriter<TextFormat<L>>,
}

impl<L: Layout> TextLines<L> {
    pub(super) fn new(layout: L) -> Self {
        let format = TextFormat { layout, values: ValueWriter::new(L::DIALECT), aside: Vec::new() };
        Self { writer: LineWriter::new(format, LineOptions::default()) }
    }

    /// Lines with other options.
    pub(super) fn with_options(self, change: impl FnOnce(&mut LineOptions)) -> Self {
        Self { writer: self.writer.with_options(change) }
    }

    /// Lines of a layout that is a little different.
    pub(super) fn with_layout(self, change: impl FnOnce(&mut L)) -> Self {
        Self { writer: self.writer.with_format(|format| change(&mut format.layout)) }
    }

    /// Appends every event of the batch, each as a line.
    pub(super) fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) {
        self.writer.format(batch, out);
    }
}

impl<L: Layout + Default> Default for TextLines<L> {
    fn default() -> Self {
        Self::new(L::default())
    }
}

/// A layout, with the values, keys and escapes of text formats.
#[derive(Debug)]
struct TextFormat<L> {
    layout: L,
    values: ValueWriter,
    /// The lines of the current event's fields that have lines of their own.
    aside: Vec<u8>,
}

impl<L: Layout> LineFormat for TextFormat<L> {
    const PARTS: &'static [LinePart] = L::PARTS;

    const LINE_END: &'static [u8] = b"\n";

    fn has(&self, part: LinePart, options: LineOptions) -> bool {
        self.layout.has(part, options)
    }

    fn before(&self, part: LinePart, is_first: bool, level: Level, out: &mut Vec<u8>) {
        if !is_first {
            out.push(b' ');
        }
        self.layout.before(part, level, out);
    }

    fn behind(&self, part: LinePart, level: Level, out: &mut Vec<u8>) {
        self.layout.behind(part, level, out);
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_text(out, text);
    }

    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.push(b' ');
        if L::DIALECT == Dialect::Logfmt {
            out.extend_from_slice(CALL_SITE.as_bytes());
            out.push(b'=');
        }
        put_text(out, &location.to_string());
    }

    fn hides(&self, event: &Event<'_>, field: &FieldRef<'_>) -> bool {
        self.layout.hides(event, field)
    }

    fn may_hide(&self, field: &FieldRef<'_>) -> bool {
        self.layout.may_hide(field)
    }

    fn may_need_lines(&self, argument: &DescribedField) -> bool {
        self.layout.may_need_lines(argument)
    }

    fn put_aside(&mut self, event: &Event<'_>, field: &FieldRef<'_>) -> bool {
        self.layout.put_aside(event, field, &mut self.aside)
    }

    fn put_lines(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.aside);
    }

    fn forget_lines(&mut self) {
        self.aside.clear();
    }

    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        self.values.put(out, value)
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        self.values.put_message(out, message)
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        self.layout.frame(CORRELATION_ID).put_own(out, CORRELATION_ID, |out| put_text(out, id));
    }

    fn put_key(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>) {
        self.layout.frame(name).put_key(out, L::DIALECT, group, name);
    }

    fn behind_value(&self, name: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(self.layout.frame(name).behind_value.as_bytes());
    }

    /// A list of keys that is not closed yet. Keys of logfmt are atoms.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        marks.push(if marks.is_empty() { b'[' } else { b',' });
        match group {
            FieldGroup::Message => marks.extend_from_slice(MESSAGE.as_bytes()),
            group if group.is_keyed() => put_key(marks, L::DIALECT, group, name),
            group => marks.extend_from_slice(group.name().as_bytes()),
        }
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            self.layout.frame(TRUNCATED).put_own(out, TRUNCATED, |out| out.extend_from_slice(b"true"));
        }
        self.put_list(TRUNCATED_FIELDS, &mut marks.cut, out);
        self.put_list(NOT_UTF8, &mut marks.not_utf8, out);
    }
}

impl<L: Layout> TextFormat<L> {
    /// Appends a list of marked fields, unless it is empty.
    fn put_list(&self, key: &str, list: &mut Vec<u8>, out: &mut Vec<u8>) {
        if !list.is_empty() {
            list.push(b']');
            self.layout.frame(key).put_own(out, key, |out| out.append(list));
        }
    }
}
